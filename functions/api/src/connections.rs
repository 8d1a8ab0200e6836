//! A user's connections.

use std::sync::Arc;

use axum::extract::State;
use domain::{Choices, ConnectionId, ConnectionStatus, ConnectionView};
use platform::Problem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answers::{Conflict, Forbidden, NotFound, Refused, TooLarge, answer};
use crate::body::Json;
use crate::callers::User;
use crate::path::{Path, Place};
use crate::{Api, published, store_failed};

answer! {
    /// The connections
    Listed: OK, Connections<'_> as Connections<'static>
}
answer! {
    /// The connection
    Chosen: OK, ConnectionView<'_> as published::Connection
}
answer! {
    /// Disconnected
    Disconnected: NO_CONTENT
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connections<'a> {
    #[schema(value_type = Vec<published::Connection>)]
    connections: Vec<ConnectionView<'a>>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ConnectionPlace {
    #[param(value_type = String, pattern = "^[A-Za-z0-9-]{1,40}$")]
    connection_id: ConnectionId,
}

impl Place for ConnectionPlace {
    const WHAT: &'static str = "connection";
}

/// What the user decides about the sessions of a connection. What is left out is as it was.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutConnection {
    /// Whether the session may be taken from the user's other logins (TWS, mobile, Client Portal).
    take_session: Option<bool>,
    /// Whether the session is kept open without orders.
    keep_warm: Option<bool>,
}

/// The user's connections, the newest first
#[utoipa::path(get, path = "/connections", tag = "connections")]
pub(crate) async fn list_connections(
    State(api): State<Arc<Api>>,
    User(user_id): User,
) -> Result<Listed, Refused<(Forbidden,)>> {
    let mut connections = api.connections.list(&user_id).await.map_err(|error| store_failed(&error))?;
    // What the table has not deleted yet, and rows of a release that named no time for it.
    let now = api.intake.clock.now();
    connections.retain(|connection| connection.value.forgotten_at().is_none_or(|at| at > now));
    // An attempt whose time is past is shown as ended; on record it ends with the next one.
    for connection in &mut connections {
        connection.value.lapse(now);
    }
    let mut views: Vec<_> = connections.iter().map(|connection| connection.value.view()).collect();
    views.sort_by_key(|view| std::cmp::Reverse(view.created_at));
    Ok(Listed::of(&Connections { connections: views }))
}

/// Decide about the sessions of a connection; what is left out is as it was
#[utoipa::path(put, path = "/connections/{connection_id}", tag = "connections", params(ConnectionPlace))]
pub(crate) async fn put_connection(
    State(api): State<Arc<Api>>,
    User(user_id): User,
    Path(place): Path<ConnectionPlace>,
    Json(body): Json<PutConnection>,
) -> Result<Chosen, Refused<(Forbidden, NotFound, Conflict, TooLarge)>> {
    let connection_id = place.connection_id;
    let found = api.connections.get(&user_id, &connection_id).await.map_err(|error| store_failed(&error))?;
    let Some(mut connection) = found else { return Err(Problem::not_found("connection").into()) };
    let now = api.intake.clock.now();
    let before = connection.value.choices;
    connection.value.choices = Choices {
        take_session: body.take_session.unwrap_or(before.take_session),
        keep_warm: body.keep_warm.unwrap_or(before.keep_warm),
    };
    if connection.value.choices.keep_warm && connection.value.status == ConnectionStatus::Connected {
        connection.value.next_renewal_at = Some(now);
    }
    connection.value.updated_at = now;
    api.connections.save(&mut connection).await.map_err(|error| store_failed(&error))?;
    tracing::info!(%user_id, %connection_id, choices = ?connection.value.choices, "a user decided about their sessions");
    Ok(Chosen::of(&connection.value.view()))
}

/// Log out at the broker, and forget the tokens
#[utoipa::path(delete, path = "/connections/{connection_id}", tag = "connections", params(ConnectionPlace))]
pub(crate) async fn disconnect(
    State(api): State<Arc<Api>>,
    User(user_id): User,
    Path(place): Path<ConnectionPlace>,
) -> Result<Disconnected, Refused<(Forbidden, NotFound)>> {
    let connection_id = place.connection_id;
    let ended = api.end.end(&user_id, &connection_id).await.map_err(|error| store_failed(&error))?;
    if !ended {
        return Err(Problem::not_found("connection").into());
    }
    tracing::info!(%user_id, %connection_id, "a user disconnected");
    Ok(Disconnected)
}
