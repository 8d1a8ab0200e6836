//! A small run of the harness, as a person starts it: the release binary, the real template, the real functions.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops, its helpers too")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// It compiles the functions if they changed; once built, it takes two to three minutes.
const ENDS_WITHIN: Duration = Duration::from_secs(570);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const KILLS: u64 = 10;

#[test]
fn stack_kills_leave_every_order_right() {
    let output = tempfile::NamedTempFile::new().unwrap();
    let progress = tempfile::NamedTempFile::new().unwrap();
    let harness = Command::new(stack::delivered_binary(&workspace(), "kill-harness").unwrap())
        // What was lost and may not be sent again (a cancelled order) is proved lost after five minutes; a lost market order
        // is sent again here. It ends as soon as all is quiet.
        .args([
            "--kills",
            &KILLS.to_string(),
            "--users",
            "16",
            "--market-orders-again",
            "--drain-seconds",
            "420",
            "--json",
        ])
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stdout(output.reopen().unwrap())
        .stderr(progress.reopen().unwrap())
        .spawn()
        .unwrap();
    let code = ended(harness);
    let (output, progress) = (read(output.path()), read(progress.path()));
    assert_eq!(code, Some(0), "{progress}\n{output}");

    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(report["passed"], true, "{output}");
    assert_eq!(report["kills"], KILLS, "{output}");
    for nothing in ["doubled", "lost", "needs_review", "waiting_left"] {
        assert_eq!(report[nothing], 0, "{nothing}: {output}");
    }
    let tickets = report["tickets"].as_u64().unwrap();
    assert!(tickets > 20 && report["orders"].as_u64().unwrap() >= tickets, "{output}");
    let killed: u64 = report["kills_by"].as_array().unwrap().iter().map(|kills| kills["count"].as_u64().unwrap()).sum();
    assert_eq!(killed, KILLS);
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
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("..").canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
