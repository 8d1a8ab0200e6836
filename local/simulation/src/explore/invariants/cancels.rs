//! A cancel is never without effect: the broker is asked for as long as the order works there.

use jiff::{SignedDuration, Timestamp};
use paper_broker::OrderStatus;

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record};

/// After the storm the broker may refuse our address for ten minutes, and a session must be opened.
const HINDERED_FOR: SignedDuration = SignedDuration::from_mins(12);
/// An order that still works is asked for again at least this often: twice the longest pause that the pacing has.
const ASKED_EVERY: SignedDuration = SignedDuration::from_mins(2);

pub(crate) fn a_cancel_reaches_the_broker_as_long_as_the_order_works(evidence: &Evidence) -> Vec<Violation> {
    evidence
        .records
        .iter()
        .filter_map(|record| Some(violation("a cancel does not reach the broker", trouble(evidence, record)?)))
        .collect()
}

fn trouble(evidence: &Evidence, record: &Record) -> Option<String> {
    let (order, entry) = (&record.order, record.entry.as_ref()?);
    let asked_at = order.cancel_asked_at?;
    let works = !entry.status.is_final() && entry.status != OrderStatus::PendingCancel;
    let free_from = asked_at.max(evidence.calm_at) + HINDERED_FOR;
    let wanted = evidence.ended_at.duration_since(free_from).as_secs() / ASKED_EVERY.as_secs();
    let calls_since = |from: Timestamp| {
        let is_call = |(at, order_id): &&(Timestamp, i64)| *order_id == entry.order_id && *at >= from;
        i64::try_from(evidence.cancel_calls.iter().filter(is_call).count()).unwrap_or(i64::MAX)
    };
    let calls = calls_since(free_from);
    (works && wanted > 0 && calls < wanted).then(|| {
        format!(
            "{} is {:?}, its cancel was asked for at {asked_at}; it still works at {}, and the broker was asked {} times, {calls} of them since {free_from}, where {wanted} are the least: {entry:?}",
            order.key,
            order.state(),
            evidence.ended_at,
            calls_since(asked_at),
        )
    })
}
