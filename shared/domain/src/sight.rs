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

impl Sight {
    /// Whether it shows an order at work.
    #[must_use]
    pub fn works(&self) -> bool {
        self.status.works()
    }

    /// Whether it shows an order that works, or that traded: the broker took it, whatever was concluded before.
    #[must_use]
    pub fn shows_it_was_taken(&self) -> bool {
        let traded = self.filled_quantity.is_some_and(|filled| !filled.is_zero());
        traded || self.status == BrokerStatus::Filled || !(self.status.is_end() || self.status.is_doubtful_end())
    }
}

/// The broker's statuses of an order (IBKR Web API, live orders), and those of the TWS API that come through.
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
    Rejected,
    Expired,
    /// A word that is on no list; the order is taken to be at work, watched, and asked for by its number.
    Other(String),
}

/// Longest word of the broker that is kept, characters.
const WORD_CHARACTERS_MAX: usize = 64;

impl BrokerStatus {
    /// Whether the order has ended, by this word alone.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Expired)
    }

    /// Whether it says that the order was refused. An `Inactive` order may have been refused, or not be transmitted yet and
    /// come to work later (IBKR Web API, order statuses): it is the end only once the broker says so again by the number.
    #[must_use]
    pub fn is_doubtful_end(&self) -> bool {
        matches!(self, Self::Inactive | Self::Rejected)
    }

    /// Whether it leaves open where the order stands, so that the order is asked for by its number.
    #[must_use]
    pub fn is_unclear(&self) -> bool {
        self.is_doubtful_end() || matches!(self, Self::Other(_))
    }

    /// Whether it says that the order works, and that nobody is ending it.
    #[must_use]
    pub fn works(&self) -> bool {
        !self.is_end() && !self.is_doubtful_end() && !self.is_cancel_under_way()
    }

    /// Whether the broker has a cancel in hand.
    #[must_use]
    pub fn is_cancel_under_way(&self) -> bool {
        matches!(self, Self::PendingCancel | Self::PreCancelled)
    }
}

impl From<&str> for BrokerStatus {
    /// Read without regard to case, spaces and underscores: the broker writes `PreSubmitted` and `pre_submitted`.
    fn from(word: &str) -> Self {
        let letters: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
        match letters.to_ascii_lowercase().as_str() {
            "inactive" => Self::Inactive,
            "pendingsubmit" | "apipending" => Self::PendingSubmit,
            "presubmitted" => Self::PreSubmitted,
            "submitted" => Self::Submitted,
            "filled" => Self::Filled,
            "pendingcancel" => Self::PendingCancel,
            "precancelled" => Self::PreCancelled,
            "cancelled" | "canceled" | "apicancelled" => Self::Cancelled,
            "warnstate" => Self::WarnState,
            "rejected" => Self::Rejected,
            "expired" => Self::Expired,
            _ => Self::Other(word.chars().take(WORD_CHARACTERS_MAX).collect()),
        }
    }
}
