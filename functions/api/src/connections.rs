//! A user's connections.

use domain::{Choices, ConnectionId, ConnectionStatus, ConnectionView};
use http::StatusCode;
use platform::{HttpRequest, HttpResponse, Problem};
use serde::{Deserialize, Serialize};

use crate::{Answer, Api, json_body, path_id, store_failed};

#[derive(Serialize)]
struct Connections<'a> {
    connections: Vec<ConnectionView<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChoicesBody {
    take_session: Option<bool>,
    keep_warm: Option<bool>,
}

impl Api {
    pub(crate) async fn list_connections(&self, request: &HttpRequest) -> Answer {
        let mut connections = self.connections.list(&request.user()?).await.map_err(|error| store_failed(&error))?;
        // What the table has not deleted yet, and rows of a release that named no time for it.
        let now = self.intake.clock.now();
        connections.retain(|connection| connection.value.forgotten_at().is_none_or(|at| at > now));
        let mut views: Vec<_> = connections.iter().map(|connection| connection.value.view()).collect();
        views.sort_by_key(|view| std::cmp::Reverse(view.created_at));
        Ok(HttpResponse::json(StatusCode::OK, &Connections { connections: views }))
    }

    /// Writes down what the user decides about the sessions of a connection. What is left out is as it was.
    pub(crate) async fn choose(&self, request: &HttpRequest) -> Answer {
        let user_id = request.user()?;
        let connection_id: ConnectionId = path_id(request, "connection_id", "connection")?;
        let body: ChoicesBody = json_body(request)?;
        let found = self.connections.get(&user_id, &connection_id).await.map_err(|error| store_failed(&error))?;
        let Some(mut connection) = found else { return Err(Problem::not_found("connection")) };
        let now = self.intake.clock.now();
        let before = connection.value.choices;
        connection.value.choices = Choices {
            take_session: body.take_session.unwrap_or(before.take_session),
            keep_warm: body.keep_warm.unwrap_or(before.keep_warm),
        };
        if connection.value.choices.keep_warm && connection.value.status == ConnectionStatus::Connected {
            connection.value.next_renewal_at = Some(now);
        }
        connection.value.updated_at = now;
        self.connections.save(&mut connection).await.map_err(|error| store_failed(&error))?;
        tracing::info!(%user_id, %connection_id, choices = ?connection.value.choices, "a user decided about their sessions");
        Ok(HttpResponse::json(StatusCode::OK, &connection.value.view()))
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
