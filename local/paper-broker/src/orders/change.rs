//! Modify and cancel (5.6 and 5.7 of the facts).

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::acks::acks;
use super::book::{OrderStatus, TakenChange};
use super::matching::{finish, match_order};
use super::place::{Work, proceed};
use super::questions::questions_for;
use super::ticket::Ticket;
use crate::answer::Answer;
use crate::call::Call;
use crate::oauth::Caller;
use crate::state::Desk;

/// The order id that stands for every open order.
const ALL_ORDERS: &str = "-1";

/// `POST /iserver/account/{account}/order/{id}`, a bare ticket.
pub(crate) fn modify(desk: &mut Desk<'_>, caller: &Caller, call: &Call, account: &str, id: &str) -> Answer {
    if let Err(refused) = begin(desk, caller, account) {
        return refused;
    }
    let body = call.json_value();
    if !body.is_object() || body.get("orders").is_some() {
        return Answer::error(400, "Bad Request: a bare order is expected");
    }
    let Some(order_id) = open_order(desk, caller, account, id) else {
        return Answer::refusal(format!("OrderID {id} doesn't exist"));
    };
    let accounts = desk.accounts(caller);
    let must_tell_time = desk.state.options.allow_customer_time;
    let read = Ticket::parse(&body, account, &accounts, &desk.state.market);
    let ticket = match read.and_then(|ticket| ticket.check_time(must_tell_time)) {
        Ok(ticket) => ticket,
        Err(problem) => return Answer::refusal(problem),
    };
    let Some(order) = desk.state.book.order(order_id) else {
        return Answer::refusal(format!("OrderID {id} doesn't exist"));
    };
    if order.ticket.conid != ticket.conid || order.ticket.side != ticket.side {
        return Answer::refusal("Contract and side of an order cannot be modified.");
    }
    if ticket.quantity <= order.filled {
        return Answer::refusal("Order quantity must be greater than the filled quantity.");
    }
    let questions = questions_for(desk, caller, std::slice::from_ref(&ticket));
    proceed(desk, caller, questions, Work::Modify(order_id, Box::new(ticket)))
}

/// Changes the order, once every question is answered.
pub(crate) fn apply(desk: &mut Desk<'_>, order_id: i64, mut ticket: Ticket) -> Answer {
    let now = desk.now;
    let carried_out = !desk.state.ignores_requests;
    let open =
        desk.state.book.order_mut(order_id).filter(|order| !order.status.is_final() && order.filled < ticket.quantity);
    let Some(order) = open else {
        // What is answered alone is answered whatever became of the order meanwhile.
        let refused = || Answer::refusal(format!("OrderID {order_id} doesn't exist"));
        return if carried_out { refused() } else { Answer::json(&acks(&desk.state.book, &[order_id])) };
    };
    // The ids stay: a change has none of its own.
    ticket.client_order_id.clone_from(&order.ticket.client_order_id);
    ticket.parent.clone_from(&order.ticket.parent);
    let asked = order.as_asked(&ticket);
    order.history.changes.push(TakenChange { at: now, carried_out, asked });
    if !carried_out {
        return Answer::json(&acks(&desk.state.book, &[order_id]));
    }
    order.resize(ticket.quantity, now);
    order.ticket = ticket;
    order.modifications += 1;
    order.updated_at = now;
    match_order(desk, order_id);
    Answer::json(&acks(&desk.state.book, &[order_id]))
}

/// `DELETE /iserver/account/{account}/order/{id}`; `-1` cancels every open order of the account.
pub(crate) fn cancel(desk: &mut Desk<'_>, caller: &Caller, account: &str, id: &str) -> Answer {
    if let Err(refused) = begin(desk, caller, account) {
        return refused;
    }
    if id == ALL_ORDERS {
        let open =
            desk.state.book.orders.values().filter(|order| order.ticket.account == account && !order.status.is_final());
        for id in open.map(|order| order.id).collect::<Vec<_>>() {
            request_cancel(desk, id);
        }
        return Answer::json(&json!({"msg": "Request was submitted", "order_id": -1, "conid": -1, "account": null}));
    }
    let Some(order_id) = open_order(desk, caller, account, id) else {
        return Answer::refusal(format!("OrderID {id} doesn't exist"));
    };
    let conid = desk.state.book.order(order_id).map_or(Value::Null, |order| json!(order.ticket.conid));
    request_cancel(desk, order_id);
    Answer::json(&json!({"msg": "Request was submitted", "order_id": order_id, "conid": conid, "account": account}))
}

/// Any order request kills a pending question; and its account must be the caller's.
fn begin(desk: &mut Desk<'_>, caller: &Caller, account: &str) -> Result<(), Answer> {
    if let Some(session) = desk.session(caller) {
        session.pending = None;
    }
    let known = desk.accounts(caller).iter().any(|known| known == account);
    if known { Ok(()) } else { Err(Answer::error(400, format!("Bad Request: accountId is not valid: {account}"))) }
}

fn open_order(desk: &Desk<'_>, caller: &Caller, account: &str, id: &str) -> Option<i64> {
    let order = desk.state.book.order(id.parse().ok()?)?;
    let is_theirs = order.username == caller.username && order.ticket.account == account;
    let is_found = desk.state.options.find_earlier_sessions || order.day == desk.state.day;
    (is_theirs && is_found && !order.status.is_final()).then_some(order.id)
}

fn request_cancel(desk: &mut Desk<'_>, id: i64) {
    if desk.state.ignores_requests {
        return;
    }
    let delay_ms = desk.state.options.cancel_delay_ms;
    if delay_ms == 0 {
        finish(desk, id, OrderStatus::Cancelled);
        return;
    }
    let due = desk.now + SignedDuration::from_millis(delay_ms);
    if let Some(order) = desk.state.book.order_mut(id).filter(|order| order.status != OrderStatus::PendingCancel) {
        order.status = OrderStatus::PendingCancel;
        order.cancel_due = Some(due);
        desk.state.book.cancelling.insert(id);
    }
}
