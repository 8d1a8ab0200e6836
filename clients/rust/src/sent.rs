//! What a client has sent, to be held against what the server has on record.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;
use serde_json::Value;

use crate::messages::Message;
use crate::ticket::LegRole;
use crate::views::{LegView, OrderStatus, OrderView};

/// Orders that a client remembers at most; beyond it, what was sent longest ago is forgotten.
const ORDERS_MAX: usize = 10_000;
/// What a change cannot touch, and what it can.
const FIXED: [&str; 2] = ["side", "type"];
const CHANGEABLE: [&str; 5] = ["quantity", "cash_quantity", "limit_price", "stop_price", "time_in_force"];

/// The latest message that placed an order.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    message: Message,
    pub(crate) message_id: String,
}

/// A message about an order that was placed before.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    message: Message,
    pub(crate) message_id: String,
}

#[derive(Debug, Default)]
struct OfOrder {
    placed: Option<Placed>,
    /// The changes of which nothing was told yet, by revision.
    changes: BTreeMap<u64, Sent>,
    /// The latest cancel of the order and of each exit, while nothing was told of it.
    cancels: Vec<Sent>,
}

/// The user and the order.
type Key = (String, String);

#[derive(Debug, Default)]
struct Memory {
    orders: HashMap<Key, OfOrder>,
    /// In the order of their first message.
    keys: VecDeque<Key>,
}

/// What was put on the queue for one user. Clones, and those of other users that were made of it, are the same memory.
#[derive(Debug, Clone)]
pub(crate) struct SentMessages {
    user_id: String,
    memory: Arc<Mutex<Memory>>,
}

impl SentMessages {
    pub(crate) fn new(user_id: &str) -> Self {
        Self { user_id: user_id.to_owned(), memory: Arc::default() }
    }

    /// The same memory, for another user.
    pub(crate) fn of_user(&self, user_id: &str) -> Self {
        Self { user_id: user_id.to_owned(), memory: Arc::clone(&self.memory) }
    }

    /// Remembers a message that the queue took.
    pub(crate) fn remember(&self, message: Message, message_id: String) {
        let key = self.key(message.text("order_id"));
        let mut memory = self.lock();
        if !memory.orders.contains_key(&key) {
            memory.keys.push_back(key.clone());
            if memory.keys.len() > ORDERS_MAX
                && let Some(oldest) = memory.keys.pop_front()
            {
                memory.orders.remove(&oldest);
            }
        }
        let of_order = memory.orders.entry(key).or_default();
        match message.text("command") {
            "place" => of_order.placed = Some(Placed { message, message_id }),
            "modify" => {
                let revision = message.0.get("revision").and_then(Value::as_u64).unwrap_or_default();
                of_order.changes.insert(revision, Sent { message, message_id });
            }
            _ => {
                let sent = Sent { message, message_id };
                of_order.cancels.retain(|earlier| earlier.leg() != sent.leg());
                of_order.cancels.push(sent);
            }
        }
    }

    /// The message that placed this order, while it is not known whether it is the order on record.
    pub(crate) fn unconfirmed(&self, order_id: &str) -> Option<Placed> {
        self.lock().orders.get(&self.key(order_id)).and_then(|of_order| of_order.placed.clone())
    }

    /// Whether the order on record is the one that was placed is known, or was told.
    pub(crate) fn told_of_placing(&self, order_id: &str) {
        if let Some(of_order) = self.lock().orders.get_mut(&self.key(order_id)) {
            of_order.placed = None;
        }
    }

    /// The revisions of this order that were sent and of which nothing was told yet.
    pub(crate) fn changes(&self, order_id: &str) -> Vec<u64> {
        self.lock()
            .orders
            .get(&self.key(order_id))
            .map(|of_order| of_order.changes.keys().copied().collect())
            .unwrap_or_default()
    }

    /// A change of which nothing was told yet.
    pub(crate) fn change(&self, order_id: &str, revision: u64) -> Option<Sent> {
        self.lock().orders.get(&self.key(order_id)).and_then(|of_order| of_order.changes.get(&revision).cloned())
    }

    /// What became of a change was told.
    pub(crate) fn told(&self, order_id: &str, revision: u64) {
        if let Some(of_order) = self.lock().orders.get_mut(&self.key(order_id)) {
            of_order.changes.remove(&revision);
        }
    }

    /// The latest cancel of this order and of each exit of which nothing was told yet, and that the order does not show as taken.
    pub(crate) fn cancels(&self, order: &OrderView) -> Vec<Sent> {
        let mut memory = self.lock();
        let Some(of_order) = memory.orders.get_mut(&self.key(&order.order_id)) else { return Vec::new() };
        of_order.cancels.retain(|cancel| !cancel.is_taken(order));
        of_order.cancels.clone()
    }

