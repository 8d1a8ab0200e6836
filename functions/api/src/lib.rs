//! The HTTP API (contract: The HTTP API): connections, orders, grants, limits, halts, contracts, and two open pages. A route
//! is one handler; the types of its arguments and of its answer are also its description (`GET /openapi.json`).

mod answers;
mod body;
mod callers;
mod compression;
mod connections;
mod console;
mod contracts;
mod description;
mod elsewhere;
mod grants;
mod halts;
mod limits;
mod list_query;
mod orders;
mod path;
mod published;
mod query;
mod refusals;
mod routes;
mod strict;
mod words;

use access::{Readers, Tokens};
use domain::{FieldFault, Reason};
use platform::Problem;
use sessions::End;
use store::{Connections, Lanes, OrderQueue, StoreError};
use trading::Intake;

pub use console::{Console, ConsoleSettings};
pub use contracts::FoundContracts;
pub use routes::{Routes, route_keys};

/// What the routes stand on.
#[derive(Debug)]
pub struct Api {
    /// What puts orders on record.
    pub intake: Intake,
    /// The lines that new orders join.
    pub lanes: Lanes,
    /// The users' connections.
    pub connections: Connections,
    /// What opens tokens.
    pub tokens: Tokens,
    /// The broker.
    pub broker: broker::Api,
    /// When the broker may be called for users.
    pub readers: Readers,
    /// Contracts that were found before.
    pub found_contracts: FoundContracts,
    /// The use case of disconnecting.
    pub end: End,
    /// Where the worker is woken.
    pub order_queue: OrderQueue,
    /// The page for people.
    pub console: Console,
}

/// A table or queue that failed: what of it is the caller's to know.
fn store_failed(error: &StoreError) -> Problem {
    if matches!(error, StoreError::CursorRefused) {
        return bad_field("cursor", &error.to_string());
    }
    tracing::error!(
        %error,
        source = std::error::Error::source(error),
        metric.orders_for_a_person = error.is_beyond_cure().then_some(1),
        "a request failed"
    );
    match error {
        StoreError::Conflict { .. } => Problem::new(
            http::StatusCode::CONFLICT,
            "changed_meanwhile",
            "It was changed by somebody else at the same time. Read it again, and decide anew.",
        ),
        StoreError::Throttled { .. } => {
            Problem::unavailable("Too much is going on right now; nothing was changed. Try again in a moment.")
        }
        StoreError::Invalid { .. } => {
            let Reason { code, message } = trading::cannot_be_recorded();
            Problem::new(http::StatusCode::CONFLICT, code.as_str(), message)
        }
        _ => Problem::internal(),
    }
}

/// One field that is wrong.
fn bad_field(field: &str, message: &str) -> Problem {
    Problem::bad_fields(vec![fault(field, message)])
}

fn fault(field: &str, message: &str) -> FieldFault {
    FieldFault { field: field.to_owned(), message: message.to_owned() }
}
