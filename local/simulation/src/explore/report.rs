//! What came of all worlds together, and whether it is enough.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::coverage::{Counts, Coverage};
use super::evidence::short;
use super::invariants::{TOLD_LATE, Violation};
use super::one_world::Outcome;
use super::settling::{Cause, Settled};

/// A run of so many lives must reach everything.
const COMPLETE_FROM_LIVES: u64 = 10_000;
/// The share of lives that may be left to a person, in parts of a hundred thousand.
const REVIEWS_MAX: u64 = 100;
/// Violations that are told; the count tells of the rest.
const TOLD_MAX: usize = 20;
/// Seconds within which a lost answer is settled, and how many of a thousand must be.
const SOON: (i64, u64) = (15, 950);
/// As [`SOON`], at the latest.
const LATEST: (i64, u64) = (60, 999);

/// Of a thousand fills so many may be told later than within the bar of each.
const TOLD_LATE_MAX: u64 = 5;

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// The run's seed.
    pub seed: u64,
    /// How many worlds there were.
    pub worlds: u64,
    /// How many lives were lived in them.
    pub lives: u64,
    /// A digest of how every world ended: two runs of one seed have the same, on every machine.
    pub digest: String,
    /// What must never be, with the seed that shows it.
    pub violations: Vec<(u64, Violation)>,
    /// Fills that were told later than they should be, likewise.
    pub told_late: Vec<(u64, Violation)>,
    coverage: Coverage,
    settled: Vec<Settled>,
}

impl Report {
    pub(crate) fn of(seed: u64, outcomes: Vec<Outcome>) -> Self {
        let mut report = Self {
            seed,
            worlds: outcomes.len() as u64,
            lives: outcomes.iter().map(|outcome| outcome.lives).sum(),
            digest: String::new(),
            violations: Vec::new(),
            told_late: Vec::new(),
            coverage: Coverage::default(),
            settled: Vec::new(),
        };
        let mut digest = Sha256::new();
        for outcome in outcomes {
            let seed = outcome.seed;
            digest.update(outcome.digest);
            let violations = outcome.violations.into_iter().map(|violation| (seed, violation));
            let (late, violations): (Vec<_>, Vec<_>) =
                violations.partition(|(_, violation)| violation.rule == TOLD_LATE);
            report.told_late.extend(late);
            report.violations.extend(violations);
            report.coverage.take_in(&outcome.coverage);
            report.settled.extend(outcome.settled);
        }
        report.digest = short(digest);
        report
    }

