//! What a command prints: data on standard output, words about it on standard error.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use jiff::Timestamp;
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

/// A time to the second: what is after that tells a person nothing.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// Characters of a text that a row shows: a longer one makes a row of many lines.
const BRIEF_CHARACTERS: usize = 80;

/// A text for a row of a table; what is cut off stands in full where one thing is shown.
pub(crate) fn brief(text: &str) -> String {
    let mut brief: String = text.chars().take(BRIEF_CHARACTERS).collect();
    if brief.len() < text.len() {
        brief.push_str("...");
    }
    brief
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_for_people_ends_with_its_seconds() {
        let at: Timestamp = "2026-11-25T06:55:05.924488269Z".parse().unwrap();
        assert_eq!(moment(at), "2026-11-25T06:55:05Z");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(brief("It was filled."), "It was filled.");
        assert_eq!(brief(&"é".repeat(80)), "é".repeat(80));
        assert_eq!(brief(&"é".repeat(81)), format!("{}...", "é".repeat(80)));
    }
}
