//! The two open pages: the front, and the API's description.

use http::StatusCode;
use platform::{HttpRequest, HttpResponse};

const FRONT: &str = include_str!("front.html");
const OPENAPI: &str = include_str!("openapi.json");

/// The page that a browser sees, also when it comes back from the broker.
pub(crate) fn front(request: &HttpRequest) -> HttpResponse {
    let news = match request.query_parameter("connection") {
        Some("connected") => "You are connected. You may close this page.",
        Some("cancelled") => "You cancelled at the broker; nothing was connected.",
        _ => "",
    };
    let mut response = HttpResponse::page(StatusCode::OK, FRONT.replace("{{news}}", news));
    response.headers.insert("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'".to_owned());
    response.headers.insert("referrer-policy", "no-referrer".to_owned());
    response
}

/// The API's description.
pub(crate) fn openapi() -> HttpResponse {
    let mut response = HttpResponse::empty(StatusCode::OK);
    response.headers.insert("content-type", "application/json".to_owned());
    response.body = Some(OPENAPI.to_owned());
    response
}
