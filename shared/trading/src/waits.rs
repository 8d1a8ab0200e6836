//! Why an order waits, in words for its sender.

use domain::{AccountId, Reason};
use jiff::Timestamp;

/// The code of a wait for the next invocation: this one has no time left.
pub(crate) const NEXT_RUN: &str = "next_run";
/// The code of a wait for rows that other transactions hold.
pub(crate) const BUSY: &str = "busy";

/// Whether an order waits for nothing but another try.
pub(crate) fn is_for_another_try(reason: &Reason) -> bool {
    [NEXT_RUN, BUSY].contains(&reason.code.as_str())
}

pub(crate) fn no_live_session() -> Reason {
    Reason::new("no_session", "The order waits for a session with the broker, which is being opened.")
}

pub(crate) fn no_brokerage_session() -> Reason {
    Reason::new("no_session", "The order waits for the broker to open its trading session.")
}

/// The broker says why it opens none.
pub(crate) fn session_refused(told: &Reason) -> Reason {
    Reason::new("no_session", format!("The order waits. {}", told.message))
}

pub(crate) fn no_connection() -> Reason {
    Reason::new(
        "no_connection",
        "The order waits: you are not connected to the broker. Connect (POST /connections) before it expires.",
    )
}

pub(crate) fn no_such_account(account_id: &AccountId) -> Reason {
    Reason::new(
        "account_not_connected",
        format!(
            "None of your connections reaches the account {account_id}. Check the account, or connect the username that trades it."
        ),
    )
}

/// The code of a wait for the next opening of a session, on a day that had many.
pub(crate) const OPENED_OFTEN: &str = "session_paused";

pub(crate) fn opened_often(until: Timestamp) -> Reason {
    Reason::new(
        OPENED_OFTEN,
        format!(
            "The order waits: the broker wants few sessions to be opened, and this user's were opened often today. The next one is opened at {until}."
        ),
    )
}

pub(crate) fn competing() -> Reason {
    Reason::new(
        "competing",
        "The order waits: your broker's username is logged in somewhere else, and the broker gives one session per username. Log out there.",
    )
}
