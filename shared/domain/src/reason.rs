//! Why an order is where it is.

use serde::{Deserialize, Serialize};

use crate::reason_code::ReasonCode;

/// Why an order is where it is: a code for programs, a message for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// What happened, what it means, and what to do next.
    pub message: String,
}

/// The longest message of a reason that is kept, in characters: the broker's own texts are not bounded.
const REASON_CHARACTERS_MAX: usize = 1000;

impl Reason {
    /// A reason.
    pub fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if let Some((cut, _)) = message.char_indices().nth(REASON_CHARACTERS_MAX) {
            message.truncate(cut);
            message.push('…');
        }
        Self { code, message }
    }
}
