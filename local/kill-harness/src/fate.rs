//! Fates: which invocation ends when. Drawn from the seed, as invocations come.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::doing::Work;
use crate::function::Function;
use crate::random::Random;

/// An invocation rarely takes longer, unless it waits for a lane.
const LIFE_MILLISECONDS: u64 = 1_500;
/// A call to the broker is cut off at most so long after it arrived.
const UNDER_WAY_MILLISECONDS_MAX: u64 = 400;

/// How an invocation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// As it likes.
    Lives,
    /// Killed after so much time.
    After(Duration),
    /// Killed at the call of this number, from 1, among those of its kind.
    AtCall { kind: Kind, number: u32, moment: Moment },
}

/// Which calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Those after which the broker may have an order more, or another one.
    ChangesOrders,
    /// Those to the broker.
    Broker,
    /// Those to AWS.
    Aws,
}

impl Kind {
    pub(crate) fn counts(self, work: Work) -> bool {
        match self {
            Self::ChangesOrders => work.changes_orders(),
            Self::Broker => work.is_at_the_broker(),
            Self::Aws => !work.is_at_the_broker(),
        }
    }
}

/// When, at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before it arrives.
    Before,
    /// So long after it arrived, answered or not.
    UnderWay(Duration),
    /// When its answer is there, before it is read.
    Answered,
}

/// All kills that are to come.
#[derive(Debug)]
pub(crate) struct Fates(Mutex<Plan>);

#[derive(Debug)]
struct Plan {
    random: Random,
    pauses: BTreeMap<Function, Duration>,
    next_at: BTreeMap<Function, Instant>,
    wanted: u32,
    /// Drawn, and not yet struck or missed.
    open: u32,
    struck: u32,
}

impl Fates {
    /// No kills yet.
    pub(crate) fn new(seed: u64, users: u32) -> Self {
        let pause = |function: Function| function.kill_pause_of_users() / users.max(1);
        let pauses = Function::ALL.into_iter().map(|function| (function, pause(function))).collect();
        let random = Random::of_part(seed, 1);
        Self(Mutex::new(Plan { random, pauses, next_at: BTreeMap::new(), wanted: 0, open: 0, struck: 0 }))
    }

    /// So many kills, from now on.
    pub(crate) fn begin(&self, kills: u32) {
        self.plan().wanted = kills;
    }

    /// The fate of an invocation that begins now.
    pub(crate) fn draw(&self, function: Function) -> Fate {
        let mut plan = self.plan();
        let now = Instant::now();
        let due = plan.next_at.get(&function).is_none_or(|at| *at <= now);
        if !due || plan.struck + plan.open >= plan.wanted {
            return Fate::Lives;
        }
        plan.open += 1;
        let pause = plan.pauses.get(&function).copied().unwrap_or_default();
        let percent = u32::try_from(plan.random.between(50, 150)).unwrap_or(100);
        plan.next_at.insert(function, now + pause * percent / 100);
        fate(&mut plan.random, function)
    }

    /// A drawn fate struck.
    pub(crate) fn struck(&self) {
        let mut plan = self.plan();
        plan.open = plan.open.saturating_sub(1);
        plan.struck += 1;
    }

    /// The invocation ended before its fate: the kill is another one's.
    pub(crate) fn missed(&self, function: Function) {
        let mut plan = self.plan();
        plan.open = plan.open.saturating_sub(1);
        plan.next_at.remove(&function);
    }

    pub(crate) fn count(&self) -> u32 {
        self.plan().struck
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A third at any time, and the others around calls, most of them to the broker: what is short is where orders are lost.
fn fate(random: &mut Random, function: Function) -> Fate {
    let of_orders = function != Function::SessionRefresh;
    let (kind, number) = match random.between(0, 99) {
        0..=32 => return Fate::After(Duration::from_millis(random.between(0, LIFE_MILLISECONDS))),
        33..=64 if of_orders => (Kind::ChangesOrders, random.between(1, 3)),
        33..=79 => (Kind::Broker, random.between(1, 4)),
        _ => (Kind::Aws, random.between(1, 14)),
    };
    let moment = match random.between(0, 2) {
        0 => Moment::Before,
        1 => Moment::UnderWay(Duration::from_millis(random.between(0, UNDER_WAY_MILLISECONDS_MAX))),
        _ => Moment::Answered,
    };
    Fate::AtCall { kind, number: u32::try_from(number).unwrap_or(1), moment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_killed_than_were_asked_for_and_a_missed_kill_is_another_one_s() {
        let fates = Fates::new(1, 1_000_000);
        assert_eq!(fates.draw(Function::OrderSubmit), Fate::Lives, "nothing before it begins");
        fates.begin(2);
        assert_ne!(fates.draw(Function::OrderSubmit), Fate::Lives);
        fates.missed(Function::OrderSubmit);
        assert_ne!(fates.draw(Function::OrderSubmit), Fate::Lives);
        fates.struck();
        assert_ne!(fates.draw(Function::OrderTrack), Fate::Lives);
        assert_eq!(fates.draw(Function::SessionRefresh), Fate::Lives, "the second is on its way");
        fates.struck();
        assert_eq!(fates.draw(Function::OrderSubmit), Fate::Lives);
        assert_eq!(fates.count(), 2);
    }
}
