//! The exits of brackets at the broker: looked at until each ended, and cancelled where that is asked for.

use broker::Session;
use domain::{BrokerStatus, Leg, LegFact, LegRole, LegSight, Order, OrderStatus, Reason, ReasonCode, TimeInForce};
use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Versioned};

use crate::advance::TRACK_CLOSELY_SECONDS;
use crate::lane::Lane;
use crate::leg_rows::{leg_row, leg_sight};
use crate::look::Shown;
use crate::stop::unless_stopped;
use crate::track::{LOOK_TIME, MISSING_FOR_MAX};

/// An exit that is in no list is concluded to have ended after this, where something else says so as well.
const ENDED_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// An exit that is in no list is asked for by its number at each look for so long, then when its order is due.
const ASKED_FOR_CLOSELY: SignedDuration = SignedDuration::from_mins(2);
/// An exit that is shown as too large this long after the last news is.
const TOO_LARGE_AFTER: SignedDuration = SignedDuration::from_secs(8);
/// One that is still too large after it was made smaller is made smaller again, this long after the last news.
const MENDED_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// The same of one that the broker does not show: it refuses the change of what is there no more.
const MENDED_UNSEEN_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// That the broker holds an exit as refused, or as filled in part, is believed when it says so again this much later.
const SAID_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(4);

