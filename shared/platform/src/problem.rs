//! Problems for people and programs: `application/problem+json` (RFC 9457).

use domain::FieldFault;
use serde::Serialize;

/// Bad fields that an answer names at most.
const FAULTS_MAX: usize = 100;

/// One problem. `type` stays `about:blank` (RFC 9457, 4.2.1), so `title` is the status's own phrase, and `code`
/// is the stable word for programs.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// The HTTP status.
    #[cfg_attr(feature = "openapi", schema(minimum = 400, maximum = 599))]
    pub status: u16,
    /// The status's phrase.
    pub title: String,
    /// A stable word, such as `order_differs`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[a-z_]+$"))]
    pub code: String,
    /// What happened, what it means, and what to do next.
    pub detail: String,
    /// Each bad field.
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldFault>,
    /// After so many seconds it may be tried again: the header `Retry-After` (RFC 9110, 10.2.3).
    #[serde(skip)]
    pub retry_after_seconds: Option<u64>,
}

impl Problem {
    /// A problem without bad fields.
    pub fn new(status: http::StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            code: code.to_owned(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_seconds: None,
        }
    }

    /// Too many requests: it may be tried again after so long.
    pub fn too_many(detail: impl Into<String>, retry_after: std::time::Duration) -> Self {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        let problem = Self::new(http::StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail);
        Self { retry_after_seconds: Some(seconds.max(1)), ..problem }
    }

    /// A request whose fields are wrong. What the caller sent is repeated only in part: an answer stays small.
    #[must_use]
    pub fn bad_fields(errors: Vec<FieldFault>) -> Self {
        let detail = format!("The request was refused and nothing was done: {}.", domain::message::summary(&errors));
        let errors = errors.into_iter().take(FAULTS_MAX).map(FieldFault::shortened).collect();
        Self { errors, ..Self::new(http::StatusCode::BAD_REQUEST, "bad_fields", detail) }
    }

    /// Something that is not there, or not this caller's.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(http::StatusCode::NOT_FOUND, "not_found", format!("There is no such {what} of yours."))
    }

    /// Something of ours that failed: the cause stays in the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            http::StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something failed on our side and was logged. Whether the request took effect is not known: read it back before you repeat it.",
        )
    }

    /// Something of ours or of the broker's that is away for the moment.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(http::StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }
}
