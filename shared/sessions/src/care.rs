//! The rules of looking after a session, apart from how they are carried out: a model of a whole day asks the same ones.

use access::{PENALTY, Quiet};
use domain::{Connection, ConnectionStatus, Reason, ReasonCode, SessionState};
use jiff::{SignedDuration, Timestamp};
use store::SessionAskReason;

use crate::renewal::{SPREAD_AFTER_QUIET, next_due, next_renewal, spread};

/// A live session token younger than this is not made again, whoever asks: the asks of many orders are one.
const FRESH_FOR: SignedDuration = SignedDuration::from_secs(5);

/// What looking after a connection comes to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// It is not connected.
    Nothing,
    /// A new live session token, and where `and_open`, the brokerage session over it.
    NewToken {
        /// Whether somebody wants the brokerage session.
        and_open: bool,
    },
    /// One call that keeps the brokerage session open.
    Tickle,
    /// The brokerage session is opened.
    Open,
    /// Nothing is asked of the broker; the record says when it is looked after next.
    Settle,
}

impl Step {
    /// Whether the broker is asked for anything.
    #[must_use]
    pub fn calls_the_broker(self) -> bool {
        matches!(self, Self::NewToken { .. } | Self::Tickle | Self::Open)
    }
}

/// What is to be done for a connection, outside of the broker's quiet windows.
#[must_use]
pub fn next_step(connection: &Connection, reason: SessionAskReason, now: Timestamp) -> Step {
    if connection.status != ConnectionStatus::Connected {
        return Step::Nothing;
    }
    let is_open = matches!(connection.session, SessionState::Established { .. });
    let wants_session = is_open || reason == SessionAskReason::OrderWaits || connection.choices.keep_warm;
    if needs_token(connection, reason, now) {
        Step::NewToken { and_open: wants_session }
    } else if is_open && connection.is_kept_warm(now) && reason == SessionAskReason::RenewalDue {
        Step::Tickle
    } else if wants_session && !is_open {
        Step::Open
    } else {
        Step::Settle
    }
}

fn needs_token(connection: &Connection, reason: SessionAskReason, now: Timestamp) -> bool {
    let token = connection.tokens.as_ref().and_then(|tokens| tokens.live_session_token.as_ref());
    token.is_none_or(|token| {
        let fresh = now < token.issued_at + FRESH_FOR && now < token.expires_at;
        let due = next_renewal(connection).is_none_or(|due| due <= now);
        !fresh && (due || reason == SessionAskReason::Asked)
    })
}

/// In the broker's reset or maintenance nothing is tried; afterwards not everybody at once.
pub fn wait_out_quiet(connection: &mut Connection, quiet: &Quiet, now: Timestamp) {
    let words = format!("The broker is in its {} until {}. It goes on by itself afterwards.", quiet.why, quiet.until);
    connection.last_error = Some(Reason::new(ReasonCode::Maintenance, words));
    connection.next_renewal_at = Some(quiet.until + spread(connection, SPREAD_AFTER_QUIET));
    connection.updated_at = now;
}

/// While the broker refuses our address nothing is tried, for any user: each further call would lengthen it.
pub fn wait_out_penalty(connection: &mut Connection, until: Timestamp, now: Timestamp) {
    let words = format!("The broker refuses this platform's address until {until}. It goes on by itself afterwards.");
    connection.last_error = Some(Reason::new(ReasonCode::Penalty, words));
    connection.next_renewal_at = Some(until + spread(connection, PENALTY / 4));
    connection.updated_at = now;
}

/// A connection that was due with nothing to do is due at its next renewal; a session that nobody keeps warm any more
/// ends by itself, and the record says so. Whether anything changed.
pub fn settle_due(connection: &mut Connection, now: Timestamp) -> bool {
    let is_due = connection.next_renewal_at.is_some_and(|due| due <= now);
    if is_due {
        if matches!(connection.session, SessionState::Established { .. }) {
            connection.session = SessionState::Closed;
        }
        connection.next_renewal_at = next_due(connection, now);
        connection.updated_at = now;
    }
    is_due
}
