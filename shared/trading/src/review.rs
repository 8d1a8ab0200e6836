//! Review: a person decides what became of an order for which the rules were exhausted.

use domain::{Fact, Order, OrderKey, OutOfPlace, Reason, Sight};
use jiff::Timestamp;
use store::{StoreError, Versioned};

use crate::desk::Intake;

/// What a person saw in the broker's own pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The broker never had it.
    NeverPlaced,
    /// The broker has it, or had it, and it stands so.
    Stands(Sight),
}

/// A decision, and who answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What is decided.
    pub decision: Decision,
    /// Who decides.
    pub by: String,
    /// On what evidence.
    pub because: String,
}

/// Why a review was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReviewRefused {
    /// There is no such order.
    #[error("there is no order {0}")]
    NoOrder(OrderKey),
    /// The order does not wait for a person.
    #[error("only an order that needs review is decided by a person: {0}")]
    OutOfPlace(#[from] OutOfPlace),
    /// The ledger did not do it. A conflict means that somebody else decided meanwhile: look again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Review {
    /// The order as this decision makes it. Its history says who decided, and why.
    pub fn apply(&self, order: &Order, now: Timestamp) -> Result<Order, OutOfPlace> {
        let reason = Reason::new("reviewed", format!("{} decided: {}", self.by, self.because));
        let fact = match &self.decision {
            Decision::NeverPlaced => Fact::NeverReached(reason.clone()),
            Decision::Stands(sight) => Fact::Reviewed(sight.clone()),
        };
        let mut decided = order.clone();
        if decided.status() != domain::OrderStatus::NeedsReview {
            return Err(OutOfPlace { status: order.status(), fact: "a person's decision".to_owned() });
        }
        decided.apply(fact, now)?;
        if let Some(entry) = decided.history.last_mut() {
            entry.reason = Some(reason);
        }
        Ok(decided)
    }
}

impl Intake {
    /// Writes a decision into the ledger. An order that stands at the broker is watched again.
    pub async fn review(&self, key: &OrderKey, review: &Review) -> Result<Versioned<Order>, ReviewRefused> {
        let mut order = self.orders.get(key).await?.ok_or_else(|| ReviewRefused::NoOrder(key.clone()))?;
        order.value = review.apply(&order.value, self.clock.now())?;
        self.orders.save(&mut order).await?;
        tracing::warn!(%key, status = order.value.status().as_str(), by = review.by, "a person decided an order in review");
        Ok(order)
    }
}
