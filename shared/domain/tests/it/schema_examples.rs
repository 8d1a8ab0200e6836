//! The parser and `schemas/order-message.schema.json` speak of the same messages: both are held to the examples beside the
//! schema. The schema's half of this is in `clients/python/tests/test_schemas.py`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::{Path, PathBuf};

use domain::Command;

fn examples(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/examples").join(folder);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<_> = files.map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())).collect();
    assert!(examples.len() > 20, "{} holds only {} examples", folder.display(), examples.len());
    examples
}

#[test]
fn every_valid_example_of_the_schema_is_read() {
    let outcomes = examples("valid").into_iter().map(|(file, text)| (file, Command::parse(&text)));
    let refused: Vec<_> = outcomes.filter(|(_, outcome)| outcome.is_err()).collect();
    assert!(refused.is_empty(), "these were refused: {refused:#?}");
}

#[test]
fn every_invalid_example_of_the_schema_is_refused() {
    let read: Vec<_> = examples("invalid").into_iter().filter(|(_, text)| Command::parse(text).is_ok()).collect();
    assert!(read.is_empty(), "these were read: {read:#?}");
}
