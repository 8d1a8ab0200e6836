//! What the API and the events show. New fields may come: what is not known here is left aside.

use std::fmt;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::reasons::{ReasonCode, Remedy};
use crate::ticket::LegRole;

/// Where an order is (docs/contract.md, What an order shows).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the status of the contract of the same name")]
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
    /// All of them, in the contract's order.
    pub const ALL: [Self; 14] = [
        Self::Received,
        Self::Held,
        Self::Sending,
        Self::Unknown,
        Self::Working,
        Self::PartiallyFilled,
        Self::Cancelling,
        Self::Filled,
        Self::Cancelled,
        Self::Rejected,
        Self::Denied,
        Self::Expired,
        Self::NotPlaced,
        Self::NeedsReview,
    ];
    /// The ends, and `needs_review`, which waits for a person. An end may be none: where the broker shows the order at work
    /// after all, it is open again.
    pub const FINAL: [Self; 7] = [
        Self::Filled,
        Self::Cancelled,
        Self::Rejected,
        Self::Denied,
        Self::Expired,
        Self::NotPlaced,
        Self::NeedsReview,
    ];

    /// Whether it is one of [`OrderStatus::FINAL`].
    #[must_use]
    pub fn is_final(self) -> bool {
        Self::FINAL.contains(&self)
    }

    /// The contract's word.
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
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the status of the contract of the same name")]
pub enum ConnectionStatus {
    Pending,
    Connected,
    NeedsConsent,
    Disconnected,
}

/// Why something is as it is: a code for programs, a message for people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the type says it")]
pub struct Reason {
    pub code: String,
    pub message: String,
}

impl Reason {
    /// Its code; `None`: it is one of a newer server.
    #[must_use]
    pub fn known_code(&self) -> Option<ReasonCode> {
        ReasonCode::of(&self.code)
    }

    /// What a program does about it; `None`: the code is one of a newer server.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        self.known_code().map(ReasonCode::remedy)
    }
}

/// One change of an order's status.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct HistoryEntry {
    pub at: Timestamp,
    pub status: OrderStatus,
    pub reason: Option<Reason>,
    /// The news of an exit that this entry tells; `status` is the order's as before then.
    pub leg: Option<LegNews>,
    /// The number of the change whose refusal this entry tells.
    pub revision: Option<u64>,
}

/// What became of an exit then.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct LegNews {
    pub role: LegRole,
    pub status: OrderStatus,
    pub filled_quantity: Decimal,
}

/// An exit of a bracket: an order of its own at the broker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct LegView {
    pub role: LegRole,
    pub broker_order_id: Option<String>,
    pub status: OrderStatus,
    pub quantity: Option<Decimal>,
    pub filled_quantity: Decimal,
    pub average_price: Option<Decimal>,
    pub reason: Option<Reason>,
    /// Its whole ticket in force: see [`LegView::limit_price`].
    pub ticket: Option<Value>,
    /// Whether its end is asked for, of it alone or with its order.
    #[serde(default)]
    pub cancel_asked: bool,
}

impl LegView {
    /// The limit price in force, if it has one.
    #[must_use]
    pub fn limit_price(&self) -> Option<Decimal> {
        self.price("limit_price")
    }

    /// The stop price in force, if it has one.
    #[must_use]
    pub fn stop_price(&self) -> Option<Decimal> {
        self.price("stop_price")
    }

    fn price(&self, field: &str) -> Option<Decimal> {
        self.ticket.as_ref()?.get(field)?.as_str()?.parse().ok()
    }
}

/// The latest change of an order that was asked for. `status`: asked, sending, unknown, applied or refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct ChangeView {
    pub revision: u64,
    /// The exit that it changes; `None`: the entry.
    pub leg: Option<LegRole>,
    pub status: String,
    pub ticket: Value,
    pub reason: Option<Reason>,
    pub asked_at: Timestamp,
}

/// A message that became no order. The ids are its own word; `None` where they could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct Refusal {
    pub at: Timestamp,
    pub message_id: String,
    pub order_id: Option<String>,
    pub user_id: Option<String>,
    pub algorithm_id: Option<String>,
    pub reason: Reason,
}

/// An order. Without account and ticket: its message could not be read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct OrderView {
    pub order_id: String,
    pub user_id: String,
    pub algorithm_id: String,
    pub account_id: Option<String>,
    pub status: OrderStatus,
    /// Whether its end is asked for, and it has not ended. The exits of a bracket show their own.
    #[serde(default)]
    pub cancel_asked: bool,
    pub symbol: Option<String>,
    pub quantity: Option<Decimal>,
    pub cash_quantity: Option<Decimal>,
    pub filled_quantity: Decimal,
    pub average_price: Option<Decimal>,
    pub broker_order_ids: Vec<String>,
    /// The exits of a bracket. Where one still works, the order is open whatever its `status` is: that is its entry's.
    #[serde(default)]
    pub legs: Vec<LegView>,
    pub client_order_id: String,
    pub reason: Option<Reason>,
    pub good_until: Option<Timestamp>,
    pub ticket: Option<Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub history: Vec<HistoryEntry>,
    #[serde(default = "first_revision")]
    pub revision: u64,
    pub change: Option<ChangeView>,
    /// See [`OrderView::next_revision`]; `None`: an older server does not show it.
    #[serde(rename = "next_revision")]
    pub next_revision_shown: Option<u64>,
    /// What a person must know of it, whatever its status: that a filled bracket stands without its stop, for one.
    pub warning: Option<Reason>,
}

fn first_revision() -> u64 {
    1
}

impl OrderView {
    /// Whether nothing of it can trade any more: the entry is final, and so is each exit. What waits for a person
    /// (`needs_review`) may work at the broker.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let is_over = |status: OrderStatus| status.is_final() && status != OrderStatus::NeedsReview;
        is_over(self.status) && self.legs.iter().all(|leg| is_over(leg.status))
    }

    /// Whether it is over, or waits for a person: a change of it is refused.
    #[must_use]
    pub fn takes_no_change(&self) -> bool {
        self.status.is_final() && self.legs.iter().all(|leg| leg.status.is_final())
    }

    /// One of its exits.
    #[must_use]
    pub fn leg(&self, role: LegRole) -> Option<&LegView> {
        self.legs.iter().find(|leg| leg.role == role)
    }

    /// The number under which the next change is asked for. A change that was refused on its way has used its own up.
    #[must_use]
    pub fn next_revision(&self) -> u64 {
        let asked = self.change.as_ref().map_or(1, |change| change.revision);
        self.next_revision_shown.unwrap_or(asked.max(self.revision).saturating_add(1))
    }

    /// Whether it is, or has been, in this status. A final one may have been taken back: see [`OrderView::has_reached`].
    #[must_use]
    pub fn has_been(&self, status: OrderStatus) -> bool {
        self.status == status || self.history.iter().any(|entry| entry.status == status)
    }

    /// Whether it is in this status, or has been in it, where it is not a final one.
    ///
    /// An end may be none: the broker may show the order at work after all. So of final ones the present one counts.
    #[must_use]
    pub fn has_reached(&self, status: OrderStatus) -> bool {
        self.status == status || (!status.is_final() && self.has_been(status))
    }
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct ConnectionView {
    pub connection_id: String,
    pub user_id: String,
    pub status: ConnectionStatus,
    pub environment: Option<String>,
    pub accounts: Vec<String>,
    pub last_error: Option<Reason>,
}
