//! The dialogue: the ticket goes out, and the broker answers or asks (IBKR Web API, place and reply).

use broker::{Answer, CallError, OrderRequest, Question, Session};
use domain::{Act, BrokerStatus, Conid, Doubt, Fact, Order, PlaceOrder, Reason, Sight};
use jiff::SignedDuration;
use store::{IntentGuards, StoreError, Versioned};

use crate::advance::Next;
use crate::lane::Lane;
use crate::questions::Verdict;
use crate::send::Way;
use crate::waits::NEXT_RUN;

/// Rounds of questions that are answered for one ticket. Real dialogues have one to three.
pub const ANSWER_ROUNDS_MAX: u32 = 10;
/// What must be left of an invocation for a ticket to go out: the longest wait for an answer, and a question.
pub(crate) const DIALOGUE_TIME: SignedDuration = SignedDuration::from_secs(20);
/// What must be left right before the first byte: the longest wait for one answer.
pub(crate) const ANSWER_TIME: SignedDuration = SignedDuration::from_secs(16);

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
        session.wait_for_turn().await;
        // The last look in memory before the first byte: writing the intent may have taken long.
        if !self.has_time(ANSWER_TIME) || self.now() >= order.value.good_until {
            let reason = Reason::new(NEXT_RUN, "It was not sent: writing down the intent took too long.");
            self.record(order, Fact::NotSent(reason)).await?;
            return Ok(Next::Again);
        }
        let client_order_id = order.value.client_order_id.clone();
        let ticket = OrderRequest {
            account_id: &request.account_id,
            client_order_id: &client_order_id,
            conid,
            ticket: &request.ticket,
            // The same on every try: it is the order's, not the send's.
            manual_order_time: self.customer_time(&request.account_id, order.value.created_at),
        };
        let mut answer = session.place(&ticket).await;
        for round in 1..=ANSWER_ROUNDS_MAX {
            match answer {
                Ok(Answer::Question(question)) => match self.reply(order, session, &question, round).await? {
                    Some(next) => answer = next,
                    None => return Ok(Next::Rest),
                },
                answer => return self.take_answer(order, answer, round > 1).await,
            }
        }
        let reason = Reason::new(
            "too_many_questions",
            format!(
                "The broker asked more than {ANSWER_ROUNDS_MAX} questions; the order's outcome is being looked up."
            ),
        );
        self.record(order, Fact::Unread(Doubt::Unread, reason)).await?;
        Ok(Next::Rest)
    }

    /// Answers one question by the policy. The intent to answer is on record before the answer leaves; a yes needs
    /// what the ticket needed, a no nothing. `None`: the order ended, or its outcome is being looked up.
    async fn reply(
        &mut self,
        order: &mut Versioned<Order>,
        session: &Session,
        question: &Question,
        round: u32,
    ) -> Result<Option<Result<Answer, CallError>>, StoreError> {
        let verdict = self.desk.questions.verdict(&question.message_ids);
        let mut confirmed = verdict == Verdict::Accept && self.has_time(ANSWER_TIME);
        let mut why = declined(&verdict, question);
        tracing::info!(key = %order.value.key, round, message_ids = ?question.message_ids, confirmed, metric.questions = 1, metric.questions_declined = u8::from(!confirmed), "the broker asked");
        let act = |confirmed| Act::Reply { round, message_ids: question.message_ids.clone(), confirmed };
        if confirmed {
            let guards = IntentGuards::HaltsAndGrant(&self.desk.intake.rules);
            if let Err(refused) = self.intend(order, act(true), guards).await? {
                confirmed = false;
                why = Reason::new(
                    "stopped_at_question",
                    format!("The broker asked a question, and by then the order was not allowed any more: {refused}."),
                );
            }
        }
        if !confirmed && let Err(refused) = self.intend(order, act(false), IntentGuards::LaneOnly).await? {
            let reason = Reason::new(
                "question_unanswered",
                format!("The broker's question was not answered ({refused}); the order's outcome is being looked up."),
            );
            self.record(order, Fact::Unread(Doubt::Unread, reason)).await?;
            return Ok(None);
        }
        let answer = session.reply(&question.reply_id, confirmed).await;
        // Whatever words it has for a no that it took, the order is not placed.
        let took_the_no = matches!(answer, Ok(Answer::Refused { .. } | Answer::ReplyNotFound { .. }));
        if !confirmed && took_the_no {
            self.record(order, Fact::Refused(why)).await?;
            return Ok(None);
        }
        Ok(Some(answer))
    }

    /// Writes down what the broker's answer means.
    async fn take_answer(
        &mut self,
        order: &mut Versioned<Order>,
        answer: Result<Answer, CallError>,
        after_a_question: bool,
    ) -> Result<Next, StoreError> {
        let fact = match answer {
            Ok(Answer::Placed(placed)) => {
                self.keep_outcome(order, Fact::Seen(sight(&placed))).await?;
                return Ok(Next::Rest);
            }
            Ok(Answer::Refused { message }) => {
                Fact::Refused(Reason::new("refused_by_broker", format!("The broker refused the order: {message}")))
            }
            Ok(Answer::AlreadyRegistered { .. }) => Fact::Unread(
                Doubt::AlreadyRegistered,
                Reason::new(
                    "already_registered",
                    "The broker has this order already: an earlier copy arrived. It is being looked up.",
                ),
            ),
            Ok(Answer::ReplyNotFound { message } | Answer::NoSuchOrder { message }) => Fact::Unread(
                Doubt::QuestionGone,
                Reason::new(
                    "question_gone",
                    format!(
                        "The broker's question was gone before it was answered ({message}). The order's outcome is being looked up."
                    ),
                ),
            ),
            Ok(Answer::Prompt(prompt)) => Fact::Seen(Sight {
                broker_order_ids: vec![prompt.order_id],
                status: BrokerStatus::WarnState,
                filled_quantity: None,
                average_price: None,
            }),
            Ok(Answer::Question(_)) => Fact::Unread(
                Doubt::Unread,
                Reason::new("question_unanswered", "A question of the broker was left unanswered."),
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
                    "outcome_unknown",
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
        self.record(order, Fact::NotSent(Reason::new("cannot_be_sent", why.clone()))).await?;
        let reason = Reason::new("cannot_be_sent", format!("The order cannot be put into the broker's words: {why}."));
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

pub(crate) fn declined(verdict: &Verdict, question: &Question) -> Reason {
    let text = question.messages.join(" ");
    match verdict {
        Verdict::Accept => Reason::new(
            "question_too_late",
            format!("The broker asked, and too little time was left to answer: {text}"),
        ),
        Verdict::Decline(ids) => Reason::new(
            "question_declined",
            format!("The broker asked, and the policy says no to {}: {text}", ids.join(", ")),
        ),
        Verdict::Unlisted(ids) => Reason::new(
            "question_unlisted",
            format!(
                "The broker asked something that the policy does not list ({}), so the answer was no: {text}",
                ids.join(", ")
            ),
        ),
    }
}
