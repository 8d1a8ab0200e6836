//! What went over a wire: calls by name, and bytes of their bodies.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts, from several tasks.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counted>);

/// What was counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) bytes: u64,
}

impl Tally {
    pub(crate) fn note(&self, name: &str, bytes: usize) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.calls.entry(name.to_owned()).or_default() += 1;
        counted.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// What was counted since this was last asked.
    pub(crate) fn take(&self) -> Counted {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Counted {
    pub(crate) fn sum(&self) -> u64 {
        self.calls.values().sum()
    }
}
