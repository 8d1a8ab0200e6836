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
    cursor_of(&[text_of(last, partition)?, text_of(last, sort)?])
}

/// The cursor that holds these parts.
pub(crate) fn cursor_of(parts: &[&str]) -> Option<String> {
    serde_json::to_string(parts).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
}

/// The sort part of a cursor's key, if the cursor is of this partition.
pub(crate) fn sort_part_of(cursor: &str, partition: &str) -> Result<String, StoreError> {
    let [whose, sort] = parts_of(cursor)?;
    if whose == partition { Ok(sort) } else { Err(StoreError::CursorRefused) }
}

/// The parts of a cursor, none of them empty.
pub(crate) fn parts_of<const PARTS: usize>(cursor: &str) -> Result<[String; PARTS], StoreError> {
    if cursor.len() > CURSOR_CHARACTERS_MAX {
        return Err(StoreError::CursorRefused);
    }
    let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::CursorRefused)?;
    let parts: Vec<String> = serde_json::from_slice(&json).map_err(|_| StoreError::CursorRefused)?;
    let parts: [String; PARTS] = parts.try_into().map_err(|_| StoreError::CursorRefused)?;
    if parts.iter().any(String::is_empty) { Err(StoreError::CursorRefused) } else { Ok(parts) }
}