    /// Everything that makes the run a failure.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if !self.violations.is_empty() {
            failures.push(format!("{} times something was that must never be", self.violations.len()));
        }
        if self.reviews() * 100_000 > REVIEWS_MAX * self.lives {
            failures.push(format!("{} of {} orders were left to a person", self.reviews(), self.lives));
        }
        if self.lives >= COMPLETE_FROM_LIVES {
            failures.extend(self.coverage.missing().into_iter().map(|missing| format!("never seen: {missing}")));
            let (late, fills) = (self.told_late.len() as u64, self.fills());
            if late * 1000 > TOLD_LATE_MAX * fills {
                failures.push(format!("of {fills} fills {late} were told too late"));
            }
            for (seconds, least) in [SOON, LATEST] {
                let (within, all) = self.within(Cause::AnswerLost, seconds);
                if within * 1000 < least * all {
                    failures.push(format!("of {all} lost answers only {within} were settled within {seconds} s"));
                }
            }
        }
        failures
    }

    /// How many fills were judged.
    fn fills(&self) -> u64 {
        let judged = |name: &str| self.coverage.judged.get(name).copied().unwrap_or(0);
        judged("fill_told") + judged("fill_of_an_exit_told")
    }

    fn reviews(&self) -> u64 {
        self.coverage.ends.get("needs_review").copied().unwrap_or(0)
    }

    /// How many were settled within so many seconds, of how many.
    fn within(&self, cause: Cause, seconds: i64) -> (u64, u64) {
        let all = self.settled.iter().filter(|settled| settled.cause == cause);
        let within = all.clone().filter(|settled| settled.is_within(seconds));
        (within.count() as u64, all.count() as u64)
    }

    fn count(&self, rule: &str) -> usize {
        self.violations.iter().filter(|(_, violation)| violation.rule == rule).count()
    }

    /// As a value, for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let settling = |cause| {
            let counts = [SOON.0, LATEST.0].map(|seconds| self.within(cause, seconds));
            let slow = self.settled.iter().filter(|settled| settled.cause == cause && !settled.is_within(SOON.0));
            let slow: Vec<Value> = slow
                .map(|slow| json!({"seed": slow.seed.to_string(), "order": slow.order, "milliseconds": slow.milliseconds}))
                .collect();
            json!({"slow": slow, "count": counts[0].1, "within_15_seconds": counts[0].0, "within_60_seconds": counts[1].0})
        };
        json!({
            "seed": self.seed.to_string(), "digest": self.digest, "worlds": self.worlds, "lives": self.lives,
            "doubled": self.count("two tickets for one order"), "lost": self.count("a message is lost"),
            "needs_review": self.reviews(), "failures": self.failures(),
            "violations": self.violations.iter().map(|(seed, violation)| {
                json!({"seed": seed.to_string(), "rule": violation.rule, "evidence": violation.evidence})
            }).collect::<Vec<_>>(),
            "settling": {"answer_lost": settling(Cause::AnswerLost),
                         "answer_lost_in_a_storm": settling(Cause::AnswerLostInAStorm),
                         "sender_vanished": settling(Cause::SenderVanished),
                         "request_lost": settling(Cause::RequestLost)},
            "states": self.coverage.states, "ends": self.coverage.ends, "kinds": self.coverage.kinds,
            "faults": self.coverage.faults, "reasons": self.coverage.reasons, "judged": self.coverage.judged,
            "told_late": self.told_late.iter().map(|(seed, late)| {
                json!({"seed": seed.to_string(), "evidence": late.evidence})
            }).collect::<Vec<_>>(),
            "worlds_not_quiet": self.coverage.not_quiet.iter().map(u64::to_string).collect::<Vec<_>>(),
            "dead_letters": self.coverage.dead_letters,
        })
    }

    /// As a table, for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut lines = vec![format!("seed {}, digest {}", self.seed, self.digest)];
        let share = |count: u64| per_cent(count, self.lives);
        lines.push(format!(
            "lives {}, worlds {}, not quiet at the end {}, dead letters {}",
            self.lives,
            self.worlds,
            self.coverage.not_quiet.len(),
            self.coverage.dead_letters
        ));
        lines.push(format!(
            "doubled {}, lost {}, left to a person {} ({})",
            self.count("two tickets for one order"),
            self.count("a message is lost"),
            self.reviews(),
            share(self.reviews())
        ));
        let causes = [
            (Cause::AnswerLost, "answer lost, the order was taken"),
            (Cause::AnswerLostInAStorm, "the same, with other faults around it"),
            (Cause::SenderVanished, "sender vanished, the order was taken"),
            (Cause::RequestLost, "request lost, the order was not taken"),
        ];
        for (cause, words) in causes {
            let ((soon, all), (latest, _)) = (self.within(cause, SOON.0), self.within(cause, LATEST.0));
            lines.push(format!(
                "{words}: {all}, settled within {} s {}, within {} s {}",
                SOON.0,
                per_cent(soon, all),
                LATEST.0,
                per_cent(latest, all)
            ));
        }
        lines.extend(columns("kinds", &self.coverage.kinds));
        lines.extend(columns("states reached", &self.coverage.states));
        lines.extend(columns("ends", &self.coverage.ends));
        lines.extend(columns("reasons", &self.coverage.reasons));
        lines.extend(columns("faults", &self.coverage.faults));
        lines.extend(columns("judged", &self.coverage.judged));
        for (seed, violation) in self.violations.iter().take(TOLD_MAX) {
            lines.push(format!(
                "VIOLATION {}: {}\n  replay with: cargo run --release -p simulation -- --replay {seed}",
                violation.rule, violation.evidence
            ));
        }
        let (late, fills) = (self.told_late.len(), self.fills());
        lines.push(format!("fills told too late: {late} of {fills}"));
        for (seed, late) in self.told_late.iter().take(TOLD_MAX) {
            lines.push(format!("LATE {} (world {seed})", late.evidence));
        }
        lines.extend(self.failures().into_iter().map(|failure| format!("FAILED: {failure}")));
        lines.join("\n")
    }
}

fn per_cent(part: u64, whole: u64) -> String {
    match (part * 10_000).checked_div(whole) {
        Some(parts) => format!("{}.{:02} %", parts / 100, parts % 100),
        None => "none".to_owned(),
    }
}

/// Three pairs in a line.
fn columns(title: &str, counts: &Counts) -> Vec<String> {
    let pairs: Vec<String> = counts.iter().map(|(name, count)| format!("{name:<26}{count:>8}")).collect();
    let lines = pairs.chunks(3).map(|chunk| format!("  {}", chunk.join("   ")));
    std::iter::once(title.to_owned()).chain(lines).collect()
}
