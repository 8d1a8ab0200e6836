//! Why an order waits, in words for its sender.

use domain::{AccountId, Reason, ReasonCode, UserId};
use jiff::Timestamp;

/// Whether an order waits for nothing but another try.
pub(crate) fn is_for_another_try(reason: &Reason) -> bool {
    [ReasonCode::NextRun, ReasonCode::Busy].contains(&reason.code)
}

pub(crate) fn no_live_session() -> Reason {
    Reason::new(ReasonCode::NoSession, "The order waits for a session with the broker, which is being opened.")
}

pub(crate) fn no_brokerage_session() -> Reason {
    Reason::new(ReasonCode::NoSession, "The order waits for the broker to open its trading session.")
}

/// The broker says why it opens none.
pub(crate) fn session_refused(told: &Reason) -> Reason {
    Reason::new(ReasonCode::NoSession, format!("The order waits. {}", told.message))
}

pub(crate) fn no_connection(user_id: &UserId) -> Reason {
    Reason::new(
        ReasonCode::NoConnection,
        format!(
            "The order waits: the user {user_id} is not connected to the broker. The user connects in the console or by POST /connections, before the order expires."
        ),
    )
}

pub(crate) fn no_such_account(account_id: &AccountId) -> Reason {
    Reason::new(
        ReasonCode::AccountNotConnected,
        format!(
            "None of the user's connections reaches the account {account_id}. Check the account, or let the user connect the username that trades it."
        ),
    )
}

pub(crate) fn opened_often(until: Timestamp) -> Reason {
    Reason::new(
        ReasonCode::SessionPaused,
        format!(
            "The order waits: the broker wants few sessions to be opened, and this user's were opened often today. The next one is opened at {until}."
        ),
    )
}

pub(crate) fn competing() -> Reason {
    Reason::new(
        ReasonCode::Competing,
        "The order waits: the user's username at the broker is logged in somewhere else, and the broker gives one session per username. The user logs out there.",
    )
}
