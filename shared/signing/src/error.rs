//! What can be wrong with keys, parameters and answers, and what to do about it.

/// A key, a parameter or a value from the broker that cannot be used. None of these goes away by trying again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The text holds no `-----BEGIN …-----` block.
    #[error(
        "{what} is not PEM text: no `-----BEGIN …-----` line with its `-----END …-----` was found; give the file as openssl wrote it"
    )]
    NotPem {
        /// The field or file, by the name under which the operator knows it.
        what: &'static str,
    },
    /// The PEM block's label is one that cannot be used here.
    #[error("{what} holds a `{label}` block, {means}; a {wanted} is needed here")]
    WrongLabel {
        /// The field or file.
        what: &'static str,
        /// The label found.
        label: String,
        /// What such a block is.
        means: &'static str,
        /// What is needed instead.
        wanted: &'static str,
    },
    /// The text is something else, which can be named.
    #[error("{what} {is}; {fix}")]
    Other {
        /// The field or file.
        what: &'static str,
        /// What it is; never a piece of it.
        is: String,
        /// What to do.
        fix: &'static str,
    },
    /// A private key under a passphrase.
    #[error(
        "{what} is encrypted with a passphrase, which nobody can type here; write it without one: `openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW`"
    )]
    KeyEncrypted {
        /// The field or file.
        what: &'static str,
    },
    /// The block's contents are not what its label says.
    #[error("{what} cannot be read ({why}); make it again with openssl on Linux, or copy it whole")]
    Unreadable {
        /// The field or file.
        what: &'static str,
        /// What the decoder met; never key material.
        why: String,
    },
    /// A number of a size that is unsafe, or absurdly slow.
    #[error("{what} has {bits} bits; from {least} to {most} are accepted, and the broker asks for 2048")]
    Size {
        /// The field or file.
        what: &'static str,
        /// Bits found.
        bits: u32,
        /// Fewest bits accepted.
        least: u32,
        /// Most bits accepted.
        most: u32,
    },
    /// Diffie-Hellman parameters that are no group.
    #[error("dhparam_pem is not usable: {why}; use the very file that was uploaded to the broker")]
    NoGroup {
        /// Which rule it breaks.
        why: &'static str,
    },
    /// The random exponent was zero.
    #[error("the Diffie-Hellman random number is zero: the source of randomness is broken")]
    RandomIsZero,
    /// The broker's half of the exchange is not a number of the group.
    #[error(
        "the broker's diffie_hellman_response is not usable: {why}; ask for another live session token, and compare dhparam_pem with the uploaded file if it happens again"
    )]
    Response {
        /// Which rule it breaks.
        why: &'static str,
    },
    /// The access token secret is not what this key could have sealed.
    #[error(
        "the access token secret cannot be opened: {why}; it was copied badly, or it belongs to an encryption key of another size"
    )]
    Secret {
        /// Which rule it breaks.
        why: &'static str,
    },
    /// The RSA operation itself failed.
    #[error("the RSA operation failed with {what}: the key's numbers do not fit together")]
    Rsa {
        /// The field or file.
        what: &'static str,
    },
}

/// The broker's proof does not fit the live session token that was derived here.
///
/// Opening a secret with the wrong key gives other bytes, not an error (PKCS#1 v1.5 with implicit rejection,
/// draft-irtf-cfrg-rsa-guidance), so this is where a wrong key may show first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the live session token could not be proved: the broker's signature over the consumer key is not the one derived here. \
     Likely causes, in order: dhparam_pem holds another prime than the uploaded file; private_encryption_pem is not the \
     pair of the uploaded public_encryption.pem (a secret opened with the wrong key gives other bytes, not an error); \
     consumer_key is not exactly the broker's. Compare the public keys and the prime with what was uploaded"
)]
pub struct ProofFailed;
