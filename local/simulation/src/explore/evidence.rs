//! What is left of a world: everything that its invariants are judged by.

use std::collections::{BTreeMap, BTreeSet};

use domain::{ClientOrderId, Leg, LegRole, Order, OrderKey, OrderStatus as Status, Refusal};
use jiff::Timestamp;
use order_events::Event;
use paper_broker::{LedgerEntry, OrderHistory, OrderStatus};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::lives::PEOPLE;
use super::plan::Plan;
use super::stage::{Halted, Sent, Stage};
use crate::effects::{Fate, Hindrance, LateWrite, ReturnedMessage, TimedOut};
use crate::message::Message;
use crate::world::World;

/// Digits after the point to which an average price is compared.
const AVERAGE_DIGITS: u32 = 8;

/// One order with everything that is known of it.
#[derive(Debug)]
pub(crate) struct Record {
    /// As the ledger has it.
    pub(crate) order: Order,
    /// Each image of its row, in order.
    pub(crate) images: Vec<Order>,
    /// What was told of it on the bus.
    pub(crate) events: Vec<Event>,
    /// The broker's own entry under its client order id.
    pub(crate) entry: Option<LedgerEntry>,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) plan: Plan,
    pub(crate) calm_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    /// When the broker was asked to cancel which of its orders.
    pub(crate) cancel_calls: Vec<(Timestamp, i64)>,
    pub(crate) records: Vec<Record>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) book: Vec<LedgerEntry>,
    /// What befell each of the broker's orders, by its number.
    pub(crate) histories: BTreeMap<i64, OrderHistory>,
    /// What kept the functions from seeing the broker.
    pub(crate) hindrances: Vec<Hindrance>,
    /// What came again by its visibility time-out, and what became of its workers before.
    pub(crate) timed_out: Vec<(TimedOut, Vec<Fate>)>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) halted: Vec<Halted>,
    pub(crate) held_up: BTreeSet<String>,
    pub(crate) late_writes: Vec<LateWrite>,
    pub(crate) returned: Vec<ReturnedMessage>,
    pub(crate) left: Vec<Message>,
    pub(crate) dead: Vec<Message>,
    pub(crate) day_reset: bool,
    /// The broker's orders that a person changed in its own program.
    pub(crate) by_hand: BTreeSet<i64>,
    /// Those that it called cancelled while they worked.
    pub(crate) falsely_ended: BTreeSet<i64>,
    pub(crate) most_open: BTreeMap<String, usize>,
    /// Every row of every table, every message, every line of the log.
    pub(crate) everything_written: String,
    pub(crate) secrets: Vec<(&'static str, String)>,
}

impl Evidence {
    pub(crate) async fn of(stage: &Stage, log: String) -> Self {
        let world = &stage.world;
        let book = world.broker().ledger();
        let by_name = by_client_order_id(&book);
        let mut told = changes(world);
        let mut records = Vec::new();
        for person in &PEOPLE {
            for order in world.all_orders(person.user_id).await {
                let (images, events) = told.remove(&order.key.to_string()).unwrap_or_default();
                let entry = by_name.get(order.client_order_id.as_str()).cloned();
                records.push(Record { order, images, events, entry });
            }
        }
        Self {
            plan: stage.plan.clone(),
            calm_at: stage.calm_at.unwrap_or(stage.begun_at),
            ended_at: world.right_time(),
            cancel_calls: cancel_calls(world),
            records,
            refusals: world.all_refusals().await,
            book,
            histories: world.broker().histories().into_iter().map(|history| (history.order_id, history)).collect(),
            hindrances: world.effects.hindrances(),
            timed_out: world.effects.timed_out(),
            sent: stage.sent.clone(),
            halted: stage.halted.clone(),
            held_up: world.effects.held_up(),
            late_writes: world.effects.late_writes(),
            returned: world.effects.returned(),
            left: world.queues.messages(),
            dead: world.queues.dead_letters(),
            day_reset: stage.day_reset,
            by_hand: stage.by_hand.clone(),
            falsely_ended: stage.ever_falsely_ended.clone(),
            most_open: stage.most_open.clone(),
            everything_written: everything_written(world, log),
            secrets: super::secrets::all(world),
        }
    }

    /// A digest of the orders and of the broker's book, with all their times.
    pub(crate) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for record in &self.records {
            digest.update(format!("{:?}\n", record.order));
        }
        digest.update(format!("{:?}", self.book));
        short(digest)
    }

    pub(crate) fn record(&self, user_id: &str, order_id: &str) -> Option<&Record> {
        self.records.iter().find(|record| {
            record.order.key.user_id.as_str() == user_id && record.order.key.order_id.as_str() == order_id
        })
    }

    /// The quantity that an entry had then.
    pub(crate) fn quantity_at(&self, entry: &LedgerEntry, at: Timestamp) -> Decimal {
        self.histories.get(&entry.order_id).map_or(entry.quantity, |history| history.quantity_at(at, entry.quantity))
    }

    /// How much of an entry was executed before then.
    pub(crate) fn filled_before(&self, entry: &LedgerEntry, at: Timestamp) -> Decimal {
        let executions = self.histories.get(&entry.order_id).map(|history| &history.executions);
        executions.into_iter().flatten().filter(|executed| executed.at < at).map(|executed| executed.quantity).sum()
    }

    pub(crate) fn refusal(&self, message_id: &str) -> Option<&Refusal> {
        self.refusals.iter().find(|refusal| refusal.message_id == message_id)
    }
}

