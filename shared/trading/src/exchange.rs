//! Exchange: a ticket or a change goes out, and the broker answers or asks (IBKR Web API, place, modify, reply, advanced
//! reject). It exists once, so that the last look before the first byte and the answers to questions are the same for both.

use broker::{Answer, CallError, OrderRequest, Prompt, Question, Session};
use domain::{Act, BrokerOrderId, Order, Reason, ReasonCode};
use jiff::{SignedDuration, Timestamp};
use store::{IntentGuards, IntentRefused, StoreError, Versioned};

use crate::lane::Lane;
use crate::questions::{Verdict, option_for};

/// Rounds of questions that are answered for one ticket. Real exchanges have one to three.
pub const ANSWER_ROUNDS_MAX: u32 = 10;
/// What must be left of an invocation for a ticket to go out: the longest wait for an answer, and a question.
pub(crate) const EXCHANGE_TIME: SignedDuration = SignedDuration::from_secs(20);
/// What must be left right before the first byte of a ticket or an answer: the longest wait for the broker's.
pub(crate) const ANSWER_TIME: SignedDuration = SignedDuration::from_secs(16);

/// What goes out. The intent to send it is on record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outgoing {
    /// An order's ticket.
    Ticket,
    /// A change of an order that the broker has, or of one of its exits, under the broker's number of it.
    Amendment(BrokerOrderId),
    /// A change by which an exit becomes smaller with its order, and nothing else: it only takes risk away, so no question and no
    /// rule keeps the exit too large.
    Reduction(BrokerOrderId),
}

/// How an exchange ended.
#[derive(Debug)]
pub(crate) enum Exchanged {
    /// No byte left.
    NotSent(Reason),
    /// The broker's last answer.
    Answered {
        /// The answer; no question and no prompt.
        answer: Result<Answer, CallError>,
        /// The broker asked before it: the ticket itself had arrived.
        after_a_question: bool,
    },
    /// The broker asked, was told no, and took the no.
    Declined(Reason),
    /// The broker offered a choice: what became of it is for the looks. `accepted`: it was told to go on.
    Prompted { accepted: bool, reason: Reason },
    /// A question was left unanswered: what became of it is for the looks.
    Unanswered(Reason),
}

/// One exchange under way.
struct Exchange<'e> {
    session: &'e Session,
    outgoing: Outgoing,
}

