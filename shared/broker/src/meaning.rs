//! What an answer means, by endpoint, status and shape. Nothing else in this crate decides it.
//!
//! The rule for the sending of an order: only what proves a refusal is a refusal, only what names an order is placed, and
//! everything else is unknown. These answers come from before the broker's order system, so they prove that the order never
//! got there: 401, 404, 429, the network's page of 403, and the texts that name a missing precondition or session. All else
//! does not: a 500 or 503 may come after the order went through, and a 410 from a session that took it in before it died.
//! A 200 whose body reports a failure (a status, or its words) means what that failure means, and is no refusal.

use bytes::Bytes;
use domain::BrokerStatus;
use http::{Response, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::CallError;
use crate::orders::{Answer, CancelAnswer, PlacedOrder, Prompt, Question, ReplyId};
use crate::wire::answers::{ErrorBody, OrderAnswer, Texts};

/// Longest part of an answer that is put into a message, characters.
const EXCERPT_CHARACTERS_MAX: usize = 300;

/// Texts, in lower case, of a brokerage session that is not open (IBKR Web API, known errors).
const NO_SESSION: [&str; 4] = ["no bridge", "init session first", "not authenticated", "not logged in"];
/// Texts, in lower case, of a front or a back end that failed: no word of the broker's order system.
const FAILURES: [&str; 9] = [
    "timeout",
    "timed out",
    "time out",
    "internal server error",
    "internal error",
    "service unavailable",
    "temporarily unavailable",
    "bad gateway",
    "failed to process request",
];

/// Which way of sending an order was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderAct {
    Place,
    Reply,
    Modify,
}

/// The answer to placing, replying or modifying.
pub(crate) fn order_answer(act: OrderAct, response: &Response<Bytes>) -> Result<Answer, CallError> {
    let status = response.status();
    if status == StatusCode::OK {
        let failed = precondition(response).or_else(|| {
            let is_decisive = known_text(act, &words(response)).is_some();
            let failure = !is_decisive && error_text(response.body()).is_some() && reports_a_failure(response);
            failure.then(|| unknown(response))
        });
        return failed.map_or_else(|| shape(act, response.body()).ok_or_else(|| unknown(response)), Err);
    }
    match known_text(act, &words(response)) {
        Some(answer) => Ok(answer),
        None => Err(precondition(response).unwrap_or_else(|| unknown(response))),
    }
}

/// The answer to a cancel.
pub(crate) fn cancel_answer(response: &Response<Bytes>) -> Result<CancelAnswer, CallError> {
    let said = words(response);
    let no_such_order = said.contains("doesn't exist") || said.contains("not found");
    let error = error_text(response.body());
    match (response.status(), error) {
        (StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND, Some(message)) if no_such_order => {
            Ok(CancelAnswer::NoSuchOrder { message })
        }
        (StatusCode::OK, Some(message)) => no_refusal(response).map_or(Ok(CancelAnswer::Refused { message }), Err),
        (StatusCode::OK, None) => {
            let answer = one(response.body()).ok_or_else(|| unknown(response))?;
            answer.msg.text().map(|_| CancelAnswer::Requested).ok_or_else(|| unknown(response))
        }
        _ => Err(failure(response)),
    }
}

/// The body of a look, where an `error` in it is a refusal.
pub(crate) fn read<'a, T: Deserialize<'a>>(response: &'a Response<Bytes>) -> Result<T, CallError> {
    match (response.status(), error_text(response.body())) {
        (StatusCode::OK, Some(message)) => Err(no_refusal(response).unwrap_or(CallError::Refused { message })),
        _ => read_with_own_error(response),
    }
}

/// The body of a look whose `error` is a part of what it tells.
pub(crate) fn read_with_own_error<'a, T: Deserialize<'a>>(response: &'a Response<Bytes>) -> Result<T, CallError> {
    if response.status() == StatusCode::OK { parsed(response) } else { Err(failure(response)) }
}

/// Whether the call was carried out, whatever the body holds.
pub(crate) fn done(response: &Response<Bytes>) -> Result<(), CallError> {
    match (response.status(), error_text(response.body())) {
        (StatusCode::OK, None) => Ok(()),
        (StatusCode::OK, Some(message)) => Err(no_refusal(response).unwrap_or(CallError::Refused { message })),
        _ => Err(failure(response)),
    }
}

