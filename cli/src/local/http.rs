//! HTTP on this machine, as a browser without comforts: no redirect is followed, no cookie kept, so that each step shows.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::CourierError;

/// Longer than the HTTP API waits for a function (30 s).
const ANSWER_WITHIN: Duration = Duration::from_secs(40);
/// So much of an unexpected answer is shown.
const SHOWN_CHARACTERS: usize = 400;

type LocalClient = Client<HttpConnector, Full<Bytes>>;

/// Sends requests to this machine.
#[derive(Debug, Clone)]
pub(crate) struct Http(LocalClient);

impl Http {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends a request; the whole answer, whatever its status.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<String>, CourierError> {
        let asked = described(&request);
        let exchange = async {
            let (head, body) = self.0.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((head, body))
        };
        let answer = tokio::time::timeout(ANSWER_WITHIN, exchange).await.unwrap_or_else(|late| Err(late.into()));
        let (head, body) = answer.map_err(|source| CourierError::NoAnswer { request: asked, source })?;
        Ok(Response::from_parts(head, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// The local HTTP API, as one caller uses it.
#[derive(Clone)]
pub(crate) struct Api {
    http: Http,
    base: String,
    token: String,
}

impl Api {
    pub(crate) fn new(http: Http, base: &str, token: String) -> Self {
        Self { http, base: base.to_owned(), token }
    }

    /// The caller's JWT.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// Asks, with a JSON body unless it is null.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Response<String>, CourierError> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|error| CourierError::machine("building a request")(error.into()))?;
        self.http.send(request).await
    }

    /// Asks for something that must be there.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CourierError> {
        let answer = self.ask(Method::GET, path, &Value::Null).await?;
        read(&format!("GET {path}"), &expect(&format!("GET {path}"), 200, answer)?)
    }
}

/// The answer, if it has this status.
pub(crate) fn expect(request: &str, status: u16, answer: Response<String>) -> Result<Response<String>, CourierError> {
    if answer.status().as_u16() == status {
        return Ok(answer);
    }
    let body = answer.body().chars().take(SHOWN_CHARACTERS).collect();
    Err(CourierError::Unexpected { request: request.to_owned(), status: answer.status().as_u16(), body })
}

/// The answer's body as what it should be.
pub(crate) fn read<T: DeserializeOwned>(request: &str, answer: &Response<String>) -> Result<T, CourierError> {
    serde_json::from_str(answer.body()).map_err(|error| {
        let shown: String = answer.body().chars().take(SHOWN_CHARACTERS).collect();
        let body = format!("{shown} ({error})");
        CourierError::Unexpected { request: request.to_owned(), status: answer.status().as_u16(), body }
    })
}

/// Method and path. The query stays out: a redirect's holds a verifier.
fn described(request: &Request<Full<Bytes>>) -> String {
    format!("{} {}", request.method(), request.uri().path())
}
