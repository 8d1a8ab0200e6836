//! Modify: a change is put on the order first, and carried to the broker by whoever holds the lane.
//!
//! It goes out as the whole ticket that is to be in force, so that sending it once more changes nothing more: what became
//! of a change whose answer was lost is settled by looking, and where that shows the old ticket, by sending it again.

use std::ops::ControlFlow;
use std::sync::Arc;

use broker::{Answer, CallError, OrderRequest, Session};
use domain::{
    BrokerOrderId, Change, ChangeTaken, Conid, ModifyOrder, NotSmaller, Order, PlaceOrder, Reason, ReasonCode, Ticket,
};
use jiff::Timestamp;
use store::{Claim, IntentGuards, IntentRefused, StoreError, Versioned};

use crate::advance::Next;
use crate::desk::Intake;
use crate::exchange::{Exchanged, Outgoing};
use crate::intend::{KeptBack, by_rule};
use crate::lane::Lane;
use crate::record::CONFLICTS_MAX;
use crate::send::Way;
use crate::stop::{Stop, unless_stopped};

/// What became of a change that somebody with the right to asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeAsked {
    /// It is on the order; or it, or a later one, was already.
    OnRecord(Box<Versioned<Order>>),
    /// It was refused, and why; the order is as it was.
    Refused(Reason),
    /// There is no such order.
    NoSuchOrder,
}

impl Intake {
    /// Puts a change on record. What was not sent is changed here and now. It needs no lane; the row's version keeps
    /// it from crossing an intent.
    pub async fn ask_change(&self, modify: &ModifyOrder) -> Result<ChangeAsked, StoreError> {
        for _ in 0..CONFLICTS_MAX {
            let Some(mut order) = self.orders.get(&modify.key).await? else { return Ok(ChangeAsked::NoSuchOrder) };
            match order.value.ask_change(modify, self.clock.now()) {
                ChangeTaken::New => {}
                ChangeTaken::Known => return Ok(ChangeAsked::OnRecord(Box::new(order))),
                ChangeTaken::Refused(reason) => return Ok(ChangeAsked::Refused(reason)),
            }
            match self.orders.save(&mut order).await {
                Ok(()) => return Ok(ChangeAsked::OnRecord(Box::new(order))),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict { resource: "orders".to_owned(), key: modify.key.to_string() })
    }
}

/// A change that can go out, with its way to the broker.
struct PreparedChange {
    change: Change,
    /// The order as the change makes it.
    wanted: PlaceOrder,
    /// The ticket that it replaces.
    in_force: Ticket,
    broker_order_id: BrokerOrderId,
    /// What a refusal says of it.
    kept: KeptBack,
    session: Arc<Session>,
    conid: Conid,
    /// What it claims of the limits; `None`: it only takes risk away.
    claim: Option<Claim>,
}

impl Lane<'_> {
    /// Carries the change that is asked for to the broker.
    pub(crate) async fn send_change(&mut self, order: &mut Versioned<Order>) -> Result<Next, StoreError> {
        let mut prepared = match self.prepare_change(order).await? {
            ControlFlow::Continue(prepared) => prepared,
            ControlFlow::Break(next) => return Ok(next),
        };
        if let ControlFlow::Break(next) = self.record_intent_of_change(order, &mut prepared).await? {
            return Ok(next);
        }
        self.put_change_on_the_wire(order, &prepared).await
    }

