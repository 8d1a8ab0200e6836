//! Answers in fewer bytes, for whoever takes them so. A list of orders shrinks to less than a tenth: each holds its history.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use platform::{HttpRequest, HttpResponse};

/// Below so many bytes an answer fits into one packet anyway.
const WORTH_IT_BYTES: usize = 1_024;

/// The answer, compressed where the caller takes gzip (RFC 9110, section 12.5.3) and it is worth it. The gateway takes
/// bytes as base64, and sends them on as they are (API Gateway, payload format 2.0).
pub(crate) fn compressed(request: &HttpRequest, mut response: HttpResponse) -> HttpResponse {
    let text = match &response.body {
        Some(body) if request.route_key.starts_with("GET ") && body.len() >= WORTH_IT_BYTES => body.as_bytes(),
        _ => return response,
    };
    let packed = takes_gzip(request).then(|| gzip(text)).flatten();
    response.headers.insert("vary", "accept-encoding".to_owned());
    if let Some(packed) = packed {
        response.headers.insert("content-encoding", "gzip".to_owned());
        response.body = Some(STANDARD.encode(packed));
        response.is_base64_encoded = true;
    }
    response
}

fn gzip(text: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).and_then(|()| encoder.finish()).ok()
}

/// Whether `Accept-Encoding` names gzip, or everything, and does not weigh it with 0.
fn takes_gzip(request: &HttpRequest) -> bool {
    let accepted = request.header("accept-encoding").unwrap_or_default();
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

    use http::StatusCode;
    use serde_json::{Value, json};

    use super::*;

    fn answered(route: &str, accepts: &Value, body: &str) -> HttpResponse {
        let event = json!({"routeKey": route, "headers": {"Accept-Encoding": accepts}});
        let request = serde_json::from_value(event).unwrap();
        compressed(&request, HttpResponse::json(StatusCode::OK, &body))
    }

    #[test]
    fn a_long_answer_comes_in_fewer_bytes_and_is_the_same() {
        let body = "an order with its history ".repeat(500);
        let answer = answered("GET /orders", &json!("gzip, deflate, br"), &body);
        assert!(answer.is_base64_encoded);
        assert_eq!((&*answer.headers["content-encoding"], &*answer.headers["vary"]), ("gzip", "accept-encoding"));
        let packed = STANDARD.decode(answer.body.unwrap()).unwrap();
        assert!(packed.len() * 10 < body.len(), "{}", packed.len());
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), body);
    }

    #[test]
    fn who_does_not_take_it_and_what_is_short_or_no_reading_gets_text() {
        let long = "x".repeat(5_000);
        for (route, accepts, body, packed) in [
            ("GET /orders", json!("*"), &*long, true),
            ("GET /", json!("br;q=1.0, GZIP;q=0.5"), &*long, true),
            ("GET /orders", json!("gzip;q=0, *"), &*long, false),
            ("GET /orders", json!("br, deflate"), &*long, false),
            ("GET /orders", json!(""), &*long, false),
            ("GET /orders", json!("gzip"), "short", false),
            ("POST /orders", json!("gzip"), &*long, false),
        ] {
            let answer = answered(route, &accepts, body);
            assert_eq!(answer.is_base64_encoded, packed, "{route} {accepts}");
            assert_eq!(answer.headers.contains_key("content-encoding"), packed, "{route} {accepts}");
        }
    }
}
