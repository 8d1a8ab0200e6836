//! The consumer's two RSA keys. Each has its own type, because swapping them is the likeliest mistake.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, DecodeRsaPublicKey as _, EncodeRsaPrivateKey as _};
use rsa::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _, LineEnding, PrivateKeyInfoRef,
    SubjectPublicKeyInfoRef,
};
use rsa::traits::PublicKeyParts as _;
use rsa::{PrivateKey, PublicKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::blinding::BlindingStream;
use crate::pem::{self, Wanted};
use crate::{AccessTokenSecret, BaseString, SigningError};

/// Smallest modulus accepted, bits (NIST SP 800-131A); the broker asks for this very size.
const MODULUS_BITS_MIN: u32 = 2048;
/// Largest modulus accepted, bits: beyond it one signature takes longer than a request.
const MODULUS_BITS_MAX: u32 = 4096;
const PRIVATE: Wanted = Wanted { labels: &["PRIVATE KEY", "RSA PRIVATE KEY"], name: "private RSA key" };
const PUBLIC: Wanted = Wanted { labels: &["PUBLIC KEY", "RSA PUBLIC KEY"], name: "public RSA key" };

/// The key that signs the OAuth steps (`private_signature.pem`).
#[derive(Clone)]
pub struct SignatureKey(Key);

impl SignatureKey {
    const FIELD: &str = "private_signature_pem";

    /// Reads a private key in PKCS#1 or PKCS#8.
    ///
    /// # Errors
    /// A [`SigningError`] that names the field and what is wrong with it.
    pub fn from_pem(text: &str) -> Result<Self, SigningError> {
        Key::from_pem(Self::FIELD, text).map(Self)
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over the base string, in base64.
    ///
    /// # Errors
    /// [`SigningError::Rsa`] if the key's numbers do not fit together.
    pub fn sign(&self, base: &BaseString) -> Result<String, SigningError> {
        let digest = Sha256::digest(base.expose());
        let mut blinding = BlindingStream::new(&self.0.blinding_seed, &digest);
        self.0
            .private
            .pkcs1v15_sign_prehash_with_rng::<Sha256, _>(&mut blinding, &digest)
            .map(|signature| STANDARD.encode(signature))
            .map_err(|_| SigningError::Rsa { what: Self::FIELD })
    }

    /// SHA-256 of the public key (DER of its SPKI), lower-case hex: to compare with the uploaded file.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// The public half as `openssl rsa -pubout` writes it: what IBKR is sent.
    ///
    /// # Errors
    /// [`SigningError::Rsa`] if it cannot be written.
    pub fn public_pem(&self) -> Result<String, SigningError> {
        self.0.public_pem(Self::FIELD)
    }

    /// Size of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.0.private.n().bit_width_vartime()
    }
}

/// The key that opens access token secrets (`private_encryption.pem`). Only the completion of a connection needs it.
#[derive(Clone)]
pub struct EncryptionKey(Key);

impl EncryptionKey {
    const FIELD: &str = "private_encryption_pem";

    /// Reads a private key in PKCS#1 or PKCS#8.
    ///
    /// # Errors
    /// A [`SigningError`] that names the field and what is wrong with it.
    pub fn from_pem(text: &str) -> Result<Self, SigningError> {
        Key::from_pem(Self::FIELD, text).map(Self)
    }

    /// Opens the access token secret, base64 of an RSAES-PKCS1-v1_5 ciphertext.
    ///
    /// A secret that was sealed for another key opens without an error, to bytes that mean nothing (implicit rejection,
    /// draft-irtf-cfrg-rsa-guidance section 7.2): only the proof of a live session token tells.
    ///
    /// # Errors
    /// [`SigningError::Secret`] if it is not base64, or not as long as the key's modulus.
    pub fn open(&self, sealed_base64: &str) -> Result<AccessTokenSecret, SigningError> {
        let packed: String = sealed_base64.split_whitespace().collect();
        let sealed = STANDARD.decode(&packed).map_err(|_| SigningError::Secret { why: no_base64(&packed) })?;
        if sealed.len() != self.0.private.size() {
            return Err(SigningError::Secret { why: "it is not as long as the encryption key's modulus" });
        }
        let mut blinding = BlindingStream::new(&self.0.blinding_seed, &sealed);
        self.0
            .private
            .pkcs1v15_decrypt_with_rng(&mut blinding, &sealed)
            .map(AccessTokenSecret::from_bytes)
            .map_err(|_| SigningError::Secret { why: "its number is larger than the encryption key's modulus" })
    }

    /// SHA-256 of the public key (DER of its SPKI), lower-case hex: to compare with the uploaded file.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// The public half as `openssl rsa -pubout` writes it: what IBKR is sent.
    ///
    /// # Errors
    /// [`SigningError::Rsa`] if it cannot be written.
    pub fn public_pem(&self) -> Result<String, SigningError> {
        self.0.public_pem(Self::FIELD)
    }

    /// Size of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.0.private.n().bit_width_vartime()
    }
}

