//! An answer of the broker, before it becomes HTTP.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// On a response of the in-process router: the connection was cut and the client read nothing.
///
/// An in-process transport must turn a response with this extension into its "answer was not read" error. Over TCP the
/// connection is closed without a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionDropped {
    /// Whether the request had been carried out before the cut.
    pub executed: bool,
}

/// Status, type, body, cookies, and what was wrong with the request, for the log of calls.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Why the request was refused, in the log's words.
    pub(crate) problem: Option<String>,
    pub(crate) dropped: Option<ConnectionDropped>,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: impl Into<Cow<'static, str>>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type: content_type.into(),
            body: body.into(),
            headers: Vec::new(),
            problem: None,
            dropped: None,
        }
    }

    pub(crate) fn json(body: &Value) -> Self {
        Self::json_with_status(200, body)
    }

    pub(crate) fn json_with_status(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json;charset=utf-8", body.to_string())
    }

    /// `{"error", "statusCode"}`, the error model of the /iserver group.
    pub(crate) fn error(status: u16, text: impl Into<String>) -> Self {
        let text = text.into();
        let mut answer = Self::json_with_status(status, &json!({"error": text, "statusCode": status}));
        answer.problem = Some(text);
        answer
    }

    /// `{"error"}` with status 200: how the broker refuses an order.
    pub(crate) fn refusal(text: impl Into<String>) -> Self {
        let text = text.into();
        let mut answer = Self::json(&json!({"error": text}));
        answer.problem = Some(text);
        answer
    }

    /// The page of the network in front of the broker.
    pub(crate) fn access_denied(problem: &str) -> Self {
        let page = "<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>\n\
                    You don't have permission to access this resource on this server.\n</BODY>\n</HTML>\n";
        let mut answer = Self::new(403, "text/html", page);
        answer.problem = Some(problem.to_owned());
        answer
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The connection is cut instead of an answer.
    pub(crate) fn dropped(executed: bool) -> Self {
        let mut answer = Self::new(502, "text/plain", "");
        answer.dropped = Some(ConnectionDropped { executed });
        answer
    }

    pub(crate) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Ok(content_type) = HeaderValue::from_str(&self.content_type) {
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        if let Some(dropped) = self.dropped {
            response.extensions_mut().insert(dropped);
        }
        response
    }
}
