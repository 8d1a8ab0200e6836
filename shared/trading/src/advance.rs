//! Advance: looks at the state that an order is in and takes the next step, until it cannot.
//!
//! It never asks how it was called: by the queue's worker, by the tracker, after a crash. That is why a crash at any
//! point is found by the next caller in exactly that state.

use domain::{Act, Fact, Intent, Order, OrderState, OrderStatus, PlaceOrder, Reason};
use jiff::{SignedDuration, Timestamp};
use store::{IntentGuards, IntentRefused, StoreError, Versioned};

use crate::lane::{Lane, PENDING_MAX};
use crate::receive::{Recorded, differs};
use crate::session::NoSession;

/// Steps that one call takes at most: far more than any order's life has.
const STEPS_MAX: u32 = 12;
/// An order that waits is looked at again after this, if nothing wakes it before.
const HELD_CHECK: SignedDuration = SignedDuration::from_secs(20);
/// An order whose sender vanished is found after this: longer than an invocation lives.
const SENDING_CHECK: SignedDuration = SignedDuration::from_secs(75);
/// An order whose outcome is unknown is looked for after this.
pub(crate) const UNKNOWN_CHECK: SignedDuration = SignedDuration::from_secs(6);
/// An order at work is looked at again after this.
pub(crate) const WORKING_CHECK: SignedDuration = SignedDuration::from_secs(60);
/// How soon after news of an order the tracker looks, in seconds.
const TRACK_AFTER_NEWS_SECONDS: u32 = 1;
/// How often an order is looked at while it is followed closely, in seconds (IBKR Web API, pacing: one look in 5 s).
const TRACK_CLOSELY_SECONDS: u32 = 5;
/// An order is followed closely for this long after the last news of it; then the schedule's looks are enough.
const FOLLOWED_CLOSELY_FOR: SignedDuration = SignedDuration::from_mins(2);

/// What the next step of an order is.
pub(crate) enum Next {
    /// Another step follows.
    Again,
    /// Nothing more now.
    Rest,
}

