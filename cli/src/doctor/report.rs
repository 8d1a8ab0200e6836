//! What the doctor found, for people and for programs.

use std::fmt::Write;

use serde::Serialize;

use super::causes::Cause;
use super::exchange::Exchange;

/// The check that stands for all calls, where none is made.
pub(crate) const CALLS: &str = "calls";

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Well,
    Warning,
    Fault,
    Skipped,
}

/// One check.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) says: String,
    /// Why, the likeliest cause first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) causes: Vec<&'static Cause>,
}

impl Finding {
    pub(crate) fn well(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Well, says: says.into(), causes: Vec::new() }
    }

    pub(crate) fn warning(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, says: says.into(), causes: Vec::new() }
    }

    pub(crate) fn skipped(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Skipped, says: says.into(), causes: Vec::new() }
    }

    pub(crate) fn fault(check: &'static str, says: impl Into<String>, cause: &'static Cause) -> Self {
        Self { check, verdict: Verdict::Fault, says: says.into(), causes: vec![cause] }
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether no fault was found.
    pub(crate) well: bool,
    /// Every cause, each once: what the checks without a call proved, then what an answer of the broker makes likely.
    pub(crate) causes: Vec<&'static Cause>,
    /// Every check, in the order in which it was made.
    pub(crate) findings: Vec<Finding>,
    /// Every request, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) exchanges: Vec<Exchange>,
}

impl Report {
    pub(crate) fn new(findings: Vec<Finding>, exchanges: Vec<Exchange>) -> Self {
        let well = findings.iter().all(|finding| finding.verdict != Verdict::Fault);
        let mut causes: Vec<&'static Cause> = Vec::new();
        for cause in findings.iter().flat_map(|finding| finding.causes.iter().copied()) {
            if !causes.iter().any(|known| known.code == cause.code) {
                causes.push(cause);
            }
        }
        Self { well, causes, findings, exchanges }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for exchange in &self.exchanges {
            text.push_str(&exchange.text());
        }
        for Finding { check, verdict, says, .. } in &self.findings {
            let mark = match verdict {
                Verdict::Well => "ok     ",
                Verdict::Warning => "warning",
                Verdict::Fault => "FAULT  ",
                Verdict::Skipped => "-      ",
            };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{mark}  {:<20}  {says}", check.replace('_', " "));
        }
        if self.well {
            text.push_str("\nNo fault was found.");
            if self.findings.iter().any(|finding| finding.check == CALLS && finding.verdict == Verdict::Skipped) {
                text.push_str(" The broker was not asked.");
            }
            return text;
        }
        text.push_str("\nWhat is wrong, the surest and likeliest first:\n");
        for (number, Cause { code, what, fix }) in (1..).zip(&self.causes) {
            let _ = writeln!(text, "{number:>3}. {what}\n     Fix: {fix}  [{code}]");
        }
        text.trim_end().to_owned()
    }
}
