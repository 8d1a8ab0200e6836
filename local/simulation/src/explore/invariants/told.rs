//! No time is lost: what the broker fills is told within seconds, once nothing hinders seeing it.

use std::collections::BTreeSet;

use domain::{LegRole, Order, OrderState, OrderStatus};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record, exit_of};
use crate::explore::lives::PEOPLE;

/// The rule of a fill that was told late. How often that may be is the report's to say.
pub(crate) const TOLD_LATE: &str = "a fill was told late";
/// The rule of a fill that was not told at all, however much longer the world went on.
const TOLD_TO_NOBODY: &str = "a fill was told to nobody";
const NEVER_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// A fill is told within this, once nothing hinders it.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_secs(15);
/// And this much later for each further account of the user with orders at work, or that ended just now: a look shows one account, the first one after
/// an account was chosen is empty, and the broker allows one in 5 s (IBKR Web API, live orders, pacing).
const PER_FURTHER_ACCOUNT: SignedDuration = SignedDuration::from_secs(10);
/// Orders are looked at closely for so long after the last news of any of their user's (docs/contract.md); then the
/// schedule's looks are enough.
const FOLLOWED_CLOSELY_FOR: SignedDuration = SignedDuration::from_mins(2);
/// How often the schedule looks, at least.
const SCHEDULE: SignedDuration = SignedDuration::from_mins(1);
/// So long after an order was sent whose answer was lost, its account is looked at before the user's others.
const URGENT_FOR: SignedDuration = SignedDuration::from_secs(60);
/// What the broker called cancelled is looked at so long after that for the last time (trading, late looks).
const LOOKED_FOR_LATE: SignedDuration = SignedDuration::from_secs(120);
/// Why nobody can look: there is no session, and none can be had.
const NO_SESSION: [&str; 3] = ["session_paused", "competing", "no_connection"];

/// A fill of an entry or of an exit, and when it was told.
pub(crate) struct Told<'e> {
    record: &'e Record,
    pub(crate) leg: Option<LegRole>,
    filled_at: Timestamp,
    /// From when on nothing hindered seeing it.
    free_from: Timestamp,
    /// `None`: it never was.
    seen_at: Option<Timestamp>,
    within: SignedDuration,
}

pub(crate) fn what_is_filled_is_told_within_seconds(evidence: &Evidence) -> Vec<Violation> {
    let late = fills(evidence).into_iter().filter(|fill| {
        let deadline = fill.free_from + fill.within;
        fill.seen_at.map_or(evidence.ended_at > deadline, |at| at > deadline)
    });
    late.map(|fill| {
        let deadline = fill.free_from + fill.within;
        let never = fill.seen_at.is_none() && evidence.ended_at > deadline + NEVER_AFTER;
        violation(
            if never { TOLD_TO_NOBODY } else { TOLD_LATE },
            format!(
                "{} ({:?}), filled at {}, nothing hindered it from {}, told at {:?}: allowed are {:#}",
                fill.record.order.key, fill.leg, fill.filled_at, fill.free_from, fill.seen_at, fill.within
            ),
        )
    })
    .collect()
}

/// Every fill of a world.
pub(crate) fn fills(evidence: &Evidence) -> Vec<Told<'_>> {
    let mut fills = Vec::new();
    for record in &evidence.records {
        let Some(entry) = &record.entry else { continue };
        let hindrances = hindrances_of(evidence, record, &entry.username);
        let exits = record
            .order
            .legs()
            .iter()
            .filter_map(|leg| Some((Some(leg.role), exit_of(leg, entry, &evidence.book)?.order_id)));
        for (leg, order_id) in exits.chain([(None, entry.order_id)]) {
            let mut filled = Decimal::ZERO;
            for executed in evidence.histories.get(&order_id).into_iter().flat_map(|history| &history.executions) {
                filled += executed.quantity;
                let told_from = told_from(evidence, executed.at);
                let until = free_from(&hindrances, told_from, TOLD_WITHIN) + TOLD_WITHIN;
                let further = accounts_looked_at(evidence, record, executed.at, until).saturating_sub(1);
                let closely = TOLD_WITHIN + PER_FURTHER_ACCOUNT * i32::try_from(further).unwrap_or_default();
                let free_from = free_from(&hindrances, told_from, closely);
                let followed = is_followed_closely(evidence, record, free_from, closely);
                let was_called_over = evidence.falsely_ended.contains(&order_id);
                let late = if was_called_over { LOOKED_FOR_LATE } else { SignedDuration::ZERO };
                let within = if followed { closely } else { SCHEDULE + closely } + late;
                let seen_at = told_at(record, leg, filled);
                fills.push(Told { record, leg, filled_at: executed.at, free_from, seen_at, within });
            }
        }
    }
    fills
}

/// From when on the broker tells the quantity of what was executed then.
fn told_from(evidence: &Evidence, at: Timestamp) -> Timestamp {
    let delay = SignedDuration::from_millis(evidence.plan.manner.quantities_delay_ms);
    (at + delay).min(evidence.calm_at.max(at))
}

