//! A cancel is never without effect: the broker is asked for as long as the order works there.

use jiff::{SignedDuration, Timestamp};
use paper_broker::{LedgerEntry, OrderStatus};

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record, exit_of};

/// After the storm the broker may refuse our address for ten minutes, and a session must be opened.
const HINDERED_FOR: SignedDuration = SignedDuration::from_mins(12);
/// An order that still works is asked for again at least this often: twice the longest pause that the pacing has.
const ASKED_EVERY: SignedDuration = SignedDuration::from_mins(2);

/// An order, or an exit of one, whose end was asked for, and what the broker has of it.
struct Asked<'e> {
    record: &'e Record,
    what: String,
    at: Timestamp,
    entry: &'e LedgerEntry,
}

pub(crate) fn a_cancel_reaches_the_broker_as_long_as_the_order_works(evidence: &Evidence) -> Vec<Violation> {
    let asked =
        evidence.records.iter().flat_map(|record| of_order(record).into_iter().chain(of_exits(evidence, record)));
    asked
        .filter_map(|asked| Some(violation("a cancel does not reach the broker", trouble(evidence, &asked)?)))
        .collect()
}

fn of_order(record: &Record) -> Option<Asked<'_>> {
    let (at, entry) = (record.order.cancel_asked_at?, record.entry.as_ref()?);
    Some(Asked { record, what: "it".to_owned(), at, entry })
}

/// Exits end by a cancel of their own, or with the rest of their order once its entry is final.
fn of_exits<'e>(evidence: &'e Evidence, record: &'e Record) -> Vec<Asked<'e>> {
    let Some(parent) = &record.entry else { return Vec::new() };
    let asked = record.order.legs().iter().filter_map(|leg| {
        let of_order = record.order.cancel_asked_at.filter(|_| record.order.status().is_final());
        let at = leg.cancel.as_ref().map(|cancel| cancel.asked_at).or(of_order)?;
        let entry = exit_of(leg, parent, &evidence.book)?;
        Some(Asked { record, what: format!("its {}", leg.role), at, entry })
    });
    asked.collect()
}

/// The exits whose end was asked for while they worked and that the broker was asked to end, for whoever counts them.
pub(crate) fn exits_that_were_cancelled(evidence: &Evidence) -> usize {
    let of_legs = evidence.records.iter().flat_map(|record| of_exits(evidence, record));
    of_legs.filter(|asked| evidence.cancel_calls.iter().any(|(_, order_id)| *order_id == asked.entry.order_id)).count()
}

fn trouble(evidence: &Evidence, asked: &Asked<'_>) -> Option<String> {
    let Asked { record, what, at: asked_at, entry } = asked;
    let order = &record.order;
    let works = !entry.status.is_final() && entry.status != OrderStatus::PendingCancel;
    let free_from = (*asked_at).max(evidence.calm_at) + HINDERED_FOR;
    let wanted = evidence.ended_at.duration_since(free_from).as_secs() / ASKED_EVERY.as_secs();
    let calls_since = |from: Timestamp| {
        let is_call = |(at, order_id): &&(Timestamp, i64)| *order_id == entry.order_id && *at >= from;
        i64::try_from(evidence.cancel_calls.iter().filter(is_call).count()).unwrap_or(i64::MAX)
    };
    let calls = calls_since(free_from);
    (works && wanted > 0 && calls < wanted).then(|| {
        format!(
            "{} is {:?}, the cancel of {what} was asked for at {asked_at}; it still works at {}, and the broker was asked {} times, {calls} of them since {free_from}, where {wanted} are the least: {entry:?}",
            order.key,
            order.state(),
            evidence.ended_at,
            calls_since(*asked_at),
        )
    })
}
