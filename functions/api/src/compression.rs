//! Answers in fewer bytes, for whoever takes them so. A list of orders shrinks to less than a tenth: each holds its history.

use std::io::Write;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, VARY};
use http::{HeaderMap, HeaderValue, Method};

/// Below so many bytes an answer fits into one packet anyway.
const WORTH_IT_BYTES: u64 = 1_024;

/// Answers compressed where the caller takes gzip (RFC 9110, section 12.5.3) and it is worth it. The gateway takes bytes as
/// base64 (`lambda_http` sees to it), and sends them on as they are.
pub(crate) async fn compressed(request: Request, next: Next) -> Response {
    let (is_reading, takes_gzip) = (request.method() == Method::GET, takes_gzip(request.headers()));
    let response = next.run(request).await;
    if !is_reading || !response.status().is_success() || response.body().size_hint().lower() < WORTH_IT_BYTES {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if !takes_gzip {
        return Response::from_parts(parts, body);
    }
    // Every answer is at hand, so it cannot fail to be read.
    let text = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body = match gzip(&text) {
        Some(packed) => {
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.remove(CONTENT_LENGTH);
            Body::from(packed)
        }
        None => Body::from(text),
    };
    Response::from_parts(parts, body)
}

fn gzip(text: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).and_then(|()| encoder.finish()).ok()
}

/// Whether `Accept-Encoding` names gzip, or everything, and does not weigh it with 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let weight_of = |wanted: &str| {
        accepted.split(',').find_map(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let names_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            names_it.then(|| weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0)))
        })
    };
    weight_of("gzip").or_else(|| weight_of("*")).is_some_and(|weight: f32| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::any;
    use tower::ServiceExt;

    use super::*;

    async fn answered(method: &str, accepts: &str, body: &str) -> (HeaderMap, Vec<u8>) {
        let body = body.to_owned();
        let router = Router::new().route("/", any(async || body)).layer(from_fn(compressed));
        let request = Request::builder().method(method).header("Accept-Encoding", accepts).body(Body::empty()).unwrap();
        let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
        (parts.headers, to_bytes(body, usize::MAX).await.unwrap().into())
    }

    #[tokio::test]
    async fn a_long_answer_comes_in_fewer_bytes_and_is_the_same() {
        let body = "an order with its history ".repeat(500);
        let (headers, packed) = answered("GET", "gzip, deflate, br", &body).await;
        assert_eq!(
            (&headers[CONTENT_ENCODING], &headers[VARY]),
            (&"gzip".parse().unwrap(), &"accept-encoding".parse().unwrap())
        );
        assert!(packed.len() * 10 < body.len(), "{}", packed.len());
        assert_eq!(headers[CONTENT_LENGTH], packed.len().to_string());
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
        assert_eq!(text, body);
    }

    #[tokio::test]
    async fn who_does_not_take_it_and_what_is_short_or_no_reading_gets_text() {
        let long = "x".repeat(5_000);
        for (method, accepts, body, packed) in [
            ("GET", "*", &*long, true),
            ("GET", "br;q=1.0, GZIP;q=0.5", &*long, true),
            ("GET", "gzip;q=0, *", &*long, false),
            ("GET", "br, deflate", &*long, false),
            ("GET", "", &*long, false),
            ("GET", "gzip", "short", false),
            ("POST", "gzip", &*long, false),
        ] {
            let (headers, answer) = answered(method, accepts, body).await;
            assert_eq!(headers.contains_key(CONTENT_ENCODING), packed, "{method} {accepts}");
            assert_eq!(answer != body.as_bytes(), packed, "{method} {accepts}");
        }
    }
}
