//! Send: the last steps before the wire, for the first time and once more. Whatever stands in the way is written down
//! with its reason.

use std::sync::Arc;

use broker::Session;
use domain::{Act, Circumstances, Conid, Fact, Order, OrderState, PlaceOrder, Reason, ReasonCode, Settlement};
use jiff::Timestamp;
use store::{Claim, IntentGuards, IntentRefused, StoreError, Versioned};

use crate::advance::{HELD_CHECK, HELD_CHECK_MAX, Next};
use crate::intend::KeptBack;
use crate::lane::{Ahead, Lane};
use crate::limits::Weighed;
use crate::stop::{Stop, unless_stopped};

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
            return self.stop(order, Fact::CancelAsked(cancelled_before_sending(&order.value))).await;
        }
        match self.learn_contract(&order.value, &request).await {
            Err(Stop::Store(error)) => return Err(error),
            Err(Stop::Deny(reason)) => return self.deny(order, KeptBack::Order.told(reason)).await,
            // It stays behind what is ahead of it, unless that is gone.
            Ok(()) | Err(Stop::Wait(_) | Stop::Reopen(_)) => {}
        }
        if let Some(ahead) = self.ahead_of(&order.value) {
            let reason = behind(&ahead);
            return self.hold(order, reason).await;
        }
        let way = match self.way_to_the_broker(&request).await {
            Ok(way) => way,
            Err(Stop::Store(error)) => return Err(error),
            Err(Stop::Wait(reason) | Stop::Reopen(reason)) => return self.hold(order, reason).await,
            Err(Stop::Deny(reason)) => return self.deny(order, KeptBack::Order.told(reason)).await,
        };
        let guards = IntentGuards::WithinLimits(&self.desk.intake.rules, &way.claim);
        match self.intend(order, Act::Place, guards).await {
            Ok(()) => self.carry_out(order, &way, &request).await,
            Err(IntentRefused::OnlyReducing(halt)) => {
                Box::pin(self.send_if_reducing(order, way, &request, &halt)).await
            }
            Err(refused) => self.refused_intent(order, refused).await,
        }
    }

    /// Asks the broker which contract an order's words mean, where an order ahead of it may be of another one.
    async fn learn_contract(&mut self, order: &Order, request: &PlaceOrder) -> Result<(), Stop> {
        let is_known = request.ticket.contract.words().is_none_or(|words| self.desk.contracts.conid(words).is_some());
        let may_ask = self.quiet_now().is_none() && self.has_time(crate::exchange::EXCHANGE_TIME);
        if is_known || !may_ask || self.ahead_of(order).is_none() {
            return Ok(());
        }
        let session = self.session_for(&request.account_id).await?;
        self.resolve(&session, request).await.map(|_| ())
    }

    /// What the rules say of an order whose outcome is unknown. Only a look can have changed it.
    pub(crate) async fn settle(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
        match order.value.settlement(self.circumstances(&order.value, true), self.now()) {
            Settlement::KeepLooking => Ok(Next::Rest),
            Settlement::SendAgain => self.send_again(order).await,
            Settlement::NotPlaced(reason) => self.stop(order, Fact::NeverReached(reason)).await,
            Settlement::Review(reason) => {
                tracing::error!(key = %order.value.key, alarm = "needs_review", metric.orders_for_a_person = 1, code = %reason.code, "an order needs review");
                self.stop(order, Fact::Exhausted(reason)).await
            }
        }
    }

    /// Puts the same ticket under the same client order id on the wire once more. What forbids it now leaves the order
    /// unknown, until its absence is proved without it.
    async fn send_again(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
        let Some(request) = order.value.request.clone() else { return Ok(Next::Rest) };
        if let Some(mut way) = unless_stopped(self.way_to_the_broker(&request).await)? {
            if order.value.reserved.as_ref().is_some_and(|reserved| reserved.reducing) {
                // It passed by the position of then; what else traded since counts.
                match self.reduces(&way.session.clone(), &request, way.conid).await {
                    Err(Stop::Store(error)) => return Err(error),
                    Ok(()) => way.claim.reducing = true,
                    Err(Stop::Wait(_) | Stop::Reopen(_)) => return Ok(Next::Rest),
                    Err(Stop::Deny(why)) => {
                        tracing::warn!(key = %order.value.key, why = why.message, "an order that would reduce no more is not sent once more");
                        return self.settle_without_sending(order).await;
                    }
                }
            }
            let guards = IntentGuards::WithinLimits(&self.desk.intake.rules, &way.claim);
            match self.intend(order, Act::PlaceAgain, guards).await {
                Ok(()) => {
                    tracing::warn!(key = %order.value.key, sends = order.value.sends, "an order that never arrived is sent once more");
                    return self.carry_out(order, &way, &request).await;
                }
                Err(IntentRefused::Store(error)) => return Err(error),
                Err(refused) if self.may_pass_anew(order, &refused) => {
                    self.read_again(order).await?;
                    return Ok(Next::Again);
                }
                Err(refused) => tracing::warn!(key = %order.value.key, %refused, "an order is not sent once more"),
            }
        }
        self.settle_without_sending(order).await
    }

    async fn settle_without_sending(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
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
    pub(crate) async fn way_to_the_broker(&mut self, request: &PlaceOrder) -> Result<Way, Stop> {
        self.way_of(request, Weighed::Whole).await
    }

    /// The way of a change of a bracket's exit, whose own ticket stands in this request. Its order's value is counted
    /// already.
    pub(crate) async fn way_of_an_exit(&mut self, request: &PlaceOrder) -> Result<Way, Stop> {
        self.way_of(request, Weighed::WithoutValue).await
    }

    async fn way_of(&mut self, request: &PlaceOrder, weighed: Weighed) -> Result<Way, Stop> {
        match self.way_over_this_session(request, weighed).await {
            Err(Stop::Reopen(_)) => self.way_over_this_session(request, weighed).await,
            way => way,
        }
    }

    async fn way_over_this_session(&mut self, request: &PlaceOrder, weighed: Weighed) -> Result<Way, Stop> {
        let (session, conid) = self.reach(request).await?;
        self.on_price_steps(&session, request, conid).await?;
        let claim = Box::pin(self.within_limits(&session, request, conid, weighed)).await?;
        if !self.has_time(crate::exchange::EXCHANGE_TIME) {
            return Err(Stop::Wait(out_of_time()));
        }
        Ok(Way { session, conid, claim })
    }

    /// The way of what no rule of ours may keep: the session and the contract's number.
    pub(crate) async fn way_without_rules(&mut self, request: &PlaceOrder) -> Result<(Arc<Session>, Conid), Stop> {
        let way = match self.reach(request).await {
            Err(Stop::Reopen(_)) => self.reach(request).await?,
            way => way?,
        };
        if self.has_time(crate::exchange::EXCHANGE_TIME) { Ok(way) } else { Err(Stop::Wait(out_of_time())) }
    }

    async fn reach(&mut self, request: &PlaceOrder) -> Result<(Arc<Session>, Conid), Stop> {
        if let Some(reason) = self.quiet_now() {
            return Err(Stop::Wait(reason));
        }
        let session = self.session_for(&request.account_id).await?;
        let conid = self.resolve(&session, request).await?;
        Ok((session, conid))
    }

    pub(crate) fn quiet_now(&self) -> Option<Reason> {
        let quiet = self.desk.calendar.quiet_at(self.now())?;
        Some(Reason::new(
            ReasonCode::QuietWindow,
            format!("The order waits until {}: nothing is sent around the broker's {}.", quiet.until, quiet.why),
        ))
    }

    /// Writes down that an order waits. The same wait again is not written again.
    pub(crate) async fn hold(&mut self, order: &mut Versioned<Order>, reason: Reason) -> Result<Next, StoreError> {
        let same = matches!(order.value.state(), OrderState::Held { reason: before } if *before == reason);
        let age = self.now().duration_since(order.value.created_at);
        let check_at = (self.now() + age.clamp(HELD_CHECK, HELD_CHECK_MAX)).min(order.value.good_until);
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

pub(crate) fn expired(order: &Order, now: Timestamp) -> Reason {
    let waited = order.state().reason().map(|reason| format!(" It had waited: {}", reason.message)).unwrap_or_default();
    Reason::new(
        ReasonCode::Expired,
        format!(
            "It was good until {:.0} and was not sent by then (now {now:.0}). Where it is still wanted, send it under a new id.{waited}",
            order.good_until
        ),
    )
}

fn behind(ahead: &Ahead<'_>) -> Reason {
    let of = if ahead.is_certain {
        "contract"
    } else {
        "perhaps the same contract: one of the two names it by its symbol. An order that names it by its conid waits for no other contract"
    };
    Reason::new(
        ReasonCode::BehindAnother,
        format!("The order waits for {}, which came before it for the same account and {of}.", ahead.order_id),
    )
}

fn unreadable() -> Reason {
    Reason::new(ReasonCode::Unreadable, "The order cannot be read.")
}

pub(crate) fn cancelled_before_sending(order: &Order) -> Reason {
    let why = if order.sends == 0 {
        "It was cancelled before it was sent: the broker never had it."
    } else {
        "It was cancelled while it waited: the broker had not taken it when it was sent. Should it show there all the same, it is cancelled there."
    };
    Reason::new(ReasonCode::CancelledBeforeSending, why)
}

pub(crate) fn out_of_time() -> Reason {
    Reason::new(
        ReasonCode::NextRun,
        "The order waits for the next run: too little time was left in this one for its dialogue with the broker.",
    )
}