    /// The change in hand with its way to the broker, if it can go out now.
    async fn prepare_change(
        &mut self,
        order: &mut Versioned<Order>,
    ) -> Result<ControlFlow<Next, PreparedChange>, StoreError> {
        let rest = Ok(ControlFlow::Break(Next::Rest));
        if order.value.change_in_hand().is_some_and(|change| change.leg.is_some()) {
            if !self.exits_are_known(order).await? {
                return rest;
            }
            // The other exit may have filled in part since it was asked for.
            order.value.fit_leg_change();
        } else if let Some(account_id) = order.value.account_id().cloned() {
            // Where there is no session, the way to the broker says so.
            if let Some(session) = unless_stopped(self.session_for(&account_id).await)?
                && !self.entry_is_known(&session, order).await?
            {
                return rest;
            }
        }
        let (Some(change), Some(request)) = (order.value.change_in_hand().cloned(), order.value.request.clone()) else {
            return rest;
        };
        if let Some(over) = order.value.change_refused_by_now(change.leg) {
            return self.refuse_change(order, &change, over).await.map(ControlFlow::Break);
        }
        let (Some(broker_order_id), Some(in_force)) =
            (order.value.broker_number_of(change.leg), order.value.ticket_of(change.leg).cloned())
        else {
            return rest;
        };
        if let Some(good_until) = order.value.change_good_until().filter(|good_until| self.now() >= *good_until) {
            return self.refuse_change(order, &change, change_expired(good_until)).await.map(ControlFlow::Break);
        }
        let wanted = PlaceOrder { ticket: change.ticket.clone(), ..request };
        let kept = KeptBack::of_change(&order.value, &change);
        match self.way_of_change(&change, &wanted, &in_force).await {
            Ok((session, conid, claim)) => Ok(ControlFlow::Continue(PreparedChange {
                change,
                wanted,
                in_force,
                broker_order_id,
                kept,
                session,
                conid,
                claim,
            })),
            Err(Stop::Store(error)) => Err(error),
            Err(Stop::Wait(reason) | Stop::Reopen(reason)) => {
                tracing::warn!(key = %order.value.key, code = %reason.code, "a change waits");
                self.track_in(u32::try_from(crate::advance::HELD_CHECK.as_secs()).unwrap_or(u32::MAX));
                rest
            }
            Err(Stop::Deny(reason)) => {
                self.refuse_change(order, &change, kept.told(reason)).await.map(ControlFlow::Break)
            }
        }
    }

    /// Writes the intent to put the change on the wire, if every rule lets it pass.
    async fn record_intent_of_change(
        &mut self,
        order: &mut Versioned<Order>,
        prepared: &mut PreparedChange,
    ) -> Result<ControlFlow<Next>, StoreError> {
        let PreparedChange { change, in_force, kept, claim, .. } = prepared;
        let rules = &self.desk.intake.rules;
        let guards = claim.as_ref().map_or(IntentGuards::LaneOnly, |claim| IntentGuards::WithinLimits(rules, claim));
        let mut intended = self.intend_change(order, guards).await;
        if let Err(refused) = intended.as_ref()
            && change.follows
            && is_by_rule(refused)
        {
            return self.hold_back_exit(order, &by_rule(refused, *kept)).await.map(ControlFlow::Break);
        }
        if let Err(IntentRefused::OnlyReducing(halt)) = &intended {
            if let Err(why) = change.ticket.is_only_smaller_than(in_force) {
                let reason = only_smaller(halt, why, *kept);
                return self.refuse_change(order, change, reason).await.map(ControlFlow::Break);
            }
            if let Some(claim) = claim {
                claim.reducing = true;
                intended = self.intend_change(order, IntentGuards::WithinLimits(rules, claim)).await;
            }
        }
        match intended {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(IntentRefused::Store(error)) => Err(error),
            Err(refused) if self.may_pass_anew(order, &refused) => {
                self.read_again(order).await?;
                Ok(ControlFlow::Break(Next::Again))
            }
            Err(IntentRefused::LaneLost | IntentRefused::Contention) => Ok(ControlFlow::Break(Next::Rest)),
            Err(refused) => self.refuse_change(order, change, by_rule(&refused, *kept)).await.map(ControlFlow::Break),
        }
    }

