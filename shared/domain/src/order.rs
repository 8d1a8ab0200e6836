//! An order: what was asked, where it is, and how it came there.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::amendments::Amendments;
use crate::arrival::QueuePlace;
use crate::astray::AstrayChange;
use crate::cancel::CancelCalls;
use crate::fields::FieldFault;
use crate::hand::ShownOtherwise;
use crate::ids::{AccountId, AlgorithmId, BrokerOrderId, ClientOrderId, OrderKey};
use crate::late::LateFact;
use crate::leg::{Leg, LegNews};
use crate::legs::legs_of;
use crate::message::{PlaceOrder, summary};
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::reserved::Reserved;
use crate::sight::{BrokerStatus, Sight};
use crate::state::{Fact, OrderState};
use crate::status::OrderStatus;
use crate::taken_change::TakenChange;
use crate::ticket::{OrderType, Size, TimeInForce};
use crate::unwatched::Unwatched;

/// How long a market order may be sent to the broker after its sender sent it, where they did not say (contract).
pub const MARKET_GOOD_FOR: SignedDuration = SignedDuration::from_mins(2);
/// How long any other order may be sent to the broker after its sender sent it, where they did not say (contract).
pub const OTHERS_GOOD_FOR: SignedDuration = SignedDuration::from_mins(15);
/// How long any order may wait to be sent, whatever its `good_until` says. It bounds the wait, not the order: `gtc` works
/// at the broker for as long as the broker keeps it.
pub const GOOD_FOR_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Entries of an order's history that are kept. A real one has fewer than ten; past this the middle is dropped.
const HISTORY_ENTRIES_MAX: usize = 100;

/// An order in review is looked at again after this at first, and at last.
const REVIEW_PAUSE_MIN: SignedDuration = SignedDuration::from_mins(5);
const REVIEW_PAUSE_MAX: SignedDuration = SignedDuration::from_hours(12);

fn first_revision() -> u64 {
    1
}

/// One order of one user. Its row in the ledger is the truth about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its identity.
    #[serde(flatten)]
    pub key: OrderKey,
    /// Who asked for it.
    pub algorithm_id: AlgorithmId,
    /// What was asked; `None` for a message of which only the identity could be read: denied from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<PlaceOrder>,
    /// A digest of what was asked: tells the same order again from another one under the same id.
    pub fingerprint: String,
    /// The broker's guard against a second copy.
    pub client_order_id: ClientOrderId,
    /// After it the order is not sent.
    pub good_until: Timestamp,
    /// Where it is.
    state: OrderState,
    /// The broker's numbers of it, parent first.
    pub broker_order_ids: Vec<BrokerOrderId>,
    /// How much is filled.
    pub filled_quantity: Decimal,
    /// At what price on average.
    pub average_price: Option<Decimal>,
    /// How often its ticket was meant to be put on the wire.
    pub sends: u32,
    /// The number of the entry's ticket that is in force: 1 as placed.
    #[serde(default = "first_revision")]
    pub(crate) revision: u64,
    /// The exits of a bracket.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) legs: Vec<Leg>,
    /// The changes that were asked for, and by which its exits follow it.
    #[serde(flatten)]
    pub(crate) amendments: Amendments,
    /// Changes that the broker took and has not shown in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) taken: Vec<TakenChange>,
    /// The highest number under which a change was taken; 0: none was, or by an earlier release.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) asked_revision: u64,
    /// How lists show parts of it otherwise than they were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) shown_otherwise: Vec<ShownOtherwise>,
    /// Changes that were sent, never answered and not shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) astray: Vec<AstrayChange>,
    /// What the broker showed after the order was final, against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late_facts: Vec<LateFact>,
    /// What a person must know of it, whatever its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<Reason>,
    /// The codes of all that a person was told of it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) warned: BTreeSet<ReasonCode>,
    /// That nobody can look at it, while that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwatched: Option<Unwatched>,
    /// Since when a filled bracket's exits do not show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exits_missing_since: Option<Timestamp>,
    /// When somebody with the right to first asked for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_asked_at: Option<Timestamp>,
    /// How its end was asked for at the broker.
    #[serde(default, skip_serializing_if = "CancelCalls::is_empty")]
    pub(crate) cancel_calls: CancelCalls,
    /// The broker's latest word for where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker_status: Option<BrokerStatus>,
    /// Since when the broker's word leaves open where it stands ([`BrokerStatus::is_unclear`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclear_since: Option<Timestamp>,
    /// Whether that is because it is called filled with less than its whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_unclear_as_filled: bool,
    /// Since when it is in none of the broker's lists, though the broker had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Timestamp>,
    /// When the broker first showed the latest of its fills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_filled_at: Option<Timestamp>,
    /// How many changes of status, and refusals of a change, there were: the `sequence` of its latest event.
    pub sequence: u64,
    /// Every change of status; and every refusal of a change, under the status that stayed.
    pub history: Vec<HistoryEntry>,
    /// Its place in the queue that it came over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_place: Option<QueuePlace>,
    /// When it was first recorded.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// When somebody must look at it again; `None` once it is over.
    pub next_check_at: Option<Timestamp>,
    /// What it holds of the limits that bear on it: written with its intent and taken off with its end, by the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Reserved>,
}

