//! The published list of reasons is the one that the code speaks by.

use std::collections::BTreeSet;
use std::path::Path;

use domain::{REASON_CODES, ReasonCode, ReasonOf};
use serde_json::json;

#[path = "../../examples/reason_codes.rs"]
#[allow(dead_code, reason = "an example begins by itself")]
mod published;

#[test]
fn the_published_lists_are_what_the_code_speaks_by() {
    for (file, form, text) in [
        ("schemas/reason-codes.json", "json", published::text_of_json()),
        ("docs/reason-codes.md", "markdown", published::markdown()),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(written == text, "write it anew: cargo run -p domain --example reason_codes -- {form} > {file}");
    }
}

#[test]
fn each_code_stands_once_in_order_and_reads_back_as_itself() {
    let words: Vec<&str> = REASON_CODES.iter().map(|listed| listed.code).collect();
    let sorted: Vec<&str> = words.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(words, sorted);
    for word in words {
        let code: ReasonCode = serde_json::from_value(json!(word)).unwrap();
        assert!(!matches!(code, ReasonCode::Newer(_)), "{word}");
        assert_eq!((code.as_str(), json!(code)), (word, json!(word)));
    }
}

#[test]
fn a_word_of_a_newer_version_is_kept() {
    let code: ReasonCode = serde_json::from_value(json!("of_tomorrow")).unwrap();
    assert_eq!((code.as_str(), json!(code)), ("of_tomorrow", json!("of_tomorrow")));
    assert!(code.is_of(ReasonOf::Order) && ReasonCode::Halted.is_of(ReasonOf::Change));
    assert!(!ReasonCode::Halted.is_of(ReasonOf::Warning));
}
