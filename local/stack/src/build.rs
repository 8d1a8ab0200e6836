//! Compiles the functions.

use std::{path::Path, process::Stdio};

use tokio::process::Command;

use crate::{Listener, StackError, Step, packages};

/// Builds the functions' binaries for `profile` (`release`, `dev`), where [`crate::Stack::start`] looks for them. Cargo
/// shows its own progress.
///
/// # Errors
/// When cargo cannot be run, or the code does not compile: cargo has said why.
pub async fn build_functions(workspace_root: &Path, profile: &str, listener: &Listener) -> Result<(), StackError> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace_root).args(["build", "--workspace", "--profile", profile]);
    for name in packages::function_names(workspace_root)? {
        command.args(["--bin", &name]);
    }
    // What `cargo run` and `cargo test` set for the program that they start. A build script of a dependency (ring) watches
    // one of these, so passing them on would compile that dependency, and all above it, anew each time.
    let set_by_cargo = |name: &str| ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(set_by_cargo)) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    listener.step(Step::Build, compile(command)).await
}

async fn compile(mut command: Command) -> Result<(), StackError> {
    let status =
        command.status().await.map_err(|source| StackError::Program { program: "cargo".to_owned(), source })?;
    if status.success() {
        return Ok(());
    }
    Err(StackError::Step { step: "building the functions", output: "cargo's own words are above".to_owned() })
}
