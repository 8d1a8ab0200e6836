//! When orders are sent: never too late, never while trading is halted.

use domain::{Act as Wire, Intent, Order, OrderState};
use jiff::{SignedDuration, Timestamp};

use super::{Violation, violation};
use crate::effects::{LateWrite, ReturnedMessage};
use crate::explore::evidence::{Evidence, Record};
use crate::explore::lives::PEOPLE;
use crate::explore::plan::{Mode, Stop};
use crate::explore::stage::Halted;
use crate::world::ALGORITHM;

pub(crate) fn nothing_is_sent_too_late(evidence: &Evidence) -> Vec<Violation> {
    let mut broken = Vec::new();
    for record in &evidence.records {
        let order = &record.order;
        let late = intents(record).into_iter().filter(|intent| intent.act.is_ticket() && intent.at >= order.good_until);
        broken.extend(late.map(|intent| {
            violation(
                "an order was sent after its good_until",
                format!("{}: good until {}, {intent:?}", order.key, order.good_until),
            )
        }));
        // What left in time and was held up on its way is no fault of ours.
        let held_up = evidence.held_up.contains(order.client_order_id.as_str());
        let registered = record.entry.as_ref().map(|entry| entry.registered_at);
        if let Some(at) = registered.filter(|at| *at > order.good_until && !held_up)
            && !intents(record).iter().any(|intent| matches!(intent.act, Wire::Reply { .. }))
        {
            broken.push(violation(
                "an order arrived after its good_until",
                format!("{}: good until {}, registered at {at}", order.key, order.good_until),
            ));
        }
    }
    broken
}

pub(crate) fn nothing_is_sent_while_halted(evidence: &Evidence) -> Vec<Violation> {
    let mut broken = Vec::new();
    for record in &evidence.records {
        for intent in intents(record) {
            let sends = intent.act.is_ticket() || matches!(intent.act, Wire::Reply { confirmed: true, .. });
            let at = written_at(evidence, &record.order, intent.at);
            let mut stopped = evidence.halted.iter().filter(|halted| halted.mode == Mode::All);
            let halted = stopped.find(|halted| stops(halted, &record.order) && is_within(halted, at));
            if let Some(halted) = halted.filter(|_| sends) {
                broken.push(violation(
                    "an order was sent while trading was halted",
                    format!("{}: {intent:?} within {halted:?}", record.order.key),
                ));
            }
        }
    }
    broken
}

/// What goes back to a queue is shown again after its pause, and its group with it: only whose worker died waits for longer.
pub(crate) fn nothing_waits_for_the_visibility_time_out(evidence: &Evidence) -> Vec<Violation> {
    let hidden_too_long = |returned: &&ReturnedMessage| {
        let pause = store::shown_again_after_seconds(returned.deliveries);
        returned.hidden_for > SignedDuration::from_secs(pause.into())
    };
    let hidden = evidence.returned.iter().filter(hidden_too_long);
    hidden
        .map(|returned| {
            violation(
                "a message that was given back is hidden for minutes",
                format!(
                    "{}, delivered {} times, is hidden for {:#}",
                    returned.id, returned.deliveries, returned.hidden_for
                ),
            )
        })
        .collect()
}

/// Everything that was meant to be put on the wire, each once.
pub(crate) fn intents(record: &Record) -> Vec<Intent> {
    let mut intents: Vec<Intent> = Vec::new();
    for image in &record.images {
        if let OrderState::Sending { intent } = image.state()
            && !intents.contains(intent)
        {
            intents.push(intent.clone());
        }
    }
    intents
}

/// When the database took the intent in, and with it the word that nothing was halted: later than the intent says where the
/// machine stood still in between.
pub(crate) fn written_at(evidence: &Evidence, order: &Order, made_at: Timestamp) -> Timestamp {
    let (name, text) = (order.client_order_id.as_str(), made_at.to_string());
    // What was written later about the same order names that time as well, in its history.
    let is_of_then = |rest: &str| rest.trim_start_matches(|letter: char| !letter.is_ascii_digit()).starts_with(&text);
    let is_it = |late: &&LateWrite| late.body.contains(name) && late.body.split("updated_at").skip(1).any(is_of_then);
    evidence.late_writes.iter().find(is_it).map_or(made_at, |late| late.at)
}

pub(crate) fn is_within(halted: &Halted, at: Timestamp) -> bool {
    at > halted.from && halted.to.is_none_or(|to| at < to)
}

pub(crate) fn stops(halted: &Halted, order: &Order) -> bool {
    let of_algorithm = order.algorithm_id.as_str() == ALGORITHM;
    match halted.stop {
        Stop::Everything => true,
        Stop::Algorithm => of_algorithm,
        Stop::User(index) => order.key.user_id.as_str() == PEOPLE[index].user_id,
        Stop::Grant(index) => of_algorithm && order.key.user_id.as_str() == PEOPLE[index].user_id,
    }
}
