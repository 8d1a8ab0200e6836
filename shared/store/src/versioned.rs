//! Optimistic concurrency: a value with the version that it was read at.

/// A value as it was read, and which writing of it that was. Saving it works only while nobody else has saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    version: u64,
}

impl<T> Versioned<T> {
    pub(crate) fn new(value: T, version: u64) -> Self {
        Self { value, version }
    }

    /// How often it was written: 1 after its first writing.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn written(&mut self) {
        self.version = self.next_version();
    }

    pub(crate) fn next_version(&self) -> u64 {
        self.version.saturating_add(1)
    }
}
