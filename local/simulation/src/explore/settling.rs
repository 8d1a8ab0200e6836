//! How long an order's outcome stayed unknown.

use domain::{Order, OrderState, OrderStatus};
use jiff::{SignedDuration, Timestamp};

use super::evidence::{Evidence, Record};

/// Why an outcome was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The broker had carried the call out; whoever asked lived on.
    AnswerLost,
    /// The broker had carried the call out; whoever asked was gone, and with them the lane until their time was up.
    SenderVanished,
    /// The call was never carried out.
    RequestLost,
}

/// One time during which an outcome was unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) cause: Cause,
    /// From the send, or from the end of the faults if it was not settled by then; `None`: it never was.
    pub(crate) milliseconds: Option<i64>,
    /// Where: the world's seed, and the order.
    pub(crate) seed: u64,
    pub(crate) order: String,
}

impl Settled {
    pub(crate) fn is_within(&self, seconds: i64) -> bool {
        self.milliseconds.is_some_and(|time| time <= seconds * 1000)
    }
}

/// Every time that an outcome was unknown in a world.
pub(crate) fn settled(evidence: &Evidence) -> Vec<Settled> {
    evidence.records.iter().flat_map(|record| of_record(evidence, record)).collect()
}

fn of_record(evidence: &Evidence, record: &Record) -> Vec<Settled> {
    let mut spans = Vec::new();
    let mut entered: Option<&Order> = None;
    for image in &record.images {
        let unknown = image.status() == OrderStatus::Unknown;
        match (unknown, entered) {
            (true, None) => entered = Some(image),
            (false, Some(before)) => {
                spans.push(span(evidence, record, before, Some(image.updated_at)));
                entered = None;
            }
            _ => {}
        }
    }
    spans.extend(entered.map(|before| span(evidence, record, before, None)));
    spans
}

fn span(evidence: &Evidence, record: &Record, before: &Order, until: Option<Timestamp>) -> Settled {
    let OrderState::Unknown { intent, reason, .. } = before.state() else { unreachable!("it is unknown") };
    let registered = record.entry.as_ref().map(|entry| entry.registered_at);
    let registered = registered.filter(|at| until.is_none_or(|until| *at <= until));
    let cause = match registered {
        None => Cause::RequestLost,
        Some(_) if reason.code == "sender_vanished" => Cause::SenderVanished,
        Some(_) => Cause::AnswerLost,
    };
    // What the broker does not list yet cannot be found.
    let listed_after = SignedDuration::from_millis(evidence.plan.live_orders_delay_ms);
    let begun = registered.map_or(intent.at, |at| (at + listed_after).max(intent.at));
    let milliseconds = until.map(|until| {
        let from = if until > evidence.calm_at { begun.max(evidence.calm_at) } else { begun };
        until.as_millisecond() - from.as_millisecond()
    });
    Settled { cause, milliseconds, seed: evidence.plan.seed, order: record.order.key.to_string() }
}
