//! Answers to questions and to the advanced prompt (5.2 and 5.3 of the facts).

use serde_json::Value;

use super::acks::PROMPT_OPTIONS;
use super::change::apply;
use super::place::{Pending, Work, proceed, register};
use crate::answer::Answer;
use crate::call::Call;
use crate::oauth::Caller;
use crate::state::Desk;

/// `POST /iserver/reply/{id}`.
pub(crate) fn reply(desk: &mut Desk<'_>, caller: &Caller, call: &Call, id: &str) -> Answer {
    let Some(confirmed) = call.json_value().get("confirmed").and_then(Value::as_bool) else {
        return Answer::error(400, "Bad Request: confirmed is missing");
    };
    let asked = |pending: &Pending| pending.reply_id == id && prompted(&pending.work).is_none();
    let Some(pending) = take(desk, caller, asked) else {
        return Answer::error(400, format!("reply id not found: '{id}'"));
    };
    if !confirmed {
        return Answer::refusal("Order not confirmed ");
    }
    proceed(desk, caller, pending.questions, pending.work)
}

/// `POST /iserver/notification`: the answer to an advanced prompt.
pub(crate) fn notification(desk: &mut Desk<'_>, caller: &Caller, call: &Call) -> Answer {
    let body = call.json_value();
    let order_id = body.get("orderId").and_then(|id| id.as_i64().or_else(|| id.as_str()?.parse().ok()));
    let request_id = body.get("reqId").and_then(Value::as_str).unwrap_or_default();
    let Some(text) = body.get("text").and_then(Value::as_str).filter(|text| PROMPT_OPTIONS.contains(text)) else {
        return Answer::error(400, "Bad Request: text is none of the options");
    };
    let asked = |pending: &Pending| {
        pending.reply_id == request_id && prompted(&pending.work).is_some_and(|id| Some(id) == order_id)
    };
    let Some(pending) = take(desk, caller, asked) else {
        return Answer::error(400, "Bad Request: no such prompt");
    };
    match pending.work {
        Work::Prompted(id, tickets) if text == PROMPT_OPTIONS[0] => {
            register(desk, caller, id, tickets);
        }
        Work::PromptedChange(id, ticket) if text == PROMPT_OPTIONS[0] => {
            apply(desk, id, *ticket);
        }
        _ => {}
    }
    Answer::new(200, "text/plain;charset=utf-8", "Success")
}

/// The order that a prompt is about, if it is a prompt that waits.
fn prompted(work: &Work) -> Option<i64> {
    match work {
        Work::Prompted(id, _) | Work::PromptedChange(id, _) => Some(*id),
        Work::Place(_) | Work::Modify(..) => None,
    }
}

/// What is pending, if it is the one that is answered; then it is pending no more.
fn take(desk: &mut Desk<'_>, caller: &Caller, asked: impl Fn(&Pending) -> bool) -> Option<Pending> {
    let session = desk.session(caller)?;
    session.pending.take_if(|pending| asked(pending))
}
