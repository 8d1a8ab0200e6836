//! When a live session token is renewed.

use domain::Connection;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// The part of its life after which a live session token is renewed, in per cent: 18 of 24 hours, so that a broker
/// that is away for hours costs no session.
const RENEW_AFTER_PERCENT: i64 = 75;
/// The part of its life over which renewals of many users are spread, in per cent.
const JITTER_PERCENT: i64 = 10;

/// When this connection's live session token is to be renewed; `None` if it has none.
///
/// The spread comes from the connection's id, so that it is the same each time and needs no randomness.
#[must_use]
pub fn next_renewal(connection: &Connection) -> Option<Timestamp> {
    let token = connection.tokens.as_ref()?.live_session_token.as_ref()?;
    let life_milliseconds = (token.expires_at.as_millisecond() - token.issued_at.as_millisecond()).max(0);
    let spread = i64::from(Sha256::digest(connection.connection_id.as_str())[0]) * JITTER_PERCENT / 255;
    let after = life_milliseconds / 100 * (RENEW_AFTER_PERCENT - spread);
    Some(token.issued_at + SignedDuration::from_millis(after))
}
