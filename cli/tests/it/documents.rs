//! Holds what the documents name to the code: each test, each guard and each file that they name is there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops, its helpers too")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where tests and invariants are named.
const DOCUMENTS: [&str; 4] = ["ARCHITECTURE.md", "docs/history.md", "docs/testing.md", "docs/limits.md"];
/// A name of so many words is a sentence, and so a test or an invariant.
const WORDS_OF_A_SENTENCE_MIN: usize = 5;
/// Folders that hold nothing of ours.
const FOREIGN: [&str; 4] = ["target", "node_modules", "vendor", ".git"];

#[test]
fn every_test_that_a_document_names_is_there() {
    let defined: BTreeSet<String> = sources(&root()).iter().flat_map(|file| functions_of(file)).collect();
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let missing: Vec<&str> = sentences(&text).filter(|name| !defined.contains(*name)).collect();
        assert!(missing.is_empty(), "{document} names what is not there: {missing:#?}");
    }
}

/// The names in backquotes that are sentences.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let last = quoted.map(|name| name.rsplit("::").next().unwrap_or(name));
    last.filter(|name| {
        let is_name = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        is_name && name.split('_').count() >= WORDS_OF_A_SENTENCE_MIN
    })
}

fn functions_of(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let defined = text.split_whitespace().collect::<Vec<_>>();
    let after_the_word = defined.windows(2).filter(|pair| ["fn", "def"].contains(&pair[0])).map(|pair| pair[1]);
    after_the_word.map(|name| name.split(['(', '<']).next().unwrap_or(name).to_owned()).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !FOREIGN.contains(&name.as_str()) {
            found.extend(sources(&path));
        } else if [".rs", ".py"].iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
