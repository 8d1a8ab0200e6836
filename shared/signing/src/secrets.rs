//! Secrets: redacted in `Debug`, never serialised, wiped when dropped, read by a method named `expose`.

use std::fmt;

use zeroize::Zeroizing;

use crate::SigningError;

/// The opened access token secret: the bytes that stand, in hex, before the base string of the live session token.
#[derive(Clone)]
pub struct AccessTokenSecret(Zeroizing<Vec<u8>>);

impl AccessTokenSecret {
    /// Takes the opened bytes, such as ones that come back from a store.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The opened bytes (32 in every example of the broker).
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Our random exponent in the Diffie-Hellman exchange: 256 bits, never zero, used once.
#[derive(Clone)]
pub struct DiffieHellmanRandom(Zeroizing<[u8; Self::BYTES]>);

impl DiffieHellmanRandom {
    /// Bits of the exponent.
    pub(crate) const BITS: u32 = 256;
    /// Bytes of the exponent. IBKR's demo takes 25, its samples 32; both are accepted.
    pub const BYTES: usize = 32;

    /// Takes random bytes fit for secrets, most significant first.
    ///
    /// # Errors
    /// [`SigningError::RandomIsZero`] if all of them are zero.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Result<Self, SigningError> {
        if bytes == [0; Self::BYTES] {
            return Err(SigningError::RandomIsZero);
        }
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The exponent, most significant byte first.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// What both sides of the Diffie-Hellman exchange hold, in the bytes of Java's `BigInteger.toByteArray()`.
#[derive(Clone)]
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// From big-endian bytes of any padding: minimal, with a zero byte in front when the top bit is set (two's complement).
    pub(crate) fn from_big_endian(bytes: &[u8]) -> Self {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        let minimal = &bytes[start..];
        let mut java = Zeroizing::new(Vec::with_capacity(minimal.len() + 1));
        if minimal.first().is_none_or(|byte| *byte >= 0x80) {
            java.push(0);
        }
        java.extend_from_slice(minimal);
        Self(java)
    }

    /// The bytes that key the live session token's HMAC.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for AccessTokenSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AccessTokenSecret(redacted)")
    }
}

impl fmt::Debug for DiffieHellmanRandom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DiffieHellmanRandom(redacted)")
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SharedSecret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_secret_bytes_follow_java() {
        for (number, java) in [
            (&[0xff][..], &[0x00, 0xff][..]),
            (&[0x7f], &[0x7f]),
            (&[0x00, 0x00, 0x01, 0x02], &[0x01, 0x02]),
            (&[0x00, 0x80, 0x00], &[0x00, 0x80, 0x00]),
            (&[0x00], &[0x00]),
        ] {
            assert_eq!(SharedSecret::from_big_endian(number).expose(), java);
        }
    }

    #[test]
    fn a_secret_never_shows_in_debug() {
        let secret = AccessTokenSecret::from_bytes(b"hunter2".to_vec());
        assert_eq!(format!("{secret:?}"), "AccessTokenSecret(redacted)");
    }

    #[test]
    fn a_zero_random_number_is_refused() {
        assert_eq!(DiffieHellmanRandom::from_bytes([0; 32]).unwrap_err(), SigningError::RandomIsZero);
    }
}
