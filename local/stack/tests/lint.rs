//! AWS's own linter reads infra/template.yaml.

use std::path::PathBuf;

use stack::{Listener, python_environment};
use tokio::process::Command;

#[tokio::test]
async fn the_template_has_nothing_that_cfn_lint_would_change() {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..");
    let interpreter = python_environment(&workspace, &Listener::silent()).await.unwrap();
    let linter = interpreter.with_file_name("cfn-lint");
    let output = Command::new(linter).arg(workspace.join("infra").join("template.yaml")).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
