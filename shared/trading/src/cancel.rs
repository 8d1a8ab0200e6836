//! Cancel: in every state, and as often as anybody likes.

use broker::CancelAnswer;
use domain::{
    AlgorithmId, CancelCalls, CancelTaken, Fact, LegCancelTaken, LegRole, Order, OrderKey, OrderState, Reason,
    ReasonCode, UserId,
};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Versioned};

use crate::advance::{Next, TRACK_AFTER_NEWS_SECONDS, TRACK_CLOSELY_SECONDS, WORKING_CHECK};
use crate::desk::Intake;
use crate::exchange::ANSWER_TIME;
use crate::lane::Lane;
use crate::record::{CONFLICTS_MAX, log_change};
use crate::send::cancelled_before_sending;
use crate::stop::Stop;

/// Orders whose end is asked for side by side: a kill switch must answer within a second.
const CANCELS_AT_ONCE_MAX: usize = 20;
/// What the broker took a cancel of, and has no longer, is concluded to have ended after this: a trade may show later.
pub(crate) const CANCELLED_AFTER: SignedDuration = SignedDuration::from_mins(1);

fn not_its_order(order: &Order) -> String {
    let id = &order.key.order_id;
    if order.algorithm_id.is_own_hand() {
        return format!("The order {id} is the user's own. The user alone changes and cancels it.");
    }
    format!("The order {id} is another algorithm's.")
}

impl Intake {
    /// The order, if it is this algorithm's; denied with the reason where it is not.
    pub async fn own_order(&self, key: &OrderKey, algorithm_id: &AlgorithmId) -> Result<Versioned<Order>, Stop> {
        let denied = |code, message| Err(Stop::Deny(Reason::new(code, message)));
        match self.orders.get(key).await? {
            Some(order) if order.value.algorithm_id == *algorithm_id => Ok(order),
            Some(order) => denied(ReasonCode::NotItsOrder, not_its_order(&order.value)),
            None => denied(ReasonCode::NoSuchOrder, format!("There is no order {} of this user.", key.order_id)),
        }
    }

