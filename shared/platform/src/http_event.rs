//! Requests and responses of the HTTP API (API Gateway, payload format 2.0).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{AlgorithmId, UserId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::Problem;

/// The longest body that is read, in bytes. API Gateway lets 10 MB through; the largest real body is below 10 kB.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// By how much a body in base64 may seem longer than it is.
const BASE64_PADDING_BYTES: usize = 2;

/// A request as the HTTP API hands it over. Our own type rather than a library's, because claims may be of any
/// JSON kind: AWS makes them strings, other hosts leave numbers as they are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRequest {
    /// The route that matched, such as `GET /orders/{order_id}`.
    pub route_key: String,
    /// Cookies, each `name=value`.
    pub cookies: Option<Vec<String>>,
    /// Headers.
    pub headers: Option<BTreeMap<String, String>>,
    /// The query.
    pub query_string_parameters: Option<BTreeMap<String, String>>,
    /// What the route's placeholders matched.
    pub path_parameters: Option<BTreeMap<String, String>>,
    /// The body, perhaps in base64.
    pub body: Option<String>,
    /// Whether the body is in base64.
    pub is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct RequestContext {
    authorizer: Option<Authorizer>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Authorizer {
    jwt: Option<Jwt>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Jwt {
    claims: Option<BTreeMap<String, Value>>,
}

/// Who calls: what the JWT authorizer proved (contract: Who is who).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A user, by the `sub` of their JWT.
    User(UserId),
    /// An algorithm, by the claim `algorithm_id`: it acts for the users who granted it.
    Algorithm(AlgorithmId),
}

impl HttpRequest {
    /// Who calls.
    pub fn caller(&self) -> Result<Caller, Problem> {
        let jwt = self.request_context.authorizer.as_ref().and_then(|authorizer| authorizer.jwt.as_ref());
        let claims = jwt.and_then(|jwt| jwt.claims.as_ref());
        let claim = |name: &str| claims.and_then(|claims| claims.get(name));
        // A claim that is there makes the caller no user, whatever it says.
        if let Some(algorithm_id) = claim("algorithm_id") {
            let id = algorithm_id.as_str().and_then(|text| text.parse::<AlgorithmId>().ok());
            let id = id.filter(|id| !id.is_own_hand());
            return id
                .map(Caller::Algorithm)
                .ok_or_else(|| unauthorized("the claim algorithm_id is not an algorithm id"));
        }
        let subject = claim("sub").and_then(Value::as_str).ok_or_else(|| unauthorized("the JWT has no sub"))?;
        subject
            .parse()
            .map(Caller::User)
            .map_err(|error| unauthorized(&format!("the JWT's sub cannot be used: {error}")))
    }

    /// The user who calls; an algorithm is refused.
    pub fn user(&self) -> Result<UserId, Problem> {
        match self.caller()? {
            Caller::User(user_id) => Ok(user_id),
            Caller::Algorithm(_) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "users_only",
                "Only a user may do this: call it with the user's own JWT, not with an algorithm's.",
            )),
        }
    }

    /// What the route's placeholder matched.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<&str> {
        self.path_parameters.as_ref()?.get(name).map(String::as_str)
    }

    /// One parameter of the query.
    #[must_use]
    pub fn query_parameter(&self, name: &str) -> Option<&str> {
        self.query_string_parameters.as_ref()?.get(name).map(String::as_str)
    }

    /// The value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.headers.iter().flatten();
        headers.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        // Some hosts give the cookies in their own list, some leave them in the header.
        let header = self.header("cookie").into_iter().flat_map(|header| header.split(';'));
        self.cookies
            .iter()
            .flatten()
            .map(String::as_str)
            .chain(header)
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    /// The body as text. One of more than 64 kB is a problem (413): the largest real one is below 10 kB.
    pub fn text(&self) -> Result<String, Problem> {
        let encoded = self.body.as_deref().unwrap_or_default();
        let bytes = if self.is_base64_encoded { encoded.len() / 4 * 3 } else { encoded.len() };
        if bytes > BODY_BYTES_MAX + BASE64_PADDING_BYTES {
            return Err(too_large(bytes));
        }
        let body = encoded.to_owned();
        if !self.is_base64_encoded {
            return if bytes > BODY_BYTES_MAX { Err(too_large(bytes)) } else { Ok(body) };
        }
        let bytes = STANDARD.decode(body).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text =
            bytes.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "not_text", "The body is not UTF-8 text."))?;
        if text.len() > BODY_BYTES_MAX { Err(too_large(text.len())) } else { Ok(text) }
    }
}

