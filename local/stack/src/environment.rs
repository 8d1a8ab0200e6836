//! The Python environment in which the engine and the translator run: pinned, with a hash of every package.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use crate::{Listener, StackError, Step, packages, program};

/// The folder below `local_stack` that holds the environment.
const FOLDER: &str = "venv";
/// A copy of the requirements the environment was made from: when it differs, the environment is made again.
const STAMP: &str = "made-from.txt";
const LOCK: &str = "venv.lock";

/// Makes the environment, or finds it as it should be. Gives the path of its interpreter; the programs of its packages
/// (`cfn-lint`) lie beside it.
///
/// # Errors
/// When Python is missing, or a package cannot be had.
pub async fn python_environment(workspace_root: &Path, listener: &Listener) -> Result<PathBuf, StackError> {
    let local_stack = packages::local_stack_folder(workspace_root)?;
    let requirements = packages::crate_folder(workspace_root).join("requirements.txt");
    listener.step(Step::Environment, prepare(&requirements, &local_stack)).await
}

async fn prepare(requirements: &Path, local_stack: &Path) -> Result<PathBuf, StackError> {
    let wanted = std::fs::read(requirements).map_err(StackError::file(requirements))?;
    let _turn = take_turn(&local_stack.join(LOCK)).await?;
    let folder = local_stack.join(FOLDER);
    let interpreter = folder.join("bin").join("python");
    let stamp = folder.join(STAMP);
    if interpreter.exists() && std::fs::read(&stamp).is_ok_and(|made_from| made_from == wanted) {
        return Ok(interpreter);
    }
    create(&folder).await?;
    install(&interpreter, requirements).await?;
    std::fs::write(&stamp, wanted).map_err(StackError::file(&stamp))?;
    Ok(interpreter)
}

/// One process at a time makes the environment; the others wait for it, and find it made.
async fn take_turn(lock: &Path) -> Result<File, StackError> {
    let failed = StackError::file(lock);
    let file = match File::create(lock) {
        Ok(file) => file,
        Err(error) => return Err(failed(error)),
    };
    let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    waiting.await.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(failed)
}

async fn create(folder: &Path) -> Result<(), StackError> {
    let mut command = Command::new("python3");
    command.args(["-m", "venv", "--clear"]).arg(folder);
    program::run("making the Python environment", command).await.map(drop)
}

async fn install(interpreter: &Path, requirements: &Path) -> Result<(), StackError> {
    let mut command = Command::new(interpreter);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]);
    command.args(["--require-hashes", "--requirement"]).arg(requirements);
    program::run("installing the Python packages", command).await.map(drop)
}
