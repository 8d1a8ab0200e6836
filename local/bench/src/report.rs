//! What a run came to.

use std::io::Write;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use crate::Failure;

/// All that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

/// One figure, and its bar if it has one.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    name: String,
    value: f64,
    #[serde(flatten)]
    bar: Option<Bar>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    pub(crate) fn told(name: &str, value: f64) -> Self {
        Self { name: name.to_owned(), value, bar: None }
    }

    pub(crate) fn at_most(name: &str, value: f64, bar: f64) -> Self {
        Self { name: name.to_owned(), value, bar: Some(Bar::AtMost(bar)) }
    }

    pub(crate) fn at_least(name: &str, value: f64, bar: f64) -> Self {
        Self { name: name.to_owned(), value, bar: Some(Bar::AtLeast(bar)) }
    }

    fn bar(&self) -> (String, &'static str) {
        match self.bar {
            None => (String::new(), ""),
            Some(Bar::AtMost(bar)) => (format!("<= {bar}"), if self.value <= bar { "holds" } else { "MISSED" }),
            Some(Bar::AtLeast(bar)) => (format!(">= {bar}"), if self.value >= bar { "holds" } else { "MISSED" }),
        }
    }
}

impl Report {
    /// Takes a row in, and tells it at once: a run takes minutes.
    pub(crate) fn add(&mut self, row: Row) {
        let (bar, holds) = row.bar();
        // Nobody may be reading.
        let _ = writeln!(std::io::stderr(), "{}: {:.3} {bar} {holds}", row.name, row.value);
        self.rows.push(row);
    }

    /// The value of an earlier row; not a number where there is none.
    pub(crate) fn value_of(&self, name: &str) -> f64 {
        self.rows.iter().find(|row| row.name == name).map_or(f64::NAN, |row| row.value)
    }

    pub(crate) fn print(&self, json: bool) -> Result<(), Failure> {
        let mut out = std::io::stdout();
        if json {
            return Ok(writeln!(out, "{}", serde_json::to_string_pretty(self)?)?);
        }
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(["Measure", "Value", "Bar", ""]);
        for row in &self.rows {
            let (bar, holds) = row.bar();
            table.add_row([row.name.clone(), format!("{:.3}", row.value), bar, holds.to_owned()]);
        }
        Ok(writeln!(out, "{table}")?)
    }
}
