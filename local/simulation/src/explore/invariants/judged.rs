//! How much each of the invariants had to judge: one that never sees anything holds always.

use super::{cancels, exits, reduce, told, waits};
use crate::effects::Fate;
use crate::explore::coverage::Counts;
use crate::explore::evidence::Evidence;

/// What a large run must have judged, and how often at least.
pub(crate) const AT_LEAST: [(&str, u64); 12] = [
    ("fill_told", 2_000),
    ("fill_of_an_exit_told", 200),
    ("order_beside_anothers_trouble", 200),
    ("redelivery_after_a_kill", 100),
    ("sent_while_only_reducing", 60),
    ("market_while_only_reducing", 15),
    ("limit_while_only_reducing", 15),
    ("traded_while_only_reducing", 40),
    ("change_while_only_reducing", 5),
    ("exit_cancelled", 100),
    ("exit_changed", 80),
    ("change_ignored", 3),
];

pub(crate) fn judged(evidence: &Evidence) -> Counts {
    let fills = told::fills(evidence);
    let of_exits = fills.iter().filter(|fill| fill.leg.is_some()).count();
    let reducing = reduce::sent_reducing(evidence);
    let of_type = |order_type: &str| reducing.iter().filter(|sent| sent.entry.order_type == order_type).count();
    let traded = reducing.iter().filter(|sent| !sent.entry.filled_quantity.is_zero()).count();
    let killed = evidence.timed_out.iter().filter(|(_, fates)| fates.contains(&Fate::Killed)).count();
    let changes = evidence.histories.values().flat_map(|history| &history.changes);
    let counts = [
        ("fill_told", fills.len() - of_exits),
        ("fill_of_an_exit_told", of_exits),
        ("order_beside_anothers_trouble", waits::waits(evidence).len()),
        ("redelivery_after_a_kill", killed),
        ("sent_while_only_reducing", reducing.len()),
        ("market_while_only_reducing", of_type("MKT")),
        ("limit_while_only_reducing", of_type("LMT")),
        ("traded_while_only_reducing", traded),
        ("change_while_only_reducing", reduce::changes_sent_reducing(evidence)),
        ("exit_cancelled", cancels::exits_that_were_cancelled(evidence)),
        ("exit_changed", exits::changes_in_force(evidence)),
        ("change_ignored", changes.filter(|change| !change.carried_out).count()),
    ];
    counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count as u64)).collect()
}
