//! Late facts: what the broker shows of an order after its end, against what is on record.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::sight::{BrokerStatus, Sight};

/// Late facts that are kept of one order.
const LATE_FACTS_MAX: usize = 20;

/// What the broker showed of an order after its end, against what is on record. It changes nothing by itself: a person
/// is told.
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
    /// Takes in that the broker shows a final order otherwise than it is on record. The same once more is nothing new.
    /// Whether it was new.
    pub fn note_late(&mut self, sight: &Sight, now: Timestamp) -> bool {
        let late = LateFact { at: now, status: sight.status.clone(), filled_quantity: sight.filled_quantity };
        let same = |known: &LateFact| (&known.status, known.filled_quantity) == (&late.status, late.filled_quantity);
        if self.late_facts.iter().any(same) || self.late_facts.len() >= LATE_FACTS_MAX {
            return false;
        }
        self.late_facts.push(late);
        self.updated_at = now;
        true
    }
}
