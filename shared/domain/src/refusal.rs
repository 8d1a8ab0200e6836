//! A refusal: the record of a message that became no order.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reason::Reason;

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
    /// The user it named, where that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The algorithm it named, where that could be read. Its own word: only the sender is proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm_id: Option<String>,
    /// Its first characters.
    pub excerpt: String,
    /// When it was sent, where the queue said it: the same however often it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When it was refused.
    pub at: Timestamp,
}

/// A refusal as the API and the events show it (contract: `GET /refusals`, `Message Refused`).
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct RefusalView<'r> {
    pub at: Timestamp,
    pub message_id: &'r str,
    pub order_id: Option<&'r str>,
    pub user_id: Option<&'r str>,
    pub algorithm_id: Option<&'r str>,
    pub reason: &'r Reason,
}

impl Refusal {
    /// In whose name the message was sent: the user it named, else the group it was sent to, which must be the user's id.
    #[must_use]
    pub fn in_the_name_of(&self) -> &str {
        self.user_id.as_deref().unwrap_or(&self.group_id)
    }

    /// The refusal as outsiders see it. The excerpt and the sender are the operator's to see.
    #[must_use]
    pub fn view(&self) -> RefusalView<'_> {
        RefusalView {
            at: self.at,
            message_id: &self.message_id,
            order_id: self.order_id.as_deref(),
            user_id: self.user_id.as_deref(),
            algorithm_id: self.algorithm_id.as_deref(),
            reason: &self.reason,
        }
    }
}