fn too_large(bytes: usize) -> Problem {
    let detail = format!(
        "The body has {bytes} bytes, and at most {BODY_BYTES_MAX} are read. Nothing was done. The largest real one is far smaller: look at what your program sends."
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", format!("Sign in again: {detail}."))
}

/// A response to the HTTP API.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpResponse {
    /// The status.
    pub status_code: u16,
    /// The headers.
    pub headers: BTreeMap<&'static str, String>,
    /// Cookies to set, each a whole `Set-Cookie` value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether the body is bytes, in base64.
    pub is_base64_encoded: bool,
}

impl HttpResponse {
    /// A response without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        // Nothing here is for a cache: every answer is one user's.
        let headers = BTreeMap::from([
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ]);
        Self { status_code: status.as_u16(), headers, cookies: Vec::new(), body: None, is_base64_encoded: false }
    }

    /// A JSON response.
    #[must_use]
    pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Self {
        Self::typed(status, "application/json", serde_json::to_string(value))
    }

    /// A page.
    #[must_use]
    pub fn page(status: StatusCode, html: String) -> Self {
        Self::typed(status, "text/html; charset=utf-8", Ok(html))
    }

    /// A redirection that makes the browser GET another address (303).
    #[must_use]
    pub fn see_other(location: &str) -> Self {
        let mut response = Self::empty(StatusCode::SEE_OTHER);
        response.headers.insert("location", location.to_owned());
        response.headers.insert("referrer-policy", "no-referrer".to_owned());
        response
    }

    fn typed(status: StatusCode, content_type: &str, body: Result<String, serde_json::Error>) -> Self {
        match body {
            Ok(body) => {
                let mut response = Self::empty(status);
                response.headers.insert("content-type", content_type.to_owned());
                response.body = Some(body);
                response
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                Self::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

impl HttpRequest {
    /// Whether it came to this machine itself, where the API has no TLS.
    #[must_use]
    pub fn is_to_this_machine(&self) -> bool {
        let host = self.header("host").unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        matches!(name, "127.0.0.1" | "localhost" | "[::1]")
    }

    /// The name of the cookie that binds a browser to an attempt to connect. `__Host-` keeps other hosts of the same site from
    /// setting it (RFC 6265bis, 4.1.3.2); it needs TLS, which one machine does not have.
    #[must_use]
    pub fn attempt_cookie(&self) -> &'static str {
        if self.is_to_this_machine() { "courier_attempt" } else { "__Host-courier_attempt" }
    }
}

impl From<Problem> for HttpResponse {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Self::typed(status, "application/problem+json", serde_json::to_string(&problem));
        if let Some(seconds) = problem.retry_after_seconds {
            response.headers.insert("retry-after", seconds.to_string());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::{Caller, HttpRequest};
    use serde_json::{Value, json};

    fn request(event: Value) -> HttpRequest {
        serde_json::from_value(event).unwrap()
    }

    fn with_claims(claims: &Value) -> HttpRequest {
        request(json!({"routeKey": "GET /orders", "requestContext": {"authorizer": {"jwt": {"claims": claims}}}}))
    }

    #[test]
    fn a_user_is_the_sub_whatever_kind_the_other_claims_are() {
        let request = with_claims(&json!({"sub": "u-7", "exp": 1_795_532_645, "aud": ["courier"]}));
        assert_eq!(request.caller().unwrap(), Caller::User("u-7".parse().unwrap()));
        assert_eq!(request.user().unwrap().as_str(), "u-7");
    }

    #[test]
    fn the_claim_of_an_algorithm_makes_it_no_user() {
        let request = with_claims(&json!({"sub": "service", "algorithm_id": "mean-reversion-7"}));
        assert_eq!(request.caller().unwrap(), Caller::Algorithm("mean-reversion-7".parse().unwrap()));
        assert_eq!(request.user().unwrap_err().status, 403);
        assert_eq!(with_claims(&json!({"sub": "u", "algorithm_id": "self"})).caller().unwrap_err().status, 401);
    }

    #[test]
    fn a_claim_of_an_algorithm_that_is_no_text_makes_nobody_a_user() {
        for claim in
            [json!(7), json!(["mr-7"]), json!({"id": "mr-7"}), json!(""), json!(null), json!(true), json!("a b")]
        {
            let refused = with_claims(&json!({"sub": "u-7", "algorithm_id": claim})).caller().unwrap_err();
            assert_eq!((refused.status, refused.code.as_str()), (401, "unauthorized"), "{claim}");
        }
    }

    #[test]
    fn a_body_without_end_is_refused_and_not_repeated() {
        let body = |text: String, encoded: bool| request(json!({"body": text, "isBase64Encoded": encoded}));
        let most = "x".repeat(super::BODY_BYTES_MAX);
        assert_eq!(body(most.clone(), false).text().unwrap().len(), super::BODY_BYTES_MAX);
        assert_eq!(body(STANDARD.encode(&most), true).text().unwrap().len(), super::BODY_BYTES_MAX);
        for (text, encoded) in
            [(format!("{most}x"), false), (STANDARD.encode(format!("{most}x")), true), ("x".repeat(9_000_000), true)]
        {
            let refused = body(text, encoded).text().unwrap_err();
            assert_eq!((refused.status, refused.code.as_str()), (413, "too_large"));
            assert!(refused.detail.len() < 300, "{}", refused.detail);
        }
    }

    #[test]
    fn without_a_proved_sub_nobody_calls() {
        for event in [
            json!({}),
            json!({"requestContext": {"authorizer": null}}),
            json!({"requestContext": {"authorizer": {"jwt": null}}}),
        ] {
            assert_eq!(request(event).caller().unwrap_err().status, 401);
        }
        assert_eq!(with_claims(&json!({"sub": "has a space"})).caller().unwrap_err().status, 401);
        let forged = request(json!({"headers": {"authorization": "Bearer x", "sub": "u-7"}}));
        assert_eq!(forged.caller().unwrap_err().status, 401);
    }

    #[test]
    fn a_cookie_is_found_in_the_list_and_in_the_header() {
        let listed = request(json!({"cookies": ["a=1", "courier_attempt=x"], "headers": null}));
        assert_eq!(listed.cookie("courier_attempt"), Some("x"));
        let in_header = request(json!({"headers": {"Cookie": "a=1; courier_attempt=y"}, "cookies": null}));
        assert_eq!(in_header.cookie("courier_attempt"), Some("y"));
        assert_eq!(in_header.cookie("courier"), None);
    }

    #[test]
    fn a_body_in_base64_is_read() {
        let encoded = request(json!({"body": "eyJhIjoxfQ==", "isBase64Encoded": true}));
        assert_eq!(encoded.text().unwrap(), "{\"a\":1}");
        assert_eq!(request(json!({"body": "!", "isBase64Encoded": true})).text().unwrap_err().status, 400);
    }

    #[test]
    fn every_sample_event_of_the_api_is_read() {
        for sample in [
            include_str!("../../../events/oauth-start.json"),
            include_str!("../../../events/oauth-callback.json"),
            include_str!("../../../events/api.json"),
        ] {
            let request: HttpRequest = serde_json::from_str(sample).unwrap();
            assert!(request.route_key.contains(" /"), "{}", request.route_key);
        }
    }
}
