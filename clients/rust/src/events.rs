//! Events: every change of status of orders and connections, once and in order.
//!
//! The bus gives each event at least once, and not always in order. Each event carries the whole order and its history, and a
//! `sequence` that counts the order's changes; so whoever has the latest has all of it.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::views::{ConnectionStatus, ConnectionView, LegNews, OrderStatus, OrderView, Reason, Refusal};

/// One change of an order's status. `order` is the order as the event that told of it showed it. Where a change of the order
/// was refused, `previous_status` is `status`, `revision` its number, and `reason` says why. With `leg` an exit of a bracket
/// changed, and `status` is the order's as before.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct OrderChange {
    pub sequence: u64,
    pub previous_status: Option<OrderStatus>,
    pub status: OrderStatus,
    pub at: Timestamp,
    pub reason: Option<Reason>,
    pub order: OrderView,
    pub leg: Option<LegNews>,
    pub revision: Option<u64>,
}

impl OrderChange {
    /// Whether it tells what a person must know, as `reason`; the order's status is as before.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        let is_of_the_order = self.leg.is_none() && self.revision.is_none();
        is_of_the_order && self.reason.is_some() && self.previous_status == Some(self.status)
    }
}

/// A change of a connection's status, or of its accounts.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct ConnectionChange {
    pub sequence: u64,
    pub previous_status: Option<ConnectionStatus>,
    pub connection: ConnectionView,
}

/// What an event told.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Of an order.
    Order(Box<OrderChange>),
    /// Of a connection.
    Connection(Box<ConnectionChange>),
    /// That a message became no order.
    Refused(Box<Refusal>),
}

/// Makes order out of events that come twice, late, or not at all: each change once and in order. What a late event would
/// have told is told from the history of the one that overtook it; when the late one arrives, it is nothing new.
#[derive(Debug, Default)]
pub struct EventReader {
    told: HashMap<String, u64>,
    orders: HashMap<String, OrderView>,
}

#[derive(Deserialize)]
struct Event {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: Value,
}

#[derive(Deserialize)]
struct OrderDetail {
    sequence: u64,
    #[serde(flatten)]
    order: OrderView,
}

#[derive(Deserialize)]
struct ConnectionDetail {
    sequence: u64,
    previous_status: Option<ConnectionStatus>,
    #[serde(flatten)]
    connection: ConnectionView,
}

impl EventReader {
    /// A reader to which nothing was told yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an event as `EventBridge` gives it. Events of other sources tell nothing.
    pub fn take(&mut self, event: &str) -> Result<Vec<Change>, Error> {
        let unreadable = |error| {
            Error::UnexpectedAnswer(format!(
                "this is not an event as the contract shows it ({error}); a newer client may read it"
            ))
        };
        let event: Event = serde_json::from_str(event).map_err(unreadable)?;
        match (event.source.as_str(), event.detail_type.as_str()) {
            ("courier.orders", "Order Status Changed") => {
                Ok(self.take_order(serde_json::from_value(event.detail).map_err(unreadable)?))
            }
            ("courier.connections", "Connection Status Changed") => {
                Ok(self.take_connection(serde_json::from_value(event.detail).map_err(unreadable)?))
            }
            ("courier.orders", "Message Refused") => {
                let refusal: Refusal = serde_json::from_value(event.detail).map_err(unreadable)?;
                let told = self.newly(&format!("refusal {}", refusal.message_id), 1);
                Ok(told.map(|_| Change::Refused(Box::new(refusal))).into_iter().collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The order as its latest event showed it, whenever that came.
    #[must_use]
    pub fn order(&self, user_id: &str, order_id: &str) -> Option<&OrderView> {
        self.orders.get(&order_key(user_id, order_id))
    }

    fn take_order(&mut self, OrderDetail { sequence, order }: OrderDetail) -> Vec<Change> {
        let key = order_key(&order.user_id, &order.order_id);
        let Some(told) = self.newly(&key, sequence) else { return Vec::new() };
        let changes = changes(&order, sequence, told);
        self.orders.insert(key, order);
        changes.into_iter().map(|change| Change::Order(Box::new(change))).collect()
    }

    fn take_connection(&mut self, detail: ConnectionDetail) -> Vec<Change> {
        let ConnectionDetail { sequence, previous_status, connection } = detail;
        let key = format!("connection {}", connection.connection_id);
        let told = self.newly(&key, sequence);
        told.map(|_| Change::Connection(Box::new(ConnectionChange { sequence, previous_status, connection })))
            .into_iter()
            .collect()
    }

    /// What was told before, if this is something new.
    fn newly(&mut self, key: &str, sequence: u64) -> Option<u64> {
        let told = self.told.get(key).copied().unwrap_or(0);
        if sequence <= told {
            return None;
        }
        self.told.insert(key.to_owned(), sequence);
        Some(told)
    }
}

/// The changes after `told`, out of the history: its last entry is the event's own change.
fn changes(order: &OrderView, sequence: u64, told: u64) -> Vec<OrderChange> {
    let history = &order.history;
    let entries = history.len() as u64;
    // A very long history has lost entries in its middle; what stands before the gap has no known number.
    let first_known = if sequence > entries { entries / 2 } else { 0 };
    let first_new = entries.saturating_sub(sequence - told).max(first_known);
    (first_new..entries)
        .filter_map(|index| {
            let place = usize::try_from(index).ok()?;
            let entry = history.get(place)?;
            Some(OrderChange {
                sequence: sequence.saturating_sub(entries - 1 - index),
                previous_status: place.checked_sub(1).map(|before| history[before].status),
                status: entry.status,
                at: entry.at,
                reason: entry.reason.clone(),
                order: order.clone(),
                leg: entry.leg.clone(),
                revision: entry.revision,
            })
        })
        .collect()
}

fn order_key(user_id: &str, order_id: &str) -> String {
    // An order id holds no slash, so no two orders share a key.
    format!("order {user_id}/{order_id}")
}
