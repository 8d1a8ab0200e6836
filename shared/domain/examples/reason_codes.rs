//! Writes down the closed list of reasons: `cargo run -p domain --example reason_codes -- json`, or `markdown`.
//! `tests/reason_codes.rs` holds `schemas/reason-codes.json` and `docs/reason-codes.md` to it.

use std::fmt::Write as _;

use domain::{REASON_CODES, ReasonOf, Remedy};
use serde_json::{Value, json};

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("markdown") => print!("{}", markdown()),
        _ => print!("{}", text_of_json()),
    }
}

/// `schemas/reason-codes.json`.
pub(crate) fn text_of_json() -> String {
    let remedies: Vec<Value> =
        Remedy::ALL.iter().map(|(remedy, meaning)| json!({"remedy": remedy, "meaning": meaning})).collect();
    let list = json!({"schema": "courier.reason-codes/1", "remedies": remedies, "codes": REASON_CODES});
    format!("{list:#}\n")
}

/// `docs/reason-codes.md`.
pub(crate) fn markdown() -> String {
    let mut text = String::from(
        "# Reasons\n\n\
         `reason.code` is one of these, in an order and its history, its `warning`, its change, a refusal, and a connection's\n\
         `last_error`. `reason.message` is for people. Programs find the same list in\n\
         [schemas/reason-codes.json](../schemas/reason-codes.json), and both clients hold it: `reason.remedy`.\n\n\
         ## What a program does\n\n| Remedy | Do |\n|---|---|\n",
    );
    for (remedy, meaning) in Remedy::ALL {
        let _ = writeln!(text, "| `{}` | {meaning} |", word(remedy));
    }
    text.push_str("\n## The codes\n\n| Code | Of | Remedy | Means |\n|---|---|---|---|\n");
    for listed in REASON_CODES {
        let of: Vec<String> = listed.of.iter().copied().map(word_of_place).collect();
        let (code, remedy) = (listed.code, word(listed.remedy));
        let _ = writeln!(text, "| `{code}` | {} | `{remedy}` | {} |", of.join(", "), listed.meaning);
    }
    text
}

fn word(remedy: Remedy) -> String {
    json!(remedy).as_str().unwrap_or_default().to_owned()
}

fn word_of_place(of: ReasonOf) -> String {
    json!(of).as_str().unwrap_or_default().to_owned()
}
