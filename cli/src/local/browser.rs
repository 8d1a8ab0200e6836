//! The user's browser: through `POST /connections`, the consent page, and back to the callback.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{Method, Request, Response};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::http::{Api, expect, read};
use crate::error::CourierError;

/// What passed through the browser: all of it secret. Not `Debug` for that reason.
pub(crate) struct Consent {
    /// Binds the browser to its attempt.
    pub(crate) cookie: String,
    /// Names the attempt at the broker.
    pub(crate) request_token: String,
    /// Proves the user's consent.
    pub(crate) verifier: String,
}

#[derive(Deserialize)]
struct Begun {
    authorize_url: String,
}

/// Connects: the three-legged flow of OAuth 1.0a (RFC 5849, section 2), the user choosing `username` at the broker.
pub(crate) async fn consent(api: &Api, username: &str) -> Result<Consent, CourierError> {
    let begun = api.ask(Method::POST, "/connections", &Value::Null).await?;
    let begun = expect("POST /connections", 201, begun)?;
    let cookie = cookie_of(&begun)?;
    let authorize_url = read::<Begun>("POST /connections", &begun)?.authorize_url;
    let authorize_url = Url::parse(&authorize_url).map_err(|_| stopped("authorize_url is no address"))?;
    let back = approve(api, &authorize_url, username).await?;
    let request = Request::get(back.as_str()).header(COOKIE, &cookie).body(Full::default());
    let answer = api.http().send(request.map_err(unbuilt)?).await?;
    expect("GET /oauth/callback", 303, answer)?;
    let value = cookie.split_once('=').map_or(cookie.as_str(), |(_, value)| value).to_owned();
    Ok(Consent {
        cookie: value,
        request_token: parameter(&back, "oauth_token")?,
        verifier: parameter(&back, "oauth_verifier")?,
    })
}

/// Reads the consent page, submits its form, and gives the address that the broker sends the browser to.
async fn approve(api: &Api, page_url: &Url, username: &str) -> Result<Url, CourierError> {
    let request = Request::get(page_url.as_str()).body(Full::default()).map_err(unbuilt)?;
    let page = expect("GET the consent page", 200, api.http().send(request).await?)?;
    let action = action_of(page.body()).ok_or_else(|| stopped("the consent page has no form"))?;
    let action = page_url.join(&action).map_err(|_| stopped("the form leads nowhere"))?;
    let fields =
        Serializer::new(String::new()).append_pair("username", username).append_pair("decision", "approve").finish();
    let request = Request::post(action.as_str())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::<Bytes>::from(fields))
        .map_err(unbuilt)?;
    let answer = expect("POST the consent page", 303, api.http().send(request).await?)?;
    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let location = location.ok_or_else(|| stopped("the broker sends the browser nowhere"))?;
    page_url.join(location).map_err(|_| stopped("the broker sends the browser to no address"))
}

/// The first cookie, as `name=value`. The browser comes back by http on this machine, where browsers send cookies
/// marked `Secure` too.
fn cookie_of(answer: &Response<String>) -> Result<String, CourierError> {
    let cookie = answer.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
    let pair = cookie.and_then(|cookie| cookie.split(';').next()).map(|pair| pair.trim().to_owned());
    pair.ok_or_else(|| stopped("POST /connections set no cookie"))
}

fn action_of(page: &str) -> Option<String> {
    let (_, form) = page.split_once("<form ")?;
    let (_, action) = form.split_once("action=\"")?;
    let (action, _) = action.split_once('"')?;
    Some(action.replace("&amp;", "&"))
}

fn parameter(address: &Url, name: &str) -> Result<String, CourierError> {
    let found = address.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned());
    found.ok_or_else(|| stopped(&format!("the broker's redirect has no {name}")))
}

fn stopped(problem: &str) -> CourierError {
    CourierError::Consent(problem.to_owned())
}

fn unbuilt(error: http::Error) -> CourierError {
    CourierError::machine("building a request")(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_s_address_is_read_with_its_query() {
        let page = r#"<p>x</p><form method="post" action="/authorize?oauth_token=ab&amp;b=c"><p>"#;
        assert_eq!(action_of(page).as_deref(), Some("/authorize?oauth_token=ab&b=c"));
        assert_eq!(action_of("<p>none</p>"), None);
    }
}
