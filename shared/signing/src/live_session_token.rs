//! The live session token, which signs every protected call for up to 24 hours.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::mac::{hmac_sha1, hmac_sha256};
use crate::{AccessTokenSecret, BaseString, ProofFailed, SharedSecret};

/// A live session token that was derived here and not yet compared with the broker's: it can sign nothing.
pub struct UnprovedLiveSessionToken(LiveSessionToken);

impl UnprovedLiveSessionToken {
    /// HMAC-SHA1 of the opened access token secret, keyed by the shared secret.
    #[must_use]
    pub fn derive(shared: &SharedSecret, secret: &AccessTokenSecret) -> Self {
        Self(LiveSessionToken::from_stored(hmac_sha1(shared.expose(), secret.expose())))
    }

    /// Compares the broker's `live_session_token_signature` (40 hex digits: HMAC-SHA1 of the consumer key under the token)
    /// with our own, in constant time.
    ///
    /// # Errors
    /// [`ProofFailed`], which names the likely causes.
    pub fn prove(self, consumer_key: &str, signature_hex: &str) -> Result<LiveSessionToken, ProofFailed> {
        let theirs = hex::decode(signature_hex.trim()).map_err(|_| ProofFailed)?;
        let ours = hmac_sha1(self.0.expose(), consumer_key.as_bytes());
        if bool::from(ours.ct_eq(&theirs)) { Ok(self.0) } else { Err(ProofFailed) }
    }
}

/// A live session token that the broker proved it holds as well.
#[derive(Clone)]
pub struct LiveSessionToken(Zeroizing<[u8; Self::BYTES]>);

impl LiveSessionToken {
    /// Bytes of a token: one HMAC-SHA1.
    pub const BYTES: usize = 20;

    /// A token that was proved before it was put into a store.
    #[must_use]
    pub fn from_stored(bytes: [u8; Self::BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The token's bytes (base64 of them is what IBKR's documents print).
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// HMAC-SHA256 of the base string under the token, in base64.
    #[must_use]
    pub fn sign(&self, base: &BaseString) -> String {
        STANDARD.encode(hmac_sha256(self.expose(), base.expose().as_bytes()))
    }
}

impl fmt::Debug for UnprovedLiveSessionToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UnprovedLiveSessionToken(redacted)")
    }
}

impl fmt::Debug for LiveSessionToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LiveSessionToken(redacted)")
    }
}
