//! A user's connections.

use domain::{ConnectionId, ConnectionView};
use http::StatusCode;
use platform::{HttpRequest, HttpResponse, Problem};
use serde::Serialize;

use crate::{Answer, Api, path_id, store_failed};

#[derive(Serialize)]
struct Connections<'a> {
    connections: Vec<ConnectionView<'a>>,
}

impl Api {
    pub(crate) async fn list_connections(&self, request: &HttpRequest) -> Answer {
        let connections = self.connections.list(&request.user()?).await.map_err(|error| store_failed(&error))?;
        let mut views: Vec<_> = connections.iter().map(|connection| connection.value.view()).collect();
        views.sort_by_key(|view| std::cmp::Reverse(view.created_at));
        Ok(HttpResponse::json(StatusCode::OK, &Connections { connections: views }))
    }

    pub(crate) async fn disconnect(&self, request: &HttpRequest) -> Answer {
        let user_id = request.user()?;
        let connection_id: ConnectionId = path_id(request, "connection_id", "connection")?;
        let ended = self.end.end(&user_id, &connection_id).await.map_err(|error| store_failed(&error))?;
        if !ended {
            return Err(Problem::not_found("connection"));
        }
        tracing::info!(%user_id, %connection_id, "a user disconnected");
        Ok(HttpResponse::empty(StatusCode::NO_CONTENT))
    }
}
