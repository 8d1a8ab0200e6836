//! What a tickle tells of a session that is kept warm.

use access::{PENALTY, refused};
use broker::{CallError, SessionStatus};
use domain::{Connection, Reason, ReasonCode, SessionState};
use jiff::{SignedDuration, Timestamp};

use crate::renewal::{next_due, spread};

/// A session that the broker ended, and that its user wants kept open, is due again within this.
const REOPENED_WITHIN: SignedDuration = SignedDuration::from_secs(30);
/// After a tickle that was not answered.
const TRY_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Takes in what a tickle told; whether the session is still open. An answer of 200 can tell of a session that is gone.
pub fn take_tickle(connection: &mut Connection, told: &Result<SessionStatus, CallError>, now: Timestamp) -> bool {
    match told {
        Ok(status) if status.competing => {
            connection.turn_session(SessionState::Competing { since: now }, now);
            connection.last_error = Some(Reason::new(
                ReasonCode::Competing,
                "Your broker's username logged in somewhere else, and took the session. Log out there, or make a second username for this platform.",
            ));
        }
        Ok(status) if status.authenticated => connection.succeeded(now),
        Ok(status) => {
            connection.turn_session(SessionState::Closed, now);
            if let Some(failure) = &status.failure {
                connection.last_error = Some(refused(failure));
            }
        }
        Err(CallError::NoBridge) => {
            connection.turn_session(SessionState::Closed, now);
        }
        Err(CallError::Unauthorized { .. } | CallError::Gone) => {
            connection.turn_session(SessionState::Closed, now);
            if let Some(tokens) = &mut connection.tokens {
                tokens.live_session_token = None;
            }
            connection.next_renewal_at = Some(now);
            return false;
        }
        Err(CallError::Paced) => {
            connection.next_renewal_at = Some(now + PENALTY + spread(connection, PENALTY / 4));
            return false;
        }
        // Nobody knows: it is asked again before the broker would end it.
        Err(_) => {
            connection.next_renewal_at = Some(now + TRY_AGAIN_AFTER);
            return false;
        }
    }
    connection.next_renewal_at = next_due(connection, now);
    if connection.session == SessionState::Closed && connection.choices.keep_warm {
        connection.next_renewal_at = Some(now + spread(connection, REOPENED_WITHIN));
    }
    matches!(connection.session, SessionState::Established { .. })
}
