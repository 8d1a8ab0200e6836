//! What is put on the wire, and why an order is where it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why an order is where it is: a code for programs, a message for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// A stable word, such as `no_session`.
    pub code: String,
    /// What happened, what it means, and what to do next.
    pub message: String,
}

/// The longest message of a reason that is kept, in characters: the broker's own texts are not bounded.
const REASON_CHARACTERS_MAX: usize = 1000;

impl Reason {
    /// A reason.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if let Some((cut, _)) = message.char_indices().nth(REASON_CHARACTERS_MAX) {
            message.truncate(cut);
            message.push('…');
        }
        Self { code: code.to_owned(), message }
    }
}

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
