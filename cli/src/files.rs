//! Small text files that the operator names.

use std::io::Read;
use std::path::Path;

use domain::text_of_bytes;

use crate::error::CourierError;

/// Largest file that is read, bytes: a consumer's secret has about 4,000.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The text of a file, or of standard input for `-`: UTF-8 or UTF-16, without its byte order mark. What is binary becomes a
/// text with replacement characters, and whoever reads it says what it is.
pub(crate) fn read_file(path: &Path) -> Result<String, CourierError> {
    let problem = |problem: String| CourierError::File { path: path.to_owned(), problem };
    let failed = |error: std::io::Error| problem(error.to_string());
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(problem(format!(
            "it is longer than {FILE_BYTES_MAX} bytes, and no such file is. Name another one."
        )));
    }
    Ok(text_of_bytes(&bytes))
}