    async fn put_change_on_the_wire(
        &mut self,
        order: &mut Versioned<Order>,
        prepared: &PreparedChange,
    ) -> Result<Next, StoreError> {
        let PreparedChange { change, wanted, broker_order_id, session, conid, .. } = prepared;
        let client_order_id = order.value.client_order_id.clone();
        let ticket = OrderRequest {
            account_id: &wanted.account_id,
            client_order_id: &client_order_id,
            conid: *conid,
            ticket: &wanted.ticket,
            manual_order_time: self.customer_time(&wanted.account_id, change.asked_at),
        };
        let only_reduces = change.follows && change.ticket.is_only_smaller_than(&prepared.in_force).is_ok();
        let outgoing =
            if only_reduces { Outgoing::Reduction(*broker_order_id) } else { Outgoing::Amendment(*broker_order_id) };
        match Box::pin(self.exchange(order, session, outgoing, &ticket)).await? {
            Exchanged::Answered { answer, after_a_question } => {
                self.take_change_answer(order, change, answer, after_a_question).await
            }
            Exchanged::NotSent(_) => {
                self.record_change(order, Order::change_not_sent).await?;
                self.track_in(1);
                Ok(Next::Rest)
            }
            Exchanged::Declined(why) => self.refuse_change(order, change, why).await,
            Exchanged::Prompted { accepted: false, reason } => {
                self.settle_change(order, |order, now| order.change_refused_again(reason.clone(), now)).await
            }
            Exchanged::Prompted { accepted: true, reason } | Exchanged::Unanswered(reason) => {
                self.settle_change(order, |order, now| order.change_unread(reason.clone(), now)).await
            }
        }
    }

    /// A change's way to the broker, and what it claims of the limits. An exit that becomes smaller with its order only takes risk
    /// away, as a cancel does: no halt, limit or registration keeps it too large.
    async fn way_of_change(
        &mut self,
        change: &Change,
        wanted: &PlaceOrder,
        in_force: &Ticket,
    ) -> Result<(Arc<Session>, Conid, Option<Claim>), Stop> {
        if change.follows && change.ticket.is_only_smaller_than(in_force).is_ok() {
            let (session, conid) = self.way_without_rules(wanted).await?;
            return Ok((session, conid, None));
        }
        let Way { session, conid, claim } = match change.leg {
            None => self.way_to_the_broker(wanted).await?,
            Some(_) => self.way_of_an_exit(wanted).await?,
        };
        Ok((session, conid, Some(claim)))
    }

    /// It goes out as soon as the rule lets it: nobody else would make the exit fit. Until then a person knows.
    async fn hold_back_exit(&mut self, order: &mut Versioned<Order>, why: &Reason) -> Result<Next, StoreError> {
        let was_told = order.value.has_warned(&ReasonCode::ExitDoesNotFollow);
        self.record_change(order, |order, now| order.exit_is_held_back(why, now)).await?;
        if !was_told {
            tracing::error!(key = %order.value.key, code = %why.code, alarm = "exit_does_not_follow", metric.orders_for_a_person = 1, "an exit does not follow its order while a rule forbids it");
        }
        self.track_in(u32::try_from(crate::advance::HELD_CHECK.as_secs()).unwrap_or(u32::MAX));
        Ok(Next::Rest)
    }

    /// Writes down that what became of a change is for the looks.
    async fn settle_change(
        &mut self,
        order: &mut Versioned<Order>,
        turn: impl Fn(&mut Order, Timestamp),
    ) -> Result<Next, StoreError> {
        self.record_change(order, turn).await?;
        self.track_in(1);
        Ok(Next::Rest)
    }

    /// The intent to put the change on the wire.
    async fn intend_change(
        &mut self,
        order: &mut Versioned<Order>,
        guards: IntentGuards<'_>,
    ) -> Result<(), IntentRefused> {
        let mut intended = order.clone();
        intended.value.change_sending(self.lease.epoch(), self.now());
        self.write_intent(order, intended, guards).await
    }