impl Lane<'_> {
    /// Puts a new order on record and takes it as far as it goes.
    pub async fn place(&mut self, request: PlaceOrder) -> Result<Option<Reason>, StoreError> {
        let key = request.key.clone();
        match self.desk.intake.record(request).await? {
            Recorded::New(mut order) | Recorded::Same(mut order) => {
                if self.pending.len() >= PENDING_MAX && order.value.status() == OrderStatus::Received {
                    let reason = Reason::new(
                        "too_many_waiting",
                        format!(
                            "{PENDING_MAX} orders of this user wait already; this one was not taken. Send it again later under a new id."
                        ),
                    );
                    self.record(&mut order, Fact::Deny(reason)).await?;
                }
                self.advance(&mut order).await?;
                Ok(None)
            }
            Recorded::Differs(_) => Ok(Some(differs(&key))),
        }
    }

    /// Takes an order as far as it goes now.
    pub async fn advance(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        for _ in 0..STEPS_MAX {
            if matches!(self.step(order).await?, Next::Rest) {
                break;
            }
        }
        self.keep_in_line(&order.value);
        self.plan_the_next_look(&order.value);
        Ok(())
    }

    fn plan_the_next_look(&mut self, order: &Order) {
        let seconds = |pause: SignedDuration| u32::try_from(pause.as_secs()).unwrap_or(u32::MAX);
        match order.state() {
            OrderState::Working | OrderState::PartiallyFilled | OrderState::Cancelling => {
                let quiet_for = self.desk.intake.clock.now().duration_since(order.updated_at);
                if quiet_for.as_secs() < i64::from(TRACK_CLOSELY_SECONDS) {
                    self.track_in(TRACK_AFTER_NEWS_SECONDS);
                } else if quiet_for < FOLLOWED_CLOSELY_FOR {
                    self.track_in(TRACK_CLOSELY_SECONDS);
                }
            }
            OrderState::Unknown { .. } => self.track_in(seconds(UNKNOWN_CHECK)),
            OrderState::Held { .. } => self.track_in(seconds(HELD_CHECK)),
            _ => {}
        }
    }

    async fn step(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
        match order.value.state().clone() {
            OrderState::Received | OrderState::Held { .. } => self.send(order).await,
            OrderState::Sending { intent } if intent.epoch < self.lease.epoch() => {
                let reason = Reason::new(
                    "sender_vanished",
                    "Whoever sent the order vanished before the broker's answer was on record. The broker is being asked.",
                );
                self.record(order, Fact::Unread(reason)).await?;
                Ok(Next::Rest)
            }
            OrderState::Working | OrderState::PartiallyFilled if order.value.cancel_asked_at.is_some() => {
                self.cancel_at_broker(order).await
            }
            _ => Ok(Next::Rest),
        }
    }

    /// The last steps before the wire. Whatever stands in the way is written down with its reason.
    async fn send(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
        let now = self.desk.intake.clock.now();
        let Some(request) = order.value.request.clone() else {
            return self.stop(order, Fact::Deny(unreadable())).await;
        };
        if now >= order.value.good_until {
            return self.stop(order, Fact::Expire(expired(&order.value, now))).await;
        }
        if order.value.cancel_asked_at.is_some() {
            return self.stop(order, Fact::CancelAsked(cancelled_before_sending())).await;
        }
        if let Some(ahead) = self.ahead_of(&order.value) {
            let reason = Reason::new(
                "behind_another",
                format!("The order waits for {ahead}, which came before it for the same account and contract."),
            );
            return self.hold(order, reason).await;
        }
        let session = match self.session_for(&request.account_id).await? {
            Ok(session) => session,
            Err(NoSession::Hold(reason)) => return self.hold(order, reason).await,
            Err(NoSession::Deny(reason)) => return self.stop(order, Fact::Deny(reason)).await,
        };
        let conid = match self.resolve(&session, &request).await? {
            Ok(conid) => conid,
            Err(NoSession::Hold(reason)) => return self.hold(order, reason).await,
            Err(NoSession::Deny(reason)) => return self.stop(order, Fact::Deny(reason)).await,
        };
        if let Some(reason) = self.beyond_limits(&request, conid).await? {
            return self.stop(order, Fact::Deny(reason)).await;
        }
        if !self.has_time(crate::dialogue::DIALOGUE_TIME) {
            return self.hold(order, out_of_time()).await;
        }
        match self.intend(order, Act::Place, IntentGuards::HaltsAndGrant(&self.desk.intake.rules)).await? {
            Ok(()) => self.carry_out(order, &session, &request, conid).await,
            Err(refused) => self.refused_intent(order, refused).await,
        }
    }

    /// Writes an intent down, with everything that must hold for it, in one transaction. Only after it may a byte
    /// leave.
    pub(crate) async fn intend(
        &self,
        order: &mut Versioned<Order>,
        act: Act,
        guards: IntentGuards<'_>,
    ) -> Result<Result<(), IntentRefused>, StoreError> {
        let now = self.desk.intake.clock.now();
        let mut intended = order.clone();
        let intent = Intent { at: now, epoch: self.lease.epoch(), act };
        if let Err(out_of_place) = intended.value.apply(Fact::Intend(intent), now) {
            tracing::error!(key = %order.value.key, %out_of_place, "an intent has no place in the order's state");
            return Ok(Err(IntentRefused::Conflict));
        }
        intended.value.check_again_at(now + SENDING_CHECK);
        match self.desk.intake.orders.save_intent(&mut intended, &self.lease, guards).await {
            Ok(()) => {
                *order = intended;
                Ok(Ok(()))
            }
            Err(IntentRefused::Store(error)) => Err(error),
            Err(refused) => Ok(Err(refused)),
        }
    }

    async fn refused_intent(
        &mut self,
        order: &mut Versioned<Order>,
        refused: IntentRefused,
    ) -> Result<Next, StoreError> {
        match refused {
            IntentRefused::Halted(scope) => {
                let reason = Reason::new(
                    "halted",
                    format!(
                        "Trading is halted for {scope}; the order was not sent. Lift the halt, and send it again under a new id."
                    ),
                );
                self.stop(order, Fact::Deny(reason)).await
            }
            IntentRefused::NoGrant(algorithm_id) => {
                let reason = Reason::new(
                    "no_grant",
                    format!(
                        "The user's grant to the algorithm {algorithm_id} is halted, gone, or does not list the account; the order was not sent."
                    ),
                );
                self.stop(order, Fact::Deny(reason)).await
            }
            IntentRefused::Conflict => {
                self.read_again(order).await?;
                Ok(Next::Again)
            }
            IntentRefused::LaneLost => {
                tracing::warn!(key = %order.value.key, "the lane was lost; its present holder takes the order further");
                Ok(Next::Rest)
            }
            IntentRefused::Contention | IntentRefused::Store(_) => {
                self.hold(
                    order,
                    Reason::new("busy", "The order waits a moment: its limits are being checked for another one."),
                )
                .await
            }
        }
    }

    /// Writes down that an order waits. The same wait again is not written again.
    async fn hold(&mut self, order: &mut Versioned<Order>, reason: Reason) -> Result<Next, StoreError> {
        let same = matches!(order.value.state(), OrderState::Held { reason: before } if *before == reason);
        let check_at = (self.desk.intake.clock.now() + HELD_CHECK).min(order.value.good_until);
        if !same || order.value.next_check_at.is_none_or(|at| at <= self.desk.intake.clock.now()) {
            self.record_and_check(order, Fact::Hold(reason), Some(check_at)).await?;
        }
        Ok(Next::Rest)
    }

    async fn stop(&mut self, order: &mut Versioned<Order>, fact: Fact) -> Result<Next, StoreError> {
        self.record(order, fact).await?;
        Ok(Next::Rest)
    }
}

fn expired(order: &Order, now: Timestamp) -> Reason {
    let waited = order.state().reason().map(|reason| format!(" It had waited: {}", reason.message)).unwrap_or_default();
    Reason::new(
        "expired",
        format!("It was good until {} and was not sent by then (now {now}).{waited}", order.good_until),
    )
}

fn unreadable() -> Reason {
    Reason::new("unreadable", "The order cannot be read.")
}

pub(crate) fn cancelled_before_sending() -> Reason {
    Reason::new("cancelled_before_sending", "It was cancelled before it was sent: the broker never had it.")
}

fn out_of_time() -> Reason {
    Reason::new(
        "next_run",
        "The order waits for the next run: too little time was left in this one for its dialogue with the broker.",
    )
}
