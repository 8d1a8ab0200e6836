//! Record: a fact about an order is written into the ledger. The only place that does.

use domain::{Fact, Order, OrderStatus, ReasonCode};
use jiff::Timestamp;
use store::{StoreError, Versioned};

use crate::advance::{UNKNOWN_CHECK, WORKING_CHECK, working_check_at};
use crate::lane::Lane;
use crate::look::Shown;

/// Tries to write an order that others write as well: of those that write at once one is taken each time, so that each of so many
/// callers is.
pub(crate) const CONFLICTS_MAX: u32 = 100;

impl Lane<'_> {
    /// Writes a fact into the ledger. Where another has written the order meanwhile, the fact is taken in again on
    /// top of what is there now.
    pub(crate) async fn record(&mut self, order: &mut Versioned<Order>, fact: Fact) -> Result<(), StoreError> {
        let now = self.now();
        let check_at = match fact {
            Fact::Unread(..) | Fact::NotFound => now + UNKNOWN_CHECK,
            Fact::NotSent(_) => now,
            _ => now + WORKING_CHECK,
        };
        self.record_and_check(order, fact, Some(check_at)).await
    }

    pub(crate) async fn record_and_check(
        &mut self,
        order: &mut Versioned<Order>,
        fact: Fact,
        check_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        for conflicts in 0..CONFLICTS_MAX {
            let now = self.now();
            let mut changed = order.clone();
            if let Err(out_of_place) = changed.value.apply(fact.clone(), now) {
                if conflicts > 0 {
                    // What another wrote meanwhile came further than this fact.
                    tracing::info!(key = %order.value.key, %out_of_place, "another took the order further");
                    return Ok(());
                }
                tracing::error!(key = %order.value.key, %out_of_place, "a fact has no place in the order's state");
                return Ok(());
            }
            if let Some(at) = check_at {
                changed.value.check_again_at(at);
            }
            match self.save_order(&mut changed).await {
                Ok(()) => {
                    log_change(&order.value, &changed.value);
                    *order = changed;
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => self.read_again(order).await?,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict { resource: "orders".to_owned(), key: order.value.key.to_string() })
    }

    /// Writes down how far an order's change has come. Where another has written the order meanwhile, it is taken in
    /// again on top of what is there now.
    pub(crate) async fn record_change(
        &mut self,
        order: &mut Versioned<Order>,
        turn: impl Fn(&mut Order, Timestamp),
    ) -> Result<(), StoreError> {
        for _ in 0..CONFLICTS_MAX {
            let mut changed = order.clone();
            turn(&mut changed.value, self.now());
            if changed.value == order.value {
                return Ok(());
            }
            changed.value.check_again_at(working_check_at(&changed.value, self.now()));
            match self.save_order(&mut changed).await {
                Ok(()) => {
                    *order = changed;
                    let change = order.value.change().map(|change| (change.revision, change.stage.as_str()));
                    tracing::info!(key = %order.value.key, ?change, "an order's change went on");
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => self.read_again(order).await?,
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict { resource: "orders".to_owned(), key: order.value.key.to_string() })
    }

    /// Writes down what became known of an order's exits.
    pub(crate) async fn record_legs(
        &mut self,
        order: &mut Versioned<Order>,
        turn: impl Fn(&mut Order, Timestamp),
    ) -> Result<(), StoreError> {
        let (before, was_over) = (order.value.sequence, order.value.is_over());
        self.record_change(order, turn).await?;
        if order.value.sequence != before {
            let legs: Vec<_> =
                order.value.legs().iter().map(|leg| (leg.role.as_str(), leg.status().as_str())).collect();
            tracing::info!(key = %order.value.key, ?legs, sequence = order.value.sequence, "an order's exits changed");
        }
        // Whoever learned that everything has ended: no look comes after it that would tell what is left.
        if order.value.is_over() && !was_over {
            return Box::pin(self.judge_protection(order, &Shown::nothing())).await;
        }
        Ok(())
    }

    /// Writes what became of an order. A write whose answer is lost may stand all the same: an end is remembered even so, since
    /// nobody would look again at what the broker called over while it worked.
    pub(crate) async fn save_order(&mut self, changed: &mut Versioned<Order>) -> Result<(), StoreError> {
        let saved = self.desk.intake.orders.save(changed).await;
        let may_stand = !matches!(saved, Ok(()) | Err(StoreError::Conflict { .. }));
        if may_stand && changed.value.status().is_final() && changed.value.sends > 0 {
            self.book.remember_ended(&changed.value, self.now());
        }
        saved
    }

    pub(crate) async fn read_again(&self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        if let Some(now) = self.desk.intake.orders.get(&order.value.key).await? {
            *order = now;
        }
        Ok(())
    }
}

/// One line for each change of an order: ids, never content.
pub(crate) fn log_change(before: &Order, after: &Order) {
    if after.has_warned(&ReasonCode::FilledBeyondOrder) && !before.has_warned(&ReasonCode::FilledBeyondOrder) {
        tracing::error!(key = %after.key, alarm = "filled_beyond_order", metric.orders_for_a_person = 1, filled_quantity = %after.filled_quantity, "the broker shows more filled than was ordered");
    }
    if before.sequence == after.sequence {
        return;
    }
    let reason = after.state().reason_told();
    tracing::info!(
        key = %after.key,
        algorithm_id = %after.algorithm_id,
        client_order_id = %after.client_order_id,
        from = before.status().as_str(),
        to = after.status().as_str(),
        sequence = after.sequence,
        code = reason.as_ref().map(|reason| reason.code.as_str()),
        reason = reason.as_ref().map(|reason| reason.message.as_str()),
        metric.acknowledgement_milliseconds = acknowledged_after(before, after),
        metric.unknown_orders = (after.status() == OrderStatus::Unknown).then_some(1),
        "an order changed"
    );
}

/// How long after its recording an order was taken or refused by the broker, in milliseconds, when that has just become known.
fn acknowledged_after(before: &Order, after: &Order) -> Option<i64> {
    let known_before = before.history.iter().any(|entry| is_acknowledgement(entry.status));
    (is_acknowledgement(after.status()) && !known_before)
        .then(|| after.updated_at.as_millisecond() - after.created_at.as_millisecond())
}

fn is_acknowledgement(status: OrderStatus) -> bool {
    use OrderStatus::{Filled, PartiallyFilled, Rejected, Working};
    matches!(status, Working | PartiallyFilled | Filled | Rejected)
}
