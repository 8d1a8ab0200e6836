//! The demo, as a newcomer runs it: the release binary, the real template, the real functions.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops, its helpers too")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// It compiles the functions if they changed; once built, it takes seconds.
const ENDS_WITHIN: Duration = Duration::from_mins(9);
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[test]
fn stack_demo_runs_and_leaves_no_secret_in_any_log() {
    let output = tempfile::NamedTempFile::new().unwrap();
    let progress = tempfile::NamedTempFile::new().unwrap();
    let demo = Command::new(stack::delivered_binary(&workspace(), "courier").unwrap())
        .args(["demo", "--json"])
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stdout(output.reopen().unwrap())
        .stderr(progress.reopen().unwrap())
        .spawn()
        .unwrap();
    let code = ended(demo);
    let (output, progress) = (read(output.path()), read(progress.path()));
    assert_eq!(code, Some(0), "{progress}\n{output}");

    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(report["passed"], true, "{output}");
    assert_eq!(report["logs"]["secrets_found"], serde_json::json!([]));
    assert!(report["logs"]["lines"].as_u64().unwrap() > 100, "{output}");
    assert!(report["logs"]["forms_searched"].as_u64().unwrap() > 50, "{output}");
    for (order_id, status, tickets) in [
        ("demo-limit", "filled", 1),
        ("demo-market", "filled", 1),
        ("demo-stop", "working", 1),
        ("demo-refused", "rejected", 1),
        ("demo-expired", "expired", 0),
        ("demo-malformed", "denied", 0),
    ] {
        let order = report["orders"].as_array().unwrap().iter().find(|order| order["order_id"] == order_id);
        let order = order.unwrap_or_else(|| panic!("{order_id} is missing: {output}"));
        assert_eq!(order["status"], status, "{order}");
        assert_eq!(order["tickets_sent"], tickets, "{order}");
    }
}

#[test]
fn the_command_teaches_and_refuses_what_it_cannot_read() {
    let help = courier(&["--help"]);
    assert!(help.0 && help.1.contains("Exit codes:") && help.1.contains("courier demo"), "{}", help.1);
    let unknown = Command::new(env!("CARGO_BIN_EXE_courier")).args(["algorithms", "add"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("Usage: courier algorithms add"));
}

#[test]
fn a_named_stack_is_never_another_one_that_the_environment_names() {
    let halt = Command::new(env!("CARGO_BIN_EXE_courier"))
        .args(["halt", "all", "--stack", "prod", "--reason", "an emergency"])
        .env("COURIER_RULES_TABLE", "rules-of-another")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&halt.stderr);
    assert!(!halt.status.success() && told.contains("--stack prod") && told.contains("COURIER_RULES_TABLE"), "{told}");
}

fn courier(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_courier")).args(arguments).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// The exit code, once there is one.
fn ended(mut child: Child) -> Option<i32> {
    let deadline = Instant::now() + ENDS_WITHIN;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(LOOK_EVERY);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
