//! Small text files that the operator names.

use std::io::Read;
use std::path::Path;

use crate::error::CourierError;

/// Largest file that is read, bytes: a consumer's secret has about 4,000.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The text of a file, or of standard input for `-`.
pub(crate) fn read_file(path: &Path) -> Result<String, CourierError> {
    let problem = |error: std::io::Error| CourierError::File { path: path.to_owned(), problem: error.to_string() };
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(problem)?;
    } else {
        std::fs::File::open(path).map_err(problem)?.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(problem)?;
    }
    Ok(text)
}
