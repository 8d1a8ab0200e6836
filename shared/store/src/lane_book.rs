//! The book of a lane: what its holders hand on to each other.

use domain::{AccountId, AlgorithmId, BrokerOrderId, Conid, Leg, Order, OrderId, OrderStatus};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Ended orders that a lane remembers whose end the broker itself told, or that never left.
const TOLD_MAX: usize = 40;
/// Ended orders that a lane remembers whose end was concluded ([`Ended::is_concluded`]). They have places of their own, so
/// that no number of fills pushes one out. Of too many the oldest `rejected` goes first, whose looks are over soonest, and
/// a `not_placed` only where there is no other.
///
/// What goes loses its looks. The schedule cannot find it: it reads the orders that are not over, and a conclusion is the
/// end. Nor can a look: the broker's rows carry our name of an order, and from that nobody gets back to the order's id.
const CONCLUDED_MAX: usize = 40;
/// How long a lane remembers an ended order: the broker lists what ended until its daily reset (IBKR Web API, live
/// orders).
const ENDED_REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What the holders of a lane hand on to each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneBook {
    /// Not sent or not settled, in the order of arrival.
    pub pending: Vec<Pending>,
    /// Looks at the broker.
    pub looks: Looks,
    /// Sent orders that ended a while ago: a look that shows one of them otherwise is a late fact.
    pub ended: Vec<Ended>,
    /// When the calls to the broker of the holder's last second ended, which count in the next holder's first.
    pub calls: Vec<Timestamp>,
}

/// A lane's looks at the broker's orders, which the broker paces (IBKR Web API, pacing: one in 5 s).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks {
    /// When the last one was taken.
    pub last_at: Option<Timestamp>,
    /// When the next one was asked for, over the queue.
    pub due_at: Option<Timestamp>,
    /// The account of the last one: a look shows one account, so they take turns.
    pub account_id: Option<AccountId>,
    /// The account whose list was empty and no snapshot when it was last asked for, and how many times in a row.
    pub empty: Option<(AccountId, u64)>,
}

impl Looks {
    /// How many times in a row the list of this account was empty and no snapshot.
    #[must_use]
    pub fn times_empty(&self, account_id: &AccountId) -> u64 {
        self.empty.as_ref().filter(|(of, _)| of == account_id).map_or(0, |(_, times)| *times)
    }

    /// The list of this account was empty and no snapshot.
    pub fn was_empty(&mut self, account_id: &AccountId) {
        self.empty = Some((account_id.clone(), self.times_empty(account_id).saturating_add(1)));
    }
}

/// An order that is not sent or not settled, in the line of its lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Which order.
    pub order_id: OrderId,
    /// What must keep its order: account and contract.
    pub instrument: String,
    /// The symbol, where the order names its contract by words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The contract that those words mean, where the broker was asked already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conid: Option<Conid>,
    /// Whose order it is, while it is certain that its ticket is on no wire: then only the same algorithm's later orders wait
    /// behind it. `None`: its ticket may be at the broker (or an earlier release wrote it down), and everybody's wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent_of: Option<AlgorithmId>,
    /// Until when nobody need look at it while the reason for which it waits stands; `None`: somebody must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Timestamp>,
}

impl Pending {
    /// The place of an order of which nothing is told: whoever takes it further reads it first.
    #[must_use]
    pub fn unread(order_id: OrderId) -> Self {
        let instrument = String::new();
        Self { order_id, instrument, symbol: None, conid: None, unsent_of: None, waits_until: None }
    }
}

/// How an order that may have been sent ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Which order.
    pub order_id: OrderId,
    /// How.
    pub status: OrderStatus,
    /// With how much filled.
    pub filled_quantity: Decimal,
    /// When.
    pub at: Timestamp,
    /// Its account; `None`: an earlier release wrote this down, and nobody looks for its sake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// Whether the broker ever told a number of it.
    #[serde(default)]
    pub has_number: bool,
    /// That number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker_order_id: Option<BrokerOrderId>,
    /// The exits of a bracket that ended before they were filled whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exits: Vec<EndedExit>,
    /// When a whole look at its account was last taken since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// When such a look last failed, if none was taken since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
}

/// An exit that ended before it was filled whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedExit {
    /// The broker's number of it.
    pub broker_order_id: BrokerOrderId,
    /// With how much filled.
    pub filled_quantity: Decimal,
}

impl EndedExit {
    fn of(leg: &Leg) -> Option<Self> {
        let broker_order_id = leg.broker_order_id.filter(|_| leg.has_ended() && leg.status() != OrderStatus::Filled)?;
        Some(Self { broker_order_id, filled_quantity: leg.filled_quantity })
    }
}

impl Ended {
    fn of(order: &Order) -> Self {
        Self {
            order_id: order.key.order_id.clone(),
            status: order.status(),
            filled_quantity: order.filled_quantity,
            at: order.updated_at,
            account_id: order.account_id().cloned(),
            has_number: !order.broker_order_ids.is_empty(),
            broker_order_id: order.broker_order_ids.first().copied(),
            exits: order.legs().iter().filter_map(EndedExit::of).collect(),
            looked_at: None,
            failed_at: None,
        }
    }

    /// Whether it is this order, as it ended.
    #[must_use]
    pub fn is_of(&self, order: &Order) -> bool {
        self.order_id == order.key.order_id && self.status == order.status()
    }

    /// Whether its end was concluded, from an answer's words or from looks that did not show it.
    #[must_use]
    pub fn is_concluded(&self) -> bool {
        matches!(self.status, OrderStatus::Rejected | OrderStatus::NotPlaced)
    }
}

impl LaneBook {
    /// Remembers how an order ended, and forgets what ended long ago.
    pub fn remember_ended(&mut self, order: &Order, now: Timestamp) {
        let known = self.forget_ended(&order.key.order_id);
        self.ended.retain(|ended| ended.at + ENDED_REMEMBERED_FOR > now);
        let mut ended = Ended::of(order);
        if let Some(known) = known.filter(|known| known.status == ended.status) {
            (ended.looked_at, ended.failed_at) = (known.looked_at, known.failed_at);
        }
        self.ended.push(ended);
        self.keep_the_latest(TOLD_MAX, |ended| !ended.is_concluded());
        self.keep_the_latest(CONCLUDED_MAX, Ended::is_concluded);
    }

    /// Forgets that an order ended: it is open again. What was remembered of it.
    pub fn forget_ended(&mut self, order_id: &OrderId) -> Option<Ended> {
        let position = self.ended.iter().position(|ended| ended.order_id == *order_id)?;
        Some(self.ended.remove(position))
    }

    fn keep_the_latest(&mut self, most: usize, is_one: impl Fn(&Ended) -> bool) {
        while self.ended.iter().filter(|ended| is_one(ended)).count() > most {
            let goes_first = |ended: &Ended| is_one(ended) && ended.status != OrderStatus::NotPlaced;
            let first = self.ended.iter().position(goes_first).or_else(|| self.ended.iter().position(&is_one));
            let Some(position) = first else { return };
            self.ended.remove(position);
        }
    }
}

#[cfg(test)]
mod tests;
