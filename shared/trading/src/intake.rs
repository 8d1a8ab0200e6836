//! Intake: new orders, and refusals, are put on record.

use domain::message::{Identity, identity_of};
use domain::{EXCERPT_CHARACTERS_MAX, Fact, Order, OrderKey, PlaceOrder, QueuePlace, Reason, ReasonCode, Refusal};
use jiff::Timestamp;
use store::{Inserted, Lanes, Lined, StoreError, Versioned};

use crate::authority::is_forgery;
use crate::desk::Intake;
use crate::lane::{PENDING_MAX, pending};
use crate::receive::{QueueMessage, Request};
use crate::send::expired;

/// How often a message is handed out at most so that its refusal can be recorded. Then the log and an alarm tell of it.
const REFUSAL_TRIES_MAX: u32 = 3;

/// What became of a new order when it was put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is new.
    New(Versioned<Order>),
    /// The same order was on record.
    Same(Versioned<Order>),
    /// Another order is on record under this id, and was left as it is; why this one was refused.
    Differs(OrderKey, Reason),
}

/// A new order as the queue handed it over.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// What was asked.
    pub request: PlaceOrder,
    /// Its place in the queue, where the queue said it.
    pub place: Option<QueuePlace>,
    /// When it was sent, where the queue said it; else it counts as sent now.
    pub sent_at: Option<Timestamp>,
}

impl Intake {
    /// Puts new orders that came over the queue on record, each once and in their order, and in their user's line. One that was
    /// on its way for longer than it is good is on record as expired, one for which the line has no room as denied.
    pub async fn record_all(&self, lanes: &Lanes, arrived: Vec<Arrived>) -> Result<Vec<Recorded>, StoreError> {
        let now = self.clock.now();
        let orders: Vec<Order> = arrived.into_iter().map(|arrived| received(arrived, now)).collect();
        let open = orders.iter().filter(|order| !order.status().is_final());
        let open: Vec<_> = open.map(|order| (order, pending(order))).collect();
        let mut lined = self.orders.insert_in_line(lanes, &open, PENDING_MAX).await?.into_iter();
        let mut on_record = Vec::with_capacity(orders.len());
        for order in &orders {
            let lined = if order.status().is_final() { None } else { lined.next() };
            on_record.push(match lined {
                Some(Lined::Inserted(inserted)) => recorded(inserted, order),
                Some(Lined::NoRoom) => self.record_denied(order, now).await?,
                None => recorded(self.orders.insert(order).await?, order),
            });
        }
        Ok(on_record)
    }

    async fn record_denied(&self, order: &Order, now: Timestamp) -> Result<Recorded, StoreError> {
        let mut denied = order.clone();
        tracing::warn!(key = %order.key, "an order was denied: too many of its user's orders wait already");
        // From `received` a denial is always in place.
        let _ = denied.apply(Fact::Deny(too_many_waiting()), now);
        Ok(recorded(self.orders.insert(&denied).await?, &denied))
    }

    /// Puts a new order on record that was sent just now, as [`Intake::record_all`] does; with its place in the queue, if it
    /// came over one.
    pub async fn record(
        &self,
        lanes: &Lanes,
        request: PlaceOrder,
        place: Option<QueuePlace>,
    ) -> Result<Recorded, StoreError> {
        let key = request.key.clone();
        let recorded = self.record_all(lanes, vec![Arrived { request, place, sent_at: None }]).await?;
        let resource = "orders".to_owned();
        recorded.into_iter().next().ok_or_else(|| StoreError::Conflict { resource, key: key.to_string() })
    }

    /// Puts an order of the dead-letter queue on record. A message's age does not survive that queue (SQS gives it a
    /// new one there), so only an order that says itself until when it is good is still sent.
    pub async fn record_dead_letter(&self, lanes: &Lanes, request: PlaceOrder) -> Result<Recorded, StoreError> {
        if request.good_until.is_some_and(|good_until| good_until > self.clock.now()) {
            return self.record(lanes, request, None).await;
        }
        let now = self.clock.now();
        let mut order = Order::receive(request, now);
        // From `received` an expiry is always in place.
        let _ = order.apply(Fact::Expire(dead_letter("sent")), now);
        Ok(recorded(self.orders.insert(&order).await?, &order))
    }

