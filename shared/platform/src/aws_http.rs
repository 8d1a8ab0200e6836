//! AWS over the HTTP client that the broker is called with: one TLS, its roots built in.
//!
//! The SDK's own client reads the machine's root certificates, which takes most of the start of a function, and brings
//! HTTP/2, which no service here needs.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Carries the SDK's requests. The SDK counts their time, and tries them again.
#[derive(Debug, Clone)]
struct AwsHttp {
    client: reqwest::Client,
}

/// One pool of connections for all AWS clients.
///
/// # Errors
/// If the TLS library refuses its own defaults.
pub(crate) fn http_client() -> Result<SharedHttpClient, Box<dyn std::error::Error + Send + Sync>> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(broker::tls_with_built_in_roots()?)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .build()?;
    let connector = SharedHttpConnector::new(AwsHttp { client });
    Ok(http_client_fn(move |_, _| connector.clone()))
}

impl HttpConnector for AwsHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.client.clone();
        HttpConnectorFuture::new(async move {
            let response = client.execute(outgoing(request)?).await.map_err(failure)?;
            incoming(response).await
        })
    }
}

fn outgoing(request: HttpRequest) -> Result<reqwest::Request, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (head, body) = request.into_parts();
    // The clients here send JSON, never a stream.
    let body =
        body.bytes().map(Bytes::copy_from_slice).ok_or_else(|| ConnectorError::user("a streamed body".into()))?;
    http::Request::from_parts(head, body).try_into().map_err(|error: reqwest::Error| ConnectorError::user(error.into()))
}

async fn incoming(mut response: reqwest::Response) -> Result<HttpResponse, ConnectorError> {
    let mut answer = http::Response::new(());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    let body = response.bytes().await.map_err(failure)?;
    HttpResponse::try_from(answer.map(|()| SdkBody::from(body)))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

/// What the SDK may make of a failure: all of them are worth another try, and of some it knows that nothing arrived.
fn failure(error: reqwest::Error) -> ConnectorError {
    if error.is_connect() {
        return ConnectorError::io(error.into()).never_connected();
    }
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}
