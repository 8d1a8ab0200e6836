//! Where the project's files are.

use std::path::{Path, PathBuf};

use crate::error::CourierError;

/// The checkout around the present folder, else the one that this command was built in.
pub(crate) fn workspace_root() -> Result<PathBuf, CourierError> {
    let here = std::env::current_dir().unwrap_or_default();
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let found = here.ancestors().chain(built_in).find(|folder| folder.join("infra").join("template.yaml").exists());
    found.map(Path::to_owned).ok_or(CourierError::NoWorkspace)
}
