//! The book of a lane: what its holders hand on to each other.

use domain::{AccountId, AlgorithmId, Order, OrderId, OrderStatus};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Ended orders that a lane remembers.
const ENDED_MAX: usize = 40;
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
}

/// An order that is not sent or not settled, in the line of its lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Which order.
    pub order_id: OrderId,
    /// What must keep its order: account and contract.
    pub instrument: String,
    /// Whose order it is, while it is certain that its ticket is on no wire: then only the same algorithm's later orders wait
    /// behind it. `None`: its ticket may be at the broker (or an earlier release wrote it down), and everybody's wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent_of: Option<AlgorithmId>,
    /// Until when nobody need look at it while the reason for which it waits stands; `None`: somebody must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Timestamp>,
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
}

impl LaneBook {
    /// Remembers how an order ended, and forgets what ended long ago.
    pub fn remember_ended(&mut self, order: &Order, now: Timestamp) {
        self.ended.retain(|ended| ended.order_id != order.key.order_id && ended.at + ENDED_REMEMBERED_FOR > now);
        self.ended.push(Ended {
            order_id: order.key.order_id.clone(),
            status: order.status(),
            filled_quantity: order.filled_quantity,
            at: order.updated_at,
        });
        if self.ended.len() > ENDED_MAX {
            self.ended.remove(0);
        }
    }
}
