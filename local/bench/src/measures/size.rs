//! What the functions' binaries weigh.

use super::Settings;
use super::path::mega;
use super::startup::FUNCTIONS;
use crate::Failure;
use crate::report::{Report, Row};

/// Reads the sizes.
pub(crate) fn measure(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    for name in FUNCTIONS {
        let size = std::fs::metadata(settings.binaries.join(name))?.len();
        report.add(Row::at_most(&format!("binary of {name}, MB"), mega(size), 7.0));
    }
    Ok(())
}