    /// The messages whose refusal tells why this order is not on record: the one that placed it, else those that meant it to be there.
    pub(crate) fn of_unseen(&self, order_id: &str) -> Vec<String> {
        let memory = self.lock();
        let Some(of_order) = memory.orders.get(&self.key(order_id)) else { return Vec::new() };
        if let Some(placed) = &of_order.placed {
            return vec![placed.message_id.clone()];
        }
        // Messages of one user keep their order: without its order's refusal no later message can be refused.
        of_order.changes.values().chain(&of_order.cancels).map(|sent| sent.message_id.clone()).collect()
    }

    /// That this message was refused was told.
    pub(crate) fn told_of(&self, order_id: &str, message_id: &str) {
        if let Some(of_order) = self.lock().orders.get_mut(&self.key(order_id)) {
            of_order.changes.retain(|_, sent| sent.message_id != message_id);
            of_order.cancels.retain(|sent| sent.message_id != message_id);
        }
    }

    fn key(&self, order_id: &str) -> Key {
        (self.user_id.clone(), order_id.to_owned())
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sent {
    /// The exit that it is of.
    pub(crate) fn leg(&self) -> Option<&str> {
        self.message.0.get("leg").and_then(Value::as_str)
    }

    /// Whether the change on record is certainly another one than this message asked for, under the same number.
    pub(crate) fn is_other(&self, order: &OrderView) -> bool {
        let revision = self.message.0.get("revision").and_then(Value::as_u64);
        let Some(shown) = order.change.as_ref().filter(|change| Some(change.revision) == revision) else {
            return false;
        };
        if shown.leg.map(LegRole::as_str) == self.leg() {
            return self.asks_otherwise(&shown.ticket);
        }
        // Exits follow the entry's quantity under the number that is in force: then what was asked for is in force, too.
        order.revision < shown.revision || self.ticket_in_force(order).is_some_and(|ticket| self.asks_otherwise(ticket))
    }

    fn asks_otherwise(&self, ticket: &Value) -> bool {
        // What an exit is for shrinks with the other one's fills.
        let is_compared = |field: &&&str| !(**field == "quantity" && self.leg().is_some());
        let differs =
            |field: &&str| self.message.0.get(*field).is_some_and(|asked| differs(Some(asked), ticket.get(*field)));
        CHANGEABLE.iter().filter(is_compared).any(differs)
    }

    fn ticket_in_force<'o>(&self, order: &'o OrderView) -> Option<&'o Value> {
        match self.leg() {
            None => order.ticket.as_ref(),
            Some(role) => order.legs.iter().find(|leg| leg.role.as_str() == role)?.ticket.as_ref(),
        }
    }

    /// Whether the order shows that this end, of it or of its exit, is asked for.
    fn is_taken(&self, order: &OrderView) -> bool {
        let is_of_it = |leg: &&LegView| self.leg().is_none_or(|role| role == leg.role.as_str());
        let mut legs = order.legs.iter().filter(is_of_it).peekable();
        order.cancel_asked
            || order.status == OrderStatus::Cancelling
            || (legs.peek().is_some() && legs.all(|leg| leg.cancel_asked))
    }
}

impl Placed {
    /// Whether the order on record is certainly another one. What a change may have made different since is not compared;
    /// an order that could not be read shows nothing.
    pub(crate) fn is_other(&self, seen: &OrderView) -> bool {
        let (Some(Value::Object(ticket)), Some(account_id)) = (&seen.ticket, &seen.account_id) else { return false };
        let message = &self.message;
        if message.text("algorithm_id") != seen.algorithm_id || message.text("account_id") != account_id {
            return true;
        }
        // Only what both name: the server may show more words of a contract than were sent.
        let word = |of: Option<&Value>, word: &str| of.and_then(|contract| contract.get(word)).cloned();
        let contracts = (message.0.get("contract"), ticket.get("contract"));
        let contract_differs = ["conid", "symbol"].iter().any(|name| {
            word(contracts.0, name).zip(word(contracts.1, name)).is_some_and(|(asked, shown)| asked != shown)
        });
        let changeable = CHANGEABLE.iter().filter(|_| seen.revision <= 1);
        contract_differs
            || FIXED.iter().chain(changeable).any(|field| differs(message.0.get(*field), ticket.get(*field)))
    }
}

fn differs(asked: Option<&Value>, shown: Option<&Value>) -> bool {
    let amount = |value: Option<&Value>| value.and_then(Value::as_str)?.parse::<Decimal>().ok();
    match (amount(asked), amount(shown)) {
        (Some(asked), Some(shown)) => asked != shown,
        _ => asked.filter(|value| !value.is_null()) != shown.filter(|value| !value.is_null()),
    }
}