/// What a secret is that is no base64.
fn no_base64(packed: &str) -> &'static str {
    let has = |letters: &[char]| packed.contains(letters);
    if packed.is_empty() {
        "it is empty"
    } else if has(&['%']) {
        "it is percent-encoded, and base64 is needed"
    } else if packed.starts_with("b'") || has(&['"', '\'']) {
        "it stands in quotes of its own, as Python prints bytes"
    } else if has(&['-', '_']) && !has(&['+', '/']) {
        "it is base64 with the letters `-` and `_` of addresses, and `+` and `/` are needed"
    } else if !packed.len().is_multiple_of(4) {
        "it is not base64: characters are missing (a `=` at its end, or a `+` that became a space)"
    } else {
        "it is not base64"
    }
}

/// The fingerprint of a public key's PEM file, comparable with those of the private keys.
///
/// # Errors
/// A [`SigningError`] that names `what` and what is wrong with it.
pub fn public_key_fingerprint(what: &'static str, text: &str) -> Result<String, SigningError> {
    let der = pem::read(what, text, PUBLIC)?;
    // The bytes tell which of the two forms it is: the label may have been written by hand.
    match PublicKey::from_public_key_der(&der) {
        Ok(key) => fingerprint(what, &key),
        Err(error) => match PublicKey::from_pkcs1_der(&der) {
            Ok(key) => fingerprint(what, &key),
            Err(_) => Err(not_rsa(what, &der, error.to_string())),
        },
    }
}

/// What is no RSA key: of which other kind it is, where it says so.
fn not_rsa(what: &'static str, der: &[u8], why: String) -> SigningError {
    let private = PrivateKeyInfoRef::try_from(der).map(|key| key.algorithm.oid);
    let Ok(oid) = private.or_else(|_| SubjectPublicKeyInfoRef::try_from(der).map(|key| key.algorithm.oid)) else {
        return SigningError::Unreadable { what, why };
    };
    let kind = match oid.to_string().as_str() {
        "1.2.840.10045.2.1" => "an elliptic-curve key",
        "1.3.101.110" | "1.3.101.111" | "1.3.101.112" | "1.3.101.113" => "a key of Ed25519, X25519 or their kin",
        "1.2.840.10040.4.1" => "a DSA key",
        "1.2.840.113549.1.1.10" => "an RSA key that is bound to PSS signatures",
        "1.2.840.113549.1.3.1" | "1.2.840.10046.2.1" => "a Diffie-Hellman key",
        _ => return SigningError::Unreadable { what, why },
    };
    let fix =
        "IBKR takes plain RSA keys alone: make one with `openssl genrsa 2048`, or both with `courier keys generate`";
    SigningError::Other { what, is: format!("is {kind}"), fix }
}

#[derive(Clone)]
struct Key {
    private: PrivateKey,
    blinding_seed: Zeroizing<[u8; 32]>,
    fingerprint: String,
}

impl Key {
    fn from_pem(what: &'static str, text: &str) -> Result<Self, SigningError> {
        let der = pem::read(what, text, PRIVATE)?;
        let key = match PrivateKey::from_pkcs8_der(&der) {
            Ok(key) => key,
            Err(error) => PrivateKey::from_pkcs1_der(&der).map_err(|_| not_rsa(what, &der, error.to_string()))?,
        };
        let bits = key.n().bit_width_vartime();
        if !(MODULUS_BITS_MIN..=MODULUS_BITS_MAX).contains(&bits) {
            return Err(SigningError::Size { what, bits, least: MODULUS_BITS_MIN, most: MODULUS_BITS_MAX });
        }
        let der = key.to_pkcs1_der().map_err(|_| SigningError::Rsa { what })?;
        let blinding_seed = Zeroizing::new(Sha256::digest(der.as_bytes()).into());
        let fingerprint = fingerprint(what, key.as_public_key())?;
        Ok(Self { private: key, blinding_seed, fingerprint })
    }

    fn public_pem(&self, what: &'static str) -> Result<String, SigningError> {
        self.private.as_public_key().to_public_key_pem(LineEnding::LF).map_err(|_| SigningError::Rsa { what })
    }
}

fn fingerprint(what: &'static str, key: &PublicKey) -> Result<String, SigningError> {
    let der = key.to_public_key_der().map_err(|_| SigningError::Rsa { what })?;
    Ok(hex::encode(Sha256::digest(der.as_bytes())))
}

impl fmt::Debug for SignatureKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SignatureKey(redacted, public key {})", self.fingerprint())
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EncryptionKey(redacted, public key {})", self.fingerprint())
    }
}
