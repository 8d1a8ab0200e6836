//! The files of the keys. None is ever written over.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::CourierError;

/// What IBKR is sent.
pub(super) const PUBLIC: [&str; 3] = ["public_signature.pem", "public_encryption.pem", "dhparam.pem"];
/// What nobody is sent.
pub(super) const PRIVATE: [&str; 3] = ["private_signature.pem", "private_encryption.pem", "consumer.json"];
pub(super) const ALL: [&str; 6] = [PUBLIC[0], PUBLIC[1], PUBLIC[2], PRIVATE[0], PRIVATE[1], PRIVATE[2]];

/// Read and written by their owner alone.
const PRIVATE_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

/// Refuses a folder in which one of these files is: it may be the only copy of what IBKR holds.
pub(super) fn nothing_there(folder: &Path, names: &[&str]) -> Result<(), CourierError> {
    match names.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
        Some(path) => Err(CourierError::File {
            path,
            problem: "it is there already, and may be the only copy of what IBKR holds. Choose another folder."
                .to_owned(),
        }),
        None => Ok(()),
    }
}

pub(super) fn write(folder: &Path, files: &[(&str, String)]) -> Result<(), CourierError> {
    write_with(folder, files, PUBLIC_MODE)
}

pub(super) fn write_private(folder: &Path, files: &[(&str, String)]) -> Result<(), CourierError> {
    write_with(folder, files, PRIVATE_MODE)
}

fn write_with(folder: &Path, files: &[(&str, String)], mode: u32) -> Result<(), CourierError> {
    let problem =
        |path: &Path, error: &std::io::Error| CourierError::File { path: path.to_owned(), problem: error.to_string() };
    fs::create_dir_all(folder).map_err(|error| problem(folder, &error))?;
    for (name, text) in files {
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| problem(&path, &error))?;
    }
    Ok(())
}