/// The broker's words, bounded, in one line.
pub(crate) fn excerpt(response: &Response<Bytes>) -> String {
    if is_page(response) {
        return "a page of HTML".to_owned();
    }
    let text = error_text(response.body()).unwrap_or_else(|| String::from_utf8_lossy(response.body()).into_owned());
    let line: String = text.chars().filter(|c| !c.is_control()).take(EXCERPT_CHARACTERS_MAX).collect();
    if line.trim().is_empty() { "without a word".to_owned() } else { line }
}

/// A page of HTML comes from the network before the broker.
pub(crate) fn is_page(response: &Response<Bytes>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.contains("text/html") || response.body().trim_ascii_start().starts_with(b"<")
}

/// Status and words of an answer that leaves everything open.
pub(crate) fn unknown(response: &Response<Bytes>) -> CallError {
    CallError::Unknown { why: format!("it answered {}: {}", response.status().as_u16(), excerpt(response)) }
}

/// Answers that mean the same everywhere. Each proves that the call was not carried out.
fn precondition(response: &Response<Bytes>) -> Option<CallError> {
    let said = words(response);
    match response.status().as_u16() {
        401 => Some(CallError::Unauthorized { message: excerpt(response) }),
        403 if is_page(response) => Some(CallError::Forbidden),
        404 => Some(CallError::WrongPath),
        429 => Some(CallError::Paced),
        200 | 400 | 500 if said.contains("please query /accounts first") => Some(CallError::AccountsNotAsked),
        200 | 400 | 500 if NO_SESSION.iter().any(|text| said.contains(text)) => Some(CallError::NoBridge),
        200 | 400 | 500 if said.contains("accountid is not valid") => {
            Some(CallError::AccountInvalid { message: excerpt(response) })
        }
        _ => None,
    }
}

/// Why an answer of 200 with an `error` is no refusal, if it is none.
fn no_refusal(response: &Response<Bytes>) -> Option<CallError> {
    precondition(response).or_else(|| reports_a_failure(response).then(|| unknown(response)))
}

/// Whether the body tells of a failure of the broker's machines, by a status or by its words.
fn reports_a_failure(response: &Response<Bytes>) -> bool {
    let said = words(response);
    let is_failure = |status: u16| matches!(status, 401 | 429 | 500..600);
    is_failure(told_status(response))
        || said.trim().parse().is_ok_and(is_failure)
        || FAILURES.iter().any(|text| said.contains(text))
}

/// The answer's status; of a 200 the one that its body tells, where it tells one.
fn told_status(response: &Response<Bytes>) -> u16 {
    let status = response.status();
    let told = || serde_json::from_slice::<ErrorBody>(response.body()).ok()?.told_status();
    if status == StatusCode::OK { told().unwrap_or(status.as_u16()) } else { status.as_u16() }
}

/// What a status other than 200 means for a look, or for a call that may be repeated.
fn failure(response: &Response<Bytes>) -> CallError {
    precondition(response).unwrap_or_else(|| match response.status() {
        StatusCode::GONE => CallError::Gone,
        status if status.is_client_error() && !reports_a_failure(response) => {
            CallError::Refused { message: excerpt(response) }
        }
        _ => unknown(response),
    })
}

/// Texts about an order that are decisive by themselves.
fn known_text(act: OrderAct, said: &str) -> Option<Answer> {
    let message = || said.chars().take(EXCERPT_CHARACTERS_MAX).collect();
    match act {
        OrderAct::Place | OrderAct::Reply if said.contains("is already registered") => {
            Some(Answer::AlreadyRegistered { message: message() })
        }
        OrderAct::Reply if said.contains("reply id not found") => Some(Answer::ReplyNotFound { message: message() }),
        OrderAct::Modify if said.contains("doesn't exist") => Some(Answer::NoSuchOrder { message: message() }),
        _ => None,
    }
}

