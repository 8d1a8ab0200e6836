//! Holds the arrows of ARCHITECTURE.md: who may depend on whom.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops, its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

/// What each crate of the house may use. Tests may use more: `local` is there for them.
const MAY_USE: [(&str, &[&str]); 12] = [
    ("courier-client", &[]),
    ("signing", &[]),
    ("domain", &[]),
    ("broker", &["signing", "domain"]),
    ("store", &["domain"]),
    ("access", &["broker", "store", "domain"]),
    ("trading", &["access", "broker", "store", "domain"]),
    ("sessions", &["access", "broker", "store", "domain"]),
    ("platform", &["trading", "sessions", "access", "broker", "store", "domain"]),
    ("paper-broker", &["domain"]),
    ("embedded-dynamodb", &["domain", "store"]),
    ("stack", &["domain"]),
];
const FUNCTION_MAY_USE: [&str; 7] = ["platform", "trading", "sessions", "access", "broker", "store", "domain"];
const COMMAND_MAY_USE: [&str; 9] =
    ["platform", "trading", "sessions", "broker", "store", "domain", "stack", "paper-broker", "access"];

/// The workspace as cargo tells it (The Cargo Book, cargo metadata).
#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

#[test]
fn arrows_go_down_only() {
    let mut wrong = Vec::new();
    for (name, used) in arrows(&metadata()) {
        let Some(allowed) = allowed(&name) else { continue };
        wrong.extend(
            used.into_iter()
                .filter(|other| !allowed.contains(&other.as_str()))
                .map(|other| format!("{name} -> {other}")),
        );
    }
    assert!(wrong.is_empty(), "ARCHITECTURE.md does not allow {wrong:?}");
}

#[test]
fn every_crate_is_a_room_that_the_architecture_names() {
    let metadata = metadata();
    for package in &metadata.packages {
        let folder = package.manifest_path.parent().unwrap();
        let room = folder.strip_prefix(&metadata.workspace_root).unwrap().to_str().unwrap();
        let name = package.name.as_str();
        let expected = match room.split_once('/') {
            Some(("functions" | "shared" | "local", crate_name)) => crate_name,
            Some(("clients", "rust")) => "courier-client",
            _ => "courier",
        };
        assert_eq!(name, expected, "{room} is named like its folder, one level deep");
        assert!(room == "cli" || room.matches('/').count() == 1, "{room}");
    }
}

#[test]
fn siblings_never_meet() {
    let arrows = arrows(&metadata());
    for (one, other) in [("trading", "sessions"), ("broker", "store"), ("signing", "domain")] {
        assert!(!arrows[one].contains(other) && !arrows[other].contains(one), "{one} and {other} are siblings");
    }
}

#[test]
fn only_what_is_put_together_stands_on_the_platform() {
    let metadata = metadata();
    let functions: BTreeSet<&str> = metadata
        .packages
        .iter()
        .filter(|package| package.manifest_path.starts_with(metadata.workspace_root.join("functions")))
        .map(|package| package.name.as_str())
        .collect();
    assert!(functions.len() >= 7, "{functions:?}");
    let users = arrows(&metadata).into_iter().filter(|(_, used)| used.contains("platform")).map(|(name, _)| name);
    for name in users {
        let may = ["courier", "simulation"].contains(&name.as_str()) || functions.contains(name.as_str());
        assert!(may, "{name} uses platform");
    }
}

/// The calls of `broker::Session` and `store::Orders` that one room of `trading` alone makes, each with its room's file.
const CALLED_FROM_ONE_ROOM: [(&str, &str); 7] = [
    ("session.place(", "exchange.rs"),
    ("session.modify(", "exchange.rs"),
    ("session.reply(", "exchange.rs"),
    ("session.cancel(", "cancel.rs"),
    ("session.order_status(", "by_number.rs"),
    ("session.select_account(", "by_number.rs"),
    ("orders.save_intent(", "intend.rs"),
];

#[test]
fn what_reaches_the_broker_leaves_trading_by_one_door() {
    let rooms = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/trading/src"));
    for (call, room) in CALLED_FROM_ONE_ROOM {
        let callers: BTreeSet<String> = sources_below(&rooms)
            .into_iter()
            .filter(|(_, source)| source.contains(call))
            .map(|(path, _)| path.strip_prefix(&rooms).unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(callers, BTreeSet::from([room.to_owned()]), "{call}");
    }
}

/// The sources below a folder, without what is a test alone, each with its spaces taken out before a dot that begins a line.
fn sources_below(folder: &std::path::Path) -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources.extend(sources_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let lines = std::fs::read_to_string(&path).unwrap();
            sources.push((path, lines.lines().map(str::trim).collect()));
        }
    }
    sources
}

/// `None`: the simulation, the kill harness and the bench put everything together.
fn allowed(name: &str) -> Option<&'static [&'static str]> {
    match MAY_USE.iter().find(|(ruled, _)| *ruled == name) {
        Some((_, allowed)) => Some(allowed),
        None if name == "courier" => Some(&COMMAND_MAY_USE),
        None if ["simulation", "kill-harness", "bench"].contains(&name) => None,
        None => Some(&FUNCTION_MAY_USE),
    }
}

/// Which crates of the house each one uses, outside of its tests.
fn arrows(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let house: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let used = |package: &Package| {
        let dependencies = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
        dependencies.map(|dependency| dependency.name.clone()).filter(|name| house.contains(name.as_str())).collect()
    };
    metadata.packages.iter().map(|package| (package.name.clone(), used(package))).collect()
}

fn metadata() -> Metadata {
    // Offline: only the workspace's own manifests are read.
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}