/// One change of status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// To what.
    pub status: OrderStatus,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The news of an exit that this entry tells, rather than a change of the order's own status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<LegNews>,
    /// The number of the change whose refusal this entry tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// A fact that has no place in the order's present state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {status} cannot take {fact}", status = .status.as_str())]
pub struct OutOfPlace {
    /// The present status.
    pub status: OrderStatus,
    /// The fact.
    pub fact: String,
}

impl Order {
    /// Records a new order that was sent just now.
    #[must_use]
    pub fn receive(request: PlaceOrder, now: Timestamp) -> Self {
        Self::receive_sent(request, now, now)
    }

    /// Records a new order that its sender sent at `sent_at`: until when it is good counts from there, however long it was
    /// on its way. A `good_until` later than [`GOOD_FOR_MAX`] after the sending is brought forward to it.
    #[must_use]
    pub fn receive_sent(request: PlaceOrder, sent_at: Timestamp, now: Timestamp) -> Self {
        // The clock of who took the message in may be ahead of ours.
        let sent_at = sent_at.min(now);
        let after = |time| sent_at.saturating_add(time).unwrap_or(sent_at);
        let good_for = match request.ticket.order_type {
            OrderType::Market => MARKET_GOOD_FOR,
            _ => OTHERS_GOOD_FOR,
        };
        let good_until = request.good_until.unwrap_or_else(|| after(good_for)).min(after(GOOD_FOR_MAX));
        let fingerprint = request.fingerprint();
        let (key, algorithm_id) = (request.key.clone(), request.algorithm_id.clone());
        Self::new(key, algorithm_id, Some(request), fingerprint, good_until, OrderState::Received, now)
    }

    /// Records a message whose sender had the right to send it, and of which nothing but the identity could be
    /// read: denied from the start, with every fault named.
    #[must_use]
    pub fn receive_unreadable(
        key: OrderKey,
        algorithm_id: AlgorithmId,
        faults: &[FieldFault],
        fingerprint: String,
        now: Timestamp,
    ) -> Self {
        let reason = Reason::new(
            ReasonCode::Malformed,
            format!(
                "The message was refused and nothing was sent: {}. The order's id is used up: send it mended under a new one.",
                summary(faults)
            ),
        );
        let mut order = Self::new(key, algorithm_id, None, fingerprint, now, OrderState::Received, now);
        // From `received` a denial is always in place.
        let _ = order.apply(Fact::Deny(reason), now);
        order
    }

