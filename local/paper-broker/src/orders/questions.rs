//! The questions that the broker asks before it takes an order (5.2 to 5.4 of the facts).

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::messages::message;
use super::ticket::{OrderType, Ticket};
use crate::answer::Answer;
use crate::call::Call;
use crate::contracts::{Market, PRICE_DECIMALS};
use crate::oauth::Caller;
use crate::state::Desk;

/// Message ids accepted in one suppression.
const SUPPRESSED_MAX: usize = 51;

/// The message id of the advanced prompt in the broker's documents.
const PROMPT_ID: &str = "p12";

/// When the broker asks what. Each can be switched off; the message id is in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, named in the control door")]
pub struct QuestionRules {
    /// A limit price further from the market than this many percent (o163). Default: 3.
    pub price_percent: Option<Decimal>,
    /// A price off the tick (o382). Default: asked.
    pub tick_size: bool,
    /// More shares than this (o383). Default: 500.
    pub size_limit: Option<Decimal>,
    /// A value above this (o451). Default: 100,000.
    pub value_limit: Option<Decimal>,
    /// Any market order (o10151). Default: asked.
    pub market_orders: bool,
    /// Any stop order (o10152). Default: asked.
    pub stop_orders: bool,
    /// A contract without a price (o354). Default: asked.
    pub no_market_data: bool,
    /// A cash quantity (o10223). Default: asked.
    pub cash_quantities: bool,
    /// Asked on every order, in this order, after the others; any id, known or not.
    pub always: Vec<String>,
    /// Orders for these contracts, and changes of them, meet the advanced prompt after the questions.
    pub prompted_conids: Vec<i64>,
    /// The message id of the advanced prompt. Default: p12.
    pub prompt_id: String,
}

impl Default for QuestionRules {
    fn default() -> Self {
        Self {
            price_percent: Some(Decimal::from(3)),
            tick_size: true,
            size_limit: Some(Decimal::from(500)),
            value_limit: Some(Decimal::from(100_000)),
            market_orders: true,
            stop_orders: true,
            no_market_data: true,
            cash_quantities: true,
            always: Vec::new(),
            prompted_conids: Vec::new(),
            prompt_id: PROMPT_ID.to_owned(),
        }
    }
}

impl QuestionRules {
    /// No questions at all.
    #[must_use]
    pub fn none() -> Self {
        Self {
            price_percent: None,
            tick_size: false,
            size_limit: None,
            value_limit: None,
            market_orders: false,
            stop_orders: false,
            no_market_data: false,
            cash_quantities: false,
            always: Vec::new(),
            prompted_conids: Vec::new(),
            prompt_id: PROMPT_ID.to_owned(),
        }
    }

    /// The message ids that a ticket raises.
    fn raised(&self, ticket: &Ticket, market: &Market) -> Vec<String> {
        let price = market.price(ticket.conid);
        let reference = ticket.price.or(price);
        let off_tick = |price: Option<Decimal>| price.is_some_and(|price| price.normalize().scale() > PRICE_DECIMALS);
        let rules = [
            ("o354", self.no_market_data && price.is_none()),
            ("o163", self.price_percent.is_some_and(|percent| is_far(ticket, price, percent))),
            ("o382", self.tick_size && (off_tick(ticket.price) || off_tick(ticket.aux_price))),
            ("o383", self.size_limit.is_some_and(|limit| ticket.quantity > limit)),
            (
                "o451",
                self.value_limit.is_some_and(|limit| reference.is_some_and(|price| price * ticket.quantity > limit)),
            ),
            ("o10223", self.cash_quantities && ticket.is_by_cash),
            ("o10151", self.market_orders && ticket.order_type == OrderType::Market),
            ("o10152", self.stop_orders && ticket.order_type.is_stop()),
        ];
        let raised = rules.into_iter().filter(|(_, applies)| *applies).map(|(id, _)| id.to_owned());
        raised.chain(self.always.iter().cloned()).collect()
    }
}

/// A question that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) message_id: String,
    message: String,
}

impl Question {
    pub(crate) fn to_json(&self, reply_id: &str) -> Value {
        json!([{
            "id": reply_id,
            "message": [self.message],
            "isSuppressed": false,
            "messageIds": [self.message_id],
            "messageOptions": ["Yes", "No"],
        }])
    }
}

/// The questions that these tickets raise, each once, without the suppressed ones.
pub(crate) fn questions_for(desk: &mut Desk<'_>, caller: &Caller, tickets: &[Ticket]) -> Vec<Question> {
    let suppressed = desk.session(caller).map(|session| session.suppressed.clone()).unwrap_or_default();
    let mut questions: Vec<Question> = Vec::new();
    for ticket in tickets {
        for message_id in desk.state.questions.raised(ticket, &desk.state.market) {
            let asked = questions.iter().any(|question| question.message_id == message_id);
            if !asked && !suppressed.contains(&message_id) {
                let message = message(&message_id, ticket, &desk.state.questions, &desk.state.market);
                questions.push(Question { message_id, message });
            }
        }
    }
    questions
}

/// `POST /iserver/questions/suppress`: for this brokerage session only.
pub(crate) fn suppress(desk: &mut Desk<'_>, caller: &Caller, call: &Call) -> Answer {
    let body = call.json_value();
    let ids = body.get("messageIds").and_then(Value::as_array);
    let Some(ids) = ids.filter(|ids| ids.len() <= SUPPRESSED_MAX && ids.iter().all(Value::is_string)) else {
        return Answer::error(400, "Bad Request: messageIds is missing, or has more than 51 entries");
    };
    let ids = ids.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if let Some(session) = desk.session(caller) {
        session.suppressed = ids;
    }
    Answer::json(&json!({"status": "submitted"}))
}

/// `POST /iserver/questions/suppress/reset`.
pub(crate) fn reset_suppression(desk: &mut Desk<'_>, caller: &Caller) -> Answer {
    if let Some(session) = desk.session(caller) {
        session.suppressed.clear();
    }
    Answer::json(&json!({"status": "submitted"}))
}

fn is_far(ticket: &Ticket, price: Option<Decimal>, percent: Decimal) -> bool {
    let has_limit = matches!(ticket.order_type, OrderType::Limit | OrderType::StopLimit | OrderType::TrailLimit);
    let (Some(limit), Some(price)) = (ticket.price.filter(|_| has_limit), price) else {
        return false;
    };
    (limit - price).abs() * Decimal::ONE_HUNDRED > price * percent
}