fn cancel_calls(world: &World) -> Vec<(Timestamp, i64)> {
    let calls = world.broker().calls().into_iter().filter(|call| call.method == "DELETE");
    calls.filter_map(|call| Some((call.at, call.path.rsplit_once("/order/")?.1.parse().ok()?))).collect()
}

/// The images and events of each order, from the table's stream, by the real function.
fn changes(world: &World) -> BTreeMap<String, (Vec<Order>, Vec<Event>)> {
    let mut told: BTreeMap<String, (Vec<Order>, Vec<Event>)> = BTreeMap::new();
    for record in world.database.changes("orders").unwrap() {
        let record: aws_lambda_events::dynamodb::EventRecord = serde_json::from_value(record).unwrap();
        let Some(order) = store::order_from_image(record.change.new_image.clone()).unwrap() else { continue };
        let events = order_events::of_record(&record).unwrap();
        let of_order = told.entry(order.key.to_string()).or_default();
        of_order.0.push(order);
        of_order.1.extend(events);
    }
    told
}

fn everything_written(world: &World, log: String) -> String {
    let mut written = log;
    for table in ["orders", "connections", "attempts", "rules", "lanes"] {
        for row in world.database.rows(table).unwrap() {
            written.push_str(&row.to_string());
            written.push('\n');
        }
    }
    written + &world.queues.bodies().join("\n")
}

pub(crate) fn client_order_id(user_id: &str, order_id: &str) -> ClientOrderId {
    ClientOrderId::of(&OrderKey { user_id: user_id.parse().unwrap(), order_id: order_id.parse().unwrap() })
}

/// As much of a digest as tells two ends apart.
pub(crate) fn short(digest: Sha256) -> String {
    hex::encode(&digest.finalize()[..8])
}

/// The broker's entries by the name that we gave them.
pub(crate) fn by_client_order_id(book: &[LedgerEntry]) -> BTreeMap<String, LedgerEntry> {
    book.iter().filter_map(|entry| Some((entry.client_order_id.clone()?, entry.clone()))).collect()
}

/// Whether what we say of an order is what the broker says of it.
pub(crate) fn is_told(order: &Order, entry: &LedgerEntry) -> bool {
    let rounded = |price: Option<Decimal>| price.map(|price| price.round_dp(AVERAGE_DIGITS).normalize());
    let fills =
        order.filled_quantity == entry.filled_quantity && rounded(order.average_price) == rounded(entry.average_price);
    let status = match order.status() {
        Status::Working => !entry.status.is_final() && entry.filled_quantity.is_zero(),
        Status::PartiallyFilled => !entry.status.is_final() && !entry.filled_quantity.is_zero(),
        Status::Cancelling => entry.status == OrderStatus::PendingCancel,
        Status::Filled => entry.status == OrderStatus::Filled,
        Status::Cancelled => entry.status == OrderStatus::Cancelled,
        Status::Rejected => entry.status == OrderStatus::Inactive,
        _ => false,
    };
    status && fills
}

/// Whether an entry is one open order: it works, or it is a bracket's parent and one of the exits does.
pub(crate) fn is_open(entry: &LedgerEntry, book: &[LedgerEntry]) -> bool {
    let exit_works = || book.iter().any(|exit| exit.parent_order_id == Some(entry.order_id) && !exit.status.is_final());
    entry.parent_order_id.is_none() && (!entry.status.is_final() || exit_works())
}

/// Which exit an entry of the broker's book is.
pub(crate) fn role_of(exit: &LedgerEntry) -> LegRole {
    if exit.order_type == "LMT" { LegRole::TakeProfit } else { LegRole::StopLoss }
}

/// The broker's own entry of a leg.
pub(crate) fn exit_of<'b>(leg: &Leg, parent: &LedgerEntry, book: &'b [LedgerEntry]) -> Option<&'b LedgerEntry> {
    book.iter().find(|entry| entry.parent_order_id == Some(parent.order_id) && role_of(entry) == leg.role)
}

/// Whether what we say of an order's exits is what the broker says of them.
pub(crate) fn exits_are_told(order: &Order, parent: &LedgerEntry, book: &[LedgerEntry]) -> bool {
    order.legs().iter().all(|leg| match exit_of(leg, parent, book) {
        // It was taken off the order before that was sent.
        None => leg.has_ended(),
        Some(entry) => {
            let status = match leg.status() {
                Status::Filled => entry.status == OrderStatus::Filled,
                Status::Cancelled | Status::Rejected => entry.status.is_final() && entry.status != OrderStatus::Filled,
                Status::Working | Status::PartiallyFilled | Status::Cancelling => !entry.status.is_final(),
                _ => false,
            };
            status && leg.filled_quantity == entry.filled_quantity
        }
    })
}
