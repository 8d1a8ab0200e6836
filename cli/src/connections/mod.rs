//! `courier connections`: who is connected, and first parties' own tokens.

mod import;
mod working;

use std::sync::Arc;

use domain::{Clock, Connection, ConnectionId, ConnectionView, UserId};
use platform::SystemClock;
use serde_json::json;
use sessions::{End, EndedBy};
use store::Connections;

use crate::arguments::{ConnectionArguments, ConnectionsListArguments, DisconnectArguments};
use crate::error::CourierError;
use crate::output::{moment, print, print_json, table, tell};
use crate::resources::Resources;

pub(crate) use import::run as run_import;

/// Connections that one call shows.
const SHOWN_MAX: usize = 1_000;

pub(crate) async fn run_list(arguments: &ConnectionsListArguments) -> Result<(), CourierError> {
    let connections = Resources::of_stack(&arguments.stack.stack).await.connections().await?;
    if arguments.user.is_none() {
        tell("Reading the whole table of connections …");
    }
    let (listed, more) = list(&connections, arguments.user.as_ref()).await?;
    if arguments.stack.json {
        let views: Vec<_> = listed.iter().map(Connection::view).collect();
        print_json(&json!({"connections": views, "more": more}));
    } else if listed.is_empty() {
        print("There is no such connection.");
    } else {
        print(&table(HEADER, listed.iter().map(|connection| row(&connection.view())).collect()));
    }
    if more {
        tell(&format!("There are more than these {}.", listed.len()));
    }
    Ok(())
}

pub(crate) async fn run_show(arguments: &ConnectionArguments) -> Result<(), CourierError> {
    let connections = Resources::of_stack(&arguments.stack.stack).await.connections().await?;
    let connection = get(&connections, &arguments.user, &arguments.connection).await?;
    show(&connection, arguments.stack.json);
    Ok(())
}

pub(crate) async fn run_disconnect(arguments: &DisconnectArguments) -> Result<(), CourierError> {
    let DisconnectArguments { user, connection, yes, stack } = arguments;
    let resources = Resources::of_stack(&stack.stack).await;
    let connections = resources.connections().await?;
    let before = get(&connections, user, connection).await?;
    let working = working::orders_of(&resources.orders().await?, &before).await?;
    tell(&working::text(&working));
    if !yes {
        show(&before, stack.json);
        tell(
            "Nothing is done. With --yes this connection is logged out, its tokens are forgotten, and its user must connect again.",
        );
        return Ok(());
    }
    let end = End {
        connections: connections.clone(),
        tokens: resources.tokens().await?,
        api: resources.api().await?,
        readers: None,
        clock: Arc::new(SystemClock),
    };
    end.end_by(EndedBy::Operator, user, connection).await?;
    show(&get(&connections, user, connection).await?, stack.json);
    Ok(())
}

/// A user's connections, or everybody's; and whether there are more.
pub(crate) async fn list(
    connections: &Connections,
    user: Option<&UserId>,
) -> Result<(Vec<Connection>, bool), CourierError> {
    let (found, more) = if let Some(user) = user {
        (connections.list(user).await?, false)
    } else {
        let found = connections.all(SHOWN_MAX).await?;
        (found.items, found.more)
    };
    let mut listed: Vec<Connection> = found.into_iter().map(|connection| as_of_now(connection.value)).collect();
    listed.sort_by(|one, other| (&one.user_id, other.created_at).cmp(&(&other.user_id, one.created_at)));
    Ok((listed, more))
}

async fn get(connections: &Connections, user: &UserId, id: &ConnectionId) -> Result<Connection, CourierError> {
    let found = connections.get(user, id).await?.map(|connection| as_of_now(connection.value));
    found.ok_or_else(|| CourierError::NoConnection { user: user.clone(), connection: id.clone() })
}

/// An attempt that nobody came back from has ended, though only the next one writes it down.
fn as_of_now(mut connection: Connection) -> Connection {
    connection.lapse(SystemClock.now());
    connection
}

fn show(connection: &Connection, json: bool) {
    let view = connection.view();
    if json {
        print_json(&view);
    } else {
        print(&table(HEADER, vec![row(&view)]));
    }
}

const HEADER: [&str; 8] =
    ["user", "connection", "status", "environment", "accounts", "session", "token until", "last error"];

fn row(view: &ConnectionView<'_>) -> [String; 8] {
    let word = |value: serde_json::Value| value.as_str().map(str::to_owned).unwrap_or_default();
    let session = json!(view.session);
    [
        view.user_id.to_string(),
        view.connection_id.to_string(),
        view.status.as_str().to_owned(),
        word(json!(view.environment)),
        view.accounts.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        word(session["state"].clone()),
        view.session.live_session_token_expires_at.map(moment).unwrap_or_default(),
        view.last_error.map(|error| error.message.clone()).unwrap_or_default(),
    ]
}
