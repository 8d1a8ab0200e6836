//! The stages of a change, from asked for to in force or refused.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// How far a change has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum ChangeStage {
    /// It waits to be sent.
    Asked,
    /// It may be on the wire.
    Sending {
        /// Since when.
        at: Timestamp,
        /// The epoch of the lane's lease under which it was sent.
        epoch: u64,
    },
    /// It was sent, and the outcome was not read.
    Unread {
        /// When it was sent.
        at: Timestamp,
        /// Why.
        reason: Reason,
        /// It was sent once more, and refused then, for that reason. Where the first try does not show, that is its end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        refused: bool,
    },
    /// It is in force.
    Applied,
    /// It is not, and will not be.
    Refused {
        /// Why.
        reason: Reason,
    },
}

impl ChangeStage {
    /// Whether something is still to be done for it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Asked | Self::Sending { .. } | Self::Unread { .. })
    }

    /// Its word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Sending { .. } => "sending",
            Self::Unread { .. } => "unknown",
            Self::Applied => "applied",
            Self::Refused { .. } => "refused",
        }
    }

    /// Why it is where it is, where there is something to say.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Unread { reason, .. } | Self::Refused { reason } => Some(reason),
            Self::Asked | Self::Sending { .. } | Self::Applied => None,
        }
    }
}