    fn new(
        key: OrderKey,
        algorithm_id: AlgorithmId,
        request: Option<PlaceOrder>,
        fingerprint: String,
        good_until: Timestamp,
        state: OrderState,
        now: Timestamp,
    ) -> Self {
        let history = vec![HistoryEntry { at: now, status: state.status(), reason: None, leg: None, revision: None }];
        Self {
            client_order_id: ClientOrderId::of(&key),
            legs: request.as_ref().map(|request| legs_of(&request.ticket)).unwrap_or_default(),
            key,
            algorithm_id,
            request,
            fingerprint,
            good_until,
            state,
            broker_order_ids: Vec::new(),
            filled_quantity: Decimal::ZERO,
            average_price: None,
            sends: 0,
            revision: first_revision(),
            amendments: Amendments::default(),
            taken: Vec::new(),
            shown_otherwise: Vec::new(),
            astray: Vec::new(),
            late_facts: Vec::new(),
            warning: None,
            warned: BTreeSet::new(),
            asked_revision: 0,
            unwatched: None,
            exits_missing_since: None,
            cancel_asked_at: None,
            cancel_calls: CancelCalls::default(),
            broker_status: None,
            unclear_since: None,
            is_unclear_as_filled: false,
            last_filled_at: None,
            missing_since: None,
            sequence: 1,
            history,
            queue_place: None,
            created_at: now,
            updated_at: now,
            next_check_at: Some(now),
            reserved: None,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn state(&self) -> &OrderState {
        &self.state
    }

    /// Where it is, in the contract's word.
    #[must_use]
    pub fn status(&self) -> OrderStatus {
        self.state.status()
    }

    /// The quantity asked for; `None` for an order by cash, or one that could not be read.
    #[must_use]
    pub fn quantity(&self) -> Option<Decimal> {
        match self.request.as_ref()?.ticket.size {
            Size::Quantity(quantity) => Some(quantity.get()),
            Size::CashQuantity(_) => None,
        }
    }

    /// Takes in a fact: the only place that changes an order's state.
    pub fn apply(&mut self, fact: Fact, now: Timestamp) -> Result<(), OutOfPlace> {
        let is_short = matches!(&fact, Fact::Seen(sight) if self.is_filled_short(sight));
        let fact = self.weighed(fact);
        let was_never_sent = self.status().is_final() && self.sends == 0;
        let Some(next) = self.state_to_leave().after(fact.clone()).filter(|_| !was_never_sent) else {
            return Err(OutOfPlace { status: self.status(), fact: format!("{fact:?}") });
        };
        let next = self.with_its_fills(self.with_its_reason(next));
        if self.status().is_final() && next.status() != self.status() {
            self.legs_come_back();
        }
        match fact {
            Fact::Intend(intent) if intent.act.is_ticket() => self.sends = self.sends.saturating_add(1),
            Fact::Seen(sight) | Fact::Ended(sight) | Fact::Back(sight) | Fact::Reviewed(sight) => {
                self.unwatched = None;
                let is_unclear = is_short || sight.status.is_unclear();
                self.take_in(sight, now);
                // Each kind of doubt has a time of its own.
                let since = self.unclear_since.filter(|_| self.is_unclear_as_filled == is_short);
                self.unclear_since = since.or(Some(now)).filter(|_| is_unclear);
                self.is_unclear_as_filled = is_short;
            }
            Fact::CancelAsked(_) => self.cancel_asked_at = self.cancel_asked_at.or(Some(now)),
            _ => {}
        }
        if next.status() != self.status() {
            self.sequence = self.sequence.saturating_add(1);
            let (status, reason) = (next.status(), next.reason_told().map(Cow::into_owned));
            self.remember(HistoryEntry { at: now, status, reason, leg: None, revision: None });
        }
        self.state = next;
        self.updated_at = now;
        self.legs_follow();
        if self.status().is_final() || self.status() == OrderStatus::NeedsReview {
            self.end_changes_of(None, now);
            self.end_unsettled(None, now);
            self.end_cancel();
        }
        if self.is_over() {
            self.next_check_at = None;
            self.unwatched = None;
        } else {
            // A person's decision can bring an order back under watch.
            self.next_check_at = self.next_check_at.or(Some(now));
        }
        Ok(())
    }

    /// An order whose cancel nobody asked us for is being cancelled by another hand. Where the broker shows it at work
    /// again, that cancel was not carried out, and the order works.
    fn state_to_leave(&self) -> &OrderState {
        match &self.state {
            OrderState::Cancelling if self.cancel_asked_at.is_none() => &OrderState::Working,
            state => state,
        }
    }

    /// What was filled stays filled: a row that is older, or that tells no quantity, shows less.
    fn with_its_fills(&self, next: OrderState) -> OrderState {
        match next {
            OrderState::Working if !self.filled_quantity.is_zero() => OrderState::PartiallyFilled,
            next => next,
        }
    }

    /// An order that is cancelled says who ended it (contract, part two: Orders).
    fn with_its_reason(&self, next: OrderState) -> OrderState {
        if !matches!(next, OrderState::Cancelled { reason: None }) {
            return next;
        }
        let time_in_force = self.request.as_ref().map(|request| request.ticket.time_in_force);
        let reason = match time_in_force {
            _ if self.cancel_asked_at.is_some() => asked(),
            Some(ended @ (TimeInForce::Ioc | TimeInForce::Opg)) => time_ended_at_once(ended),
            _ => by_broker(),
        };
        OrderState::Cancelled { reason: Some(reason) }
    }

    /// The account that trades; `None` for an order that could not be read.
    #[must_use]
    pub fn account_id(&self) -> Option<&AccountId> {
        self.request.as_ref().map(|request| &request.account_id)
    }

    /// Says when somebody must look at it again. An order that is over is not looked at.
    pub fn check_again_at(&mut self, at: Timestamp) {
        if !self.is_over() {
            self.next_check_at = Some(at);
        }
    }

    fn take_in(&mut self, sight: Sight, now: Timestamp) {
        self.number_legs(&sight.broker_order_ids);
        for id in sight.broker_order_ids {
            if !self.broker_order_ids.contains(&id) {
                self.broker_order_ids.push(id);
            }
        }
        // What was filled stays filled: a look that shows less is an older one.
        if let Some(filled) = sight.filled_quantity.filter(|filled| *filled >= self.filled_quantity) {
            if filled > self.filled_quantity {
                self.last_filled_at = Some(now);
            }
            self.filled_quantity = filled.normalize();
            self.average_price = sight.average_price.map(|price| price.normalize()).or(self.average_price);
        }
        self.missing_since = None;
        if !matches!(sight.status, BrokerStatus::Other(_)) {
            self.unwarn(&ReasonCode::BrokerStatusUnknown);
        }
        self.broker_status = Some(sight.status);
        if let Some(most) = self.most_that_may_fill().filter(|most| self.filled_quantity > *most) {
            self.warn(filled_beyond(self.filled_quantity, most), now);
        }
    }

    /// The most that may fill: the largest quantity of any ticket that the broker may have. `None` for an order by cash.
    fn most_that_may_fill(&self) -> Option<Decimal> {
        let quantities = self.tickets_at_the_broker(None).map(|ticket| match ticket.size {
            Size::Quantity(quantity) => Some(quantity.get()),
            Size::CashQuantity(_) => None,
        });
        quantities.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The broker's word for it is one that nobody knows, and it says the same when asked for by its number.
    pub fn status_unknown(&mut self, now: Timestamp) {
        let Some(BrokerStatus::Other(word)) = &self.broker_status else { return };
        let told = Reason::new(
            ReasonCode::BrokerStatusUnknown,
            format!(
                "The broker says {word:?} of the order, which is no word that is known here. It is taken to be at work, watched, and may be cancelled. Look at it at the broker."
            ),
        );
        self.warn(told, now);
    }

    /// All of the broker's lists were searched, and none shows it.
    pub fn not_shown(&mut self, now: Timestamp) {
        self.missing_since = self.missing_since.or(Some(now));
    }

    /// How long to wait before an order in review is looked at again: the longer it is there, the longer.
    #[must_use]
    pub fn review_pause(&self, now: Timestamp) -> SignedDuration {
        let since = self.history.last().map_or(now, |entry| entry.at);
        (now.duration_since(since) / 2).clamp(REVIEW_PAUSE_MIN, REVIEW_PAUSE_MAX)
    }

    /// Tells in the order of its changes of status that this change was refused: its status is as it was.
    pub(crate) fn tell_refused_change(&mut self, revision: u64, reason: Reason, now: Timestamp) {
        self.sequence = self.sequence.saturating_add(1);
        let (status, revision) = (self.status(), Some(revision));
        self.remember(HistoryEntry { at: now, status, reason: Some(reason), leg: None, revision });
    }

    pub(crate) fn remember(&mut self, entry: HistoryEntry) {
        if self.history.len() >= HISTORY_ENTRIES_MAX {
            self.history.remove(HISTORY_ENTRIES_MAX / 2);
        }
        self.history.push(entry);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn time_ended_at_once(time_in_force: TimeInForce) -> Reason {
    let when = match time_in_force {
        TimeInForce::Opg => "at the opening (opg)",
        _ => "at once (ioc)",
    };
    Reason::new(
        ReasonCode::TimeInForceEnded,
        format!("The broker ended the order: what was not filled {when} is cancelled."),
    )
}

fn asked() -> Reason {
    Reason::new(ReasonCode::Asked, "Its end was asked for, and the broker cancelled it.")
}

fn by_broker() -> Reason {
    Reason::new(
        ReasonCode::ByBroker,
        "The broker cancelled the order, and nobody asked for that here: a person did at the broker, or the exchange did. An order for the day may have ended with its day.",
    )
}

pub(crate) fn filled_beyond(filled: Decimal, most: Decimal) -> Reason {
    Reason::new(
        ReasonCode::FilledBeyondOrder,
        format!(
            "The broker shows {} filled of {}: more than was ever asked for. Look at the account's trades at the broker; the position is what they say.",
            filled.normalize(),
            most.normalize()
        ),
    )
}
