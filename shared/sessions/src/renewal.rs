//! When a live session token is renewed.

use domain::{Connection, KEEP_WARM_EVERY, SessionState};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// The part of its life after which a live session token is renewed, in per cent: 18 of 24 hours, so that a broker
/// that is away for hours costs no session.
const RENEW_AFTER_PERCENT: i64 = 75;
/// The part of its life over which renewals of many users are spread, in per cent.
const JITTER_PERCENT: i64 = 10;

/// Over so long the connections are spread that wait for the end of one of the broker's windows.
pub(crate) const SPREAD_AFTER_QUIET: SignedDuration = SignedDuration::from_mins(4);
/// A session that nobody uses or keeps warm is taken to be over after this (IBKR Web API, lifetimes: five to six minutes).
pub const IDLE_ENDS_AFTER: SignedDuration = SignedDuration::from_mins(6);
/// A session that another login has is looked at again after this, where it is to be kept open.
const COMPETING_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// When anything of this connection is to be looked after next: its live session token, or its open session.
#[must_use]
pub fn next_due(connection: &Connection, now: Timestamp) -> Option<Timestamp> {
    let session = match connection.session {
        SessionState::Established { .. } if connection.is_kept_warm(now) => Some(KEEP_WARM_EVERY),
        SessionState::Established { .. } => Some(IDLE_ENDS_AFTER),
        SessionState::Competing { .. } => connection.choices.keep_warm.then_some(COMPETING_AGAIN),
        SessionState::Closed => connection.choices.keep_warm.then_some(KEEP_WARM_EVERY),
    };
    [next_renewal(connection), session.map(|pause| now + pause)].into_iter().flatten().min()
}

/// This connection's place between zero and `whole`, the same each time.
pub(crate) fn spread(connection: &Connection, whole: SignedDuration) -> SignedDuration {
    let part = whole.as_millis() * i128::from(place(connection)) / 255;
    SignedDuration::from_millis(i64::try_from(part).unwrap_or(0))
}

fn place(connection: &Connection) -> u8 {
    Sha256::digest(connection.connection_id.as_str())[0]
}

/// When this connection's live session token is to be renewed; `None` if it has none.
///
/// The spread comes from the connection's id, so that it is the same each time and needs no randomness.
#[must_use]
pub fn next_renewal(connection: &Connection) -> Option<Timestamp> {
    let token = connection.tokens.as_ref()?.live_session_token.as_ref()?;
    let life_milliseconds = (token.expires_at.as_millisecond() - token.issued_at.as_millisecond()).max(0);
    let spread = i64::from(place(connection)) * JITTER_PERCENT / 255;
    let after = life_milliseconds / 100 * (RENEW_AFTER_PERCENT - spread);
    Some(token.issued_at + SignedDuration::from_millis(after))
}
