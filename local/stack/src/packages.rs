//! The functions' binaries, as Lambda takes them: a zip with one file named `bootstrap`.

use std::{
    io::{Cursor, Write},
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::StackError;

/// What is delivered is built with it.
const RELEASE: &str = "release";

/// Executable by all: what Lambda asks of a bootstrap.
const BOOTSTRAP_MODE: u32 = 0o755;

/// The names of all functions: one folder of `functions/` each, which is the name of its binary too.
pub(crate) fn function_names(workspace_root: &Path) -> Result<Vec<String>, StackError> {
    let folder = workspace_root.join("functions");
    let entries = std::fs::read_dir(&folder).map_err(StackError::file(&folder))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// Cargo's profile that this program was built with, if that is neither a debug build's nor unknown; else `release`. What it
/// starts is built with the same, so that nothing is compiled twice.
#[must_use]
pub fn profile() -> String {
    let program = std::env::current_exe().ok();
    program.as_deref().and_then(profile_of).unwrap_or(RELEASE).to_owned()
}

/// `target/PROFILE/program`, or a test's `target/PROFILE/deps/program` (The Cargo Book, Build Cache). Cargo keeps its fingerprints
/// beside them.
fn profile_of(program: &Path) -> Option<&str> {
    let folder = program.ancestors().skip(1).find(|folder| !folder.ends_with("deps"))?;
    let name = folder.file_name()?.to_str()?;
    (name != "debug" && folder.join(".fingerprint").exists()).then_some(name)
}

/// The target folder of the workspace.
pub(crate) fn target_folder(workspace_root: &Path) -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    workspace_root.join(chosen.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

/// What the local stack keeps: its Python environment, its issuer's key, and a folder for each run.
pub(crate) fn local_stack_folder(workspace_root: &Path) -> Result<PathBuf, StackError> {
    let folder = target_folder(workspace_root).join("local-stack");
    std::fs::create_dir_all(&folder).map_err(StackError::file(&folder))?;
    Ok(folder)
}

/// The folder of this crate, where its Python files lie.
pub(crate) fn crate_folder(workspace_root: &Path) -> PathBuf {
    workspace_root.join("local").join("stack")
}

/// Zips one binary. It is stored, not compressed: the zip travels within this machine only.
pub(crate) fn package(binary: &Path) -> Result<Vec<u8>, StackError> {
    let bytes = match std::fs::read(binary) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StackError::Binary { path: binary.to_owned() });
        }
        Err(error) => return Err(StackError::file(binary)(error)),
    };
    zipped(&bytes).map_err(|error| StackError::file(binary)(error.into()))
}

fn zipped(bytes: &[u8]) -> Result<Vec<u8>, zip::result::ZipError> {
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(BOOTSTRAP_MODE);
    let mut writer = ZipWriter::new(Cursor::new(Vec::with_capacity(bytes.len())));
    writer.start_file("bootstrap", options)?;
    writer.write_all(bytes)?;
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::profile_of;

    #[test]
    fn what_a_program_starts_is_built_as_it_was_itself_but_never_for_debugging() {
        let target = tempfile::tempdir().unwrap();
        for profile in ["checked", "release", "debug"] {
            std::fs::create_dir_all(target.path().join(profile).join(".fingerprint")).unwrap();
        }
        for (program, profile) in [
            ("checked/courier", Some("checked")),
            ("checked/deps/stack-0f", Some("checked")),
            ("release/courier", Some("release")),
            ("debug/courier", None),
            ("debug/deps/stack-0f", None),
        ] {
            assert_eq!(profile_of(&target.path().join(program)), profile, "{program}");
        }
        assert_eq!(profile_of("/usr/local/bin/courier".as_ref()), None, "it lies in no target folder");
    }
}
