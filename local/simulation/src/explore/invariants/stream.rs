//! What is told of an order on the bus: each change once, in order, none left out.

use domain::{Order, OrderStatus};

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record};

pub(crate) fn changes_count_up_without_gaps(evidence: &Evidence) -> Vec<Violation> {
    evidence
        .records
        .iter()
        .filter_map(|record| Some(violation("the changes of an order have a gap", gap(record)?)))
        .collect()
}

/// What was filled stays filled, and an order at work that is filled in part says so.
pub(crate) fn fills_never_go_back(evidence: &Evidence) -> Vec<Violation> {
    let at_work_as_if_unfilled =
        |image: &&Order| image.status() == OrderStatus::Working && !image.filled_quantity.is_zero();
    let told = |record: &Record| {
        let unfilled = record.images.iter().find(at_work_as_if_unfilled);
        let less = record.images.windows(2).find(|pair| pair[1].filled_quantity < pair[0].filled_quantity);
        let image = unfilled.or(less.and_then(|pair| pair.last()))?;
        let (status, filled) = (image.status().as_str(), image.filled_quantity);
        Some(format!("{}: {status} with {filled} filled at {}", record.order.key, image.updated_at))
    };
    evidence.records.iter().filter_map(told).map(|what| violation("a fill went back", what)).collect()
}

fn gap(record: &Record) -> Option<String> {
    let told: Vec<u64> = record.events.iter().filter_map(|event| event.detail["sequence"].as_u64()).collect();
    let expected: Vec<u64> = (1..=record.order.sequence).collect();
    let last = record.events.last().map(|event| event.detail["status"].clone()).unwrap_or_default();
    let chained = record.events.windows(2).all(|pair| pair[1].detail["previous_status"] == pair[0].detail["status"]);
    let complete = told == expected && last == record.order.status().as_str() && chained;
    (!complete).then(|| {
        format!(
            "{}: told {told:?}, the last of them {last}; the order is {} with the sequence {}",
            record.order.key,
            record.order.status().as_str(),
            record.order.sequence
        )
    })
}
