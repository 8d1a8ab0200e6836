//! Sealing: tokens at rest, each readable only as what it was sealed as.
//!
//! AES-256-GCM (NIST SP 800-38D) under a key derived by HKDF-SHA256 (RFC 5869). What is sealed is bound to its
//! purpose, its user and its connection, so a row moved elsewhere does not open.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{ConnectionId, Entropy, Sealed, Secret, UserId};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// The shortest text that a sealing key is derived from, in characters: 128 bits in hexadecimal.
pub const SEALING_SECRET_CHARACTERS_MIN: usize = 32;

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
/// 96 bits at random: below 2^32 sealings under one key two of them meet with a chance below 2^-32.
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Names the derivation and what is bound, so that no other use of the same secret makes the same key.
const SCHEME: &str = "courier.sealing/1";

/// What a sealed text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// An access token.
    AccessToken,
    /// An opened access token secret.
    AccessTokenSecret,
    /// A live session token.
    LiveSessionToken,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::AccessTokenSecret => "access_token_secret",
            Self::LiveSessionToken => "live_session_token",
        }
    }
}

/// The texts that sealing keys are derived from.
#[derive(Debug)]
pub struct SealingKeys {
    /// Seals, and opens what it sealed.
    pub current: Secret,
    /// Only opens: the one before or the one to come, while a rotation is under way.
    pub other: Option<Secret>,
}

/// Why something was not sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The secret that a key would be derived from is too short to protect anything.
    #[error(
        "the sealing secret has {characters} characters; put at least {SEALING_SECRET_CHARACTERS_MIN} random ones into it"
    )]
    SecretTooShort {
        /// How long it is.
        characters: usize,
    },
    /// It was sealed with a key that is not here. Put that secret back as the other one, or the user consents anew.
    #[error(
        "this was sealed with key {needed}, and the keys at hand are {at_hand}; put that secret back as the other one (the secret keeps its last version), or let the user connect again"
    )]
    KeyMissing {
        /// The key that sealed it.
        needed: String,
        /// The keys that are here.
        at_hand: String,
    },
    /// The secret is neither one text nor the object of two that a rotation writes.
    #[error(
        "the sealing secret is neither a key nor a rotation's two; put its last version back, and never write it by hand"
    )]
    SecretMalformed,
    /// It is damaged, or it was sealed for another user, connection or purpose. Never use it.
    #[error(
        "this sealed text is damaged, or was sealed for another user, connection or purpose; do not use it, let the user connect again"
    )]
    NotOfThisRow,
    /// No keys are at hand yet.
    #[error("the sealing key was not read yet; the log of this function tells why")]
    NoKeys,
    /// It is no sealed text at all.
    #[error("this is no sealed text; do not use it, let the user connect again")]
    Malformed,
}

/// Seals and opens. Make it once.
pub struct Sealer {
    current: SealingKey,
    other: Option<SealingKey>,
}

struct SealingKey {
    id: [u8; KEY_ID_BYTES],
    cipher: Aes256Gcm,
}

impl Sealer {
    /// Derives the keys.
    pub fn new(keys: &SealingKeys) -> Result<Self, SealError> {
        let other = keys.other.as_ref().map(SealingKey::derive).transpose()?;
        Ok(Self { current: SealingKey::derive(&keys.current)?, other })
    }

    /// Seals a secret of a user's connection, with the current key.
    pub fn seal(
        &self,
        secret: &Secret,
        purpose: Purpose,
        user_id: &UserId,
        connection_id: &ConnectionId,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce);
        let bound = bound_to(purpose, user_id, connection_id);
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &bound };
        // Only a text of more than 64 GB cannot be sealed.
        let ciphertext = self.current.cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| SealError::Malformed)?;
        Ok(Sealed(STANDARD.encode([&self.current.id[..], &nonce, &ciphertext].concat())))
    }

    /// Opens what was sealed as exactly this, with the current key or the other one.
    pub fn open(
        &self,
        sealed: &Sealed,
        purpose: Purpose,
        user_id: &UserId,
        connection_id: &ConnectionId,
    ) -> Result<Secret, SealError> {
        let (key_id, nonce, ciphertext) = parts_of(sealed)?;
        let key = self.key(key_id)?;
        let bound = bound_to(purpose, user_id, connection_id);
        let payload = Payload { msg: &ciphertext, aad: &bound };
        let plain = key.cipher.decrypt(&Nonce::from(nonce), payload).map_err(|_| SealError::NotOfThisRow)?;
        match String::from_utf8(plain) {
            Ok(text) => Ok(Secret::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                Err(SealError::Malformed)
            }
        }
    }

    /// Whether the current key sealed it; if not, seal it again at the next occasion, so that the other key can go.
    #[must_use]
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        parts_of(sealed).is_ok_and(|(key_id, ..)| key_id == self.current.id)
    }

    fn key(&self, id: [u8; KEY_ID_BYTES]) -> Result<&SealingKey, SealError> {
        let at_hand = || [Some(&self.current), self.other.as_ref()].into_iter().flatten();
        at_hand().find(|key| key.id == id).ok_or_else(|| SealError::KeyMissing {
            needed: hex::encode(id),
            at_hand: at_hand().map(|key| hex::encode(key.id)).collect::<Vec<_>>().join(" and "),
        })
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Sealer({})", hex::encode(self.current.id))
    }
}

impl SealingKey {
    fn derive(secret: &Secret) -> Result<Self, SealError> {
        let characters = secret.expose().chars().count();
        let too_short = SealError::SecretTooShort { characters };
        if characters < SEALING_SECRET_CHARACTERS_MIN {
            return Err(too_short);
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        // Neither call can fail at these lengths.
        Hkdf::<Sha256>::new(Some(SCHEME.as_bytes()), secret.expose().as_bytes())
            .expand(b"aes-256-gcm", &mut *key)
            .map_err(|_| too_short.clone())?;
        let cipher = Aes256Gcm::new_from_slice(&*key).map_err(|_| too_short)?;
        let digest = Sha256::digest(key.as_slice());
        Ok(Self { id: [digest[0], digest[1], digest[2], digest[3]], cipher })
    }
}

/// The associated data: each part behind its length, so that no two rows and purposes share it.
fn bound_to(purpose: Purpose, user_id: &UserId, connection_id: &ConnectionId) -> Vec<u8> {
    let mut bound = Vec::new();
    for part in [SCHEME, purpose.as_str(), user_id.as_str(), connection_id.as_str()] {
        bound.extend((part.len() as u64).to_be_bytes());
        bound.extend(part.as_bytes());
    }
    bound
}

type Parts = ([u8; KEY_ID_BYTES], [u8; NONCE_BYTES], Vec<u8>);

fn parts_of(sealed: &Sealed) -> Result<Parts, SealError> {
    let bytes = STANDARD.decode(&sealed.0).map_err(|_| SealError::Malformed)?;
    let (key_id, rest) = bytes.split_first_chunk().ok_or(SealError::Malformed)?;
    let (nonce, ciphertext) = rest.split_first_chunk().ok_or(SealError::Malformed)?;
    if ciphertext.len() < TAG_BYTES {
        return Err(SealError::Malformed);
    }
    Ok((*key_id, *nonce, ciphertext.to_vec()))
}
