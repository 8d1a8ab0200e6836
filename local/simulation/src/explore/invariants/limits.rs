//! No limit is ever exceeded, by the broker's own book.

use paper_broker::LedgerEntry;
use rust_decimal::Decimal;

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record, is_open};
use crate::explore::lives::PEOPLE;
use crate::explore::plan::SetLimits;

pub(crate) fn no_limit_is_exceeded(evidence: &Evidence) -> Vec<Violation> {
    evidence.plan.limits.iter().flat_map(|set| exceeded(evidence, set)).collect()
}

fn exceeded(evidence: &Evidence, set: &SetLimits) -> Vec<Violation> {
    let person = PEOPLE[set.person];
    let is_bound = |record: &&Record| {
        record.order.key.user_id.as_str() == person.user_id
            && !(set.on_grant && record.order.algorithm_id.is_own_hand())
    };
    let bound: Vec<&LedgerEntry> =
        evidence.records.iter().filter(is_bound).filter_map(|record| record.entry.as_ref()).collect();
    let mut broken = Vec::new();
    let mut within = |limit: &str, holds: bool| {
        if !holds {
            broken.push(violation("a limit was exceeded", format!("{limit} of {set:?}: {bound:?}")));
        }
    };
    let limits = &set.limits;
    if let Some(most) = limits.max_order_quantity {
        within("max_order_quantity", bound.iter().all(|entry| entry.quantity <= most.get()));
    }
    if let Some(most) = limits.max_order_notional {
        within("max_order_notional", bound.iter().all(|entry| value(entry) <= most.get()));
    }
    if let Some(most) = limits.max_daily_notional {
        within("max_daily_notional", bound.iter().map(|entry| value(entry)).sum::<Decimal>() <= most.get());
    }
    if let Some(most) = limits.max_daily_orders {
        within("max_daily_orders", bound.len() <= most as usize);
    }
    if let Some(most) = limits.max_open_orders {
        // What was open at once is counted over all of the user's orders, so only the user's own limit can be judged by it.
        let open = evidence.most_open.get(person.username).copied().unwrap_or(0);
        let at_the_end = bound.iter().filter(|entry| is_open(entry, &evidence.book)).count();
        within("max_open_orders", at_the_end <= most as usize && (set.on_grant || open <= most as usize));
    }
    if let Some(allowed) = &limits.allowed_conids {
        let is_allowed =
            |entry: &&LedgerEntry| allowed.iter().any(|conid| i64::try_from(u64::from(*conid)) == Ok(entry.conid));
        within("allowed_conids", bound.iter().all(is_allowed));
    }
    broken
}

/// The least that a limit counts for it: of an order without a limit price, what it traded for.
fn value(entry: &LedgerEntry) -> Decimal {
    let has_limit = matches!(entry.order_type.as_str(), "LMT" | "STOP_LIMIT" | "TRAILLMT");
    match entry.price.filter(|_| has_limit) {
        Some(price) => price * entry.quantity,
        None => Decimal::ZERO,
    }
}
