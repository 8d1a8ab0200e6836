//! Orders: tickets, questions, the book, and what can be read back (section 5 of the facts).

mod acks;
mod book;
mod change;
mod matching;
mod messages;
mod place;
mod preview;
mod questions;
mod reply;
mod ticket;
mod views;
mod wire;

use http::Method;

use crate::answer::Answer;
use crate::call::Call;
use crate::oauth::Caller;
use crate::state::Desk;

pub use book::{LedgerEntry, OrderHistory, OrderStatus, Stamped, TakenChange};
pub use questions::QuestionRules;

pub(crate) use book::Book;
pub(crate) use matching::{
    complete_cancels, correct, fill, match_contract, open_market, suspend, take_back, venue_reject,
};
pub(crate) use place::Pending;
pub(crate) use questions::{reset_suppression, suppress};
pub(crate) use wire::number;

/// Answers a call of the order group; the accounts have been read.
pub(crate) fn answer(desk: &mut Desk<'_>, caller: &Caller, call: &Call, segments: &[&str]) -> Answer {
    match (&call.method, segments) {
        (&Method::GET, ["account", "orders"]) => views::live_orders(desk, caller, call),
        (&Method::GET, ["account", "order", "status", id]) => views::status(desk, caller, id),
        (&Method::GET, ["account", "trades"]) => views::trades(desk, caller, call),
        (&Method::POST, ["account", account, "orders"]) => place::place(desk, caller, call, account),
        (&Method::POST, ["account", account, "orders", "whatif"]) => preview::preview(desk, caller, call, account),
        (&Method::POST, ["account", account, "order", id]) => change::modify(desk, caller, call, account, id),
        (&Method::DELETE, ["account", account, "order", id]) => change::cancel(desk, caller, account, id),
        (&Method::POST, ["reply", id]) => reply::reply(desk, caller, call, id),
        (&Method::POST, ["notification"]) => reply::notification(desk, caller, call),
        _ => Answer::error(404, "Not Found"),
    }
}
