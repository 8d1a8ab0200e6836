//! The book: every order that was ever registered, and every execution.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::ticket::{Side, Ticket, Trail};

/// Orders kept; then no more are taken.
const ORDERS_MAX: usize = 100_000;
/// A `cOID` may come again after this.
const CLIENT_ORDER_ID_LIFE_HOURS: i64 = 24;
/// Order ids count up from here.
const FIRST_ORDER_ID: i64 = 1_370_093_201;

/// What the broker says of an order (5.11 of the facts).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStatus {
    /// Not transmitted, or refused by the venue.
    Inactive,
    /// Not transmitted yet: live orders show it as `Inactive` as well, and it comes to work later.
    Suspended,
    /// Taken; waits for a trigger, a parent, or the open.
    PreSubmitted,
    /// At the venue.
    Submitted,
    /// Done.
    Filled,
    /// A cancel is under way; fills can still come.
    PendingCancel,
    /// Done, cancelled.
    Cancelled,
}

impl OrderStatus {
    /// The broker's word.
    #[must_use]
    pub fn wire(self) -> &'static str {
        match self {
            Self::Inactive | Self::Suspended => "Inactive",
            Self::PreSubmitted => "PreSubmitted",
            Self::Submitted => "Submitted",
            Self::Filled => "Filled",
            Self::PendingCancel => "PendingCancel",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether nothing can follow.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Inactive | Self::Filled | Self::Cancelled)
    }
}

/// An order that was really registered, for tests that count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The broker's id.
    pub order_id: i64,
    /// The client's id, if it gave one.
    pub client_order_id: Option<String>,
    /// Whose order it is.
    pub username: String,
    /// Its account.
    pub account_id: String,
    /// Its contract.
    pub conid: i64,
    /// `BUY` or `SELL`.
    pub side: String,
    /// As the ticket said it: `LMT`, `MKT`, …
    pub order_type: String,
    /// Present limit (of a stop: stop) price.
    pub price: Option<Decimal>,
    /// Present stop price, of an order that has a limit besides.
    pub aux_price: Option<Decimal>,
    /// Present distance of a trailing stop, and whether it is `amt` or `%`.
    pub trail: Option<(Decimal, String)>,
    /// Present `tif`.
    pub time_in_force: String,
    /// When the client says that it, or its latest change, was entered, in seconds of the epoch.
    pub manual_order_time: Option<i64>,
    /// Present quantity.
    pub quantity: Decimal,
    /// Executed so far.
    pub filled_quantity: Decimal,
    /// At what price on average; nothing while nothing is executed.
    pub average_price: Option<Decimal>,
    /// What the broker says of it.
    pub status: OrderStatus,
    /// The order whose child it is.
    pub parent_order_id: Option<i64>,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// How often it was modified.
    pub modifications: u32,
}

/// What befell an order since it was registered, for tests that ask when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderHistory {
    /// The broker's id.
    pub order_id: i64,
    /// Its executions, in their order. A correction is none.
    pub executions: Vec<Stamped>,
    /// The quantities that it had before the present one, each with the time of its end.
    pub earlier_quantities: Vec<Stamped>,
    /// The changes that were taken, in their order.
    pub changes: Vec<TakenChange>,
    /// When it became final; nothing while it works.
    pub ended_at: Option<Timestamp>,
}

impl OrderHistory {
    /// Executed by this time.
    #[must_use]
    pub fn filled_at(&self, time: Timestamp) -> Decimal {
        self.executions.iter().filter(|executed| executed.at <= time).map(|executed| executed.quantity).sum()
    }

    /// Its quantity at this time; `present` is what it has now.
    #[must_use]
    pub fn quantity_at(&self, time: Timestamp, present: Decimal) -> Decimal {
        self.earlier_quantities.iter().find(|earlier| earlier.at > time).map_or(present, |earlier| earlier.quantity)
    }
}

/// A quantity, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamped {
    /// When.
    pub at: Timestamp,
    /// How much.
    pub quantity: Decimal,
}

/// A change that was answered as if it were in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenChange {
    /// When.
    pub at: Timestamp,
    /// Whether it was carried out, or answered alone.
    pub carried_out: bool,
    /// The order as it was asked to be.
    pub asked: LedgerEntry,
}

/// See [`OrderHistory`].
#[derive(Default)]
pub(crate) struct History {
    pub(crate) executions: Vec<Stamped>,
    pub(crate) earlier_quantities: Vec<Stamped>,
    pub(crate) changes: Vec<TakenChange>,
    pub(crate) ended_at: Option<Timestamp>,
}

pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) username: String,
    pub(crate) ticket: Ticket,
    pub(crate) status: OrderStatus,
    /// Orders of one group: one fills, the others are cancelled.
    pub(crate) group: Option<i64>,
    pub(crate) parent_id: Option<i64>,
    pub(crate) parent_filled: bool,
    /// Which day between resets it was registered on.
    pub(crate) day: u32,
    pub(crate) filled: Decimal,
    /// Sum of price times quantity over all executions.
    pub(crate) filled_value: Decimal,
    /// The stop has been touched.
    pub(crate) triggered: bool,
    /// The best price that a trailing stop has seen.
    pub(crate) anchor: Option<Decimal>,
    pub(crate) cancel_due: Option<Timestamp>,
    /// The word that is shown in place of its status while it works.
    pub(crate) odd_word: Option<String>,
    pub(crate) registered_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) modifications: u32,
    pub(crate) history: History,
}

impl Order {
    /// It is for so much from now on.
    pub(crate) fn resize(&mut self, quantity: Decimal, now: Timestamp) {
        if quantity != self.ticket.quantity {
            self.history.earlier_quantities.push(Stamped { at: now, quantity: self.ticket.quantity });
            self.ticket.quantity = quantity;
        }
    }

    /// The order as the ledger would show it with this ticket.
    pub(crate) fn as_asked(&self, ticket: &Ticket) -> LedgerEntry {
        ledger_entry(self, ticket)
    }

    pub(crate) fn remaining(&self) -> Decimal {
        self.ticket.quantity - self.filled
    }

    /// What live orders say of it.
    pub(crate) fn shown_status(&self) -> &str {
        self.odd_word.as_deref().filter(|_| !self.status.is_final()).unwrap_or(self.status.wire())
    }

    /// What is said of it by its number: also that it is not transmitted yet.
    pub(crate) fn status_by_number(&self) -> &str {
        match self.status {
            OrderStatus::Suspended => "PreSubmitted",
            _ => self.shown_status(),
        }
    }

    pub(crate) fn average_price(&self) -> Option<Decimal> {
        (!self.filled.is_zero()).then(|| self.filled_value / self.filled)
    }
}

#[derive(Clone)]
pub(crate) struct Trade {
    pub(crate) execution_id: String,
    pub(crate) order_id: i64,
    pub(crate) username: String,
    pub(crate) account: String,
    pub(crate) conid: i64,
    pub(crate) side: Side,
    pub(crate) size: Decimal,
    pub(crate) price: Decimal,
    pub(crate) commission: Decimal,
    pub(crate) at: Timestamp,
    pub(crate) client_order_id: Option<String>,
}

/// What a registration knows besides the ticket.
pub(crate) struct NewOrder {
    pub(crate) id: i64,
    pub(crate) username: String,
    pub(crate) group: Option<i64>,
    pub(crate) day: u32,
    pub(crate) at: Timestamp,
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) orders: BTreeMap<i64, Order>,
    pub(crate) trades: VecDeque<Trade>,
    /// Orders whose cancel is under way.
    pub(crate) cancelling: BTreeSet<i64>,
    /// By username and `cOID`: the latest order.
    client_order_ids: BTreeMap<(String, String), i64>,
    reserved: i64,
    executions: u64,
    /// By account and contract: what was held before the first order.
    held_before: BTreeMap<(String, i64), Decimal>,
}

impl Book {
    pub(crate) fn is_full(&self) -> bool {
        self.orders.len() >= ORDERS_MAX
    }

    /// The next order id; it is not given again.
    pub(crate) fn reserve_id(&mut self) -> i64 {
        self.reserved += 1;
        FIRST_ORDER_ID + self.reserved - 1
    }

    /// Counts executions, so that each has an id of its own.
    pub(crate) fn next_execution(&mut self) -> u64 {
        self.executions += 1;
        self.executions
    }

    pub(crate) fn order(&self, id: i64) -> Option<&Order> {
        self.orders.get(&id)
    }

    pub(crate) fn order_mut(&mut self, id: i64) -> Option<&mut Order> {
        self.orders.get_mut(&id)
    }

    /// Whether a `cOID` was registered within the last 24 hours.
    pub(crate) fn is_taken(&self, username: &str, client_order_id: &str, now: Timestamp) -> bool {
        let id = self.client_order_ids.get(&(username.to_owned(), client_order_id.to_owned()));
        let life = SignedDuration::from_hours(CLIENT_ORDER_ID_LIFE_HOURS);
        id.and_then(|id| self.order(*id)).is_some_and(|order| now.duration_since(order.registered_at) < life)
    }

