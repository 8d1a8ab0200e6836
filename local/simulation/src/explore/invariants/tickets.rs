//! One ticket for one order, in the order of the queue.

use std::collections::BTreeMap;

use paper_broker::LedgerEntry;

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, client_order_id};
use crate::explore::plan::Act;

pub(crate) fn one_ticket_for_one_order(evidence: &Evidence) -> Vec<Violation> {
    let mut by_name: BTreeMap<&str, Vec<&LedgerEntry>> = BTreeMap::new();
    let mut broken = Vec::new();
    for entry in &evidence.book {
        match (&entry.client_order_id, entry.parent_order_id) {
            (Some(name), _) => by_name.entry(name).or_default().push(entry),
            (None, Some(parent)) if evidence.book.iter().any(|entry| entry.order_id == parent) => {}
            (None, _) => broken.push(violation("a ticket has no order", format!("{entry:?}"))),
        }
    }
    for (name, entries) in by_name {
        if entries.len() > 1 {
            broken.push(violation("two tickets for one order", format!("{entries:?}")));
        }
        if !evidence.records.iter().any(|record| record.order.client_order_id.as_str() == name) {
            broken.push(violation("a ticket has no order", format!("{entries:?}")));
        }
    }
    broken
}

/// The orders of one account and contract stand in the broker's book in the order in which their messages were sent.
pub(crate) fn in_the_order_of_the_queue(evidence: &Evidence) -> Vec<Violation> {
    let mut lines: BTreeMap<(&str, i64), Vec<(usize, &LedgerEntry)>> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for (position, sent) in evidence.sent.iter().enumerate() {
        let (Act::Place(index) | Act::Again(index)) = sent.act else { continue };
        let life = &evidence.plan.lives[index];
        if !seen.insert(index) {
            continue;
        }
        let name = client_order_id(life.person.user_id, &life.order_id);
        let entry = evidence.book.iter().find(|entry| entry.client_order_id.as_deref() == Some(name.as_str()));
        if let Some(entry) = entry {
            lines.entry((life.account, entry.conid)).or_default().push((position, entry));
        }
    }
    let mut broken = Vec::new();
    for line in lines.values_mut() {
        line.sort_by_key(|(position, _)| *position);
        for pair in line.windows(2) {
            let ((_, first), (_, second)) = (pair[0], pair[1]);
            if first.order_id > second.order_id {
                let told =
                    format!("sent first, registered second: {first:?}; sent second, registered first: {second:?}");
                broken.push(violation("an order overtook another one", told));
            }
        }
    }
    broken
}
