//! The body of a request, as JSON in the form that a route wants.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use domain::FieldFault;
use http::StatusCode;
use platform::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answers::Refused;
use crate::{bad_field, fault, words};

/// The longest body that is read, in bytes. API Gateway lets 10 MB through; the largest real body is below 10 kB.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The body as a JSON object of this form. An array is none, though serde would take one for a struct.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let text = text(request).await?;
        let unreadable =
            |error: &dyn std::fmt::Display| bad_field("", &format!("the body cannot be read as JSON: {error}"));
        let body = domain::parse_unique(&text).map_err(|error| unreadable(&error))?;
        if !body.is_object() {
            return Err(unreadable(&"it must be a JSON object").into());
        }
        Ok(Self(read_fields(body, words::TEXT).map_err(|fault| Problem::bad_fields(vec![fault]))?))
    }
}

/// The body as text. One of more than 64 kB is a problem (413).
pub(crate) async fn text(request: Request) -> Result<String, Problem> {
    let body = to_bytes(request.into_body(), usize::MAX).await.map_err(|error| {
        tracing::error!(%error, "a body was not read");
        Problem::internal()
    })?;
    if body.len() > BODY_BYTES_MAX {
        return Err(too_large(body.len()));
    }
    let not_text = |_| Problem::new(StatusCode::BAD_REQUEST, "not_text", "The body is not UTF-8 text.");
    String::from_utf8(body.into()).map_err(not_text)
}

fn too_large(bytes: usize) -> Problem {
    let detail = format!(
        "The body has {bytes} bytes, and at most {BODY_BYTES_MAX} are read. Nothing was done. The largest real one is far smaller: look at what your program sends."
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

/// The fields of an object whose texts are what `text` says; else the first fault, which names the field that is wrong.
pub(crate) fn read_fields<T: DeserializeOwned>(object: Value, text: &str) -> Result<T, FieldFault> {
    serde_path_to_error::deserialize(object)
        .map_err(|error| fault(&field_of(&error), &words::plain(&error.inner().to_string(), text)))
}

/// Which field an error is of: where it stands in the body, else the one that is missing or not known.
fn field_of(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let path = error.path().to_string();
    if path != "." && path != "?" {
        return path;
    }
    let words = error.inner().to_string();
    let named = ["missing field `", "unknown field `"].iter().find_map(|words_before| words.strip_prefix(words_before));
    named.and_then(|rest| rest.split('`').next()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields {
        halted: bool,
        #[serde(default)]
        account_ids: Vec<domain::AccountId>,
    }

    #[test]
    fn what_is_wrong_in_a_body_names_its_field() {
        for (body, field) in [
            (json!({"halted": "yes"}), "halted"),
            (json!({}), "halted"),
            (json!({"halted": true, "because": "x"}), "because"),
            (json!({"halted": true, "account_ids": ["DU1", "../x"]}), "account_ids[1]"),
        ] {
            let fault = read_fields::<Fields>(body.clone(), words::TEXT).unwrap_err();
            assert_eq!(fault.field, field, "{body}: {}", fault.message);
        }
        let read: Fields = read_fields(json!({"halted": true, "account_ids": ["DU1"]}), words::TEXT).unwrap();
        assert!(read.halted && read.account_ids.len() == 1);
    }

    #[tokio::test]
    async fn a_body_without_end_is_refused_and_not_repeated() {
        let read = async |body: Vec<u8>| text(Request::new(Body::from(body))).await;
        assert_eq!(read(vec![b'x'; BODY_BYTES_MAX]).await.unwrap().len(), BODY_BYTES_MAX);
        for bytes in [BODY_BYTES_MAX + 1, 9_000_000] {
            let refused = read(vec![b'x'; bytes]).await.unwrap_err();
            assert_eq!((refused.status, refused.code.as_str()), (413, "too_large"));
            assert!(refused.detail.len() < 300, "{}", refused.detail);
        }
    }

    #[tokio::test]
    async fn a_body_that_is_no_text_or_no_object_is_refused() {
        let read = async |body: &'static [u8]| Json::<Fields>::from_request(Request::new(Body::from(body)), &()).await;
        for (body, code) in
            [(&b"\xff"[..], "not_text"), (b"[true]", "bad_fields"), (b"{", "bad_fields"), (b"", "bad_fields")]
        {
            let refused = read(body).await.unwrap_err();
            assert!(format!("{refused:?}").contains(code), "{refused:?}");
        }
        assert!(read(b"{\"halted\": false}").await.is_ok());
    }
}
