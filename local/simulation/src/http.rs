//! Requests as the HTTP API hands them to a function, and answers as it gives them back.

use std::collections::BTreeMap;

use platform::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

/// The JWT that each caller carries, as the header of a request has it.
pub const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.cGxhbnRlZC1jbGFpbXM.cGxhbnRlZC1zaWduYXR1cmU";

/// What a caller of the HTTP API reads.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The body as JSON; null where it is none.
    pub json: Value,
    /// The body as text.
    pub text: String,
    /// Where a redirection leads.
    pub location: Option<String>,
    /// `name=value` of the cookies that were set.
    pub cookies: Vec<String>,
    /// The headers.
    pub headers: BTreeMap<String, String>,
}

/// A request, by the route that matched (`GET /orders/{order_id}`). `claims` are those of the JWT; null: there is none.
/// In `details`: `path` and `query` (objects of texts), `cookies` (texts) and `body` (any JSON).
#[must_use]
pub fn request(route: &str, claims: &Value, details: &Value) -> HttpRequest {
    let mut event = json!({
        "routeKey": route,
        "headers": {"host": "api.example"},
        "pathParameters": details.get("path"),
        "queryStringParameters": details.get("query"),
        "requestContext": {},
    });
    if let Some(cookies) = details.get("cookies") {
        event["cookies"] = cookies.clone();
    }
    if let Some(body) = details.get("body") {
        event["body"] = json!(body.to_string());
    }
    if !claims.is_null() {
        event["headers"]["authorization"] = json!(format!("Bearer {JWT}"));
        event["requestContext"]["authorizer"] = json!({"jwt": {"claims": claims}});
    }
    serde_json::from_value(event).expect("an event of the HTTP API")
}

impl From<HttpResponse> for Answered {
    fn from(response: HttpResponse) -> Self {
        let text = response.body.unwrap_or_default();
        let first_part = |cookie: &String| cookie.split(';').next().unwrap_or_default().to_owned();
        Self {
            status: response.status_code,
            json: serde_json::from_str(&text).unwrap_or_default(),
            text,
            location: response.headers.get("location").cloned(),
            cookies: response.cookies.iter().map(first_part).collect(),
            headers: response.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }
}
