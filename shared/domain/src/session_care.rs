//! How a connection's sessions are looked after: what its user chose, how often a session is opened, what is kept warm.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::connection::{Connection, SessionState};

/// A session of this user is kept warm for so long after an order.
pub const WARM_AFTER_ORDER: SignedDuration = SignedDuration::from_mins(30);
/// Between two tickles of a session that is kept warm: the broker ends it after five to six minutes without a call (IBKR
/// Web API, lifetimes).
pub const KEEP_WARM_EVERY: SignedDuration = SignedDuration::from_mins(3);
/// Sessions that are opened on one day without a pause in between. IBKR asks for few (IBKR Web API, calls of a session).
pub const INITS_WITHOUT_PAUSE: u32 = 20;
/// Pause between two openings while the user is logged in elsewhere: many orders at once must not use up the day's.
pub const INIT_PAUSE_COMPETING: SignedDuration = SignedDuration::from_secs(10);
/// The longest pause between two openings that a cancel needs: what is at work must be reached.
pub const INIT_PAUSE_FOR_CANCEL: SignedDuration = SignedDuration::from_mins(1);
/// The longest pause between two openings, once a day has had many: with it a day has some seventy at most.
pub const INIT_PAUSE_MAX: SignedDuration = SignedDuration::from_mins(30);

/// What a user decides about the sessions of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choices {
    /// Whether the session may be taken from the user's other logins (TWS, mobile, Client Portal). No: orders wait.
    #[serde(default)]
    pub take_session: bool,
    /// Whether the session is kept open without orders, so that the next one finds it.
    #[serde(default)]
    pub keep_warm: bool,
}

/// The brokerage sessions that were opened on one day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inits {
    /// The day.
    pub day: Date,
    /// How many.
    pub count: u32,
    /// The last one.
    pub last_at: Timestamp,
}

impl Inits {
    /// Before this time none is opened: once a day has had many, the pauses double.
    fn next_at(&self) -> Timestamp {
        let Some(beyond) = self.count.checked_sub(INITS_WITHOUT_PAUSE) else { return self.last_at };
        let minutes = 2_i64.saturating_pow(beyond);
        self.last_at + SignedDuration::from_mins(minutes.min(INIT_PAUSE_MAX.as_mins()))
    }
}

impl Connection {
    /// Until when no brokerage session is opened, because the day has had many; `None`: one may be opened.
    #[must_use]
    pub fn init_waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let inits = self.inits.filter(|inits| inits.day == day(now))?;
        let competes = matches!(self.session, SessionState::Competing { .. });
        let spaced = if competes { inits.last_at + INIT_PAUSE_COMPETING } else { inits.last_at };
        Some(inits.next_at().max(spaced)).filter(|next| *next > now)
    }

    /// As [`Connection::init_waits_until`], for a cancel.
    #[must_use]
    pub fn init_for_cancel_waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let bound = self.inits.map(|inits| inits.last_at + INIT_PAUSE_FOR_CANCEL)?;
        self.init_waits_until(now).map(|until| until.min(bound)).filter(|until| *until > now)
    }

    /// Counts the opening of a brokerage session.
    pub fn count_init(&mut self, now: Timestamp) {
        let today = self.inits.filter(|inits| inits.day == day(now)).map_or(0, |inits| inits.count);
        self.inits = Some(Inits { day: day(now), count: today.saturating_add(1), last_at: now });
    }

    /// Keeps the session warm because an order was just sent. Whether that changed anything worth writing down.
    pub fn warm_after_order(&mut self, now: Timestamp) -> bool {
        if self.warm_until.is_some_and(|until| until > now + WARM_AFTER_ORDER / 2) {
            return false;
        }
        self.warm_until = Some(now + WARM_AFTER_ORDER);
        let tickle = now + KEEP_WARM_EVERY;
        self.next_renewal_at = Some(self.next_renewal_at.map_or(tickle, |due| due.min(tickle)));
        true
    }

    /// Whether its session is open and to be kept so.
    #[must_use]
    pub fn is_kept_warm(&self, now: Timestamp) -> bool {
        matches!(self.session, SessionState::Established { .. })
            && (self.choices.keep_warm || self.warm_until.is_some_and(|until| until > now))
    }
}

fn day(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date()
}
