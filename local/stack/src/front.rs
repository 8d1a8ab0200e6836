//! The front door of the local HTTP API: what AWS gives as `https://{api}.execute-api.{region}.amazonaws.com`, at the
//! root of a port of 127.0.0.1. The engine knows an API by its host name only, which not every system resolves, or by
//! a path before the path, which would break cookies and links.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, Uri, header::HOST},
    response::{IntoResponse, Response},
};
use tokio::{net::TcpListener, task::AbortHandle};

use crate::http::LocalClient;

/// Serves until dropped.
#[derive(Debug)]
pub(crate) struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves `router` on `listener`, in the background.
pub(crate) fn serve(listener: TcpListener, router: Router) -> Serving {
    let task = tokio::spawn(async move {
        // It ends only by being aborted; an accept that failed is tried again within.
        let _ = axum::serve(listener, router).await;
    });
    Serving(task.abort_handle())
}

/// Forwards everything to the API `api_id` of the engine on `engine_port`.
pub(crate) fn forwarding(client: LocalClient, api_id: &str, engine_port: u16) -> Router {
    let door = Door { client, host: format!("{api_id}.execute-api.localhost:{engine_port}"), engine_port };
    Router::new().fallback(forward).with_state(door)
}

#[derive(Clone)]
struct Door {
    client: LocalClient,
    host: String,
    engine_port: u16,
}

async fn forward(State(door): State<Door>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let (Ok(uri), Ok(host)) =
        (format!("http://127.0.0.1:{}{path}", door.engine_port).parse::<Uri>(), HeaderValue::from_str(&door.host))
    else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    *request.uri_mut() = uri;
    request.headers_mut().insert(HOST, host);
    match door.client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("the local engine did not answer: {error}")).into_response(),
    }
}
