//! Send: the last steps before the wire, for the first time and once more. Whatever stands in the way is written down
//! with its reason.

use std::sync::Arc;

use broker::Session;
use domain::{Act, Circumstances, Conid, Fact, Intent, Order, OrderState, PlaceOrder, Reason, Settlement};
use jiff::{SignedDuration, Timestamp};
use store::{Claim, IntentGuards, IntentRefused, StoreError, Versioned};

use crate::advance::{HELD_CHECK, Next};
use crate::lane::Lane;
use crate::limits;
use crate::session::NoSession;

/// An order whose sender vanished is found after this: longer than an invocation lives.
const SENDING_CHECK: SignedDuration = SignedDuration::from_secs(75);

/// How an order gets to the broker.
pub(crate) struct Way {
    pub(crate) session: Arc<Session>,
    /// The number of its contract.
    pub(crate) conid: Conid,
    /// What it claims of the limits.
    pub(crate) claim: Claim,
}

impl Lane<'_> {
    pub(crate) async fn send(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
        let now = self.now();
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
        let way = match self.way_to_the_broker(&request).await? {
            Ok(way) => way,
            Err(NoSession::Hold(reason) | NoSession::Reopen(reason)) => return self.hold(order, reason).await,
            Err(NoSession::Deny(reason)) => return self.stop(order, Fact::Deny(reason)).await,
        };
        let guards = IntentGuards::WithinLimits(&self.desk.intake.rules, &way.claim);
        match self.intend(order, Act::Place, guards).await? {
            Ok(()) => self.carry_out(order, &way, &request).await,
            Err(IntentRefused::OnlyReducing(halt)) => {
                Box::pin(self.send_if_reducing(order, way, &request, &halt)).await
            }
            Err(refused) => self.refused_intent(order, refused).await,
        }
    }

    /// What the rules say of an order whose outcome is unknown. Only a look can have changed it.
    pub(crate) async fn settle(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
        match order.value.settlement(self.circumstances(&order.value, true), self.now()) {
            Settlement::KeepLooking => Ok(Next::Rest),
            Settlement::SendAgain => self.send_again(order).await,
            Settlement::NotPlaced(reason) => self.stop(order, Fact::NeverReached(reason)).await,
            Settlement::Review(reason) => {
                tracing::error!(key = %order.value.key, alarm = "needs_review", metric.orders_for_a_person = 1, code = reason.code, "an order needs review");
                self.stop(order, Fact::Exhausted(reason)).await
            }
        }
    }

    /// Puts the same ticket under the same client order id on the wire once more. What forbids it now leaves the order
    /// unknown, until its absence is proved without it.
    async fn send_again(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
        let Some(request) = order.value.request.clone() else { return Ok(Next::Rest) };
        if let Ok(mut way) = self.way_to_the_broker(&request).await? {
            way.claim.reducing = order.value.reserved.as_ref().is_some_and(|reserved| reserved.reducing);
            let guards = IntentGuards::WithinLimits(&self.desk.intake.rules, &way.claim);
            match self.intend(order, Act::PlaceAgain, guards).await? {
                Ok(()) => {
                    tracing::warn!(key = %order.value.key, sends = order.value.sends, "an order that never arrived is sent once more");
                    return self.carry_out(order, &way, &request).await;
                }
                Err(refused) if self.may_pass_anew(order, &refused) => {
                    self.read_again(order).await?;
                    return Ok(Next::Again);
                }
                Err(refused) => tracing::warn!(key = %order.value.key, %refused, "an order is not sent once more"),
            }
        }
        match order.value.settlement(self.circumstances(&order.value, false), self.now()) {
            Settlement::NotPlaced(reason) => self.stop(order, Fact::NeverReached(reason)).await,
            _ => Ok(Next::Rest),
        }
    }

    fn circumstances(&self, order: &Order, may_send: bool) -> Circumstances {
        let sent_at = match order.state() {
            OrderState::Unknown { intent, .. } => intent.at,
            _ => self.now(),
        };
        Circumstances {
            may_send,
            reset_between: self.desk.calendar.reset_between(sent_at, self.now()),
            market_orders_again: self.desk.market_orders_again,
        }
    }

    /// The way of this order to the broker now; with enough time left for the dialogue, and nothing of the order's
    /// content against it.
    pub(crate) async fn way_to_the_broker(
        &mut self,
        request: &PlaceOrder,
    ) -> Result<Result<Way, NoSession>, StoreError> {
        match self.way_over_this_session(request).await? {
            Err(NoSession::Reopen(_)) => self.way_over_this_session(request).await,
            way => Ok(way),
        }
    }

    async fn way_over_this_session(&mut self, request: &PlaceOrder) -> Result<Result<Way, NoSession>, StoreError> {
        if let Some(reason) = self.quiet_now() {
            return Ok(Err(NoSession::Hold(reason)));
        }
        let session = match self.session_for(&request.account_id).await? {
            Ok(session) => session,
            Err(no_session) => return Ok(Err(no_session)),
        };
        let conid = match self.resolve(&session, request).await? {
            Ok(conid) => conid,
            Err(no_session) => return Ok(Err(no_session)),
        };
        if let Err(no_session) = self.on_price_steps(&session, request, conid).await? {
            return Ok(Err(no_session));
        }
        let claim = match Box::pin(self.within_limits(&session, request, conid)).await? {
            Ok(claim) => claim,
            Err(no_session) => return Ok(Err(no_session)),
        };
        if !self.has_time(crate::dialogue::DIALOGUE_TIME) {
            return Ok(Err(NoSession::Hold(out_of_time())));
        }
        Ok(Ok(Way { session, conid, claim }))
    }

    fn quiet_now(&self) -> Option<Reason> {
        let quiet = self.desk.calendar.quiet_at(self.now())?;
        Some(Reason::new(
            "quiet_window",
            format!("The order waits until {}: nothing is sent around the broker's {}.", quiet.until, quiet.why),
        ))
    }

    /// Writes an intent down, with everything that must hold for it, in one transaction. Only after it may a byte
    /// leave.
    pub(crate) async fn intend(
        &self,
        order: &mut Versioned<Order>,
        act: Act,
        guards: IntentGuards<'_>,
    ) -> Result<Result<(), IntentRefused>, StoreError> {
        let now = self.now();
        // The way to the broker may have taken long: whoever decides anew finds the order expired.
        if act.is_ticket() && now >= order.value.good_until {
            return Ok(Err(IntentRefused::Conflict));
        }
        let mut intended = order.clone();
        let intent = Intent { at: now, epoch: self.lease.epoch(), act };
        if let Err(out_of_place) = intended.value.apply(Fact::Intend(intent), now) {
            tracing::error!(key = %order.value.key, %out_of_place, "an intent has no place in the order's state");
            return Ok(Err(IntentRefused::Conflict));
        }
        self.write_intent(order, intended, guards).await
    }

    /// Writes down an order with an intent in it.
    pub(crate) async fn write_intent(
        &self,
        order: &mut Versioned<Order>,
        mut intended: Versioned<Order>,
        guards: IntentGuards<'_>,
    ) -> Result<Result<(), IntentRefused>, StoreError> {
        intended.value.check_again_at(self.now() + SENDING_CHECK);
        match self.desk.intake.orders.save_intent(&mut intended, &self.lease, guards).await {
            Ok(()) => {
                *order = intended;
                Ok(Ok(()))
            }
            Err(IntentRefused::Store(error)) => Err(error),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Whether an intent that was refused may pass once the order, or what bears on it, is read anew.
    pub(crate) fn may_pass_anew(&mut self, order: &Versioned<Order>, refused: &IntentRefused) -> bool {
        match refused {
            IntentRefused::Conflict => true,
            IntentRefused::LimitsChanged => {
                self.forget_readings(&order.value.algorithm_id);
                true
            }
            IntentRefused::BeyondLimits(_) | IntentRefused::NoGrant(_) => {
                self.forget_readings(&order.value.algorithm_id)
            }
            _ => false,
        }
    }

    pub(crate) async fn refused_intent(
        &mut self,
        order: &mut Versioned<Order>,
        refused: IntentRefused,
    ) -> Result<Next, StoreError> {
        if self.may_pass_anew(order, &refused) {
            self.read_again(order).await?;
            return Ok(Next::Again);
        }
        match refused {
            IntentRefused::Halted(_)
            | IntentRefused::OnlyReducing(_)
            | IntentRefused::NoGrant(_)
            | IntentRefused::BeyondLimits(_) => self.deny(order, by_rule(&refused)).await,
            IntentRefused::LaneLost => {
                tracing::warn!(key = %order.value.key, "the lane was lost; its present holder takes the order further");
                Ok(Next::Rest)
            }
            IntentRefused::Conflict
            | IntentRefused::LimitsChanged
            | IntentRefused::Contention
            | IntentRefused::Store(_) => {
                self.hold(
                    order,
                    Reason::new("busy", "The order waits a moment: its limits are being checked for another one."),
                )
                .await
            }
        }
    }

    /// Writes down that an order waits. The same wait again is not written again.
    pub(crate) async fn hold(&mut self, order: &mut Versioned<Order>, reason: Reason) -> Result<Next, StoreError> {
        let same = matches!(order.value.state(), OrderState::Held { reason: before } if *before == reason);
        let check_at = (self.now() + HELD_CHECK).min(order.value.good_until);
        if !same || order.value.next_check_at.is_none_or(|at| at <= self.now()) {
            self.record_and_check(order, Fact::Hold(reason), Some(check_at)).await?;
        }
        Ok(Next::Rest)
    }

    pub(crate) async fn deny(&mut self, order: &mut Versioned<Order>, reason: Reason) -> Result<Next, StoreError> {
        self.stop(order, Fact::Deny(reason)).await
    }

    async fn stop(&mut self, order: &mut Versioned<Order>, fact: Fact) -> Result<Next, StoreError> {
        self.record(order, fact).await?;
        Ok(Next::Rest)
    }
}

/// What is said of an intent that a rule forbade.
pub(crate) fn by_rule(refused: &IntentRefused) -> Reason {
    match refused {
        IntentRefused::Halted(scope) => Reason::new(
            "halted",
            format!(
                "Trading is halted for {scope}; the order was not sent. Lift the halt, and send it again under a new id."
            ),
        ),
        IntentRefused::OnlyReducing(halt) => Reason::new(
            "only_reducing",
            format!("Only orders that reduce a position pass for {halt}, so this was not sent."),
        ),
        IntentRefused::NoGrant(algorithm_id) => Reason::new(
            "no_grant",
            format!(
                "The user's grant to the algorithm {algorithm_id} is halted, gone, or does not list the account; the order was not sent."
            ),
        ),
        IntentRefused::BeyondLimits(beyond) => limits::reason(beyond),
        other => Reason::new("not_allowed", format!("The order was not sent: {other}.")),
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

pub(crate) fn out_of_time() -> Reason {
    Reason::new(
        "next_run",
        "The order waits for the next run: too little time was left in this one for its dialogue with the broker.",
    )
}
