//! What a request says of the browser that sent it: its cookies, and whether it came over TLS.

use http::HeaderMap;
use http::header::{COOKIE, HOST};

/// The value of a cookie. `lambda_http` puts the list of cookies that a gateway gives into the header.
#[must_use]
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lists = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let cookies = lists.flat_map(|list| list.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.into_iter().find_map(|(found, value)| (found == name).then_some(value))
}

/// Whether the request came to this machine itself, where the API has no TLS.
#[must_use]
pub fn is_to_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    // All below `localhost` is this machine (RFC 6761, 6.3): an engine calls its APIs so.
    matches!(name, "127.0.0.1" | "localhost" | "[::1]") || name.ends_with(".localhost")
}

/// The name of the cookie that binds a browser to an attempt to connect. `__Host-` keeps other hosts of the same site from
/// setting it (RFC 6265bis, 4.1.3.2); it needs TLS, which one machine does not have.
#[must_use]
pub fn attempt_cookie(headers: &HeaderMap) -> &'static str {
    if is_to_this_machine(headers) { "courier_attempt" } else { "__Host-courier_attempt" }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::HOST;
    use serde_json::json;

    use super::{attempt_cookie, cookie};
    use crate::gateway::request;

    #[test]
    fn only_this_machine_has_a_cookie_without_tls() {
        let named = |host: &str| attempt_cookie(&HeaderMap::from_iter([(HOST, host.parse().unwrap())]));
        for host in ["127.0.0.1:4000", "localhost", "[::1]:80", "a1b2.execute-api.localhost:4566"] {
            assert_eq!(named(host), "courier_attempt", "{host}");
        }
        for host in ["a1b2.execute-api.eu-west-1.amazonaws.com", "localhost.example.com", "notlocalhost"] {
            assert_eq!(named(host), "__Host-courier_attempt", "{host}");
        }
    }

    #[test]
    fn a_cookie_is_found_in_the_list_and_in_the_header() {
        let context = json!({"http": {"method": "GET"}});
        let listed = json!({"cookies": ["a=1", "courier_attempt=x"], "headers": null, "requestContext": context});
        let listed = request(listed).unwrap();
        assert_eq!(cookie(listed.headers(), "courier_attempt"), Some("x"));
        let in_header =
            json!({"headers": {"Cookie": "a=1; courier_attempt=y"}, "cookies": null, "requestContext": context});
        let in_header = request(in_header).unwrap();
        assert_eq!(cookie(in_header.headers(), "courier_attempt"), Some("y"));
        assert_eq!(cookie(in_header.headers(), "courier"), None);
    }
}
