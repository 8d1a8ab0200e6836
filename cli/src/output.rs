//! What a command prints: data on standard output, words about it on standard error.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

/// Prints data. Whoever stops reading early has read enough.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints data as JSON.
pub(crate) fn print_json(value: &impl Serialize) {
    // Plain data of texts and numbers always serialises.
    print(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Says something about the work.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Width of a table that goes to no terminal.
const WIDTH_CHARACTERS: u16 = 140;

/// A table that fits the terminal.
pub(crate) fn table<const COLUMNS: usize>(header: [&str; COLUMNS], rows: Vec<[String; COLUMNS]>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(WIDTH_CHARACTERS);
    }
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}
