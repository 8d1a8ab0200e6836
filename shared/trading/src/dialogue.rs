//! The dialogue about an order: its ticket goes out, and what the broker's answer means is written down.

use broker::{Answer, CallError, OrderRequest, Session};
use domain::{BrokerStatus, Conid, Doubt, Fact, Order, PlaceOrder, Reason, ReasonCode, Sight};
use store::{StoreError, Versioned};

use crate::advance::Next;
use crate::exchange::{Exchanged, Outgoing};
use crate::lane::Lane;
use crate::send::Way;

impl Lane<'_> {
    /// Puts the ticket on the wire and follows the dialogue to its end. The intent is on record. The session is kept warm
    /// afterwards: orders seldom come alone.
    pub(crate) async fn carry_out(
        &mut self,
        order: &mut Versioned<Order>,
        way: &Way,
        request: &PlaceOrder,
    ) -> Result<Next, StoreError> {
        let next = self.dialogue(order, &way.session, request, way.conid).await?;
        self.keep_warm().await;
        Ok(next)
    }

    async fn dialogue(
        &mut self,
        order: &mut Versioned<Order>,
        session: &Session,
        request: &PlaceOrder,
        conid: Conid,
    ) -> Result<Next, StoreError> {
        let client_order_id = order.value.client_order_id.clone();
        let ticket = OrderRequest {
            account_id: &request.account_id,
            client_order_id: &client_order_id,
            conid,
            ticket: &request.ticket,
            // The same on every try: it is the order's, not the send's.
            manual_order_time: self.customer_time(&request.account_id, order.value.created_at),
        };
        let fact = match Box::pin(self.exchange(order, session, Outgoing::Ticket, &ticket)).await? {
            Exchanged::Answered { answer, after_a_question } => {
                return self.take_answer(order, answer, after_a_question).await;
            }
            Exchanged::NotSent(reason) => {
                self.record(order, Fact::NotSent(reason)).await?;
                return Ok(Next::Again);
            }
            Exchanged::Declined(why) => Fact::Refused(why),
            Exchanged::Prompted { accepted: true, reason } | Exchanged::Unanswered(reason) => {
                Fact::Unread(Doubt::Unread, reason)
            }
            Exchanged::Prompted { accepted: false, reason } => Fact::Unread(Doubt::Declined, reason),
        };
        self.record(order, fact).await?;
        Ok(Next::Rest)
    }

    /// Writes down what the broker's answer means.
    async fn take_answer(
        &mut self,
        order: &mut Versioned<Order>,
        answer: Result<Answer, CallError>,
        after_a_question: bool,
    ) -> Result<Next, StoreError> {
        let fact = match answer {
            Ok(Answer::Placed(placed)) => Fact::Seen(sight(&placed)),
            Ok(Answer::Refused { message }) => Fact::Refused(Reason::new(
                ReasonCode::RefusedByBroker,
                format!("The broker refused the order: {message}"),
            )),
            Ok(Answer::AlreadyRegistered { .. }) => Fact::Unread(
                Doubt::AlreadyRegistered,
                Reason::new(
                    ReasonCode::AlreadyRegistered,
                    "The broker has this order already: an earlier copy arrived. It is being looked up.",
                ),
            ),
            Ok(Answer::ReplyNotFound { message } | Answer::NoSuchOrder { message }) => Fact::Unread(
                Doubt::QuestionGone,
                Reason::new(
                    ReasonCode::QuestionGone,
                    format!(
                        "The broker's question was gone before it was answered ({message}). The order's outcome is being looked up."
                    ),
                ),
            ),
            Ok(Answer::Question(_) | Answer::Prompt(_)) => Fact::Unread(
                Doubt::Unread,
                Reason::new(ReasonCode::QuestionUnanswered, "A question of the broker was left unanswered."),
            ),
            Err(CallError::Invalid(why)) if !after_a_question => {
                return self.cannot_be_sent(order, why).await;
            }
            Err(error) if error.proves_not_delivered() && !after_a_question => {
                return self.not_delivered(order, &error).await;
            }
            Err(error) => Fact::Unread(
                Doubt::Unread,
                Reason::new(
                    ReasonCode::OutcomeUnknown,
                    format!(
                        "The order was sent, and what became of it was not read: {error}. The broker is being asked."
                    ),
                ),
            ),
        };
        self.record(order, fact).await?;
        Ok(Next::Rest)
    }

    /// The broker never took the request in: the order is unsent again, and the session is mended.
    async fn not_delivered(&mut self, order: &mut Versioned<Order>, error: &CallError) -> Result<Next, StoreError> {
        let reason = self.session_failed(error).await?;
        let mendable =
            matches!(error, CallError::NoBridge | CallError::AccountsNotAsked | CallError::AccountInvalid { .. });
        self.record(order, Fact::NotSent(reason)).await?;
        Ok(if mendable { Next::Again } else { Next::Rest })
    }

    async fn cannot_be_sent(&mut self, order: &mut Versioned<Order>, why: String) -> Result<Next, StoreError> {
        self.record(order, Fact::NotSent(Reason::new(ReasonCode::CannotBeSent, why.clone()))).await?;
        let reason =
            Reason::new(ReasonCode::CannotBeSent, format!("The order cannot be put into the broker's words: {why}."));
        self.record(order, Fact::Deny(reason)).await?;
        Ok(Next::Rest)
    }
}

/// An answer to a placing tells that the broker has it; where it stands, and what is filled, is for the looks.
fn sight(placed: &[broker::PlacedOrder]) -> Sight {
    Sight {
        broker_order_ids: placed.iter().map(|placed| placed.order_id).collect(),
        status: BrokerStatus::Submitted,
        filled_quantity: None,
        average_price: None,
    }
}
