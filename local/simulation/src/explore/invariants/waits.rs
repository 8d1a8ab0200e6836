//! Nobody waits for another's trouble, and nobody for a redelivery.

use domain::{Order, OrderStatus};
use jiff::{SignedDuration, Timestamp};

use super::told::{free_from, of_username, username_of};
use super::{Violation, violation};
use crate::effects::Fate;
use crate::explore::evidence::{Evidence, Record};
use crate::explore::plan::Act;

/// An order of a user to whom nothing befell is taken up within this.
const TAKEN_UP_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// An order of somebody who is well, and how long it waited.
pub(crate) struct Wait<'e> {
    record: &'e Record,
    from: Timestamp,
    /// When its intent was on record, or its end without one; `None`: neither ever was.
    to: Option<Timestamp>,
}

/// In a world in which one user alone is in trouble, everybody else's orders are on their way within seconds: from when they are
/// accepted (put into the queue, or on record by the API), or from when the last earlier one of the same account and contract was
/// settled.
pub(crate) fn nobody_waits_for_anothers_trouble(evidence: &Evidence) -> Vec<Violation> {
    let late = waits(evidence).into_iter().filter(|wait| {
        let deadline = wait.from + TAKEN_UP_WITHIN;
        wait.to.map_or(evidence.ended_at > deadline, |to| to > deadline)
    });
    late.map(|wait| {
        violation(
            "an order waited for another user's trouble",
            format!(
                "{}: accepted at {}, on its way at {:?}: {:?}",
                wait.record.order.key, wait.from, wait.to, wait.record.order.history
            ),
        )
    })
    .collect()
}

/// The orders of those who are well.
pub(crate) fn waits(evidence: &Evidence) -> Vec<Wait<'_>> {
    let Some(troubled) = evidence.plan.troubled else { return Vec::new() };
    let healthy = evidence
        .plan
        .lives
        .iter()
        .enumerate()
        .filter(|(_, life)| life.person.user_id != crate::explore::lives::PEOPLE[troubled].user_id);
    let found = healthy.filter_map(|(index, life)| {
        let record = evidence.record(life.person.user_id, &life.order_id)?;
        let accepted = accepted_at(evidence, index, record)?;
        let ahead = evidence.records.iter().filter(|other| stands_ahead(other, record)).filter_map(settled_at);
        let begun = accepted.max(ahead.max().unwrap_or(accepted));
        let hindrances = of_username(evidence, username_of(&record.order));
        let from = free_from(&hindrances, begun, TAKEN_UP_WITHIN);
        Some(Wait { record, from, to: taken_up_at(record) })
    });
    found.collect()
}

/// When its message was put into the queue; by the API, when it was put on record.
fn accepted_at(evidence: &Evidence, index: usize, record: &Record) -> Option<Timestamp> {
    let is_its = |act: &Act| matches!(act, Act::Place(other) | Act::Again(other) if *other == index);
    let queued = evidence.sent.iter().find(|sent| is_its(&sent.act)).map(|sent| sent.at);
    queued.or_else(|| record.images.first().map(|image| image.created_at))
}

/// When it left, or ended without.
fn taken_up_at(record: &Record) -> Option<Timestamp> {
    let waits = |image: &Order| matches!(image.status(), OrderStatus::Received | OrderStatus::Held);
    record.images.iter().find(|image| !waits(image)).map(|image| image.updated_at)
}

/// When its outcome was known, or its end.
fn settled_at(record: &Record) -> Option<Timestamp> {
    let open = [OrderStatus::Received, OrderStatus::Held, OrderStatus::Sending, OrderStatus::Unknown];
    record.images.iter().find(|image| !open.contains(&image.status())).map(|image| image.updated_at)
}

/// Whether the other one came earlier, and may be of the same account and contract: a contract in words may be any.
fn stands_ahead(other: &Record, record: &Record) -> bool {
    let (Some(theirs), Some(own)) = (&other.order.request, &record.order.request) else { return false };
    let same_contract = match (&theirs.ticket.contract, &own.ticket.contract) {
        (domain::Contract::Conid { conid: one }, domain::Contract::Conid { conid: two }) => one == two,
        _ => true,
    };
    other.order.key != record.order.key
        && other.order.key.user_id == record.order.key.user_id
        && theirs.account_id == own.account_id
        && same_contract
        && other.order.created_at < record.order.created_at
}

/// A message comes again by its visibility time-out only where its worker was killed, or could not be heard by the queue.
pub(crate) fn nothing_leans_on_a_redelivery(evidence: &Evidence) -> Vec<Violation> {
    let in_order = |fates: &[Fate]| fates.iter().all(|fate| matches!(fate, Fate::Ended | Fate::Failed));
    let leaned = evidence.timed_out.iter().filter(|(_, fates)| in_order(fates));
    leaned
        .map(|(timed_out, fates)| {
            violation(
                "a message waited for its visibility time-out",
                format!("{timed_out:?}, its workers before: {fates:?}"),
            )
        })
        .collect()
}
