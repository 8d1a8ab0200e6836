//! Blinding of RSA's private operation, without a source of randomness.
//!
//! Blinding keeps what an onlooker could time or measure apart from the message. It needs numbers that nobody outside can
//! guess, and it leaves the result as it is. They are derived from the private key and the input, so that signing stays a
//! pure function; every input here is fresh (a nonce is in each base string), and so is its blinding.

use std::convert::Infallible;

use rsa::rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use crate::mac::hmac_sha256;

/// HMAC-SHA256 of a counter, keyed by HMAC-SHA256 of the input under a key made from the private key.
pub(crate) struct BlindingStream {
    key: Zeroizing<[u8; 32]>,
    counter: u64,
}

impl BlindingStream {
    pub(crate) fn new(key_seed: &[u8; 32], input: &[u8]) -> Self {
        Self { key: Zeroizing::new(hmac_sha256(key_seed, input)), counter: 0 }
    }

    fn next_block(&mut self) -> Zeroizing<[u8; 32]> {
        self.counter += 1;
        Zeroizing::new(hmac_sha256(self.key.as_slice(), &self.counter.to_be_bytes()))
    }
}

impl TryRng for BlindingStream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(32) {
            chunk.copy_from_slice(&self.next_block()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for BlindingStream {}
