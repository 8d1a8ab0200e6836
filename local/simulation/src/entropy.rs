//! Randomness from a seed: the same seed gives the same bytes.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::Entropy;
use sha2::{Digest, Sha256};

/// SHA-256 over the seed and a count.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    count: AtomicU64,
}

impl SeededEntropy {
    /// From this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, count: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let count = self.count.fetch_add(1, Ordering::SeqCst);
            let digest =
                Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(count.to_be_bytes()).finalize();
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }
}
