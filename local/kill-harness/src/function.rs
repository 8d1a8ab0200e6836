//! The functions that are killed.

use std::time::Duration;

use serde::Serialize;

/// A function that works on orders or sessions by itself, without a person waiting for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the function of the same name")]
pub enum Function {
    OrderSubmit,
    OrderTrack,
    SessionRefresh,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OrderSubmit, Self::OrderTrack, Self::SessionRefresh];

    /// Its folder and its binary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OrderSubmit => "order-submit",
            Self::OrderTrack => "order-track",
            Self::SessionRefresh => "session-refresh",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    /// How long an invocation may take. The template gives 60 s; a shorter time ends the lease of a dead holder sooner. An
    /// order wants 22 s to be left (`trading`, dialogue), a renewal 40 s (`sessions`, renew).
    pub(crate) fn may_take(self) -> Duration {
        match self {
            Self::OrderSubmit | Self::OrderTrack => Duration::from_secs(26),
            Self::SessionRefresh => Duration::from_secs(45),
        }
    }

    /// Pause between two kills of this function, times the number of users: each kill may keep one user's lane until the
    /// dead holder's lease ends, and with too many lanes gone nothing would be left to kill.
    pub(crate) fn kill_pause_of_users(self) -> Duration {
        match self {
            Self::OrderSubmit => Duration::from_mins(2),
            Self::OrderTrack => Duration::from_secs(270),
            Self::SessionRefresh => Duration::from_mins(10),
        }
    }
}
