//! What was reached: a run that leaves something out proves nothing about it.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Order, OrderStatus};

use super::evidence::Evidence;
use super::invariants::{AT_LEAST, judged};
use super::tickets::KINDS;
use super::weather::{AT_A_QUEUE, AT_THE_BROKER, AT_THE_DATABASE, PENALTY};

/// How often each thing was seen.
pub(crate) type Counts = BTreeMap<String, u64>;

/// States that every large run must reach.
const STATES: [OrderStatus; 13] = [
    OrderStatus::Received,
    OrderStatus::Held,
    OrderStatus::Sending,
    OrderStatus::Unknown,
    OrderStatus::Working,
    OrderStatus::PartiallyFilled,
    OrderStatus::Cancelling,
    OrderStatus::Filled,
    OrderStatus::Cancelled,
    OrderStatus::Rejected,
    OrderStatus::Denied,
    OrderStatus::Expired,
    OrderStatus::NotPlaced,
];
/// What happens to worlds besides what strikes an effect.
const EVENTS: [&str; 37] = [
    "redelivered",
    "second_worker",
    "frozen_worker",
    "cut_off",
    "duplicate_message",
    "other_content",
    "bad_message",
    "halt_of_everything",
    "halt_of_algorithm",
    "halt_of_user",
    "halt_of_grant",
    "reducing_everything",
    "reducing_algorithm",
    "reducing_user",
    "reducing_grant",
    "change_of_an_exit",
    "change_to_a_smaller_order",
    "one_users_broker",
    "price_move",
    "partial_fill",
    "cancel_of_an_exit",
    "venue_rejects",
    "session_stolen",
    "session_ended",
    "token_gone",
    "day_reset",
    "iserver_down",
    "other_questions",
    "prompted",
    "cancels_not_carried_out",
    "changes_not_carried_out",
    "suspended",
    "falsely_cancelled",
    "made_smaller_by_hand",
    "repriced_by_hand",
    "odd_word",
    "execution_corrected",
];
/// Why messages are refused and orders do not go on.
const REASONS: [&str; 27] = [
    "account_not_granted",
    "algorithm_unknown",
    "behind_another",
    "cancelled_before_sending",
    "competing",
    "contract_ambiguous",
    "contract_unknown",
    "expired",
    "halted",
    "inactive_at_broker",
    "malformed",
    "never_arrived",
    "no_grant",
    "no_sender",
    "no_session",
    "no_such_order",
    "only_reducing",
    "order_differs",
    "other_group",
    "outcome_unknown",
    "own_hand_on_the_queue",
    "pacing",
    "question_declined",
    "question_unlisted",
    "refused_by_broker",
    "sender_not_registered",
    "sender_vanished",
];

/// What one world, or all of them, reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub(crate) states: Counts,
    pub(crate) ends: Counts,
    pub(crate) kinds: Counts,
    pub(crate) faults: Counts,
    pub(crate) reasons: Counts,
    /// What the invariants had to judge.
    pub(crate) judged: Counts,
    /// The seeds of the worlds in which something was left to be found out.
    pub(crate) not_quiet: BTreeSet<u64>,
    pub(crate) dead_letters: u64,
}

impl Coverage {
    pub(crate) fn of(evidence: &Evidence, faults: Counts, quiet: bool) -> Self {
        let not_quiet = (!quiet).then_some(evidence.plan.seed).into_iter().collect();
        let mut coverage = Self { faults, not_quiet, ..Self::default() };
        coverage.judged = judged(evidence);
        coverage.dead_letters = evidence.dead.len() as u64;
        for record in &evidence.records {
            let order = &record.order;
            add(&mut coverage.ends, end_of(evidence, order), 1);
            for entry in &order.history {
                add(&mut coverage.states, entry.status.as_str(), 1);
            }
            let mut codes: Vec<&str> = record.images.iter().filter_map(code).collect();
            codes.sort_unstable();
            codes.dedup();
            for code in codes {
                add(&mut coverage.reasons, code, 1);
            }
        }
        for refusal in &evidence.refusals {
            add(&mut coverage.reasons, refusal.reason.code.as_str(), 1);
        }
        for life in &evidence.plan.lives {
            add(&mut coverage.kinds, life.kind.name(), 1);
        }
        coverage
    }

    pub(crate) fn take_in(&mut self, other: &Self) {
        let pairs = [
            (&mut self.states, &other.states),
            (&mut self.ends, &other.ends),
            (&mut self.kinds, &other.kinds),
            (&mut self.faults, &other.faults),
            (&mut self.reasons, &other.reasons),
            (&mut self.judged, &other.judged),
        ];
        for (into, from) in pairs {
            for (name, count) in from {
                add(into, name, *count);
            }
        }
        self.not_quiet.extend(&other.not_quiet);
        self.dead_letters += other.dead_letters;
    }

    /// What a large run must reach, and this one did not.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mishaps = AT_THE_BROKER.iter().chain(&AT_THE_DATABASE).chain(&AT_A_QUEUE).map(|(name, _)| *name);
        let faults = mishaps.chain([PENALTY]).chain(EVENTS);
        let absent =
            |counts: &Counts, what: &str, name: &str| (!counts.contains_key(name)).then(|| format!("{what} {name}"));
        let mut missing: Vec<String> = faults.filter_map(|name| absent(&self.faults, "fault", name)).collect();
        missing.extend(STATES.iter().filter_map(|state| absent(&self.states, "state", state.as_str())));
        missing.extend(KINDS.iter().filter_map(|(_, kind)| absent(&self.kinds, "kind", kind.name())));
        missing.extend(REASONS.iter().filter_map(|code| absent(&self.reasons, "reason", code)));
        missing.extend(AT_LEAST.iter().filter_map(|(name, least)| {
            let count = self.judged.get(*name).copied().unwrap_or(0);
            (count < *least).then(|| format!("{name} {least} times, but {count}"))
        }));
        missing
    }
}

fn code(image: &Order) -> Option<&str> {
    image.state().reason().map(|reason| reason.code.as_str())
}

fn add(counts: &mut Counts, name: &str, count: u64) {
    *counts.entry(name.to_owned()).or_default() += count;
}

/// How an order ended. What a day that ends in the middle of one takes out of the lists, and no cancel finds, is rightly a person's.
fn end_of(evidence: &Evidence, order: &Order) -> &'static str {
    let is_missing = order.state().reason().is_some_and(|reason| reason.code == "missing_at_broker");
    if evidence.day_reset && order.status() == OrderStatus::NeedsReview && is_missing {
        return "left_after_a_day_reset";
    }
    order.status().as_str()
}
