//! HTTP in and out: in process through the router, or on a listener.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, header};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::answer::{Answer, ConnectionDropped};
use crate::broker::PaperBroker;
use crate::call::Call;
use crate::{consent, control};

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Connections open at once; more wait.
const CONNECTIONS_MAX: usize = 1_024;

impl PaperBroker {
    /// The broker as a service, to be called in process or served.
    ///
    /// Faults that delay or park need a tokio runtime around the call. A response with a [`ConnectionDropped`] extension
    /// stands for a connection that was cut before anything could be read.
    pub fn router(&self) -> Router {
        Router::new().nest("/control", control::routes(self)).fallback(receive).with_state(self.clone())
    }

    /// Serves HTTP/1.1 until the future is dropped; all its connections end with it.
    ///
    /// # Errors
    /// The listener's address cannot be read. A connection that cannot be accepted is left alone.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        let port = listener.local_addr()?.port();
        self.at_desk(|desk| {
            desk.state.options.origins.extend(["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{port}")));
        });
        let router = self.router();
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            let slot = Arc::clone(&slots).acquire_owned().await;
            let Ok((stream, _)) = listener.accept().await else { continue };
            let router = router.clone();
            connections.spawn(async move {
                converse(stream, router).await;
                drop(slot);
            });
            while connections.try_join_next().is_some() {}
        }
    }
}

/// Serves one connection; a dropped answer ends it without a byte.
async fn converse(stream: TcpStream, router: Router) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let router = router.clone();
        async move {
            let response =
                router.oneshot(request.map(Body::new)).await.unwrap_or_else(|never: Infallible| match never {});
            if response.extensions().get::<ConnectionDropped>().is_some() {
                return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "dropped on request"));
            }
            Ok(response)
        }
    });
    // The client hung up, or was to be dropped: either way the conversation is over.
    if let Err(problem) =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
    {
        tracing::debug!(%problem, "connection ended");
    }
}

async fn receive(State(broker): State<PaperBroker>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return Answer::error(413, "Request Entity Too Large").into_response();
    };
    let known = broker.at_desk(|desk| desk.state.options.origins.clone());
    let call = Call::new(parts.method, &parts.uri, parts.headers, body, &known);
    let answer = if call.path == "/authorize" {
        broker.at_desk(|desk| consent::answer(desk, &call))
    } else {
        broker.receive(call).await
    };
    let mut response = answer.into_response();
    if let Ok(date) = HeaderValue::from_str(&broker.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}
