//! Every crash point, one by one: each kind of order is lived once without faults, and then once more for each of its
//! effects and each way in which that effect can end; a limit order for each pair of its effects as well.
//!
//! What only reads has no effect: a crash around it is one around the effects before and after it. So it only loses its
//! answer.

use std::collections::BTreeMap;

use super::in_parallel;
use super::invariants::TOLD_LATE;
use super::one_world::{Keep, Outcome, live};
use super::plan::Plan;
use super::script::Script;
use crate::effects::{Director, Door, Strike};

/// How an effect can end.
const ENDS: [(&str, Strike); 3] =
    [("crash before", Strike::CrashBefore), ("crash after", Strike::CrashAfter), ("answer lost", Strike::LostForGood)];
/// A script is over after this, in milliseconds, and what is found out later needs no faults.
const OVER_AFTER_MS: i64 = 16_000;
/// A second crash may come as late as this: whoever comes after the first waits for the end of its lease.
const SECOND_UNTIL_MS: i64 = 110_000;
/// Failures that are told; the count tells of the rest.
const TOLD_MAX: usize = 20;

/// Strikes at numbered effects.
struct Points(BTreeMap<u64, (&'static str, Strike)>);

impl Director for Points {
    fn strike(&mut self, _: Door, number: u64, _: &str) -> Option<(&'static str, Strike)> {
        self.0.remove(&number)
    }
}

/// Which points are run: each, or one of so many, so that as many runs in a row run them all.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// One of how many; 0 is like 1: each.
    pub every: u64,
    /// Which of them: what is left of this number after division.
    pub seed: u64,
}

impl Turn {
    fn take<T>(self, points: Vec<T>) -> Vec<T> {
        let every = self.every.max(1);
        (0..).zip(points).filter(|(number, _)| number % every == self.seed % every).map(|(_, point)| point).collect()
    }
}

/// What came of enumerating.
#[derive(Debug)]
pub struct Enumerated {
    /// Points by the kind of order, and how many of them there were.
    pub points: Vec<(String, usize)>,
    /// Pairs of points of a limit order.
    pub pairs: usize,
    /// Where something was that must never be.
    pub failures: Vec<String>,
}

impl Enumerated {
    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let count: usize = self.points.iter().map(|(_, count)| count).sum();
        let mut lines =
            vec![format!("crash points {count} ({} kinds), pairs of a limit order {}", self.points.len(), self.pairs)];
        lines.extend(self.points.iter().map(|(name, count)| format!("  {name:<26}{count:>8}")));
        lines.extend(self.failures.iter().take(TOLD_MAX).map(|failure| format!("FAILED: {failure}")));
        lines.push(format!("failures {}", self.failures.len()));
        lines.join("\n")
    }
}

/// Runs the crash points whose turn it is.
#[must_use]
pub fn enumerate(turn: Turn) -> Enumerated {
    let scripts = Script::all();
    let recorded =
        in_parallel(scripts.len(), |index| live(Plan::scripted(scripts[index], OVER_AFTER_MS), None, Keep::Effects));
    let mut failures = Vec::new();
    let mut singles: Vec<(usize, u64, (&'static str, Strike))> = Vec::new();
    for (index, outcome) in recorded.iter().enumerate() {
        failures.extend(told(&format!("{}: without any fault", scripts[index].name()), outcome));
        for (number, effect) in (1..).zip(&outcome.effects) {
            let ends = if changes_something(effect) { &ENDS[..] } else { &ENDS[2..] };
            singles.extend(ends.iter().map(|end| (index, number, end.clone())));
        }
    }
    let singles = turn.take(singles);
    let points = (0..).zip(&scripts).map(|(index, script)| (script.name(), count_of(index, &singles))).collect();
    let outcomes = in_parallel(singles.len(), |at| {
        let (script, number, end) = &singles[at];
        live(
            Plan::scripted(scripts[*script], OVER_AFTER_MS),
            Some(Box::new(Points([(*number, end.clone())].into()))),
            Keep::Nothing,
        )
    });
    for ((script, number, end), outcome) in singles.iter().zip(&outcomes) {
        let effect = &recorded[*script].effects[usize::try_from(number - 1).unwrap()];
        failures
            .extend(told(&format!("{}: {} at effect {number} ({effect:?})", scripts[*script].name(), end.0), outcome));
    }
    let pairs = turn.take(pairs(&recorded[0].effects));
    let outcomes = in_parallel(pairs.len(), |at| {
        live(Plan::scripted(scripts[0], SECOND_UNTIL_MS), Some(Box::new(Points(pairs[at].clone()))), Keep::Nothing)
    });
    for (pair, outcome) in pairs.iter().zip(&outcomes) {
        failures.extend(told(&format!("{}: {pair:?}", scripts[0].name()), outcome));
    }
    Enumerated { points, pairs: pairs.len(), failures }
}

fn count_of(script: usize, singles: &[(usize, u64, (&'static str, Strike))]) -> usize {
    singles.iter().filter(|(of, _, _)| *of == script).count()
}

/// Each pair of effects: the invocation ends after the first, and whoever comes then ends at the second as well.
fn pairs(effects: &[(Door, String)]) -> Vec<BTreeMap<u64, (&'static str, Strike)>> {
    let numbers: Vec<u64> =
        (1..).zip(effects).filter(|(_, effect)| changes_something(effect)).map(|(number, _)| number).collect();
    let after = &ENDS[1];
    let mut pairs = Vec::new();
    for (index, first) in numbers.iter().enumerate() {
        for second in &numbers[index + 1..] {
            pairs.push(BTreeMap::from([(*first, after.clone()), (*second, after.clone())]));
        }
    }
    pairs
}

/// Whether an effect changes anything outside of its invocation.
fn changes_something((door, place): &(Door, String)) -> bool {
    let reads = match door {
        Door::Broker => place.starts_with("GET "),
        Door::Database => ["GetItem", "Query", "BatchGetItem"].iter().any(|operation| place.starts_with(operation)),
        Door::Queue => false,
    };
    !reads
}

/// What does not hold. When a fill is told is not asked here: whoever dies takes the looks along that were to follow, and the
/// schedule's comes after a minute.
fn told(place: &str, outcome: &Outcome) -> Vec<String> {
    let broken = outcome.violations.iter().filter(|violation| violation.rule != TOLD_LATE);
    broken.map(|violation| format!("{place}: {}: {}", violation.rule, violation.evidence)).collect()
}

#[cfg(test)]
mod tests {
    use super::Turn;

    #[test]
    fn as_many_turns_as_there_are_take_every_point_once() {
        let points: Vec<u64> = (0..23).collect();
        let mut taken: Vec<u64> = (7..12).flat_map(|seed| Turn { every: 5, seed }.take(points.clone())).collect();
        taken.sort_unstable();
        assert_eq!(taken, points);
        assert_eq!(Turn { every: 0, seed: 3 }.take(points.clone()), points);
    }
}
