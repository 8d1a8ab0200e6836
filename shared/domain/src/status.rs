//! The contract's words for where an order is.

use serde::{Deserialize, Serialize};

/// The contract's word for a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the state of the same name")]
pub enum OrderStatus {
    Received,
    Held,
    Sending,
    Unknown,
    Working,
    PartiallyFilled,
    Cancelling,
    Filled,
    Cancelled,
    Rejected,
    Denied,
    Expired,
    NotPlaced,
    NeedsReview,
}

impl OrderStatus {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Held => "held",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Working => "working",
            Self::PartiallyFilled => "partially_filled",
            Self::Cancelling => "cancelling",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::NotPlaced => "not_placed",
            Self::NeedsReview => "needs_review",
        }
    }

    /// Whether nothing more is done for the order by itself. An order that needs review is not at its end: it is looked for
    /// with growing pauses, and cancelled where that is asked for.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Rejected | Self::Denied | Self::Expired | Self::NotPlaced)
    }
}
