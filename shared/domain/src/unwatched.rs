//! An order that the broker may have, and that nobody can look at: its user has no session.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::reason::Reason;

/// That nobody can look at an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwatched {
    /// Since when.
    pub since: Timestamp,
    /// Why, for its user.
    pub why: Reason,
}

impl Order {
    /// Takes in that nobody can look at it now.
    pub fn turn_unwatched(&mut self, why: Reason, now: Timestamp) {
        let since = self.unwatched.as_ref().map_or(now, |unwatched| unwatched.since);
        self.unwatched = Some(Unwatched { since, why });
    }

    /// What a person must know of it: what was found out of it, else that nobody watches it.
    #[must_use]
    pub fn warning_shown(&self) -> Option<&Reason> {
        let unwatched = self.unwatched.as_ref().filter(|_| !self.is_over());
        self.warning.as_ref().or(unwatched.map(|unwatched| &unwatched.why))
    }
}