impl Lane<'_> {
    /// Takes in what a look shows of an order's exits.
    pub(crate) async fn take_in_legs(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        if order.value.legs().is_empty() || order.value.sends == 0 {
            return Ok(());
        }
        let sights = order.value.legs().iter().filter_map(|leg| Some((leg, leg_sight(&order.value, leg, shown)?)));
        let (mut seen, mut told) = (Vec::new(), Vec::new());
        for (leg, sight) in sights {
            // Trades of a part of it tell what filled, and not what became of the rest.
            let is_seen = leg_row(&order.value, leg, &shown.live).is_some() || sight.status == BrokerStatus::Filled;
            if is_seen {
                seen.push(sight.role);
            }
            if is_seen || sight.filled_quantity.is_some_and(|filled| filled > leg.filled_quantity) {
                told.push(sight);
            }
        }
        self.record_legs(order, |order, now| order.legs_seen(&told, now)).await?;
        let open: Vec<LegRole> = order.value.legs().iter().filter(|leg| leg.may_work()).map(|leg| leg.role).collect();
        for role in open {
            if seen.contains(&role) {
                self.confirm_end(session, order, role, shown).await?;
            } else {
                self.look_for_missing_leg(session, order, role, shown).await?;
            }
        }
        self.bring_back_exits(session, order, shown).await?;
        self.mend_too_large_exits(order).await?;
        self.tell_too_small_exits(order).await?;
        self.judge_protection(order, shown).await
    }

    /// An exit that stays for more than its order leaves to it is made smaller: the other one filled while a change of this one
    /// was on its way, or the broker did not make it smaller itself.
    async fn mend_too_large_exits(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        if !order.value.exit_is_too_large() {
            return Ok(());
        }
        // The list may show the one fill before what it made of the other exit.
        let was_warned = order.value.has_warned(&ReasonCode::ExitTooLarge);
        let is_missing = order.value.legs().iter().any(|leg| leg.may_work() && leg.missing_since.is_some());
        let pause = match (was_warned, is_missing) {
            (false, _) => TOO_LARGE_AFTER,
            (true, false) => MENDED_AGAIN_AFTER,
            (true, true) => MENDED_UNSEEN_AGAIN_AFTER,
        };
        if self.lists_as_of < order.value.updated_at + pause {
            self.track_in(TRACK_CLOSELY_SECONDS);
            return Ok(());
        }
        if !was_warned {
            tracing::error!(key = %order.value.key, alarm = "exit_too_large", metric.orders_for_a_person = 1, "an exit at the broker is for more than its order leaves to it; it is made smaller");
        }
        self.record_change(order, Order::exit_stays_too_large).await
    }

    /// An exit that stays for less than its order leaves to it leaves a part of the position without it: a person is told.
    async fn tell_too_small_exits(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        let Some(role) = order.value.exit_is_too_small() else { return Ok(()) };
        if order.value.has_warned(&ReasonCode::ExitDoesNotFollow) {
            return Ok(());
        }
        if self.lists_as_of < order.value.updated_at + MENDED_AGAIN_AFTER {
            self.track_in(TRACK_CLOSELY_SECONDS);
            return Ok(());
        }
        tracing::error!(key = %order.value.key, %role, alarm = "exit_does_not_follow", metric.orders_for_a_person = 1, "an exit at the broker is for less than its order's position");
        self.record_change(order, |order, now| order.exit_stays_too_small(role, now)).await
    }

    /// An exit that the broker holds as refused, or as filled with less than its whole, has ended only where it says so again when
    /// it is asked for by its number.
    async fn confirm_end(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        role: LegRole,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        let leg = order.value.leg(role);
        let Some((since, number)) = leg.and_then(|leg| Some((leg.unclear_since?, leg.broker_order_id?))) else {
            return Ok(());
        };
        if self.now() < since + SAID_AGAIN_AFTER || !self.has_time(LOOK_TIME) {
            self.track_in(TRACK_CLOSELY_SECONDS);
            return Ok(());
        }
        let asked_at = self.now();
        match self.order_by_number(session, order.value.account_id(), number).await {
            Ok(detail) if detail.status.is_doubtful_end() => {
                tracing::warn!(key = %order.value.key, %role, %number, "an exit was refused by the broker");
                self.record_legs(order, |order, now| order.leg_fact(role, &LegFact::Refused, now)).await
            }
            Ok(detail) => {
                let is_filled = detail.status == BrokerStatus::Filled;
                self.take_in_leg_detail(order, role, detail).await?;
                if is_filled { self.believe_filled(order, role, since, asked_at).await } else { Ok(()) }
            }
            Err(error) => {
                tracing::warn!(key = %order.value.key, %role, %error, "an exit is not shown by its number");
                let row = order.value.leg(role).and_then(|leg| leg_row(&order.value, leg, &shown.live));
                let is_filled = row.is_some_and(|row| row.status == BrokerStatus::Filled);
                if is_filled { self.believe_filled(order, role, since, self.lists_as_of).await } else { Ok(()) }
            }
        }
    }

    /// An exit that the broker shows as filled, with less than its whole for a while: the quantity may be told later.
    async fn believe_filled(
        &mut self,
        order: &mut Versioned<Order>,
        role: LegRole,
        since: Timestamp,
        as_of: Timestamp,
    ) -> Result<(), StoreError> {
        if as_of < since + ENDED_AFTER {
            self.track_in(TRACK_CLOSELY_SECONDS);
            return Ok(());
        }
        self.record_legs(order, |order, now| order.leg_fact(role, &LegFact::Filled, now)).await
    }

    /// Asks how much each exit has filled, right before one of them is changed: a change brings the whole ticket, and one for
    /// more than is left would turn the position. False: the broker does not say now, and the change waits.
    pub(crate) async fn exits_are_known(&mut self, order: &mut Versioned<Order>) -> Result<bool, StoreError> {
        let Some(account_id) = order.value.account_id().cloned() else { return Ok(false) };
        let Some(session) = unless_stopped(self.session_for(&account_id).await)? else { return Ok(false) };
        if !self.numbers_are_right(&session, order).await? {
            return Ok(false);
        }
        let looked = self.looked_just_now(&order.value);
        let at_work = order.value.legs().iter().filter(|leg| leg.may_work());
        let numbered: Vec<_> = at_work.map(|leg| (leg.role, leg.broker_order_id)).collect();
        for (role, number) in numbered {
            if !self.has_time(LOOK_TIME) {
                self.track_in(1);
                return Ok(false);
            }
            let Some(number) = number else {
                self.track_in(TRACK_CLOSELY_SECONDS);
                return Ok(false);
            };
            match self.order_by_number(&session, order.value.account_id(), number).await {
                Ok(detail) => {
                    if let Some(ticket) = order.value.ticket_of(Some(role)).cloned() {
                        self.take_over_detail(order, Some(role), &ticket, &detail).await?;
                    }
                    self.take_in_leg_detail(order, role, detail).await?;
                }
                // For an order of an earlier session the broker answers 503: its lists say it.
                Err(error) => {
                    tracing::warn!(key = %order.value.key, %role, %error, "an exit is not shown by its number before a change");
                    if !self.lists_say(&order.value, Some(role), looked) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    async fn take_in_leg_detail(
        &mut self,
        order: &mut Versioned<Order>,
        role: LegRole,
        detail: broker::OrderDetail,
    ) -> Result<(), StoreError> {
        let is_anothers = |leg: &Leg| detail.side.is_some_and(|side| side != leg.ticket.side);
        if order.value.leg(role).is_none_or(is_anothers) {
            tracing::error!(key = %order.value.key, %role, number = %detail.order_id, "the number of an exit is that of another order; the lists tell which is its own");
            return Ok(());
        }
        let sight = LegSight {
            role,
            broker_order_id: Some(detail.order_id),
            status: detail.status,
            quantity: detail.total_quantity,
            filled_quantity: detail.filled_quantity,
            average_price: detail.average_price,
        };
        self.record_legs(order, |order, now| order.legs_seen(std::slice::from_ref(&sight), now)).await
    }

    /// An exit that is in none of the broker's lists is asked for by its number. Absence alone proves nothing.
    async fn look_for_missing_leg(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        role: LegRole,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let Some(leg) = order.value.leg(role).cloned() else { return Ok(()) };
        let Some(missing_since) = leg.missing_since else {
            return self
                .record_legs(order, |order, now| {
                    order.leg_missing(role, now);
                })
                .await;
        };
        let is_due = now < missing_since + ASKED_FOR_CLOSELY || order.value.next_check_at.is_none_or(|at| at <= now);
        if let Some(number) = leg.broker_order_id.filter(|_| is_due && self.has_time(LOOK_TIME)) {
            match self.order_by_number(session, order.value.account_id(), number).await {
                Ok(detail) => {
                    Box::pin(self.judge_changes(session, order, &Shown::by_number(&detail))).await?;
                    return self.take_in_leg_detail(order, role, detail).await;
                }
                // For an order of an earlier session the broker answers 503.
                Err(error) => {
                    tracing::warn!(key = %order.value.key, %role, %number, %error, "an exit is in no list, nor is it shown by its number");
                }
            }
        }
        let Some(fact) = self.conclusion(&order.value, &leg, shown) else { return Ok(()) };
        if matches!(fact, LegFact::Exhausted(_)) && leg.status() != OrderStatus::NeedsReview {
            tracing::error!(key = %order.value.key, %role, alarm = "needs_review", metric.orders_for_a_person = 1, "an exit needs review");
        }
        self.record_legs(order, |order, now| order.leg_fact(role, &fact, now)).await
    }

    /// Whether the broker may leave out of its lists what works: what was placed on an earlier day (IBKR Web API, live orders), or
    /// through a connection before the present one, which may be of another username that reaches the account.
    pub(crate) fn may_work_unseen(&self, order: &Order, now: Timestamp) -> bool {
        self.may_show_less_than_at(order.created_at, now)
    }

    /// Whether the broker may show less now than it did then: another day of its own has begun, or there is another connection.
    pub(crate) fn may_show_less_than_at(&self, then: Timestamp, now: Timestamp) -> bool {
        let is_newer = |connection: &domain::Connection| connection.created_at > then;
        self.connection().is_some_and(is_newer) || self.desk.calendar.reset_between(then, now)
    }

    /// What follows from looks that do not show an exit, if anything does.
    fn conclusion(&self, order: &Order, leg: &Leg, shown: &Shown) -> Option<LegFact> {
        let missing_since = leg.missing_since.filter(|_| shown.is_all_there_is())?;
        let missing_for = self.lists_as_of.duration_since(missing_since);
        if missing_for < ENDED_AFTER {
            return None;
        }
        let ended = |code, message: &str| Some(LegFact::Ended(Reason::new(code, message)));
        let other_filled =
            order.legs().iter().any(|other| other.role != leg.role && other.status() == OrderStatus::Filled);
        if other_filled {
            return ended(
                ReasonCode::OtherExitFilled,
                "The other exit is filled, and this one is at the broker no more.",
            );
        }
        let entry_is_gone = order.status().is_final() && order.filled_quantity.is_zero();
        if entry_is_gone {
            return ended(ReasonCode::EntryEnded, "Its entry ended unfilled, and the exit is at the broker no more.");
        }
        let is_found_nowhere = leg.cancel.as_ref().is_some_and(|cancel| cancel.calls.found_nothing());
        let is_gone = leg.cancel.as_ref().is_some_and(|cancel| self.is_gone_since_its_cancel(&cancel.calls));
        // Lists, and cancels with them, may leave out what was placed on an earlier day and works (IBKR Web API, live orders).
        if is_gone || (is_found_nowhere && !self.may_work_unseen(order, self.now())) {
            return ended(
                ReasonCode::Asked,
                "It was asked to be cancelled, and the broker has no such order any more.",
            );
        }
        if is_found_nowhere && leg.cancel.as_ref().is_some_and(|cancel| cancel.calls.have_no_effect()) {
            return Some(LegFact::Exhausted(found_nowhere(leg.role)));
        }
        if missing_for < MISSING_FOR_MAX {
            return None;
        }
        let for_the_day = leg.ticket.time_in_force == TimeInForce::Day;
        if for_the_day && self.desk.calendar.reset_between(missing_since, self.lists_as_of) {
            return ended(
                ReasonCode::TimeInForceEnded,
                "It worked for the day, which is over, and no trade of it shows.",
            );
        }
        Some(LegFact::Exhausted(missing(leg.role)))
    }
}

fn found_nowhere(role: LegRole) -> Reason {
    Reason::new(
        ReasonCode::MissingAtBroker,
        format!(
            "The {role} is in none of the broker's lists, and the broker says of each cancel that it has no such order. It may say so of an exit of an earlier day that works. Look at the account at the broker, cancel the exit there if it works, then decide (`courier orders review`)."
        ),
    )
}

fn missing(role: LegRole) -> Reason {
    Reason::new(
        ReasonCode::MissingAtBroker,
        format!(
            "For {} hours the {role} is in none of the broker's lists: not at work, not ended, not among the trades of the last days. Look at the account at the broker, then decide (`courier orders review`).",
            MISSING_FOR_MAX.as_hours()
        ),
    )
}
