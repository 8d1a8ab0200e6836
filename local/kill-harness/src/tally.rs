//! What is counted while functions run.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::doing::Doing;
use crate::function::Function;
use crate::process::Outcome;

/// What was counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) kills: BTreeMap<(Function, Doing), u32>,
    pub(crate) invocations: BTreeMap<Function, u32>,
    pub(crate) processes: u32,
    pub(crate) out_of_time: Vec<String>,
    pub(crate) failed: Vec<String>,
    pub(crate) ended: Vec<String>,
}

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

impl Tally {
    /// Counts a new process; its number.
    pub(crate) fn started(&self) -> u32 {
        let mut counts = self.counts();
        counts.processes += 1;
        counts.processes
    }

    pub(crate) fn ended(&self, function: Function, outcome: &Outcome) {
        let mut counts = self.counts();
        *counts.invocations.entry(function).or_default() += 1;
        match outcome {
            Outcome::Answered(_) => {}
            Outcome::Failed(error) => counts.failed.push(format!("{}: {error}", function.name())),
            Outcome::Killed(doing) => *counts.kills.entry((function, *doing)).or_default() += 1,
            Outcome::OutOfTime(doing) => counts.out_of_time.push(format!("{}: {doing}", function.name())),
            Outcome::Ended(how) => counts.ended.push(how.clone()),
        }
    }

    pub(crate) fn so_far(&self) -> Counts {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
