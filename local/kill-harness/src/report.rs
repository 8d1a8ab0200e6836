//! What a run came to.

use std::collections::BTreeMap;

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;
use serde_json::Value;

use crate::doing::Doing;
use crate::function::Function;
use crate::output::print;
use crate::trail::Call;
use crate::verdict::Rule;

/// Width of a table that goes to no terminal.
const WIDTH_CHARACTERS: u16 = 120;

/// The outcome of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether every rule held.
    pub passed: bool,
    /// What the choices came from.
    pub seed: u64,
    /// Users at once.
    pub users: u32,
    /// `kill -9`s.
    pub kills: u32,
    /// What each killed process was doing.
    pub kills_by: Vec<Kills>,
    /// Invocations, by function.
    pub invocations: BTreeMap<Function, u32>,
    /// Processes that were started.
    pub processes: u32,
    /// Messages sent.
    pub messages: u32,
    /// Orders on record.
    pub orders: u32,
    /// Orders on record, by status.
    pub statuses: BTreeMap<&'static str, u32>,
    /// Messages refused on record.
    pub refusals: u32,
    /// Orders at the broker, without the exits of brackets.
    pub tickets: u32,
    /// Orders whose ticket was meant to be put on the wire more than once.
    pub sent_again: u32,
    /// Orders with several tickets at the broker.
    pub doubled: u32,
    /// Messages without a trace, and tickets without an order.
    pub lost: u32,
    /// Orders that wait for a person.
    pub needs_review: u32,
    /// Orders whose outcome was not known when the run ended.
    pub unknown_left: u32,
    /// Orders not sent when the run ended.
    pub waiting_left: u32,
    /// Orders that the broker had further than the record when the run ended.
    pub behind_left: u32,
    /// Invocations that ran out of time, and what they were doing.
    pub out_of_time: Vec<String>,
    /// Invocations that failed as a whole.
    pub failed: Vec<String>,
    /// Seconds under load.
    pub load_seconds: u64,
    /// Seconds until all was quiet afterwards.
    pub drain_seconds: u64,
    /// Every rule that was broken, with the evidence.
    pub violations: Vec<Violation>,
}

/// Kills of one kind.
#[derive(Debug, Serialize)]
pub struct Kills {
    /// Of which function.
    pub function: Function,
    /// Doing what.
    #[serde(flatten)]
    pub doing: Doing,
    /// How many.
    pub count: u32,
}

/// A rule that was broken, with the evidence.
#[derive(Debug, Serialize)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// Of which order, where it is one.
    pub order: Option<String>,
    /// How.
    pub problem: String,
    /// The order's row.
    pub row: Value,
    /// The calls that were made for it.
    pub calls: Vec<Call>,
}

impl Report {
    /// Prints it.
    pub fn print(&self, json: bool) {
        if json {
            // Plain data of texts and numbers always serialises.
            print(&serde_json::to_string_pretty(self).unwrap_or_default());
            return;
        }
        print(&self.table_of_kills());
        print(&self.table_of_orders());
        for text in self.out_of_time.iter().chain(&self.failed) {
            print(&format!("Not killed, and not answered: {text}"));
        }
        for violation in &self.violations {
            let order = violation.order.as_deref().unwrap_or("-");
            let shown = serde_json::to_string_pretty(violation).unwrap_or_default();
            print(&format!("\n{order}: {}\n{shown}", violation.problem));
        }
        let verdict = if self.passed { "Every order is right." } else { "Not every order is right." };
        print(&format!("{verdict} Seed {}.", self.seed));
    }

    fn table_of_kills(&self) -> String {
        let mut rows: BTreeMap<Doing, BTreeMap<Function, u32>> = BTreeMap::new();
        for kills in &self.kills_by {
            *rows.entry(kills.doing).or_default().entry(kills.function).or_default() += kills.count;
        }
        let mut table = empty_table();
        table.set_header(["killed while", "order-submit", "order-track", "session-refresh"]);
        let row = |name: String, counts: &BTreeMap<Function, u32>| {
            let count = |function| counts.get(&function).map(u32::to_string).unwrap_or_default();
            let cells = Function::ALL.map(count);
            std::iter::once(name).chain(cells).collect::<Vec<_>>()
        };
        let mut all: BTreeMap<Function, u32> = BTreeMap::new();
        for (doing, counts) in &rows {
            table.add_row(row(doing.to_string(), counts));
            for (function, count) in counts {
                *all.entry(*function).or_default() += count;
            }
        }
        table.add_row(row(format!("all {}", self.kills), &all));
        table.to_string()
    }

    fn table_of_orders(&self) -> String {
        let statuses = self.statuses.iter().map(|(status, count)| format!("{status} {count}")).collect::<Vec<_>>();
        let mut table = empty_table();
        table.set_header(["what", "how many"]);
        for (what, count) in [
            ("messages", self.messages.to_string()),
            ("orders on record", format!("{} ({})", self.orders, statuses.join(", "))),
            ("refusals on record", self.refusals.to_string()),
            ("tickets at the broker", self.tickets.to_string()),
            ("sent more than once", self.sent_again.to_string()),
            ("doubled", self.doubled.to_string()),
            ("lost", self.lost.to_string()),
            ("needs review", self.needs_review.to_string()),
            ("unknown left", self.unknown_left.to_string()),
            ("not sent, left", self.waiting_left.to_string()),
            ("behind the broker, left", self.behind_left.to_string()),
            ("rules broken", self.violations.len().to_string()),
            ("seconds", format!("{} under load, {} until quiet", self.load_seconds, self.drain_seconds)),
        ] {
            table.add_row([what.to_owned(), count]);
        }
        table.to_string()
    }
}

fn empty_table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(WIDTH_CHARACTERS);
    }
    table
}