    /// Puts a refusal on record, for its sender, its user and the operator. What cannot be recorded goes back to the queue,
    /// but for a while only: it must not stand in the way of its group for ever.
    pub async fn refuse(
        &self,
        message: &QueueMessage,
        key: Option<&OrderKey>,
        reason: Reason,
    ) -> Result<Option<Request>, StoreError> {
        tracing::warn!(
            message_id = message.message_id,
            sender_id = message.sender_id,
            code = %reason.code,
            reason = reason.message,
            metric.orders_for_a_person =
                (message.is_dead_letter || reason.code == ReasonCode::CannotBeRecorded).then_some(1),
            metric.forgeries_refused = is_forgery(reason.code.as_str()).then_some(1),
            "a message was refused"
        );
        let Identity { user_id, order_id, algorithm_id } = identity_of(&message.body);
        let order_id = key.map(|key| &key.order_id).or(order_id.as_ref());
        let refusal = Refusal {
            message_id: message.message_id.clone(),
            sender_id: message.sender_id.clone(),
            group_id: message.group_id.clone(),
            reason,
            order_id: order_id.map(ToString::to_string),
            user_id: key.map(|key| &key.user_id).or(user_id.as_ref()).map(ToString::to_string),
            algorithm_id: algorithm_id.map(|algorithm_id| algorithm_id.to_string()),
            excerpt: message.body.chars().take(EXCERPT_CHARACTERS_MAX).collect(),
            sent_at: message.sent_at,
            at: self.clock.now(),
        };
        match self.orders.record_refusal(&refusal).await {
            Err(error) if message.deliveries < REFUSAL_TRIES_MAX && !error.is_beyond_cure() => Err(error),
            Err(error) => {
                let tries = message.deliveries;
                tracing::error!(
                    %error, message_id = refusal.message_id, sender_id = refusal.sender_id, group_id = refusal.group_id,
                    order_id = refusal.order_id, code = %refusal.reason.code, reason = refusal.reason.message, tries,
                    metric.refusals_unrecorded = 1, "a refusal could not be recorded; its sender must be told by hand"
                );
                Ok(None)
            }
            Ok(()) => Ok(None),
        }
    }
}

fn received(arrived: Arrived, now: Timestamp) -> Order {
    let Arrived { request, place, sent_at } = arrived;
    let mut order = Order::receive_sent(request, sent_at.unwrap_or(now), now);
    order.queue_place = place;
    if now >= order.good_until {
        let reason = expired(&order, now);
        // From `received` an expiry is always in place.
        let _ = order.apply(Fact::Expire(reason), now);
    }
    order
}

fn recorded(inserted: Inserted<Order>, order: &Order) -> Recorded {
    match inserted {
        Inserted::New(order) => Recorded::New(order),
        Inserted::Existing(existing) if existing.value.fingerprint == order.fingerprint => Recorded::Same(existing),
        Inserted::Existing(existing) => Recorded::Differs(order.key.clone(), differs(&existing.value, order)),
    }
}

/// What is said of a message, or of a request, that no further try would put on record.
#[must_use]
pub fn cannot_be_recorded() -> Reason {
    Reason::new(
        ReasonCode::CannotBeRecorded,
        "What was asked for can never be put on record: what would be written is too large, or is not valid. Nothing was changed, nothing was sent, and asking again does not help. An order that must end now is ended at the broker; the operator was told.",
    )
}

pub(crate) fn dead_letter(done: &str) -> Reason {
    Reason::new(
        ReasonCode::DeadLetter,
        format!(
            "The message could not be worked on for so long that it became a dead letter, and nobody knows how old it is, so nothing was {done}. If it is still wanted, send it again under a new id."
        ),
    )
}

fn too_many_waiting() -> Reason {
    Reason::new(
        ReasonCode::TooManyWaiting,
        format!(
            "{PENDING_MAX} orders of this user wait already; this one was not taken. Send it again later under a new id."
        ),
    )
}

/// What is said of a second order under an id that is taken. Of another algorithm's order nothing is told but that it is
/// another's.
fn differs(taken: &Order, order: &Order) -> Reason {
    let whose = if taken.algorithm_id == order.algorithm_id {
        "Another order is on record"
    } else {
        "An order of another algorithm, or of the user's own hand, is on record"
    };
    let id = &order.key.order_id;
    Reason::new(
        ReasonCode::OrderDiffers,
        format!(
            "{whose} under the id {id}, and was left as it is.{} An id is one order's of this user for ever: take a new one.",
            differing(taken, order)
        ),
    )
}

/// By which fields the two can be told apart: their names alone, and of the same algorithm's orders alone.
fn differing(taken: &Order, order: &Order) -> String {
    let was_changed = taken.revision() > 1;
    let (Some(taken), Some(asked)) = (&taken.request, &order.request) else { return String::new() };
    let fields = asked.differing_fields(taken);
    if (fields.is_empty() && !was_changed) || taken.algorithm_id != asked.algorithm_id {
        return String::new();
    }
    // What is on record as asked for has the changes since in it.
    if was_changed {
        return " The order was changed since it was placed, and counts as it was placed first.".to_owned();
    }
    format!(" This one differs from it in: {}.", fields.join(", "))
}