    /// Writes down that an order's end is asked for, or asked for once more. What was never sent ends here; what the broker
    /// has is cancelled there by whoever holds the lane next: each request makes a call, since the broker may not have
    /// carried the one before out. `None`: there is no such order.
    ///
    /// It needs no lane, so that a user's cancel is on record at once; the row's version keeps it from crossing an
    /// intent.
    pub async fn ask_cancel(&self, key: &OrderKey) -> Result<Option<Versioned<Order>>, StoreError> {
        for _ in 0..CONFLICTS_MAX {
            let Some(mut order) = self.orders.get(key).await? else { return Ok(None) };
            if order.value.is_over() && !order.value.works_late() && !order.value.may_be_ended_once_more() {
                return Ok(Some(order));
            }
            let now = self.clock.now();
            let unsent = matches!(order.value.state(), OrderState::Received | OrderState::Held { .. });
            let applied =
                unsent && order.value.apply(Fact::CancelAsked(cancelled_before_sending(&order.value)), now).is_ok();
            if !applied {
                order.value.remember_cancel(now);
                order.value.ask_legs_to_end(now);
            }
            match self.orders.save(&mut order).await {
                Ok(()) => return Ok(Some(order)),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict { resource: "orders".to_owned(), key: key.to_string() })
    }

    /// Writes down that the end of one exit of a bracket is asked for: as [`Intake::ask_cancel`], or why it is refused.
    pub async fn ask_leg_cancel(&self, key: &OrderKey, role: LegRole) -> Result<LegCancelAsked, StoreError> {
        for _ in 0..CONFLICTS_MAX {
            let Some(mut order) = self.orders.get(key).await? else { return Ok(LegCancelAsked::NoSuchOrder) };
            let before = order.value.clone();
            match order.value.ask_leg_cancel(role, self.clock.now()) {
                LegCancelTaken::Ended if order.value == before => return Ok(LegCancelAsked::OnRecord(Box::new(order))),
                LegCancelTaken::Asked | LegCancelTaken::Ended => {}
                LegCancelTaken::Refused(reason) => return Ok(LegCancelAsked::Refused(reason)),
            }
            match self.orders.save(&mut order).await {
                Ok(()) => return Ok(LegCancelAsked::OnRecord(Box::new(order))),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict { resource: "orders".to_owned(), key: key.to_string() })
    }
}

/// What became of a request to end one exit of a bracket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegCancelAsked {
    /// It is on the order, or the exit had ended before.
    OnRecord(Box<Versioned<Order>>),
    /// It was refused, and why; the order is as it was.
    Refused(Reason),
    /// There is no such order.
    NoSuchOrder,
}

impl Intake {
    /// Asks for the end of a user's orders that are not over, of one algorithm or of all: what a halt does that cancels
    /// what works. Returns those that their lane has to do with still; wake each. One that no row takes is the operator's to end, who
    /// is told; any other error is the caller's to repeat. Once the halt stands, no order that the
    /// broker may have is missing among them.
    pub async fn cancel_open(
        &self,
        user_id: &UserId,
        algorithm_id: Option<&AlgorithmId>,
    ) -> Result<Vec<Order>, StoreError> {
        let (mut cancelling, mut failed) = (Vec::new(), None);
        let of_it = |order: &Order| algorithm_id.is_none_or(|algorithm_id| order.algorithm_id == *algorithm_id);
        let open = self.orders.all_open(user_id).await?;
        let keys = open.into_iter().filter(|order| of_it(&order.value)).map(|order| order.value.key);
        for some in keys.collect::<Vec<_>>().chunks(CANCELS_AT_ONCE_MAX) {
            for asked in join_all(some.iter().map(|key| self.ask_cancel(key))).await {
                match asked {
                    Ok(order) => {
                        let order = order.map(|order| order.value);
                        cancelling.extend(order.filter(Order::concerns_the_lane));
                    }
                    // One that fails keeps no other from its end.
                    Err(error) => {
                        tracing::error!(
                            %error, source = std::error::Error::source(&error), %user_id,
                            metric.orders_for_a_person = error.is_beyond_cure().then_some(1),
                            "the end of an order could not be asked for"
                        );
                        failed = failed.or(Some(error).filter(|error| !error.is_beyond_cure()));
                    }
                }
            }
        }
        failed.map_or(Ok(cancelling), Err)
    }
}

impl Lane<'_> {
    /// Asks the broker to cancel an order, or one of its exits. "Request submitted" is not cancelled: the tracker sees how it
    /// ends, and asks again where it still works ([`Lane::cancel_again`]).
    pub(crate) async fn cancel_at_broker(
        &mut self,
        order: &mut Versioned<Order>,
        leg: Option<LegRole>,
    ) -> Result<Next, StoreError> {
        let Some(account_id) =
            order.value.account_id().cloned().filter(|_| order.value.broker_number_of(leg).is_some())
        else {
            return Ok(Next::Rest);
        };
        let session = match self.session_for_a_cancel(&account_id).await {
            Ok(session) => session,
            Err(Stop::Store(error)) => return Err(error),
            Err(stop) => {
                tracing::warn!(key = %order.value.key, ?leg, ?stop, "a cancel waits for a session");
                return Ok(Next::Rest);
            }
        };
        if !self.has_time(ANSWER_TIME) {
            self.track_in(1);
            return Ok(Next::Rest);
        }
        if !self.numbers_are_right(&session, order).await? {
            return Ok(Next::Rest);
        }
        let Some(number) = order.value.broker_number_of(leg) else { return Ok(Next::Rest) };
        let requests = order.value.cancel_calls_of(leg).map_or(0, CancelCalls::requests);
        let taken = match session.cancel(&account_id, number).await {
            Ok(CancelAnswer::NoSuchOrder { message }) => {
                tracing::info!(key = %order.value.key, ?leg, %number, message, "the broker has no such order open");
                CancelTaken::NotFound
            }
            Ok(answer) => {
                tracing::info!(key = %order.value.key, ?leg, %number, ?answer, "the broker was asked to cancel");
                if matches!(answer, CancelAnswer::Requested) { CancelTaken::Yes } else { CancelTaken::Refused }
            }
            Err(error) => {
                let reason = self.session_failed(&error).await?;
                tracing::warn!(key = %order.value.key, ?leg, %error, code = %reason.code, "a cancel was not taken; it is asked for again");
                self.track_in(TRACK_CLOSELY_SECONDS);
                if error.proves_not_delivered() {
                    return Ok(Next::Rest);
                }
                CancelTaken::Unread
            }
        };
        self.record_cancel_call(order, leg, requests, taken).await?;
        let Some(role) = leg else { return Ok(Next::Rest) };
        self.tell_cancel_not_carried_out(order, leg, |order, now| order.leg_cancel_not_carried_out(role, now)).await?;
        self.track_in(TRACK_AFTER_NEWS_SECONDS);
        // The other exit's turn.
        Ok(Next::Again)
    }

