//! The API's description.

use http::StatusCode;
use platform::HttpResponse;

const OPENAPI: &str = include_str!("openapi.json");

/// The API's description.
pub(crate) fn openapi() -> HttpResponse {
    let mut response = HttpResponse::empty(StatusCode::OK);
    response.headers.insert("content-type", "application/json".to_owned());
    response.body = Some(OPENAPI.to_owned());
    response
}
