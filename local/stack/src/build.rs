//! Compiles the functions.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

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
    forget_cargo(command.as_std_mut());
    command.stdin(Stdio::null()).kill_on_drop(true);
    listener.step(Step::Build, compile(command)).await
}

/// Builds every binary of this very source as it is delivered ([`crate::profile`]), if cargo finds that they must be, and gives
/// the path of one.
///
/// # Errors
/// As [`build_functions`].
pub fn delivered_binary(workspace_root: &Path, name: &str) -> Result<PathBuf, StackError> {
    let profile = packages::profile();
    let mut command = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--profile", &profile, "--workspace", "--bins", "--locked"]);
    command.current_dir(workspace_root);
    forget_cargo(&mut command);
    built(command.status())?;
    Ok(packages::target_folder(workspace_root).join(profile).join(name))
}

/// Passes nothing on of what `cargo run` and `cargo test` set for the program that they start. A build script of a
/// dependency (ring) watches one of these, so it would compile that dependency, and all above it, anew each time.
fn forget_cargo(command: &mut std::process::Command) {
    let set_by_cargo = |name: &str| ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(set_by_cargo)) {
        command.env_remove(name);
    }
}

async fn compile(mut command: Command) -> Result<(), StackError> {
    built(command.status().await)
}

fn built(ended: std::io::Result<ExitStatus>) -> Result<(), StackError> {
    let status = ended.map_err(|source| StackError::Program { program: "cargo".to_owned(), source })?;
    if status.success() {
        return Ok(());
    }
    Err(StackError::Step { step: "building the functions", output: "cargo's own words are above".to_owned() })
}
