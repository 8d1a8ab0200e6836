//! Answers of the HTTP API.

use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, LOCATION, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::gateway::{Body, Response};
use crate::problem::Problem;

/// An answer without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    // Nothing here is for a cache: every answer is one user's.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An answer in JSON.
#[must_use]
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    json_of_type(status, "application/json", value)
}

/// A page for people.
#[must_use]
pub fn page(status: StatusCode, html: String) -> Response {
    text(status, "text/html; charset=utf-8", html)
}

/// A text of this type.
#[must_use]
pub fn text(status: StatusCode, content_type: &'static str, text: String) -> Response {
    let mut response = empty(status);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    *response.body_mut() = Body::Text(text);
    response
}

/// A redirection that makes the browser GET another address (303).
#[must_use]
pub fn see_other(location: &str) -> Response {
    let mut response = empty(StatusCode::SEE_OTHER);
    add_header(&mut response, LOCATION, location);
    add_header(&mut response, REFERRER_POLICY, "no-referrer");
    response
}

/// Adds a header. A value that no header can hold is left out, and logged by the header's name.
pub fn add_header(response: &mut Response, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            response.headers_mut().append(name, value);
        }
        Err(error) => tracing::error!(%error, %name, "a header of an answer was left out"),
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json_of_type(status, "application/problem+json", &problem);
        if let Some(seconds) = problem.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn json_of_type<T: Serialize>(status: StatusCode, content_type: &'static str, value: &T) -> Response {
    match serde_json::to_string(value) {
        Ok(json) => text(status, content_type, json),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
