//! The real network: HTTP/1.1 over TLS, with roots built in.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use rustls::{ClientConfig, RootCertStore};

use crate::transport::{ANSWER_BYTES_MAX, Sending, Transport, TransportError};

/// Longest wait for a connection (name, TCP and TLS).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// An idle connection is given up after this. A frozen function wakes with connections that the broker closed meanwhile;
/// a request on such a one is unread, and an order's outcome then has to be settled for nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// A pool of connections over reqwest.
///
/// It never follows a redirect, never asks a proxy of the environment, keeps no cookies (they belong to a session), and
/// never repeats a request whose first byte may have left. hyper repeats one by itself only when a reused connection closed
/// before it had taken the request off its queue, so that not a byte was written (hyper `proto::h1::dispatch`, `recv_msg`).
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    /// Builds the pool; connections are made when they are needed.
    ///
    /// # Errors
    /// [`TransportError::NotSent`] if the TLS library refuses its own defaults.
    pub fn new() -> Result<Self, TransportError> {
        let not_built =
            |error: &dyn Error| TransportError::NotSent(format!("the HTTP client cannot be built: {error}"));
        let tls = tls_with_built_in_roots().map_err(|error| not_built(&error))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map_err(|error| not_built(&error))?;
        Ok(Self { client })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<Bytes>, timeout: Duration) -> Sending<'_> {
        Box::pin(async move {
            let mut request = reqwest::Request::try_from(request)
                .map_err(|error| TransportError::NotSent(format!("the request cannot be formed: {error}")))?;
            *request.timeout_mut() = Some(timeout);
            let response = self.client.execute(request).await.map_err(|error| failure(&error))?;
            read(response).await
        })
    }
}

/// TLS 1.2 and 1.3 with the roots of webpki-roots: reading the machine's own costs 7 ms at each start of a function.
///
/// # Errors
/// If the TLS library refuses its own defaults.
pub fn tls_with_built_in_roots() -> Result<ClientConfig, rustls::Error> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn read(mut response: reqwest::Response) -> Result<Response<Bytes>, TransportError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| TransportError::Unread(causes(&error)))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(TransportError::Unread(format!("the answer is larger than {ANSWER_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = Response::new(body.freeze());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    Ok(answer)
}

fn failure(error: &reqwest::Error) -> TransportError {
    if error.is_connect() { TransportError::NotSent(causes(error)) } else { TransportError::Unread(causes(error)) }
}

/// The chain of causes, without the address: it holds nothing that the caller does not know.
fn causes(error: &reqwest::Error) -> String {
    let mut text = what_failed(error).to_owned();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // The HTTP library's name for its own step tells nobody anything.
        if !words.starts_with("client error (") {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

/// Orders' reasons hold it: its reader is a trader.
fn what_failed(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "the call to IBKR timed out"
    } else if error.is_connect() {
        "the call to IBKR failed"
    } else {
        "no whole answer came from IBKR"
    }
}
