//! Protection: a position without the stop that was asked for is told at once.

use domain::{BrokerStatus, HistoryEntry, Leg, LegRole, Order, OrderStatus, Reason, ReasonCode};
use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Versioned};

use crate::lane::Lane;
use crate::leg_rows::leg_row;
use crate::look::Shown;
use crate::track::stands;

/// A parent whose exits do not show is looked at again after this, in seconds, before it is called unprotected.
const EXITS_AWAITED_SECONDS: u32 = 6;
/// For so long after its parent filled an exit is expected to show. What ends later is told as its leg's news.
const EXPECTED_FOR: SignedDuration = SignedDuration::from_mins(5);

impl Lane<'_> {
    /// Where a bracket's parent is filled and its stop is nowhere, the first look waits for another one, and the second
    /// tells: the order carries a warning, and an alarm goes out. That takes less than 30 s.
    pub(crate) async fn judge_protection(
        &mut self,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        let now = self.now();
        if order.value.has_warned(&ReasonCode::UnprotectedPosition) || !is_unprotected(&order.value, shown, now) {
            return Ok(());
        }
        // What is over is looked at no more, and its exits are shown as ended: this look is as good as a second one.
        let certain = order.value.is_over().then_some(now);
        let Some(missing_since) = order.value.exits_missing_since.or(certain) else {
            tracing::warn!(key = %order.value.key, "a bracket's stop does not show; it is looked for once more");
            self.record_change(order, |order, now| order.exits_missing_since = Some(now)).await?;
            self.track_in(EXITS_AWAITED_SECONDS);
            return Ok(());
        };
        tracing::error!(key = %order.value.key, alarm = "unprotected_position", metric.orders_for_a_person = 1, %missing_since, at = %now, "a bracket's parent is filled and its stop is not at the broker");
        self.record_change(order, |order, _| order.warn(unprotected())).await
    }
}

/// Whether the parent was filled a moment ago, in part or whole, and an exit that nobody asked to end stands nowhere.
fn is_unprotected(order: &Order, shown: &Shown, now: Timestamp) -> bool {
    let is_fill = |status| matches!(status, OrderStatus::Filled | OrderStatus::PartiallyFilled);
    let of_entry = |entry: &&HistoryEntry| entry.leg.is_none();
    let fill = order.history.iter().filter(of_entry).find(|entry| is_fill(entry.status));
    // A fill that shows together with the entry's end has no entry of its own.
    let end = order.history.iter().rfind(of_entry).filter(|_| !order.filled_quantity.is_zero());
    let filled_at = fill.or(end).map(|entry| entry.at);
    let lately = filled_at.is_some_and(|at| now < at + EXPECTED_FOR);
    let row = |leg: &Leg| leg_row(order, leg, &shown.live);
    // An exit that has done its work takes the other with it.
    let left = order
        .legs()
        .iter()
        .any(|leg| !leg.filled_quantity.is_zero() || row(leg).is_some_and(|row| row.status == BrokerStatus::Filled));
    let mut wanted = order.legs().iter().filter(|leg| leg.cancel.is_none());
    let has_stop = wanted.clone().any(|leg| leg.role == LegRole::StopLoss);
    lately
        && has_stop
        && order.cancel_asked_at.is_none()
        && shown.live.complete
        && !left
        && wanted.any(|leg| !row(leg).is_some_and(|row| stands(&row.status)))
}

fn unprotected() -> Reason {
    Reason::new(
        ReasonCode::UnprotectedPosition,
        "The order is filled, and its protecting exits are not at the broker. Place a stop by hand or close the position.",
    )
}
