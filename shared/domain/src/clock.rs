//! Time and randomness come in as values, so that a test or a simulation can be the one who gives them.

use std::fmt::Debug;

use jiff::Timestamp;

/// Tells what time it is, in UTC. Waiting is the runtime's business; reading the time is this trait's.
pub trait Clock: Send + Sync + Debug {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes fit for secrets.
pub trait Entropy: Send + Sync + Debug {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}