fn told_at(record: &Record, leg: Option<LegRole>, filled: Decimal) -> Option<Timestamp> {
    let known = |image: &&Order| match leg {
        None => image.filled_quantity >= filled,
        Some(role) => image.leg(role).is_some_and(|leg| leg.filled_quantity >= filled),
    };
    record.images.iter().find(known).map(|image| image.updated_at)
}

/// What keeps somebody from seeing this order at the broker: what befell everybody or this username, sessions that cannot be had
/// by the user's own orders' word, and lost orders on another account of the user.
fn hindrances_of(evidence: &Evidence, record: &Record, username: &str) -> Vec<(Timestamp, Timestamp)> {
    let mut spans = of_username(evidence, username);
    for other in evidence.records.iter().filter(|other| other.order.key.user_id == record.order.key.user_id) {
        for (index, image) in other.images.iter().enumerate() {
            let until = other.images.get(index + 1).map_or(evidence.ended_at, |next| next.updated_at);
            if has_no_session(image) {
                spans.push((image.updated_at, until));
            }
            if let OrderState::Unknown { intent, .. } = image.state()
                && other.order.account_id() != record.order.account_id()
            {
                spans.push((intent.at, until.min(intent.at + URGENT_FOR)));
            }
        }
    }
    spans
}

fn has_no_session(image: &Order) -> bool {
    let held = image.state().reason().is_some_and(|reason| NO_SESSION.contains(&reason.code.as_str()));
    let unwatched = image.unwatched.as_ref().is_some_and(|unwatched| {
        ["was opened often", "logged in somewhere else"].iter().any(|why| unwatched.why.message.contains(why))
    });
    (image.status() == OrderStatus::Held && held) || unwatched
}

/// What befell everybody, or this username.
pub(crate) fn of_username(evidence: &Evidence, username: &str) -> Vec<(Timestamp, Timestamp)> {
    let of_it = evidence.hindrances.iter().filter(|hindrance| hindrance.username.is_none_or(|of| of == username));
    of_it.map(|hindrance| (hindrance.from, hindrance.to)).collect()
}

/// From when on nothing hinders that something of this time is seen within so long: each hindrance that begins before it must
/// have been seen gives that time anew.
pub(crate) fn free_from(hindrances: &[(Timestamp, Timestamp)], at: Timestamp, within: SignedDuration) -> Timestamp {
    let mut free_from = at;
    loop {
        let in_the_way = hindrances.iter().filter(|(from, to)| *from < free_from + within && *to > free_from);
        match in_the_way.map(|(_, to)| *to).max() {
            Some(to) => free_from = to,
            None => return free_from,
        }
    }
}

/// The accounts of the same user that are looked at in this time: on which an order is at work, or ended so lately that the
/// broker may show it otherwise.
fn accounts_looked_at(evidence: &Evidence, of: &Record, from: Timestamp, to: Timestamp) -> usize {
    let of_user = evidence.records.iter().filter(|record| record.order.key.user_id == of.order.key.user_id);
    let meanwhile = |record: &&Record| {
        record.images.iter().enumerate().any(|(index, image)| {
            let until = record.images.get(index + 1).map_or(evidence.ended_at, |next| next.updated_at);
            let until = if image.may_be_at_the_broker() {
                until
            } else if image.status().is_final() && image.sends > 0 {
                until.min(image.updated_at + LOOKED_FOR_LATE)
            } else {
                return false;
            };
            image.updated_at <= to && until >= from
        })
    };
    let accounts: BTreeSet<_> = of_user.filter(meanwhile).filter_map(|record| record.order.account_id()).collect();
    accounts.len()
}

/// Whether there was news of an order of this user so lately that it is still looked at closely for so long.
fn is_followed_closely(evidence: &Evidence, of: &Record, now: Timestamp, within: SignedDuration) -> bool {
    images_then(evidence, of, now).any(|image| {
        let working = [OrderStatus::Working, OrderStatus::PartiallyFilled, OrderStatus::Cancelling];
        let works = working.contains(&image.status()) || (image.status().is_final() && image.may_be_at_the_broker());
        works && now.duration_since(image.updated_at) + within < FOLLOWED_CLOSELY_FOR
    })
}

/// Each order of the same user as it was then.
fn images_then<'e>(evidence: &'e Evidence, of: &Record, now: Timestamp) -> impl Iterator<Item = &'e Order> {
    let user_id = of.order.key.user_id.clone();
    let of_user = evidence.records.iter().filter(move |record| record.order.key.user_id == user_id);
    of_user.filter_map(move |record| record.images.iter().rfind(|image| image.updated_at <= now))
}

/// The username of a user.
pub(crate) fn username_of(order: &Order) -> &'static str {
    let person = PEOPLE.iter().find(|person| person.user_id == order.key.user_id.as_str());
    person.map_or("", |person| person.username)
}
