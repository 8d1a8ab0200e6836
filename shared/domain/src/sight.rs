//! What the broker shows of an order, in our words.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::BrokerOrderId;

/// One look at an order at the broker: from the answer to its placing, from live orders, or from trades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The broker's numbers of it: the parent's, and in the answer to a placing those of its exits in the ticket's order.
    pub broker_order_ids: Vec<BrokerOrderId>,
    /// The broker's status.
    pub status: BrokerStatus,
    /// How much is filled, where the look tells.
    pub filled_quantity: Option<Decimal>,
    /// At what price on average, where the look tells.
    pub average_price: Option<Decimal>,
}

/// The broker's statuses of an order (IBKR Web API, live orders).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is IBKR's word of the same name")]
pub enum BrokerStatus {
    Inactive,
    PendingSubmit,
    PreSubmitted,
    Submitted,
    Filled,
    PendingCancel,
    PreCancelled,
    Cancelled,
    WarnState,
    /// A word that IBKR's documents do not list; the order is taken to be at work, and watched.
    Other(String),
}

impl From<&str> for BrokerStatus {
    fn from(word: &str) -> Self {
        match word {
            "Inactive" => Self::Inactive,
            "PendingSubmit" => Self::PendingSubmit,
            "PreSubmitted" => Self::PreSubmitted,
            "Submitted" => Self::Submitted,
            "Filled" => Self::Filled,
            "PendingCancel" => Self::PendingCancel,
            "PreCancelled" => Self::PreCancelled,
            "Cancelled" => Self::Cancelled,
            "WarnState" => Self::WarnState,
            other => Self::Other(other.chars().take(64).collect()),
        }
    }
}
