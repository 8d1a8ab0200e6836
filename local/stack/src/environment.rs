//! The Python environment in which the engine and the translator run: pinned, with a hash of every package.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::{StackError, program};

/// The folder below `local_stack` that holds the environment.
const FOLDER: &str = "venv";
/// The requirements the environment was made from: the copy that `install` leaves when it is done.
const STAMP: &str = "made-from.txt";

/// Makes the environment, or finds it as it should be. Gives the path of its interpreter.
pub(crate) async fn prepare(crate_folder: &Path, local_stack: &Path) -> Result<PathBuf, StackError> {
    let folder = local_stack.join(FOLDER);
    let requirements = crate_folder.join("requirements.txt");
    let wanted = std::fs::read(&requirements).map_err(StackError::file(&requirements))?;
    if !std::fs::read(folder.join(STAMP)).is_ok_and(|made_from| made_from == wanted) {
        install(&crate_folder.join("install"), &folder).await?;
    }
    Ok(folder.join("bin").join("python"))
}

async fn install(installer: &Path, folder: &Path) -> Result<(), StackError> {
    let mut command = Command::new("python3");
    command.arg(installer).arg(folder);
    program::run("installing the Python packages of the local stack", command).await.map(drop)
}
