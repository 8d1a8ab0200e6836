//! A refusal: the record of a message that became no order.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::intent::Reason;

/// The longest part of a refused message that is kept, in characters: enough to recognise it.
pub const EXCERPT_CHARACTERS_MAX: usize = 512;

/// A message that was refused and whose order, if it named one, it could not be proved to own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The queue's id of the message.
    pub message_id: String,
    /// Who sent it: SQS's `SenderId`.
    pub sender_id: String,
    /// The group that it was sent to.
    pub group_id: String,
    /// What was wrong.
    pub reason: Reason,
    /// The order it named, where that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// Its first characters.
    pub excerpt: String,
    /// When it was refused.
    pub at: Timestamp,
}