/// Why an exchange goes on no further.
enum Stopped {
    /// It ended, and how.
    Ended(Exchanged),
    /// The database failed.
    Store(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is answered to a question or to a prompt.
struct Reply {
    accepted: bool,
    why: Reason,
}

impl Lane<'_> {
    /// Sends, and answers what the broker asks, to the end.
    pub(crate) async fn exchange(
        &mut self,
        order: &mut Versioned<Order>,
        session: &Session,
        outgoing: Outgoing,
        request: &OrderRequest<'_>,
    ) -> Result<Exchanged, StoreError> {
        let exchange = Exchange { session, outgoing };
        session.wait_for_turn().await;
        // The last look in memory before the first byte: writing the intent may have taken long.
        if self.is_too_late(&order.value, outgoing) {
            return Ok(Exchanged::NotSent(Reason::new(
                ReasonCode::NextRun,
                "It was not sent: writing down the intent took too long.",
            )));
        }
        let answer = exchange.send(request).await;
        match self.answer_to_the_end(order, &exchange, answer).await {
            Ok(exchanged) | Err(Stopped::Ended(exchanged)) => Ok(exchanged),
            Err(Stopped::Store(error)) => Err(error),
        }
    }

    async fn answer_to_the_end(
        &mut self,
        order: &mut Versioned<Order>,
        exchange: &Exchange<'_>,
        mut answer: Result<Answer, CallError>,
    ) -> Result<Exchanged, Stopped> {
        for round in 1..=ANSWER_ROUNDS_MAX {
            match answer {
                Ok(Answer::Question(question)) => answer = Ok(self.reply(order, exchange, &question, round).await?),
                Ok(Answer::Prompt(prompt)) => return self.answer_prompt(order, exchange, &prompt, round).await,
                answer => return Ok(Exchanged::Answered { answer, after_a_question: round > 1 }),
            }
        }
        Ok(Exchanged::Unanswered(Reason::new(
            ReasonCode::TooManyQuestions,
            format!("The broker asked more than {ANSWER_ROUNDS_MAX} questions; the outcome is being looked up."),
        )))
    }

    /// Answers one question by the policy. The intent to answer is on record before the answer leaves; a yes needs what the
    /// ticket needed, a no nothing but the lane.
    async fn reply(
        &mut self,
        order: &mut Versioned<Order>,
        exchange: &Exchange<'_>,
        question: &Question,
        round: u32,
    ) -> Result<Answer, Stopped> {
        let verdict = self.verdict(exchange, &question.message_ids);
        let text = question.messages.join(" ");
        let reply = self.reply_by(order, exchange, &verdict, &question.message_ids, &text, round).await?;
        let answer = exchange.session.reply(&question.reply_id, reply.accepted).await;
        // Whatever words it has for a no that it took, nothing was placed or changed.
        if !reply.accepted && matches!(answer, Ok(Answer::Refused { .. } | Answer::ReplyNotFound { .. })) {
            return Err(Stopped::Ended(Exchanged::Declined(reply.why)));
        }
        answer.map_err(|error| Stopped::Ended(Exchanged::Answered { answer: Err(error), after_a_question: true }))
    }

    /// What is answered, by the policy. That an exit becomes smaller needs no leave: its price stands at the broker already.
    fn verdict(&self, exchange: &Exchange<'_>, message_ids: &[String]) -> Verdict {
        match exchange.outgoing {
            Outgoing::Reduction(_) => Verdict::Accept,
            Outgoing::Ticket | Outgoing::Amendment(_) => self.desk.questions.verdict(message_ids),
        }
    }

    /// Chooses one of a prompt's options by the policy. "Success" says that the choice arrived, and nothing of the order.
    async fn answer_prompt(
        &mut self,
        order: &mut Versioned<Order>,
        exchange: &Exchange<'_>,
        prompt: &Prompt,
        round: u32,
    ) -> Result<Exchanged, Stopped> {
        let ids: Vec<String> = prompt.message_id.iter().cloned().collect();
        let mut verdict = self.verdict(exchange, &ids);
        if verdict == Verdict::Accept && option_for(&prompt.options, true).is_none() {
            verdict = Verdict::Unlisted(ids.clone());
        }
        let reply = self.reply_by(order, exchange, &verdict, &ids, &prompt.message, round).await?;
        // Without an option that says no, no answer is one.
        if let Some(option) = option_for(&prompt.options, reply.accepted)
            && let Err(error) = exchange.session.answer_prompt(prompt, option).await
        {
            tracing::warn!(key = %order.value.key, %error, "the answer to a prompt of the broker was not taken; the outcome is being looked up");
        }
        let reason = if reply.accepted {
            let told = format!("The broker offered a choice, and was told to go on: {}", prompt.message);
            Reason::new(ReasonCode::PromptAnswered, told)
        } else {
            reply.why
        };
        Ok(Exchanged::Prompted { accepted: reply.accepted, reason })
    }

    /// Decides on an answer, and writes down the intent to give it.
    async fn reply_by(
        &mut self,
        order: &mut Versioned<Order>,
        exchange: &Exchange<'_>,
        verdict: &Verdict,
        message_ids: &[String],
        text: &str,
        round: u32,
    ) -> Result<Reply, Stopped> {
        let mut accepted = *verdict == Verdict::Accept && !self.is_too_late(&order.value, exchange.outgoing);
        let mut why = declined(verdict, text);
        let act = |confirmed| Act::Reply { round, message_ids: message_ids.to_vec(), confirmed };
        if accepted {
            let guards = match exchange.outgoing {
                Outgoing::Reduction(_) => IntentGuards::LaneOnly,
                Outgoing::Ticket | Outgoing::Amendment(_) => IntentGuards::HaltsAndGrant(&self.desk.intake.rules),
            };
            match self.intend_answer(order, exchange.outgoing, act(true), guards).await {
                // Writing it down may have taken long.
                Ok(()) => {
                    exchange.session.wait_for_turn().await;
                    accepted = !self.is_too_late(&order.value, exchange.outgoing);
                }
                Err(IntentRefused::Store(error)) => return Err(error.into()),
                Err(refused) => {
                    accepted = false;
                    why = stopped(&refused, exchange.outgoing);
                }
            }
        }
        tracing::info!(key = %order.value.key, round, ?message_ids, accepted, metric.questions = 1, metric.questions_declined = u8::from(!accepted), "the broker asked");
        if !accepted {
            match self.intend_answer(order, exchange.outgoing, act(false), IntentGuards::LaneOnly).await {
                Ok(()) => {}
                Err(IntentRefused::Store(error)) => return Err(error.into()),
                Err(refused) => return Err(Stopped::Ended(unanswered(&refused))),
            }
        }
        Ok(Reply { accepted, why })
    }

    async fn intend_answer(
        &mut self,
        order: &mut Versioned<Order>,
        outgoing: Outgoing,
        act: Act,
        guards: IntentGuards<'_>,
    ) -> Result<(), IntentRefused> {
        match outgoing {
            Outgoing::Ticket => self.intend(order, act, guards).await,
            Outgoing::Amendment(_) | Outgoing::Reduction(_) => {
                let mut intended = order.clone();
                intended.value.change_answering(self.lease.epoch(), self.now());
                self.write_intent(order, intended, guards).await
            }
        }
    }

    /// Whether nothing that adds to what the broker does may leave now: a ticket, a change, or a yes.
    fn is_too_late(&self, order: &Order, outgoing: Outgoing) -> bool {
        !self.has_time(ANSWER_TIME) || outgoing.good_until(order).is_some_and(|good_until| self.now() >= good_until)
    }
}

impl Outgoing {
    /// Until when it may leave. An exit that follows its order has no end of its own: it waits until it can be sent.
    fn good_until(self, order: &Order) -> Option<Timestamp> {
        match self {
            Self::Ticket => Some(order.good_until),
            Self::Amendment(_) => order.change_good_until(),
            Self::Reduction(_) => None,
        }
    }
}

impl Exchange<'_> {
    async fn send(&self, request: &OrderRequest<'_>) -> Result<Answer, CallError> {
        match self.outgoing {
            Outgoing::Ticket => self.session.place(request).await,
            Outgoing::Amendment(number) | Outgoing::Reduction(number) => self.session.modify(number, request).await,
        }
    }
}