/// The shapes of a 200, in the order of the broker's documents.
fn shape(act: OrderAct, body: &Bytes) -> Option<Answer> {
    if body.trim_ascii_start().starts_with(b"[") {
        let items: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
        return orders_or_questions(items.into_iter().map(object).collect::<Option<_>>()?);
    }
    let answer: OrderAnswer = serde_json::from_slice(body).ok()?;
    match answer.error.text() {
        Some(error) => refusal(act, error, &answer),
        None if answer.options.is_some() => prompt(answer).map(Answer::Prompt),
        None => orders_or_questions(vec![answer]),
    }
}

/// One object, alone or in a list by itself: IBKR describes the answer to a cancel as the one, and its example is the other.
fn one(body: &Bytes) -> Option<OrderAnswer> {
    if !body.trim_ascii_start().starts_with(b"[") {
        return serde_json::from_slice(body).ok();
    }
    match serde_json::from_slice::<Vec<&RawValue>>(body).ok()?.as_slice() {
        [only] => object(only),
        _ => None,
    }
}

/// One item of a list. Serde would read a list as an object too, its values in the order of the fields.
fn object(item: &RawValue) -> Option<OrderAnswer> {
    if item.get().starts_with('{') { serde_json::from_str(item.get()).ok() } else { None }
}

fn refusal(act: OrderAct, error: &str, answer: &OrderAnswer) -> Option<Answer> {
    let names_an_order = answer.order_id.text().is_some() || answer.id.text().is_some();
    let said = error.to_lowercase();
    if names_an_order {
        return None;
    }
    if said.contains("is already registered") && act == OrderAct::Modify {
        return None;
    }
    Some(known_text(act, &said).unwrap_or_else(|| Answer::Refused { message: error.to_owned() }))
}

/// A list is wholly of one kind; a mixed one leaves open what became of the rest.
fn orders_or_questions(items: Vec<OrderAnswer>) -> Option<Answer> {
    let plain = |item: &OrderAnswer| item.error.text().is_none() && item.options.is_none();
    if items.is_empty() || !items.iter().all(plain) {
        return None;
    }
    if items.iter().all(|item| item.order_id.text().is_some()) {
        return items.iter().map(placed).collect::<Option<_>>().map(Answer::Placed);
    }
    questions(items).map(Answer::Question)
}

fn placed(item: &OrderAnswer) -> Option<PlacedOrder> {
    let order_id = item.order_id.order_id()?;
    Some(PlacedOrder { order_id, status: BrokerStatus::from(item.order_status.text().unwrap_or_default()) })
}

fn questions(items: Vec<OrderAnswer>) -> Option<Question> {
    let mut items = items.into_iter().map(question);
    let mut first = items.next()??;
    for next in items {
        let next = next?;
        first.messages.extend(next.messages);
        first.message_ids.extend(next.message_ids);
    }
    Some(first)
}

fn question(item: OrderAnswer) -> Option<Question> {
    if item.order_id.text().is_some() {
        return None;
    }
    Some(Question {
        reply_id: ReplyId::new(item.id.text()?)?,
        messages: item.message.map(Texts::into_vec)?,
        message_ids: item.message_ids.unwrap_or_default(),
        options: item.message_options.unwrap_or_default(),
    })
}

fn prompt(answer: OrderAnswer) -> Option<Prompt> {
    Some(Prompt {
        order_id: answer.prompt_order_id.order_id()?,
        request_id: answer.request_id.into_text()?,
        message: answer.text.into_text()?,
        message_id: answer.message_id.into_text(),
        options: answer.options.filter(|options| !options.is_empty())?,
    })
}

fn parsed<'a, T: Deserialize<'a>>(response: &'a Response<Bytes>) -> Result<T, CallError> {
    serde_json::from_slice(response.body()).map_err(|error| CallError::Unknown {
        why: format!("its answer cannot be read ({error}): {}", excerpt(response)),
    })
}

/// The words of an `error` (or of problem+json), lower case; of an answer that is no success also its plain text.
fn words(response: &Response<Bytes>) -> String {
    let text = match error_text(response.body()) {
        Some(text) => text,
        None if response.status() != StatusCode::OK => String::from_utf8_lossy(response.body()).into_owned(),
        None => String::new(),
    };
    text.to_lowercase()
}

fn error_text(body: &Bytes) -> Option<String> {
    let error: ErrorBody = serde_json::from_slice(body).ok()?;
    error.error.into_text().or_else(|| error.detail.into_text()).or_else(|| error.title.into_text())
}
