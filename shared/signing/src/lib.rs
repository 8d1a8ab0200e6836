//! OAuth 1.0a as Interactive Brokers extends it.
//!
//! Pure: no clock, no randomness, no network. Nonces, timestamps and random numbers come in as values, and the same input
//! gives the same output. The steps, in the order in which a user's connection meets them:
//!
//! 1. [`SignatureKey::sign`] signs the [`BaseString`] of the request token and of the access token (RSA-SHA256).
//! 2. [`EncryptionKey::open`] opens the access token secret that the broker sealed.
//! 3. [`DiffieHellmanParameters::challenge`] and [`DiffieHellmanParameters::shared_secret`] agree on a shared secret.
//! 4. [`UnprovedLiveSessionToken::derive`] makes the live session token, and [`UnprovedLiveSessionToken::prove`] is the
//!    only way from there to a [`LiveSessionToken`].
//! 5. [`LiveSessionToken::sign`] signs every later request (HMAC-SHA256).

mod base_string;
mod blinding;
mod copied;
mod diffie_hellman;
mod error;
mod header;
mod header_text;
mod live_session_token;
mod mac;
mod no_pem;
mod pem;
mod rsa_keys;
mod secrets;
mod signature_form;

pub use base_string::{BaseString, Parameters, QuerySigning};
pub use diffie_hellman::{DiffieHellmanParameters, Primality};
pub use error::{ProofFailed, SigningError};
pub use header::{OAuthHeader, authorization_header, default_realm};
pub use header_text::{FoundHeader, HeaderNote, NoHeader, find_header};
pub use live_session_token::{LiveSessionToken, UnprovedLiveSessionToken};
pub use rsa_keys::{EncryptionKey, SignatureKey, public_key_fingerprint};
pub use secrets::{AccessTokenSecret, DiffieHellmanRandom, SharedSecret};
pub use signature_form::{JudgedSignature, SignatureFault, judge_signature};
