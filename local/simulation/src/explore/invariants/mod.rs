//! What must hold in every world, whatever befell it.

mod asked;
mod cancels;
mod ends;
mod exits;
mod judged;
mod limits;
mod messages;
mod reasons;
mod reduce;
mod stream;
mod tickets;
mod times;
mod told;
mod waits;

#[cfg(test)]
mod tests;

use super::evidence::Evidence;

pub(crate) use judged::{AT_LEAST, judged};
pub(crate) use told::TOLD_LATE;

/// Something that must never be, with what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant.
    pub rule: &'static str,
    /// What shows it.
    pub evidence: String,
}

pub(crate) fn violation(rule: &'static str, evidence: String) -> Violation {
    Violation { rule, evidence }
}

/// Everything that does not hold.
pub(crate) fn broken(evidence: &Evidence) -> Vec<Violation> {
    let checks = [
        tickets::one_ticket_for_one_order,
        tickets::in_the_order_of_the_queue,
        asked::exactly_what_was_asked,
        exits::exits_are_what_was_asked,
        exits::exits_are_for_what_their_entry_filled,
        messages::no_message_is_lost,
        ends::final_or_watched_or_flagged,
        ends::final_states_are_the_brokers,
        ends::what_works_there_is_open_here,
        ends::exits_are_the_brokers,
        cancels::a_cancel_reaches_the_broker_as_long_as_the_order_works,
        times::nothing_is_sent_too_late,
        times::nothing_is_sent_while_halted,
        times::nothing_waits_for_the_visibility_time_out,
        told::what_is_filled_is_told_within_seconds,
        waits::nobody_waits_for_anothers_trouble,
        waits::nothing_leans_on_a_redelivery,
        reduce::only_what_reduces_is_sent,
        limits::no_limit_is_exceeded,
        stream::changes_count_up_without_gaps,
        stream::fills_never_go_back,
        reasons::each_stands_where_the_list_says,
        no_secret_is_written_down,
    ];
    checks.iter().flat_map(|check| check(evidence)).collect()
}

fn no_secret_is_written_down(evidence: &Evidence) -> Vec<Violation> {
    let found = evidence.secrets.iter().filter(|(_, secret)| evidence.everything_written.contains(secret));
    let told =
        |name: &str| violation("a secret is written down", format!("{name} stands in a row, a message or the log"));
    found.map(|(name, _)| told(name)).collect()
}
