//! Where the project's files are.

use std::path::{Path, PathBuf};

use crate::error::CourierError;
use crate::output::tell;

/// The checkout that is used.
#[derive(Debug, PartialEq, Eq)]
struct Checkout {
    root: PathBuf,
    /// How it was found, where it is not the one around the present folder.
    by: Option<&'static str>,
}

/// The checkout around the present folder, else the one around this program, else the one that it was compiled in. One that
/// is not around the present folder is named: everything is built there, and written there.
pub(crate) fn workspace_root() -> Result<PathBuf, CourierError> {
    let here = std::env::current_dir().unwrap_or_default();
    let program = std::env::current_exe().and_then(|program| program.canonicalize()).unwrap_or_default();
    let compiled_in = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let Checkout { root, by } = checkout(&here, &program, compiled_in).ok_or(CourierError::NoWorkspace)?;
    if let Some(by) = by {
        tell(&format!("No checkout of the project is around this folder. Using {}, {by}.", root.display()));
    }
    Ok(root)
}

fn checkout(here: &Path, program: &Path, compiled_in: Option<&Path>) -> Option<Checkout> {
    let is_one = |folder: &&Path| folder.join("infra").join("template.yaml").exists();
    let found = |folder: &Path, by| Checkout { root: folder.to_owned(), by };
    let around_here = here.ancestors().find(is_one).map(|folder| found(folder, None));
    let around_program = || program.ancestors().find(is_one).map(|folder| found(folder, Some("where this program is")));
    let as_compiled =
        || compiled_in.filter(is_one).map(|folder| found(folder, Some("where this program was compiled")));
    around_here.or_else(around_program).or_else(as_compiled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_around_the_present_folder_comes_first_and_another_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["mine", "theirs", "built"] {
            std::fs::create_dir_all(path(name).join("infra")).unwrap();
            std::fs::write(path(name).join("infra/template.yaml"), "").unwrap();
        }
        let (program, built, elsewhere) = (path("theirs/target/release/courier"), path("built"), path("elsewhere"));
        let used = |here: &Path, program: &Path| {
            checkout(here, program, Some(&built)).map(|used| (used.root, used.by.unwrap_or("here")))
        };
        assert_eq!(used(&path("mine/docs"), &program), Some((path("mine"), "here")));
        assert_eq!(used(&elsewhere, &program), Some((path("theirs"), "where this program is")));
        assert_eq!(used(&elsewhere, &elsewhere), Some((built.clone(), "where this program was compiled")));
        assert_eq!(checkout(&elsewhere, &elsewhere, Some(&elsewhere)), None);
    }
}
