//! What is put on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

impl Act {
    /// Whether it puts a ticket on the wire.
    #[must_use]
    pub fn is_ticket(&self) -> bool {
        matches!(self, Self::Place | Self::PlaceAgain)
    }
}

/// What is about to be put on the wire: recorded before its first byte leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// When it was recorded.
    pub at: Timestamp,
    /// The epoch of the lane's lease under which it was recorded: a later epoch means that its holder is gone.
    pub epoch: u64,
    /// What it is.
    #[serde(flatten)]
    pub act: Act,
}

/// What an intent puts on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// The ticket, for the first time.
    Place,
    /// The same ticket under the same client order id once more, after the broker's own answers showed that the first
    /// did not arrive.
    PlaceAgain,
    /// The answer to a question of the broker.
    Reply {
        /// Which round of questions this is, from 1.
        round: u32,
        /// The broker's ids of the question's messages, such as `o163`.
        message_ids: Vec<String>,
        /// Whether the answer is yes.
        confirmed: bool,
    },
}
