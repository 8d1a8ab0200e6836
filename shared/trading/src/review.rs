//! Review: a person decides what became of an order for which the rules were exhausted.

use domain::{
    BrokerOrderId, Fact, LegFact, LegRole, LegSight, Order, OrderKey, OrderStatus, OutOfPlace, Reason, ReasonCode,
    Sight,
};
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
    /// The exit of a bracket that is decided; `None`: the order itself.
    pub leg: Option<LegRole>,
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
    #[error(
        "nothing was written: {0}. Only an order or an exit that is needs_review takes one. \
         `courier orders show USER ORDER` shows where each stands."
    )]
    OutOfPlace(#[from] OutOfPlace),
    /// It has no such exit.
    #[error("nothing was written: the order has no {0}. `courier orders show USER ORDER` shows its exits.")]
    NoSuchExit(LegRole),
    /// The number is not the one under which the broker took it.
    #[error(
        "nothing was written: the broker took it as {known}, and {told} is another order. Look for {known} at the broker, \
         and say how that one stands."
    )]
    OtherNumber {
        /// The broker's number of it.
        known: BrokerOrderId,
        /// The number that was told.
        told: BrokerOrderId,
    },
    /// The broker took it, so that it was placed.
    #[error(
        "nothing was written: the broker took the order as {0}, so it was placed. Look for {0} at the broker, and say how it stands: \
         --broker-order {0} --stands filled, working or cancelled; cancelled also where it is there no more and never traded."
    )]
    WasPlaced(BrokerOrderId),
    /// The number is that of another order of the user.
    #[error(
        "nothing was written: {number} is the broker's number of the order {order}. Look for the order's reference."
    )]
    AnothersNumber {
        /// The number that was told.
        number: BrokerOrderId,
        /// The order that has it.
        order: OrderKey,
    },
    /// The ledger did not do it. A conflict means that somebody else decided meanwhile: look again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Review {
    /// The order as this decision makes it. Its history says who decided, and why.
    pub fn apply(&self, order: &Order, now: Timestamp) -> Result<Order, ReviewRefused> {
        if let Some(role) = self.leg.filter(|role| order.leg(*role).is_none()) {
            return Err(ReviewRefused::NoSuchExit(role));
        }
        let decided_on = self.leg.map_or(Some(order.status()), |role| Some(order.leg(role)?.status()));
        if decided_on != Some(OrderStatus::NeedsReview) {
            let status = decided_on.unwrap_or(order.status());
            return Err(OutOfPlace { status, fact: "a person's decision".to_owned() }.into());
        }
        if let (Some(told), Some(known)) = (self.number(), order.broker_number_of(self.leg))
            && told != known
        {
            return Err(ReviewRefused::OtherNumber { known, told });
        }
        if let (None, Decision::NeverPlaced, Some(number)) = (self.leg, &self.decision, order.broker_number_of(None)) {
            return Err(ReviewRefused::WasPlaced(number));
        }
        let reason = Reason::new(ReasonCode::Reviewed, format!("{} decided: {}", self.by, self.because));
        let mut decided = order.clone();
        match (self.leg, &self.decision) {
            (None, Decision::NeverPlaced) => decided.apply(Fact::NeverReached(reason.clone()), now)?,
            (None, Decision::Stands(sight)) => decided.apply(Fact::Reviewed(sight.clone()), now)?,
            (Some(role), Decision::NeverPlaced) => decided.leg_fact(role, &LegFact::Ended(reason.clone()), now),
            (Some(role), Decision::Stands(sight)) => {
                decided.leg_fact(role, &LegFact::Reviewed(LegSight::by_a_person(role, sight)), now);
            }
        }
        if let Some(entry) = decided.history.last_mut() {
            entry.reason = Some(reason);
        }
        Ok(decided)
    }

    /// The broker's number that the person saw.
    fn number(&self) -> Option<BrokerOrderId> {
        match &self.decision {
            Decision::NeverPlaced => None,
            Decision::Stands(sight) => sight.broker_order_ids.first().copied(),
        }
    }
}

impl Intake {
    /// Writes a decision into the ledger. An order that stands at the broker is watched again.
    pub async fn review(&self, key: &OrderKey, review: &Review) -> Result<Versioned<Order>, ReviewRefused> {
        let mut order = self.orders.get(key).await?.ok_or_else(|| ReviewRefused::NoOrder(key.clone()))?;
        if let Some(number) = review.number() {
            let open = self.orders.all_open(&key.user_id).await?;
            let has_it = |other: &&Versioned<Order>| other.value.key != *key && other.value.has_number(number);
            if let Some(other) = open.iter().find(has_it) {
                return Err(ReviewRefused::AnothersNumber { number, order: other.value.key.clone() });
            }
        }
        order.value = review.apply(&order.value, self.clock.now())?;
        self.orders.save(&mut order).await?;
        tracing::warn!(%key, status = order.value.status().as_str(), by = review.by, "a person decided an order in review");
        Ok(order)
    }
}
