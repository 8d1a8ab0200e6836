//! How orders end: final by the broker's own book, or watched, or flagged for a person.

use domain::OrderStatus;

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record, is_told};

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
    let watched = order.status().is_final() || order.next_check_at.is_some();
    (!watched).then(|| violation("an order is neither final nor watched", told(record)))
}

/// A world ends when nothing is left to be found out, or long after everything worked again. What we do not know of an
/// order by then, we never would.
fn left(evidence: &Evidence, record: &Record) -> Option<Violation> {
    let order = &record.order;
    if order.status().is_final() {
        return None;
    }
    match &record.entry {
        Some(entry) if is_told(order, entry) => None,
        // What ended before the daily reset is not shown after it.
        Some(entry) if entry.status.is_final() && evidence.day_reset => None,
        _ => Some(violation("an order is not what the broker says long after", told(record))),
    }
}

pub(crate) fn final_states_are_the_brokers(evidence: &Evidence) -> Vec<Violation> {
    evidence
        .records
        .iter()
        .filter(|record| !agrees(record))
        .map(|record| violation("a final state is not the broker's", told(record)))
        .collect()
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
        "{} is {:?}, filled {} at {:?}, history {:?}; the broker has {entry:?}",
        order.key,
        order.state(),
        order.filled_quantity,
        order.average_price,
        order.history
    )
}