fn unanswered(refused: &IntentRefused) -> Exchanged {
    Exchanged::Unanswered(Reason::new(
        ReasonCode::QuestionUnanswered,
        format!("The broker's question was not answered ({refused}); the outcome is being looked up."),
    ))
}

fn stopped(refused: &IntentRefused, outgoing: Outgoing) -> Reason {
    let means = match outgoing {
        Outgoing::Ticket => "the order was not placed",
        Outgoing::Amendment(_) | Outgoing::Reduction(_) => {
            "the change was not made; the order is as it was, and works on"
        }
    };
    let why = format!("The broker asked a question, and by then this was not allowed any more: {refused}.");
    Reason::new(ReasonCode::StoppedAtQuestion, format!("{why} The answer was no, so {means}."))
}

fn declined(verdict: &Verdict, text: &str) -> Reason {
    match verdict {
        Verdict::Accept => Reason::new(
            ReasonCode::QuestionTooLate,
            format!("The broker asked, and by then it was too late to say yes, so the answer was no: {text}"),
        ),
        Verdict::Decline { messages, advice } => Reason::new(ReasonCode::QuestionDeclined, {
            let asked = messages.join(", ");
            let told = "docs/questions.md lists what is answered, and who may change it.";
            let advice: Vec<&str> = advice.iter().map(|advice| &**advice).chain([told]).collect();
            let advice = advice.join(" ");
            format!(
                "The broker asked, and Courier's policy answered no to {asked}. {advice} The broker's words: {text}"
            )
        }),
        Verdict::Unlisted(ids) => Reason::new(
            ReasonCode::QuestionUnlisted,
            format!(
                "The broker asked something that the policy does not list ({}), so the answer was no: {text}",
                ids.join(", ")
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_to_a_question_about_a_change_leaves_the_order_as_it_was() {
        let told = |outgoing| stopped(&IntentRefused::Conflict, outgoing).message;
        assert!(told(Outgoing::Ticket).ends_with("The answer was no, so the order was not placed."));
        let change = told(Outgoing::Amendment(BrokerOrderId::new(1).unwrap()));
        assert!(change.ends_with("so the change was not made; the order is as it was, and works on."), "{change}");
    }
}
