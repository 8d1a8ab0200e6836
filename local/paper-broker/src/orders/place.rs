//! Placing: one ticket, or a bracket, or a group (5.1, 5.2 and 5.13 of the facts).

use serde_json::Value;

use super::acks::{acks, prompt};
use super::book::NewOrder;
use super::questions::{Question, questions_for};
use super::ticket::Ticket;
use crate::answer::Answer;
use crate::call::Call;
use crate::oauth::Caller;
use crate::state::Desk;

/// Tickets in one request.
const TICKETS_MAX: usize = 20;

/// What waits for an answer, and what happens once everything is answered.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// The id under which the present question is answered; of a prompt, its request id.
    pub(crate) reply_id: String,
    /// Still to be asked, after the present one.
    pub(crate) questions: Vec<Question>,
    pub(crate) work: Work,
}

/// The order request behind a question.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Place(Vec<Ticket>),
    Modify(i64, Box<Ticket>),
    /// Placing waits for the advanced prompt; the first order id is reserved.
    Prompted(i64, Vec<Ticket>),
    /// A change waits for the advanced prompt.
    PromptedChange(i64, Box<Ticket>),
}

/// `POST /iserver/account/{account}/orders`.
pub(crate) fn place(desk: &mut Desk<'_>, caller: &Caller, call: &Call, account: &str) -> Answer {
    if let Some(session) = desk.session(caller) {
        session.pending = None;
    }
    let tickets = match read_tickets(desk, caller, call, account) {
        Ok(tickets) => tickets,
        Err(answer) => return answer,
    };
    if let Some(refusal) = refusal(desk, caller, &tickets) {
        return Answer::refusal(refusal);
    }
    let questions = questions_for(desk, caller, &tickets);
    proceed(desk, caller, questions, Work::Place(tickets))
}

/// Asks the next question, or does the work if there is none left.
pub(crate) fn proceed(desk: &mut Desk<'_>, caller: &Caller, mut questions: Vec<Question>, work: Work) -> Answer {
    if questions.is_empty() {
        return perform(desk, caller, work);
    }
    let question = questions.remove(0);
    let reply_id = random_uuid(desk);
    let body = question.to_json(&reply_id);
    if let Some(session) = desk.session(caller) {
        session.pending = Some(Pending { reply_id, questions, work });
    }
    Answer::json(&body)
}

/// Registers the orders, or changes the order.
fn perform(desk: &mut Desk<'_>, caller: &Caller, work: Work) -> Answer {
    match work {
        Work::Place(tickets) if meets_prompt(desk, &tickets) => {
            let order_id = desk.state.book.reserve_id();
            ask_prompt(desk, caller, order_id, Work::Prompted(order_id, tickets))
        }
        Work::Modify(order_id, ticket) if meets_prompt(desk, std::slice::from_ref(ticket.as_ref())) => {
            ask_prompt(desk, caller, order_id, Work::PromptedChange(order_id, ticket))
        }
        Work::Place(tickets) => {
            let first = desk.state.book.reserve_id();
            register(desk, caller, first, tickets)
        }
        Work::Prompted(order_id, tickets) => register(desk, caller, order_id, tickets),
        Work::Modify(order_id, ticket) | Work::PromptedChange(order_id, ticket) => {
            super::change::apply(desk, order_id, *ticket)
        }
    }
}

/// Asks the advanced prompt about this order; what is done once it is answered.
fn ask_prompt(desk: &mut Desk<'_>, caller: &Caller, order_id: i64, work: Work) -> Answer {
    let reply_id = random_uuid(desk);
    let body = prompt(order_id, &reply_id, &desk.state.questions.prompt_id);
    if let Some(session) = desk.session(caller) {
        session.pending = Some(Pending { reply_id, questions: Vec::new(), work });
    }
    Answer::json(&body)
}

/// Puts the orders into the book. No `cOID` can have been taken since they were checked: whatever takes one also kills
/// the question.
pub(crate) fn register(desk: &mut Desk<'_>, caller: &Caller, first_id: i64, tickets: Vec<Ticket>) -> Answer {
    let group = (tickets.len() > 1 && tickets.iter().all(|ticket| ticket.is_single_group)).then_some(first_id);
    let mut ids = Vec::new();
    for ticket in tickets {
        let id = if ids.is_empty() { first_id } else { desk.state.book.reserve_id() };
        let new = NewOrder { id, username: caller.username.clone(), group, day: desk.state.day, at: desk.now };
        desk.state.book.register(new, ticket);
        ids.push(id);
    }
    for id in &ids {
        super::matching::match_order(desk, *id);
    }
    if desk.state.options.exits_answered_first {
        ids.reverse();
    }
    Answer::json(&acks(&desk.state.book, &ids))
}

/// The tickets of a body, or the answer to a bad one.
pub(crate) fn read_tickets(
    desk: &mut Desk<'_>,
    caller: &Caller,
    call: &Call,
    account: &str,
) -> Result<Vec<Ticket>, Answer> {
    let accounts = desk.accounts(caller);
    if !accounts.iter().any(|known| known == account) {
        return Err(Answer::error(400, format!("Bad Request: accountId is not valid: {account}")));
    }
    let body = call.json_value();
    let Some(bodies) =
        body.get("orders").and_then(Value::as_array).filter(|bodies| !bodies.is_empty() && bodies.len() <= TICKETS_MAX)
    else {
        return Err(Answer::error(400, "Bad Request: no orders"));
    };
    let must_tell_time = desk.state.options.allow_customer_time;
    let read = bodies.iter().map(|body| {
        Ticket::parse(body, account, &accounts, &desk.state.market).and_then(|ticket| ticket.check_time(must_tell_time))
    });
    read.collect::<Result<Vec<_>, _>>().map_err(Answer::refusal)
}

/// Why these tickets together cannot become orders.
fn refusal(desk: &Desk<'_>, caller: &Caller, tickets: &[Ticket]) -> Option<String> {
    let book = &desk.state.book;
    for ticket in tickets {
        if let Some(id) = ticket.client_order_id.as_ref().filter(|id| book.is_taken(&caller.username, id, desk.now)) {
            return Some(format!("Order couldn't be submitted: Local order ID={id} is already registered."));
        }
        let sibling = |parent: &String| tickets.iter().any(|other| other.client_order_id.as_ref() == Some(parent));
        if let Some(parent) =
            ticket.parent.as_ref().filter(|parent| !sibling(parent) && book.parent(&caller.username, parent).is_none())
        {
            return Some(format!("Order couldn't be submitted: parent order {parent} not found."));
        }
    }
    let together = tickets.len() == 1
        || tickets.iter().all(|ticket| ticket.is_single_group)
        || tickets[1..].iter().all(|ticket| ticket.parent.is_some());
    let mut ids: Vec<_> = tickets.iter().filter_map(|ticket| ticket.client_order_id.as_ref()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Some(format!("Order couldn't be submitted: Local order ID={} is already registered.", ids[0]));
    }
    if book.is_full() {
        return Some("Order couldn't be submitted: the paper broker's book is full.".to_owned());
    }
    (!together).then(|| "Order couldn't be submitted: unrelated orders cannot be placed in one request.".to_owned())
}

fn meets_prompt(desk: &Desk<'_>, tickets: &[Ticket]) -> bool {
    tickets.iter().any(|ticket| desk.state.questions.prompted_conids.contains(&ticket.conid))
}

fn random_uuid(desk: &Desk<'_>) -> String {
    let hex = crate::oauth::random_hex(desk.entropy, 16);
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
