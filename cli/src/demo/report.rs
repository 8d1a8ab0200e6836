//! What the demo says in the end.

use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::{Checked, CheckedOrder};
use super::orders::{ShownChange, ShownOrder};
use super::secrets::Search;
use crate::output::{count_of, print, print_json, table};

/// The outcome of a demo.
pub(crate) struct Report {
    checked: Checked,
    search: Search,
    phases: Vec<(&'static str, Duration)>,
}

impl Report {
    pub(crate) fn new(checked: Checked, search: Search, phases: &[(&'static str, Duration)]) -> Self {
        Self { checked, search, phases: phases.to_vec() }
    }

    /// Prints it; whether everything was as it should be.
    pub(crate) fn print(&self, json: bool) -> bool {
        let differences = self.differences();
        if json {
            print_json(&self.json(&differences));
        } else {
            self.print_table(&differences);
        }
        differences.is_empty()
    }

    /// Everything that is not as it should be, in one list.
    fn differences(&self) -> Vec<String> {
        let of_orders = self.checked.orders.iter();
        let mut differences: Vec<String> = of_orders
            .flat_map(|order| {
                order.differences.iter().map(move |difference| format!("{}: {difference}", order.order_id))
            })
            .collect();
        differences.extend(self.checked.differences.iter().cloned());
        differences.extend(self.search.found.iter().cloned());
        if self.search.lines == 0 {
            differences.push("there is no line in any log, so the search for secrets proves nothing".to_owned());
        }
        differences
    }

    fn print_table(&self, differences: &[String]) {
        let header = ["file", "order", "status", "filled", "price", "tickets", "reason", "history"];
        print(&table(header, self.checked.orders.iter().map(row).collect()));
        let registered: usize = self.checked.orders.iter().map(|order| order.tickets_registered).sum();
        print(&format!("The broker's ledger holds {}, one for each that it took.", count_of(registered, "order")));
        let (lines, forms) = (count_of(self.search.lines, "line"), count_of(self.search.forms, "form"));
        print(&format!("{lines} of logs were searched for {forms} of secrets; {} found.", self.search.found.len()));
        if differences.is_empty() {
            print("Everything is as it should be.");
        } else {
            print(&format!("Not as it should be:\n  {}", differences.join("\n  ")));
        }
    }

    fn json(&self, differences: &[String]) -> Value {
        let phases = self.phases.iter().map(|(name, took)| json!({"name": name, "milliseconds": took.as_millis()}));
        json!({
            "passed": differences.is_empty(),
            "differences": differences,
            "orders": self.checked.orders.iter().map(order_json).collect::<Vec<_>>(),
            "logs": {"lines": self.search.lines, "forms_searched": self.search.forms, "secrets_found": self.search.found},
            "phases": phases.collect::<Vec<_>>(),
        })
    }
}

fn row(order: &CheckedOrder) -> [String; 8] {
    let of_shown = |tell: fn(&ShownOrder) -> String| order.shown.as_ref().map(tell).unwrap_or_default();
    [
        order.file.clone(),
        order.order_id.clone(),
        of_shown(|shown| shown.status.clone()),
        of_shown(|shown| shown.filled_quantity.to_string()),
        of_shown(|shown| shown.average_price.map(|price| price.to_string()).unwrap_or_default()),
        order.tickets_sent.to_string(),
        of_shown(|shown| shown.reason.as_ref().map(|reason| reason.message.clone()).unwrap_or_default()),
        of_shown(|shown| history(&shown.history)),
    ]
}

/// `received → sending → working`.
fn history(changes: &[ShownChange]) -> String {
    changes.iter().map(|change| change.status.as_str()).collect::<Vec<_>>().join(" → ")
}

fn order_json(order: &CheckedOrder) -> Value {
    let shown = order.shown.as_ref();
    json!({
        "file": order.file,
        "order_id": order.order_id,
        "status": shown.map(|shown| &shown.status),
        "filled_quantity": shown.map(|shown| shown.filled_quantity.to_string()),
        "average_price": shown.and_then(|shown| shown.average_price).map(|price| price.to_string()),
        "reason": shown.and_then(|shown| shown.reason.as_ref()),
        "history": shown.map(|shown| &shown.history),
        "tickets_sent": order.tickets_sent,
        "tickets_registered": order.tickets_registered,
        "differences": order.differences,
    })
}
