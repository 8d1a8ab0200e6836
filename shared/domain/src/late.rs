//! Late facts: what the broker shows of an order after its end, against what is on record.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::sight::{BrokerStatus, Sight};
use crate::status::OrderStatus;

/// Late facts that are kept of one order.
const LATE_FACTS_MAX: usize = 20;

/// What the broker showed of an order after its end, against what is on record. A person is told. What filled counts, and what
/// works may be open again (docs/decisions/0009-what-the-broker-has-is-open.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateFact {
    /// When it was seen.
    pub at: Timestamp,
    /// The broker's status.
    pub status: BrokerStatus,
    /// How much the broker showed as filled.
    pub filled_quantity: Option<Decimal>,
}

impl Order {
    fn take_late_fill(&mut self, sight: &Sight, now: Timestamp) {
        self.filled_quantity = sight.filled_quantity.unwrap_or_default().normalize();
        self.average_price = sight.average_price.map(|price| price.normalize()).or(self.average_price);
        let reason = Reason::new(
            ReasonCode::FilledAfterEnd,
            format!(
                "The broker shows {} filled, more than when the order ended. Look at the account's trades at the broker; the position is what they say.",
                self.filled_quantity
            ),
        );
        self.warn(reason, now);
        if !self.position_left().is_zero() {
            self.legs_come_back();
        }
        self.legs_follow();
        self.next_check_at = self.next_check_at.or((!self.is_over()).then_some(now));
    }

    /// Whether the broker shows it at work after its end, so that it may be cancelled there.
    #[must_use]
    pub fn works_late(&self) -> bool {
        // One that came back has a history of its own since.
        let since = self.history.last().map_or(self.created_at, |entry| entry.at);
        let works = |late: &LateFact| late.at >= since && !late.status.is_end() && !late.status.is_doubtful_end();
        self.status().is_final() && self.late_facts.last().is_some_and(works)
    }

    /// Whether it ended here before the broker showed it, though it was sent: the broker may have it for all that its answers said.
    #[must_use]
    pub fn ended_unseen(&self) -> bool {
        let ended_here = matches!(self.status(), OrderStatus::Cancelled | OrderStatus::Denied | OrderStatus::Expired);
        ended_here && self.sends > 0 && self.broker_order_ids.is_empty()
    }

    /// Whether whoever holds its user's lane has anything to do for it, or to look for.
    #[must_use]
    pub fn concerns_the_lane(&self) -> bool {
        !self.is_over() || self.works_late() || self.ended_unseen()
    }

    /// Takes in that the broker shows a final order otherwise than it is on record. The same once more is nothing new.
    /// Whether it was new.
    pub fn note_late(&mut self, sight: &Sight, now: Timestamp) -> bool {
        let late = LateFact { at: now, status: sight.status.clone(), filled_quantity: sight.filled_quantity };
        let same = |known: &LateFact| (&known.status, known.filled_quantity) == (&late.status, late.filled_quantity);
        if self.late_facts.iter().any(same) || self.late_facts.len() >= LATE_FACTS_MAX {
            return false;
        }
        self.late_facts.push(late);
        if sight.filled_quantity.is_some_and(|filled| filled > self.filled_quantity) {
            self.take_late_fill(sight, now);
        }
        for id in &sight.broker_order_ids {
            if !self.broker_order_ids.contains(id) {
                self.broker_order_ids.push(*id);
            }
        }
        self.updated_at = now;
        true
    }
}
