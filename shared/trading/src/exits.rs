//! Protection: a position without the stop that was asked for is told at once.

use domain::{HistoryEntry, Leg, LegRole, Order, OrderStatus, Reason, ReasonCode, TimeInForce};
use jiff::civil::{Time, Weekday};
use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Versioned};

use crate::lane::Lane;
use crate::leg_rows::leg_row;
use crate::look::Shown;
use crate::track::stands;

/// A parent whose exits do not show is looked at again after this, in seconds, before it is called unprotected.
const EXITS_AWAITED_SECONDS: u32 = 6;
/// An exit that is in no list is asked for by its number at the look after the first one, which comes later than this.
const ASKED_BY_NUMBER_AFTER: SignedDuration = SignedDuration::from_secs(4);
/// For so long after its parent filled an exit is expected to show.
const EXPECTED_FOR: SignedDuration = SignedDuration::from_mins(5);
/// From when, and until when on the next day, an order for the day may have ended with it, in New York.
const DAY_ENDS_FROM: Time = jiff::civil::time(15, 55, 0, 0);
const DAY_ENDS_UNTIL: Time = jiff::civil::time(9, 30, 0, 0);

impl Lane<'_> {
    /// Where a bracket's parent is filled and its stop is nowhere, the first look waits for another one, and the second
    /// tells: the order carries a warning, and an alarm goes out. That takes less than 30 s.
    pub(crate) async fn judge_protection(
        &mut self,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let is_unprotected = is_unprotected(&order.value, shown, now);
        if order.value.has_warned(&ReasonCode::UnprotectedPosition) {
            if !is_unprotected && shows_its_stop(&order.value, shown) {
                tracing::info!(key = %order.value.key, "a bracket's stop shows again");
                self.record_change(order, Order::is_protected_again).await?;
            }
            return Ok(());
        }
        if !is_unprotected {
            return self.tell_a_stop_that_ended_with_its_day(order).await;
        }
        // What is over is looked at no more, and its exits are shown as ended: this look is as good as a second one.
        let certain = order.value.is_over().then_some(now);
        let before = order.value.exits_missing_since.filter(|since| now < *since + EXPECTED_FOR);
        let Some(missing_since) = before.or(certain) else {
            tracing::warn!(key = %order.value.key, "a bracket's stop does not show; it is looked for once more");
            self.record_change(order, |order, now| order.exits_missing_since = Some(now)).await?;
            self.track_in(EXITS_AWAITED_SECONDS);
            return Ok(());
        };
        let missing = missing(&order.value, shown, now);
        // The broker's lists may leave out what was placed on an earlier day and works (IBKR Web API, live orders).
        let is_unseen = order.value.legs().iter().any(|leg| is_wanted(&order.value, leg) && !leg.has_ended())
            && self.may_work_unseen(&order.value, now);
        tracing::error!(key = %order.value.key, is_unseen, alarm = "unprotected_position", metric.orders_for_a_person = 1, %missing_since, at = %now, "a bracket's parent is filled and its stop is not at the broker");
        self.record_change(order, |order, now| order.warn(unprotected(&missing, is_unseen), now)).await
    }

    /// Where everything of the order has ended and its position is left, whoever trades is told. No operator is called: a stop for the
    /// day ends with it each evening.
    async fn tell_a_stop_that_ended_with_its_day(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        let stop = order.value.legs().iter().find(|leg| leg.role == LegRole::StopLoss);
        let is_left = stop.is_some_and(|stop| is_wanted(&order.value, stop) && stop.has_ended());
        if !is_left || !order.value.is_over() || is_closed(&order.value) {
            return Ok(());
        }
        tracing::warn!(key = %order.value.key, "a bracket's stop has ended, and its position is left");
        self.record_change(order, |order, now| order.warn(ended_before_its_position(), now)).await
    }
}

/// Whether the order made a position that its exits have not closed, and one that nobody asked to end stands nowhere.
fn is_unprotected(order: &Order, shown: &Shown, now: Timestamp) -> bool {
    let has_stop = order.legs().iter().any(|leg| leg.role == LegRole::StopLoss && is_wanted(order, leg));
    has_stop && !is_closed(order) && missing(order, shown, now).contains(&LegRole::StopLoss)
}

/// The exits that should be at the broker, and stand nowhere.
fn missing(order: &Order, shown: &Shown, now: Timestamp) -> Vec<LegRole> {
    let expected = order.legs().iter().filter(|leg| is_wanted(order, leg) && !has_ended_with_its_day(order, leg, now));
    expected.filter(|leg| is_nowhere(order, leg, shown, now)).map(|leg| leg.role).collect()
}