    async fn take_change_answer(
        &mut self,
        order: &mut Versioned<Order>,
        change: &Change,
        answer: Result<Answer, CallError>,
        after_a_question: bool,
    ) -> Result<Next, StoreError> {
        let unread = |reason: Reason| move |order: &mut Order, now| order.change_unread(reason.clone(), now);
        match answer {
            Ok(Answer::Placed(_)) => {
                let revision = change.revision;
                self.record_change(order, |order, now| order.change_taken(revision, now)).await?;
                // A later change may have been asked for meanwhile.
                return Ok(Next::Again);
            }
            Ok(Answer::Refused { message } | Answer::NoSuchOrder { message }) => {
                let reason =
                    Reason::new(ReasonCode::RefusedByBroker, format!("The broker refused the change: {message}"));
                return self.refuse_change(order, change, reason).await;
            }
            Ok(Answer::ReplyNotFound { message } | Answer::AlreadyRegistered { message }) => {
                let reason =
                    Reason::new(ReasonCode::QuestionGone, format!("The broker's question was gone: {message}"));
                self.record_change(order, unread(reason)).await?;
            }
            Ok(Answer::Question(_) | Answer::Prompt(_)) => {
                let reason =
                    Reason::new(ReasonCode::QuestionUnanswered, "A question of the broker was left unanswered.");
                self.record_change(order, unread(reason)).await?;
            }
            Err(CallError::Invalid(why)) if !after_a_question => {
                let reason = Reason::new(
                    ReasonCode::CannotBeSent,
                    format!("The change cannot be put into the broker's words: {why}."),
                );
                return self.refuse_change(order, change, reason).await;
            }
            Err(error) if error.proves_not_delivered() && !after_a_question => {
                let reason = self.session_failed(&error).await?;
                tracing::warn!(key = %order.value.key, code = %reason.code, "a change was not delivered; it waits");
                self.record_change(order, Order::change_not_sent).await?;
                self.track_in(1);
            }
            Err(error) => {
                let reason = Reason::new(
                    ReasonCode::OutcomeUnknown,
                    format!(
                        "The change was sent, and what became of it was not read: {error}. The broker is being asked."
                    ),
                );
                self.record_change(order, unread(reason)).await?;
                self.track_in(1);
            }
        }
        Ok(Next::Rest)
    }

    /// Writes down that this change will not be in force; one that was asked for after it goes on. Where it was sent before
    /// and that outcome was not read, a look has the last word.
    pub(crate) async fn refuse_change(
        &mut self,
        order: &mut Versioned<Order>,
        change: &Change,
        reason: Reason,
    ) -> Result<Next, StoreError> {
        tracing::warn!(key = %order.value.key, revision = change.revision, code = %reason.code, "a change was refused");
        let revision = change.revision;
        let (warnings, was_told) =
            (order.value.warnings_told(), order.value.has_warned(&ReasonCode::ExitDoesNotFollow));
        self.record_change(order, |order, now| {
            if order.change_in_hand().is_some_and(|now| (now.revision, now.leg) == (revision, change.leg)) {
                if order.went_astray(revision, change.leg) {
                    order.change_refused_again(reason.clone(), now);
                } else {
                    order.change_refused(reason.clone(), now);
                }
            }
        })
        .await?;
        if !was_told && order.value.has_warned(&ReasonCode::ExitDoesNotFollow) {
            tracing::error!(key = %order.value.key, revision, alarm = "exit_does_not_follow", metric.orders_for_a_person = 1, "an exit could not be made what its order is for");
        } else if order.value.warnings_told() > warnings {
            tracing::error!(key = %order.value.key, revision, alarm = "change_came_late", metric.orders_for_a_person = 1, "a change came late, and the one in force could not be sent again");
        }
        Ok(Next::Rest)
    }
}

fn is_by_rule(refused: &IntentRefused) -> bool {
    matches!(
        refused,
        IntentRefused::Halted(_)
            | IntentRefused::OnlyReducing(_)
            | IntentRefused::NotRegistered(_)
            | IntentRefused::NoGrant(..)
            | IntentRefused::BeyondLimits(_)
    )
}

fn change_expired(good_until: Timestamp) -> Reason {
    Reason::new(
        ReasonCode::Expired,
        format!(
            "The change could not be sent by {good_until}, fifteen minutes after it was asked for, so it is not sent any more. Ask for it again under the next revision."
        ),
    )
}

fn only_smaller(halt: &str, why: NotSmaller, kept: KeptBack) -> Reason {
    let rest = format!("Of changes only one that makes its order smaller passes for {halt}: {why}.");
    kept.told(Reason::new(ReasonCode::OnlyReducing, rest))
}
