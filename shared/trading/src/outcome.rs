//! Outcome: that the broker took an order is written down with the intent of the next, if one follows at once.
//!
//! One transaction for both halves the writes of a batch. The broker is asked nothing before it is written: until then its order is on
//! record as being sent, so whoever comes after a crash asks the broker, as after any lost answer.

use domain::{Fact, Order, OrderId};
use store::{IntentGuards, IntentRefused, StoreError, Versioned};

use crate::advance::WORKING_CHECK;
use crate::lane::Lane;
use crate::record::log_change;

/// An answer of the broker that is not on record yet.
#[derive(Debug)]
pub(crate) struct Outcome {
    before: Versioned<Order>,
    after: Versioned<Order>,
    fact: Fact,
}

impl Lane<'_> {
    /// Keeps what the broker answered until it is written.
    pub(crate) async fn keep_outcome(&mut self, order: &mut Versioned<Order>, fact: Fact) -> Result<(), StoreError> {
        self.write_outcome().await?;
        let now = self.now();
        let mut after = order.clone();
        if let Err(out_of_place) = after.value.apply(fact.clone(), now) {
            tracing::error!(key = %order.value.key, %out_of_place, "a fact has no place in the order's state");
            return Ok(());
        }
        after.value.check_again_at(now + WORKING_CHECK);
        let before = std::mem::replace(order, after.clone());
        self.outcome = Some(Outcome { before, after, fact });
        Ok(())
    }

    /// Whether what the broker answered to this order is not on record yet.
    pub(crate) fn keeps_outcome_of(&self, order_id: &OrderId) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| outcome.before.value.key.order_id == *order_id)
    }

    /// Writes down alone what is kept; the order as it is then.
    ///
    /// # Errors
    /// If the table did not do it. The order stands in the line then: no later one passes it.
    pub async fn write_outcome(&mut self) -> Result<Option<Versioned<Order>>, StoreError> {
        let Some(Outcome { before: mut order, fact, .. }) = self.outcome.take() else { return Ok(None) };
        // Boxed: it is in the future of every step before a call.
        let recorded = Box::pin(self.record(&mut order, fact)).await;
        self.keep_in_line(&order.value);
        recorded.map(|()| Some(order))
    }

    /// Writes an intent down, and the outcome that is kept with it. Where that is refused the outcome is written alone.
    pub(crate) async fn save_with_outcome(
        &mut self,
        intended: &mut Versioned<Order>,
        guards: IntentGuards<'_>,
    ) -> Result<(), IntentRefused> {
        let orders = &self.desk.intake.orders;
        let Some(mut outcome) = self.outcome.take() else {
            return orders.save_intent(intended, &self.lease, guards).await;
        };
        let saved = orders.save_intent_after(&mut outcome.after, intended, &self.lease, guards).await;
        if saved.is_ok() {
            log_change(&outcome.before.value, &outcome.after.value);
            self.keep_in_line(&outcome.after.value);
        } else {
            self.outcome = Some(outcome);
            self.write_outcome().await?;
        }
        saved
    }
}
