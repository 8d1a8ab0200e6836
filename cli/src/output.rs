//! What a command prints: data on standard output, words about it on standard error.

use std::io::Write;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets::UTF8_FULL_CONDENSED};
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

/// A longer word is no id and no time: it may be broken.
const WORD_CHARACTERS_MAX: u16 = 160;

/// A table as wide as the terminal, where its words allow that. Ids, times and codes are there to be copied, so no word is
/// ever broken.
pub(crate) fn table<const COLUMNS: usize>(header: [&str; COLUMNS], rows: Vec<[String; COLUMNS]>) -> String {
    let terminal = Table::new();
    let width = terminal.width().filter(|_| terminal.is_tty());
    table_of_width(header, rows, width.unwrap_or(WIDTH_CHARACTERS))
}

/// The table in so many characters, or in as many more as its words need.
fn table_of_width<const COLUMNS: usize>(header: [&str; COLUMNS], rows: Vec<[String; COLUMNS]>, width: u16) -> String {
    let words = rows.iter().map(|row| row.each_ref().map(|cell| word_by_word(cell))).collect();
    let needed = plain(header.map(word_by_word), words).column_max_content_widths();
    let mut table = plain(header.map(str::to_owned), rows);
    let padding = table.column(0).map_or(0, comfy_table::Column::padding_width);
    let borders = u16::try_from(COLUMNS).unwrap_or(u16::MAX).saturating_mul(padding + 1) + 1;
    let widths = shared_out(table.column_max_content_widths(), &needed, width.saturating_sub(borders));
    table.set_constraints(
        widths.into_iter().map(|width| ColumnConstraint::Absolute(Width::Fixed(width.saturating_add(padding)))),
    );
    table.to_string()
}

fn plain<const COLUMNS: usize>(header: [String; COLUMNS], rows: Vec<[String; COLUMNS]>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header).add_rows(rows);
    table
}

/// The text with a line for each word: as wide as its column must be.
fn word_by_word(text: &str) -> String {
    text.replace(' ', "\n")
}

/// Widths of columns that are `available` in all: what is too much is taken from the widest, and no column loses a word.
fn shared_out(mut widths: Vec<u16>, needed: &[u16], available: u16) -> Vec<u16> {
    let sum = |widths: &[u16]| widths.iter().copied().map(u32::from).sum::<u32>();
    while sum(&widths) > u32::from(available) {
        let spare = widths.iter_mut().zip(needed).filter(|(width, needed)| **width > WORD_CHARACTERS_MAX.min(**needed));
        let Some((widest, _)) = spare.max_by_key(|(width, _)| **width) else { break };
        *widest -= 1;
    }
    widths
}

/// `1 order`, `2 orders`: a count with its noun, whose plural is made by an `s`.
pub(crate) fn count_of(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
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

    const ID: &str = "20261130-141718-hand-1kinjlr";
    const TIME: &str = "2026-11-30T14:18:22Z";

    /// What a newcomer saw: `20261130-141718-hand-` over `1kinjlr`, and `14:18:2` over `2Z`.
    #[test]
    fn no_id_and_no_time_is_broken_however_narrow_the_terminal_is() {
        let reason = "The broker refused it: the margin of the account is too small for it.";
        for width in [20, 80, 100, 140, 200] {
            let row = ["demo-user", ID, "needs_review", TIME, reason].map(str::to_owned);
            let shown = table_of_width(["user", "order", "status", "updated at", "reason"], vec![row], width);
            for word in [ID, TIME, "needs_review"].into_iter().chain(reason.split(' ')) {
                assert!(shown.contains(word), "{word} at {width}:\n{shown}");
            }
        }
    }

    #[test]
    fn the_longest_text_wraps_so_that_the_table_fits() {
        let row = [ID.to_owned(), "a rather long reason ".repeat(9), "two words".to_owned()];
        let shown = table_of_width(["order", "reason", "what"], vec![row], 100);
        assert_eq!(shown.lines().map(|line| line.chars().count()).max(), Some(100), "{shown}");
        assert!(shown.contains("two words"), "only the longest wraps:\n{shown}");
    }

    #[test]
    fn what_is_longer_than_any_id_does_not_stretch_the_table_for_ever() {
        let shown = table_of_width(["excerpt"], vec![["x".repeat(5_000)]], 80);
        assert!(shown.lines().all(|line| line.chars().count() < 200), "{shown}");
    }

    #[test]
    fn one_is_told_in_the_singular() {
        assert_eq!([0, 1, 2].map(|count| count_of(count, "order")), ["0 orders", "1 order", "2 orders"]);
    }
}
