//! What is printed: the report on standard output, words about the run on standard error.

use std::io::Write;

/// Prints the report. Whoever stops reading early has read enough.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Says something about the run.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
