//! Requests as the HTTP API hands them to a function, and answers as it gives them back.

use std::collections::BTreeMap;
use std::fmt::Debug;

use axum::body::HttpBody;
use bytes::Bytes;
use http::header::{HeaderName, LOCATION, SET_COOKIE};
use http_body_util::BodyExt;
use platform::gateway::Request;
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
pub fn request(route: &str, claims: &Value, details: &Value) -> Request {
    let (method, path) = route.split_once(' ').expect("a method and a path");
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "headers": {"host": "api.example"},
        "pathParameters": details.get("path"),
        "queryStringParameters": details.get("query"),
        "requestContext": {"routeKey": route, "stage": "$default", "http": {"method": method, "path": path}},
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
    platform::gateway::request(event).expect("an event of the HTTP API")
}

impl Answered {
    /// What a caller reads of an answer.
    pub(crate) async fn of<B>(response: http::Response<B>) -> Self
    where
        B: HttpBody<Data = Bytes, Error: Debug>,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body at hand").to_bytes();
        let text = String::from_utf8(body.into()).expect("a text");
        let texts = |name: HeaderName| -> Vec<&str> {
            parts.headers.get_all(name).iter().map(|value| value.to_str().expect("a text")).collect()
        };
        let first_part = |cookie: &str| cookie.split(';').next().unwrap_or_default().to_owned();
        let header = |name: &HeaderName| (name.to_string(), texts(name.clone()).join(", "));
        Self {
            status: parts.status.as_u16(),
            json: serde_json::from_str(&text).unwrap_or_default(),
            location: texts(LOCATION).first().map(|location| (*location).to_owned()),
            cookies: texts(SET_COOKIE).into_iter().map(first_part).collect(),
            headers: parts.headers.keys().map(header).collect(),
            text,
        }
    }
}