    /// A report shows an order at work whose end was asked for: the broker is asked again once the pause is over. After some
    /// tries a person is told.
    pub(crate) async fn cancel_again(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        if order.value.cancel_is_due(self.now()) {
            self.tell_cancel_not_carried_out(order, None, Order::cancel_not_carried_out).await?;
        }
        self.cancel_unseen(order).await
    }

    /// The same where nothing shows the order: whether a cancel was carried out is not known then.
    pub(crate) async fn cancel_unseen(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        if order.value.cancel_is_due(self.now()) {
            self.cancel_at_broker(order, None).await?;
        }
        Ok(())
    }

    /// Whether the broker took a request to cancel an order, or an exit, and says since that it has no such order: it knew it then, on
    /// this day and through this connection, so it has ended. Its last trades are told by then.
    pub(crate) fn is_gone_since_its_cancel(&self, calls: &CancelCalls) -> bool {
        calls.gone_since_taken().is_some_and(|taken_at| {
            self.lists_as_of >= taken_at + CANCELLED_AFTER && !self.may_show_less_than_at(taken_at, self.now())
        })
    }

    async fn tell_cancel_not_carried_out(
        &mut self,
        order: &mut Versioned<Order>,
        leg: Option<LegRole>,
        tell: impl Fn(&mut Order, Timestamp),
    ) -> Result<(), StoreError> {
        let was_warned = order.value.has_warned(&ReasonCode::CancelNotCarriedOut);
        self.record_change(order, tell).await?;
        if !was_warned && order.value.has_warned(&ReasonCode::CancelNotCarriedOut) {
            let tries = order.value.cancel_calls_of(leg).map(CancelCalls::count);
            tracing::error!(key = %order.value.key, ?leg, tries, alarm = "cancel_not_carried_out", metric.orders_for_a_person = 1, "the broker took a cancel again and again, and the order still works");
        }
        Ok(())
    }

    /// Writes down that the broker was asked to cancel, for so many requests: one that comes meanwhile makes its own call.
    async fn record_cancel_call(
        &mut self,
        order: &mut Versioned<Order>,
        leg: Option<LegRole>,
        requests: u64,
        taken: CancelTaken,
    ) -> Result<(), StoreError> {
        if let Some(role) = leg {
            return self.record_legs(order, |order, now| order.leg_cancel_called(role, requests, taken, now)).await;
        }
        let asked = || Fact::CancelAsked(Reason::new(ReasonCode::CancelAsked, "The broker was asked to cancel."));
        for _ in 0..CONFLICTS_MAX {
            let now = self.now();
            let mut changed = order.clone();
            let works = matches!(changed.value.state(), OrderState::Working | OrderState::PartiallyFilled);
            if taken != CancelTaken::Unread && works {
                // From there a cancel is always in place.
                let _ = changed.value.apply(asked(), now);
            }
            changed.value.cancel_called(requests, taken, now);
            changed.value.check_again_at(changed.value.next_cancel_at().unwrap_or(now).min(now + WORKING_CHECK));
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
}
