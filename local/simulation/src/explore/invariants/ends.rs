//! How orders end: final by the broker's own book, or watched, or flagged for a person.

use domain::{Order, OrderStatus};
use paper_broker::LedgerEntry;

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record, exits_are_told, is_told, role_of};

/// The codes with which an order may be left to a person.
const FOR_A_PERSON: [&str; 2] = ["not_settled", "missing_at_broker"];

pub(crate) fn final_or_watched_or_flagged(evidence: &Evidence) -> Vec<Violation> {
    evidence.records.iter().filter_map(|record| unwatched(record).or_else(|| left(evidence, record))).collect()
}

fn unwatched(record: &Record) -> Option<Violation> {
    let order = &record.order;
    let code = order.state().reason().map(|reason| reason.code.as_str()).unwrap_or_default();
    if order.status() == OrderStatus::NeedsReview && !FOR_A_PERSON.contains(&code) {
        return Some(violation("an order was left to a person without need", told(record)));
    }
    let watched = order.is_over() || order.next_check_at.is_some();
    (!watched).then(|| violation("an order is neither final nor watched", told(record)))
}

/// A world ends when nothing is left to be found out, or long after everything worked again. What we do not know of an
/// order by then, we never would.
fn left(evidence: &Evidence, record: &Record) -> Option<Violation> {
    let order = &record.order;
    if order.status().is_final() || order.status() == OrderStatus::NeedsReview {
        return None;
    }
    match &record.entry {
        Some(entry) if is_told(order, entry) => None,
        // What ended before the daily reset is not shown after it.
        Some(entry) if entry.status.is_final() && evidence.day_reset => None,
        // Where the broker's list never tells that it is empty, nothing proves that an order is not there.
        None if evidence.plan.manner.empty_is_no_snapshot && !is_anything_listed(evidence, order) => None,
        _ => Some(violation("an order is not what the broker says long after", told(record))),
    }
}

/// Whether the broker still lists any order of this one's account.
fn is_anything_listed(evidence: &Evidence, order: &Order) -> bool {
    let is_of_account = |account_id: &str| order.account_id().is_some_and(|own| own.as_str() == account_id);
    let is_listed = |entry: &LedgerEntry| !entry.status.is_final() || !evidence.day_reset;
    evidence.book.iter().any(|entry| is_of_account(&entry.account_id) && is_listed(entry))
}

/// Whatever works at the broker long after the storm belongs to an order here that is open, and an exit to a leg that is.
pub(crate) fn what_works_there_is_open_here(evidence: &Evidence) -> Vec<Violation> {
    let working = evidence.book.iter().filter(|entry| !entry.status.is_final());
    let forgotten = working.filter_map(|entry| {
        let of = entry.parent_order_id.unwrap_or(entry.order_id);
        let owns = |record: &&Record| record.entry.as_ref().is_some_and(|own| own.order_id == of);
        let record = evidence.records.iter().find(owns);
        let open = record.is_some_and(|record| match entry.parent_order_id {
            None => !record.order.status().is_final(),
            Some(_) => record.order.leg(role_of(entry)).is_some_and(|leg| !leg.has_ended()),
        });
        let told = record.map(told).unwrap_or_default();
        (!open).then(|| violation("what works at the broker is not open here", format!("{entry:?}: {told}")))
    });
    forgotten.collect()
}

/// What is on record of a bracket's exits is what the broker says of them.
pub(crate) fn exits_are_the_brokers(evidence: &Evidence) -> Vec<Violation> {
    let sent = evidence.records.iter().filter_map(|record| Some((record, record.entry.as_ref()?)));
    // What ended before the daily reset is not shown after it.
    let wrong = sent.filter(|(record, entry)| {
        !exits_are_told(&record.order, entry, &evidence.book) && (!evidence.day_reset || record.order.is_over())
    });
    wrong.map(|(record, _)| violation("an exit is not what the broker says long after", told(record))).collect()
}

pub(crate) fn final_states_are_the_brokers(evidence: &Evidence) -> Vec<Violation> {
    evidence
        .records
        .iter()
        .filter(|record| {
            !agrees(record) && !was_called_over(evidence, record) && !is_of_an_earlier_day(evidence, record)
        })
        .map(|record| violation("a final state is not the broker's", told(record)))
        .collect()
}

/// What the broker itself called cancelled while it worked stays cancelled where it filled meanwhile; its fills are told, unless a
/// day's end takes it off the lists before they tell how much.
fn was_called_over(evidence: &Evidence, record: &Record) -> bool {
    let called_over = record.entry.as_ref().filter(|entry| evidence.falsely_ended.contains(&entry.order_id));
    let is_told = |entry: &paper_broker::LedgerEntry| {
        let is_whole = record.order.filled_quantity == entry.filled_quantity;
        entry.status.is_final() && (is_whole || evidence.day_reset)
    };
    called_over.is_some_and(is_told) && record.order.status() == OrderStatus::Cancelled
}

/// A day that ends in the middle of one: what ended before it is in no list any more.
fn is_of_an_earlier_day(evidence: &Evidence, record: &Record) -> bool {
    let is_unfilled = |entry: &paper_broker::LedgerEntry| entry.status.is_final() && entry.filled_quantity.is_zero();
    evidence.day_reset
        && record.order.status() == OrderStatus::NotPlaced
        && record.entry.as_ref().is_some_and(is_unfilled)
}

fn agrees(record: &Record) -> bool {
    let order = &record.order;
    match (order.status(), &record.entry) {
        (OrderStatus::Filled, entry) => entry.as_ref().is_some_and(|entry| is_told(order, entry)),
        // Cancelled or refused before the broker had it.
        (OrderStatus::Cancelled, None) => order.state().reason().is_some() && order.broker_order_ids.is_empty(),
        (OrderStatus::Rejected, None) => order.broker_order_ids.is_empty(),
        (OrderStatus::Cancelled | OrderStatus::Rejected, Some(entry)) => is_told(order, entry),
        (OrderStatus::Denied | OrderStatus::Expired | OrderStatus::NotPlaced, entry) => entry.is_none(),
        _ => true,
    }
}

fn told(record: &Record) -> String {
    let Record { order, entry, .. } = record;
    format!(
        "{} is {:?}, exits {:?}, filled {} at {:?}, history {:?}; the broker has {entry:?}",
        order.key,
        order.state(),
        order.legs(),
        order.filled_quantity,
        order.average_price,
        order.history
    )
}
