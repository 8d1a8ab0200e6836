//! What an order holds of the limits that bear on it, and what it gives back.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::status::OrderStatus;

/// What an order holds of its user's limits, and of the grant's if it is an algorithm's. It stands on the order's own
/// row, so it is reserved once however often the order is sent, and given back once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// The day (UTC) whose orders and value it counts among.
    pub day: Date,
    /// The value that it counts, in the contract's currency; zero where no limit needed it and the ticket did not tell.
    pub notional: Decimal,
    /// Whether it was sent as one that reduces a position, and so passes a halt that lets only those pass.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reducing: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What an order gives back of what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivesBack {
    /// Nothing: the broker has it or may have it.
    Nothing,
    /// Its place among the open orders. It was sent, so it stays one of its day's orders, with its value.
    OpenOrder,
    /// Everything: it is proved that it never reached the broker.
    Everything,
}

impl Order {
    /// What it gives back of what it holds. A bracket whose exits still work keeps its place among the open orders.
    #[must_use]
    pub fn gives_back(&self) -> GivesBack {
        match self.status().gives_back() {
            GivesBack::OpenOrder if !self.is_over() => GivesBack::Nothing,
            gives_back => gives_back,
        }
    }
}

impl OrderStatus {
    /// What an order in this status gives back of what it holds.
    #[must_use]
    pub fn gives_back(self) -> GivesBack {
        match self {
            // Nobody knows whether an order that needs review works at the broker, so it holds its place.
            Self::Sending
            | Self::Unknown
            | Self::Working
            | Self::PartiallyFilled
            | Self::Cancelling
            | Self::NeedsReview => GivesBack::Nothing,
            Self::Filled | Self::Cancelled | Self::Rejected => GivesBack::OpenOrder,
            Self::Received | Self::Held | Self::Denied | Self::Expired | Self::NotPlaced => GivesBack::Everything,
        }
    }
}
