//! Pages and their cursors.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::database::{Attributes, text_of};
use crate::error::StoreError;

/// The longest cursor that is read, in characters: room for the two longest key parts.
const CURSOR_CHARACTERS_MAX: usize = 512;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next part begins; `None` at the end.
    pub next_cursor: Option<String>,
}

/// The cursor after a row: its two key parts.
pub(crate) fn cursor_after(last: &Attributes, [partition, sort]: [&str; 2]) -> Option<String> {
    let parts = [text_of(last, partition)?, text_of(last, sort)?];
    let json = serde_json::to_string(&parts).ok()?;
    Some(URL_SAFE_NO_PAD.encode(json))
}

/// The sort part of a cursor's key, if the cursor is of this partition.
pub(crate) fn sort_part_of(cursor: &str, partition: &str) -> Result<String, StoreError> {
    if cursor.len() > CURSOR_CHARACTERS_MAX {
        return Err(StoreError::CursorRefused);
    }
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::CursorRefused)?;
    let [whose, sort]: [String; 2] = serde_json::from_slice(&json).map_err(|_| StoreError::CursorRefused)?;
    if whose != partition || sort.is_empty() {
        return Err(StoreError::CursorRefused);
    }
    Ok(sort)
}
