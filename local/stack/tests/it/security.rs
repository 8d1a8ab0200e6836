//! Holds SECURITY.md's threat model to the tests that it names.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops, its helpers too")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Rows that the table has at least: one for each attacker that it must speak of.
const ROWS_MIN: usize = 15;

#[test]
fn every_row_of_the_threat_model_names_tests_and_each_of_them_exists() {
    let tests = tests_of_the_house();
    let security = std::fs::read_to_string(workspace().join("SECURITY.md")).unwrap();
    let (_, model) = security.split_once("## Threat model").unwrap();
    let rows: Vec<&str> = model.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= ROWS_MIN, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 4, "{row}");
        let named: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test proves this row: {row}");
        for test in named {
            assert!(tests.contains(test), "SECURITY.md names the test {test}, and there is none of this name");
        }
    }
}

/// The names of all tests in the house.
fn tests_of_the_house() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for folder in ["functions", "shared", "local", "cli", "clients"] {
        gather(&workspace().join(folder), &mut tests);
    }
    assert!(tests.len() > 300, "{} tests", tests.len());
    tests
}

fn gather(folder: &Path, tests: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        // What is installed there is nobody's test.
        let skipped = entry.file_name().is_some_and(|name| name == "target" || name.to_string_lossy().starts_with('.'));
        if entry.is_dir() && !skipped {
            gather(&entry, tests);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            tests.extend(tests_in(&std::fs::read_to_string(&entry).unwrap()));
        }
    }
}

/// The functions that an attribute of a test stands before.
fn tests_in(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")
            && std::mem::take(&mut is_test)
        {
            names.extend(rest.split('(').next().map(str::to_owned));
        }
    }
    names
}

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..")
}
