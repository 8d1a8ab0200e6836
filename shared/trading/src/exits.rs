//! The exits of a bracket: a position without the stop that was asked for is told at once.

use domain::{BrokerStatus, Order, OrderState, Reason, Sight};
use store::{StoreError, Versioned};

use crate::lane::Lane;
use crate::look::{Shown, exits_of};
use crate::track::stands;

/// A parent whose exits do not show is looked at again after this, in seconds, before it is called unprotected.
const EXITS_AWAITED_SECONDS: u32 = 6;

impl Lane<'_> {
    /// Where a bracket's parent is filled and its stop is nowhere, the first look waits for another one, and the second
    /// tells: the order carries a warning, and an alarm goes out. That takes less than 30 s.
    pub(crate) async fn with_exits_judged(
        &mut self,
        order: &mut Versioned<Order>,
        sight: Sight,
        shown: &Shown,
    ) -> Result<Sight, StoreError> {
        if order.value.warning.is_some() || !is_unprotected(&order.value, &sight, shown) {
            return Ok(sight);
        }
        let first_look = order.value.exits_missing_since.is_none();
        let now = self.now();
        if first_look {
            tracing::warn!(key = %order.value.key, "a bracket's stop does not show; it is looked for once more");
            self.record_change(order, |order, now| order.exits_missing_since = Some(now)).await?;
            self.track_in(EXITS_AWAITED_SECONDS);
            // Not final yet: a filled order would not be looked at again.
            let waits = matches!(order.value.state(), OrderState::Sending { .. } | OrderState::Unknown { .. });
            let status = if waits { BrokerStatus::Submitted } else { BrokerStatus::WarnState };
            return Ok(Sight { status, ..sight });
        }
        tracing::error!(key = %order.value.key, alarm = "unprotected_position", metric.orders_for_a_person = 1, missing_since = ?order.value.exits_missing_since, at = %now, "a bracket's parent is filled and its stop is not at the broker");
        self.record_change(order, |order, _| order.warning = Some(unprotected())).await?;
        Ok(sight)
    }
}

/// Whether the broker shows the parent as filled, in part or whole, and the stop that was asked for nowhere.
fn is_unprotected(order: &Order, sight: &Sight, shown: &Shown) -> bool {
    let attached = order.request.as_ref().and_then(|request| request.ticket.attached.as_ref());
    let Some(attached) = attached.filter(|attached| attached.stop_loss.is_some()) else { return false };
    let Some(parent) = sight.broker_order_ids.first() else { return false };
    let filled = sight.filled_quantity.is_some_and(|filled| !filled.is_zero());
    let exits: Vec<_> = exits_of(order, *parent, &shown.live).collect();
    // An exit that has done its work takes the other with it.
    let left = exits.iter().any(|exit| exit.status == BrokerStatus::Filled);
    let wanted = 1 + usize::from(attached.take_profit.is_some());
    filled && shown.live.complete && !left && exits.iter().filter(|exit| stands(&exit.status)).count() < wanted
}

fn unprotected() -> Reason {
    Reason::new(
        "unprotected_position",
        "The order is filled, and its protecting exits are not at the broker. Place a stop by hand or close the position.",
    )
}