    /// The order that a `parentId` names: by `cOID`, or by order id.
    pub(crate) fn parent(&self, username: &str, parent: &str) -> Option<i64> {
        let by_client_id = self.client_order_ids.get(&(username.to_owned(), parent.to_owned())).copied();
        by_client_id.or_else(|| {
            parent.parse().ok().filter(|id| self.order(*id).is_some_and(|order| order.username == username))
        })
    }

    pub(crate) fn register(&mut self, new: NewOrder, ticket: Ticket) {
        let parent_id = ticket.parent.as_ref().and_then(|parent| self.parent(&new.username, parent));
        if let Some(client_order_id) = ticket.client_order_id.clone() {
            self.client_order_ids.insert((new.username.clone(), client_order_id), new.id);
        }
        let parent_filled =
            parent_id.and_then(|id| self.order(id)).is_some_and(|parent| parent.status == OrderStatus::Filled);
        let waits =
            (parent_id.is_some() && !parent_filled) || ticket.order_type.is_stop() || ticket.time_in_force == "OPG";
        let status = match (ticket.deactivated, waits) {
            (true, _) => OrderStatus::Inactive,
            (false, true) => OrderStatus::PreSubmitted,
            (false, false) => OrderStatus::Submitted,
        };
        let order = Order {
            id: new.id,
            username: new.username,
            ticket,
            status,
            // The children of one parent cancel each other, grouped or not.
            group: new.group.filter(|_| parent_id.is_none()).or(parent_id),
            parent_id,
            parent_filled,
            day: new.day,
            filled: Decimal::ZERO,
            filled_value: Decimal::ZERO,
            triggered: false,
            anchor: None,
            cancel_due: None,
            odd_word: None,
            registered_at: new.at,
            updated_at: new.at,
            modifications: 0,
            history: History::default(),
        };
        self.orders.insert(order.id, order);
    }

    /// Everything registered, in order of registration.
    pub(crate) fn ledger(&self) -> Vec<LedgerEntry> {
        self.orders.values().map(|order| ledger_entry(order, &order.ticket)).collect()
    }

    /// What befell everything registered, in order of registration.
    pub(crate) fn histories(&self) -> Vec<OrderHistory> {
        let history = |order: &Order| OrderHistory {
            order_id: order.id,
            executions: order.history.executions.clone(),
            earlier_quantities: order.history.earlier_quantities.clone(),
            changes: order.history.changes.clone(),
            ended_at: order.history.ended_at,
        };
        self.orders.values().map(history).collect()
    }

    /// An account has held so much of a contract from before every order.
    pub(crate) fn hold(&mut self, account: &str, conid: i64, quantity: Decimal) {
        self.held_before.insert((account.to_owned(), conid), quantity);
    }

    /// Net position by contract: what was held before, and the executions.
    pub(crate) fn positions(&self, account: &str) -> BTreeMap<i64, Decimal> {
        let held_before = self.held_before.iter().filter(|((held_by, _), _)| held_by == account);
        let mut positions: BTreeMap<i64, Decimal> =
            held_before.map(|((_, conid), quantity)| (*conid, *quantity)).collect();
        let corrected = |trade: &&Trade| {
            let stem = trade.execution_id.rsplit_once('.').map(|(stem, _)| format!("{stem}."));
            let later = |other: &Trade| other.execution_id > trade.execution_id;
            stem.is_some_and(|stem| {
                self.trades.iter().any(|other| other.execution_id.starts_with(&stem) && later(other))
            })
        };
        let last = self.trades.iter().filter(|trade| trade.account == account && !corrected(trade));
        for trade in last {
            let signed = if trade.side == Side::Buy { trade.size } else { -trade.size };
            *positions.entry(trade.conid).or_insert(Decimal::ZERO) += signed;
        }
        positions
    }
}

fn ledger_entry(order: &Order, ticket: &Ticket) -> LedgerEntry {
    LedgerEntry {
        order_id: order.id,
        client_order_id: ticket.client_order_id.clone(),
        username: order.username.clone(),
        account_id: ticket.account.clone(),
        conid: ticket.conid,
        side: ticket.side.wire().to_owned(),
        order_type: ticket.order_type.wire().to_owned(),
        price: ticket.price,
        aux_price: ticket.aux_price,
        trail: ticket.trail.map(Trail::wire),
        time_in_force: ticket.time_in_force.clone(),
        manual_order_time: ticket.manual_order_time,
        quantity: ticket.quantity,
        filled_quantity: order.filled,
        average_price: order.average_price(),
        status: order.status,
        parent_order_id: order.parent_id,
        registered_at: order.registered_at,
        modifications: order.modifications,
    }
}
