//! The Runtime API of one process (AWS Lambda, "Using the Lambda runtime API for custom runtimes", version 2018-06-01).

use std::sync::{Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

/// Where its paths begin.
pub(crate) const PREFIX: &str = "/2018-06-01/runtime/";
/// Bytes of an answer (Lambda: 6 MB).
const ANSWER_BYTES_MAX: usize = 6_000_000;

/// An event for a process.
#[derive(Debug)]
pub struct Invocation {
    /// Its id, by which its answer is known.
    pub request_id: String,
    /// The function.
    pub function_arn: String,
    /// When it must have ended, in milliseconds of Unix time.
    pub deadline_milliseconds: i64,
    /// What it is told.
    pub event: Value,
}

/// What a process made of an event.
#[derive(Debug)]
pub enum Answered {
    /// The function's answer.
    Response(Value),
    /// Why it failed.
    Error(Value),
}

/// One process's side of the API: at most one invocation at a time.
#[derive(Debug)]
pub struct Runtime {
    sender: mpsc::Sender<Invocation>,
    next: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    current: Mutex<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    request_id: String,
    answer: oneshot::Sender<Answered>,
}

impl Default for Runtime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime {
    /// With nothing to hand over.
    #[must_use]
    pub fn new() -> Self {
        let (sender, next) = mpsc::channel(1);
        Self { sender, next: tokio::sync::Mutex::new(next), current: Mutex::new(None) }
    }

    /// Hands an event over; the answer comes, or the process is gone.
    pub async fn invoke(&self, invocation: Invocation) -> oneshot::Receiver<Answered> {
        let (answer, receiver) = oneshot::channel();
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Current { request_id: invocation.request_id.clone(), answer });
        // The receiving end lives as long as this value.
        let _ = self.sender.send(invocation).await;
        receiver
    }

    /// Answers a request of the process.
    pub async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let path: Vec<&str> = head.uri.path().strip_prefix(PREFIX).unwrap_or_default().split('/').collect();
        match (&head.method, path.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", request_id, end @ ("response" | "error")]) => {
                let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.unwrap_or_default();
                let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
                let answered = if *end == "response" { Answered::Response(value) } else { Answered::Error(value) };
                self.take(request_id, answered)
            }
            // The process says why it cannot start; its log has it too, and its end is seen.
            (&Method::POST, ["init", "error"]) => said(StatusCode::ACCEPTED),
            _ => said(StatusCode::NOT_FOUND),
        }
    }

    async fn next(&self) -> Response {
        let Some(invocation) = self.next.lock().await.recv().await else { return said(StatusCode::GONE) };
        let response = Response::builder()
            .header("lambda-runtime-aws-request-id", &invocation.request_id)
            .header("lambda-runtime-deadline-ms", invocation.deadline_milliseconds)
            .header("lambda-runtime-invoked-function-arn", &invocation.function_arn)
            .header("content-type", "application/json")
            .body(Body::from(invocation.event.to_string()));
        response.unwrap_or_else(|_| said(StatusCode::INTERNAL_SERVER_ERROR))
    }

    fn take(&self, request_id: &str, answered: Answered) -> Response {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(current) = current.take_if(|current| current.request_id == request_id) else {
            return said(StatusCode::FORBIDDEN);
        };
        // Nobody waits for it when the process is being killed.
        let _ = current.answer.send(answered);
        said(StatusCode::ACCEPTED)
    }
}

fn said(status: StatusCode) -> Response {
    let mut response = Response::new(Body::from(json!({"status": status.as_str()}).to_string()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, path: &str, body: &str) -> Request {
        Request::builder().method(method).uri(format!("{PREFIX}{path}")).body(Body::from(body.to_owned())).unwrap()
    }

    #[tokio::test]
    async fn an_event_goes_out_once_and_only_its_own_answer_comes_back() {
        let runtime = Runtime::new();
        let invocation = Invocation {
            request_id: "one".to_owned(),
            function_arn: "arn".to_owned(),
            deadline_milliseconds: 7,
            event: json!({"a": 1}),
        };
        let answer = runtime.invoke(invocation).await;
        let next = runtime.answer(request(Method::GET, "invocation/next", "")).await;
        assert_eq!(next.headers()["lambda-runtime-aws-request-id"], "one");
        assert_eq!(next.headers()["lambda-runtime-deadline-ms"], "7");
        let other = runtime.answer(request(Method::POST, "invocation/two/response", "{}")).await;
        assert_eq!(other.status(), StatusCode::FORBIDDEN);
        let own = runtime.answer(request(Method::POST, "invocation/one/response", "{\"b\":2}")).await;
        assert_eq!(own.status(), StatusCode::ACCEPTED);
        assert!(matches!(answer.await.unwrap(), Answered::Response(value) if value == json!({"b": 2})));
    }
}