/// Whether the exits have closed what the entry filled. Of one that is filled the broker may not have told how much yet.
fn is_closed(order: &Order) -> bool {
    let filled = |leg: &Leg| leg.status() == OrderStatus::Filled && leg.filled_quantity.is_zero();
    order.position_left().is_zero() || order.legs().iter().any(filled)
}

/// Whether nobody asked for its end who knew of the fill. A cancel that was asked for before is no wish for a position without
/// a stop.
fn is_wanted(order: &Order, leg: &Leg) -> bool {
    match order.cancel_asked_at {
        None => leg.cancel.is_none(),
        Some(asked_at) => filled_at(order).is_some_and(|at| at > asked_at),
    }
}

/// What works for the day ends with it, and is told as its leg's news. A refusal is no such end, nor is that of one exit beside
/// which another works on; and soon after a fill an exit is expected all the same.
fn has_ended_with_its_day(order: &Order, leg: &Leg, now: Timestamp) -> bool {
    let another_works_on =
        order.legs().iter().any(|other| other.role != leg.role && other.may_work() && other.missing_since.is_none());
    leg.ticket.time_in_force == TimeInForce::Day
        && leg.status() != OrderStatus::Rejected
        && !another_works_on
        && filled_at(order).is_none_or(|at| now >= at + EXPECTED_FOR)
        && day_may_be_over(now)
}

/// Whether an order for the day may have ended with it: in New York, from just before the close until the morning, and at weekends.
/// Elsewhere a day ends earlier, and its position stands without a stop from then on all the same.
fn day_may_be_over(now: Timestamp) -> bool {
    let local = jiff::tz::get!("America/New_York").to_datetime(now);
    let is_weekend = matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday);
    is_weekend || local.time() >= DAY_ENDS_FROM || local.time() < DAY_ENDS_UNTIL
}

/// Whether the row of a stop that nobody asked to end stands in this look.
fn shows_its_stop(order: &Order, shown: &Shown) -> bool {
    let stops = order.legs().iter().filter(|leg| leg.role == LegRole::StopLoss && leg.cancel.is_none());
    stops.filter_map(|leg| leg_row(order, leg, &shown.live)).any(|row| row.status.works())
}

/// When its entry last filled.
fn filled_at(order: &Order) -> Option<Timestamp> {
    // A row of an earlier release has it in its history alone.
    if order.last_filled_at.is_some() {
        return order.last_filled_at;
    }
    let is_fill = |status| matches!(status, OrderStatus::Filled | OrderStatus::PartiallyFilled);
    let of_entry = |entry: &&HistoryEntry| entry.leg.is_none() && entry.revision.is_none();
    let fill = order.history.iter().filter(of_entry).rfind(|entry| is_fill(entry.status) && entry.reason.is_none());
    // A fill that shows together with the entry's end has no entry of its own.
    let end = order.history.iter().rfind(of_entry).filter(|_| !order.filled_quantity.is_zero());
    fill.or(end).map(|entry| entry.at)
}

/// Whether the broker shows that it is at its end, or shows it nowhere in a whole list. Where its list is empty and no snapshot, the
/// exit was asked for by its number as well.
fn is_nowhere(order: &Order, leg: &Leg, shown: &Shown, now: Timestamp) -> bool {
    if let Some(row) = leg_row(order, leg, &shown.live) {
        return !stands(&row.status);
    }
    let was_asked_for = leg.missing_since.is_some_and(|since| since + ASKED_BY_NUMBER_AFTER <= now);
    leg.has_ended() || shown.live.complete || (shown.is_empty_again && was_asked_for)
}

fn unprotected(missing: &[LegRole], is_unseen: bool) -> Reason {
    let exits = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and its ");
    let are = if missing.len() > 1 { "are" } else { "is" };
    let what_to_do = if is_unseen {
        "It was placed on an earlier day, or through an earlier connection, and the broker's lists may leave such out: look in the broker's own pages. If no stop works there, place one by hand; or cancel its other exit, and then close the position."
    } else {
        "Place a stop by hand; or cancel its other exit, and then close the position: an exit that is left would open one the other way."
    };
    Reason::new(
        ReasonCode::UnprotectedPosition,
        format!("The order is filled, and its {exits} {are} not at the broker. {what_to_do}"),
    )
}

fn ended_before_its_position() -> Reason {
    Reason::new(
        ReasonCode::UnprotectedPosition,
        "The order's stop loss worked for the day and has ended, and the order's position is left without a stop. Close the position, or place a stop; what is to protect it over night needs `time_in_force` gtc.",
    )
}
