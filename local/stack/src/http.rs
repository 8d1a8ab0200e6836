//! Plain HTTP to the engine, for what needs no client of its own.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::StackError;

/// An HTTP client of this machine: no TLS, no proxy.
pub(crate) type LocalClient = Client<HttpConnector, Body>;

/// Longer than any function may run.
const ANSWER_WITHIN: Duration = Duration::from_mins(2);

pub(crate) fn client() -> LocalClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Sends `request`; gives status and body.
pub(crate) async fn exchange(
    client: &LocalClient,
    request: Request<Body>,
) -> Result<(StatusCode, Vec<u8>), StackError> {
    let asked = format!("{} {}", request.method(), request.uri());
    let failed = |answer: String| StackError::Engine { request: asked.clone(), answer };
    let answered = async {
        let response: Response<_> = client.request(request).await.map_err(|error| failed(error.to_string()))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| failed(error.to_string()))?;
        Ok((status, body.to_bytes().to_vec()))
    };
    tokio::time::timeout(ANSWER_WITHIN, answered).await.unwrap_or_else(|_| Err(failed("no answer in time".to_owned())))
}

/// Sends `request`; gives the body of a 2xx answer.
pub(crate) async fn demand(client: &LocalClient, request: Request<Body>) -> Result<Vec<u8>, StackError> {
    let asked = format!("{} {}", request.method(), request.uri());
    let (status, body) = exchange(client, request).await?;
    if status.is_success() {
        return Ok(body);
    }
    Err(StackError::Engine { request: asked, answer: format!("{status} {}", String::from_utf8_lossy(&body)) })
}
