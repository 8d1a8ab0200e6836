//! Advance: looks at the state that an order is in and takes the next step, until it cannot.
//!
//! It never asks how it was called: by the queue's worker, by the tracker, after a crash. That is why a crash at any
//! point is found by the next caller in exactly that state.

use domain::{CANCELS_BEFORE_ALARM, ChangeStage, Doubt, Fact, Order, OrderState, Reason, ReasonCode};
use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Versioned};

use crate::lane::Lane;
use crate::waits::is_for_another_try;

/// Steps that one call takes at most: far more than any order's life has.
const STEPS_MAX: u32 = 12;
/// An order that waits is looked at again after this, if nothing wakes it before.
pub const HELD_CHECK: SignedDuration = SignedDuration::from_secs(20);
/// The longest pause between two looks at an order that waits: it grows with its age.
pub(crate) const HELD_CHECK_MAX: SignedDuration = SignedDuration::from_mins(2);
/// An order whose outcome is unknown is looked for after this: the broker allows one look in 5 s.
pub(crate) const UNKNOWN_CHECK: SignedDuration = SignedDuration::from_secs(6);
/// An order at work that is followed closely is due again after this, should nobody follow it.
pub(crate) const WORKING_CHECK: SignedDuration = SignedDuration::from_secs(50);
/// One that the schedule alone looks at is due after this: at its next minute, however late in the last one the look was.
const SCHEDULED_CHECK: SignedDuration = SignedDuration::from_secs(15);
/// How soon after news of an order the tracker looks, in seconds.
pub const TRACK_AFTER_NEWS_SECONDS: u32 = 1;
/// How often an order is looked at while it is followed closely, in seconds (IBKR Web API, pacing: one look in 5 s).
pub const TRACK_CLOSELY_SECONDS: u32 = 5;
/// An order is followed closely for this long after the last news of it; then the schedule's looks are enough.
const FOLLOWED_CLOSELY_FOR: SignedDuration = SignedDuration::from_mins(2);

/// When an order at work is due again for a look by the schedule.
pub(crate) fn working_check_at(order: &Order, now: Timestamp) -> Timestamp {
    let followed_until = order.updated_at + FOLLOWED_CLOSELY_FOR;
    (followed_until + SCHEDULED_CHECK).clamp(now + SCHEDULED_CHECK, now + WORKING_CHECK)
}

/// What the next step of an order is.
pub(crate) enum Next {
    /// Another step follows.
    Again,
    /// Nothing more now.
    Rest,
}

impl Lane<'_> {
    /// Takes an order that has just been put on record as far as it goes.
    pub async fn take_on(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        self.catch_up().await?;
        if self.waited_for {
            self.read_again(order).await?;
        }
        self.advance(order).await
    }

    /// Takes an order as far as it goes now.
    pub async fn advance(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        let taken = self.take_steps(order).await;
        // Also where that failed: no later order passes it.
        self.keep_in_line(&order.value);
        taken?;
        self.plan_the_next_look(&order.value);
        Ok(())
    }

    async fn take_steps(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        for _ in 0..STEPS_MAX {
            if matches!(Box::pin(self.step(order)).await?, Next::Rest) {
                break;
            }
        }
        Ok(())
    }

    fn plan_the_next_look(&mut self, order: &Order) {
        // Nobody can look at it: how long that pauses stands on its row.
        if order.unwatched.is_some() {
            return;
        }
        let seconds = |pause: SignedDuration| u32::try_from(pause.as_secs()).unwrap_or(u32::MAX);
        let only_exits_work = order.status().is_final() && order.may_be_at_the_broker();
        match order.state() {
            _ if only_exits_work => self.follow_closely(order),
            // A cancel that is not carried out is no news: it is looked at as often as it is asked for.
            OrderState::Cancelling if order.cancel_calls().count() > CANCELS_BEFORE_ALARM => {
                let pause = order.next_cancel_at().map_or(WORKING_CHECK, |at| at.duration_since(self.now()));
                self.track_in(seconds(pause.clamp(SignedDuration::from_secs(5), WORKING_CHECK)));
            }
            OrderState::Working | OrderState::PartiallyFilled | OrderState::Cancelling => self.follow_closely(order),
            OrderState::Unknown { .. } => {
                // Since it is unknown, however long its answer was waited for.
                let fresh = self.now().duration_since(order.updated_at) < UNKNOWN_CHECK;
                self.track_in(if fresh { TRACK_AFTER_NEWS_SECONDS } else { seconds(UNKNOWN_CHECK) });
            }
            OrderState::Held { reason } if is_for_another_try(reason) => self.track_in(TRACK_AFTER_NEWS_SECONDS),
            OrderState::Held { .. } => self.track_in(seconds(HELD_CHECK)),
            _ => {}
        }
    }

    /// Closely after news of it, then less often.
    fn follow_closely(&mut self, order: &Order) {
        let quiet_for = self.now().duration_since(order.updated_at);
        if quiet_for.as_secs() < i64::from(TRACK_CLOSELY_SECONDS) {
            self.track_in(TRACK_AFTER_NEWS_SECONDS);
        } else if quiet_for < FOLLOWED_CLOSELY_FOR {
            self.track_in(TRACK_CLOSELY_SECONDS);
        }
    }

    async fn step(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
        if let Some(role) = order.value.leg_cancel_due(self.now()) {
            return Box::pin(self.cancel_at_broker(order, Some(role))).await;
        }
        let only_exits_work = order.value.status().is_final() && order.value.may_be_at_the_broker();
        match order.value.state() {
            // It came to work after all, and somebody asks for its end.
            _ if order.value.works_late() && order.value.cancel_wanted_anew() => {
                self.cancel_at_broker(order, None).await
            }
            _ if only_exits_work => self.step_of_change(order).await,
            OrderState::Received | OrderState::Held { .. } => self.send(order).await,
            OrderState::Sending { intent } if intent.epoch < self.lease.epoch() => {
                let reason = Reason::new(
                    ReasonCode::SenderVanished,
                    "Whoever sent the order vanished before the broker's answer was on record. The broker is being asked.",
                );
                self.record(order, Fact::Unread(Doubt::Unread, reason)).await?;
                Ok(Next::Rest)
            }
            OrderState::Unknown { .. } => self.settle(order).await,
            OrderState::Working | OrderState::PartiallyFilled if order.value.cancel_asked_at.is_some() => {
                if order.value.cancel_is_due(self.now()) {
                    self.cancel_at_broker(order, None).await
                } else {
                    Ok(Next::Rest)
                }
            }
            // Each new request makes a call; those between are made by what a report shows.
            OrderState::Cancelling | OrderState::NeedsReview { .. } if order.value.cancel_wanted_anew() => {
                self.cancel_at_broker(order, None).await
            }
            OrderState::Working | OrderState::PartiallyFilled => self.step_of_change(order).await,
            _ => Ok(Next::Rest),
        }
    }

    async fn step_of_change(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
        match order.value.change_in_hand().map(|change| &change.stage) {
            Some(ChangeStage::Asked) => Box::pin(self.send_change(order)).await,
            Some(ChangeStage::Sending { epoch, .. }) if *epoch < self.lease.epoch() => {
                let reason = Reason::new(
                    ReasonCode::SenderVanished,
                    "Whoever sent the change vanished before the broker's answer was on record. The broker is being asked.",
                );
                self.record_change(order, |order, now| order.change_unread(reason.clone(), now)).await?;
                Ok(Next::Rest)
            }
            _ => Ok(Next::Rest),
        }
    }
}
