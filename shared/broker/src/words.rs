//! The words of the three-legged flow, each a type of its own.

use std::fmt;

use domain::Secret;

/// Longest token or verifier accepted, characters; the broker's have 20.
const TOKEN_CHARACTERS_MAX: usize = 128;
/// Longest consumer key or realm accepted, characters; real keys have 9.
const KEY_CHARACTERS_MAX: usize = 64;

/// A text that cannot be what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be 1 to {most} letters, digits, `-`, `.`, `_` or `~`")]
pub struct InvalidWord {
    what: &'static str,
    most: usize,
}

/// Who asks: the consumer key that the broker gave the operator, and the realm that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerIdentity {
    key: String,
    realm: String,
}

impl ConsumerIdentity {
    /// Takes key and realm; without a realm `test_realm` for `TESTCONS`, else `limited_poa`.
    ///
    /// # Errors
    /// [`InvalidWord`] if either is empty or cannot stand in a header.
    pub fn new(key: &str, realm: Option<&str>) -> Result<Self, InvalidWord> {
        let realm = realm.unwrap_or_else(|| signing::default_realm(key));
        Ok(Self {
            key: checked("the consumer key", key, KEY_CHARACTERS_MAX)?,
            realm: checked("the realm", realm, KEY_CHARACTERS_MAX)?,
        })
    }

    /// The consumer key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }
}

macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Secret);

        impl $name {
            /// Takes the text.
            ///
            /// # Errors
            /// [`InvalidWord`] if it is empty, too long, or holds what a token never holds.
            pub fn new(text: &str) -> Result<Self, InvalidWord> {
                checked($what, text, TOKEN_CHARACTERS_MAX).map(|text| Self(Secret::new(text)))
            }

            /// The text.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    };
}

token!(
    /// The request token: names one attempt of one user to connect. Single use.
    RequestToken, "the request token"
);
token!(
    /// The verifier that the broker hands to the browser after consent. Single use.
    Verifier, "the verifier"
);
token!(
    /// The access token: names one user's consent, until they revoke it.
    AccessToken, "the access token"
);

fn checked(what: &'static str, text: &str, most: usize) -> Result<String, InvalidWord> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if text.is_empty() || text.len() > most || !text.bytes().all(allowed) {
        return Err(InvalidWord { what, most });
    }
    Ok(text.to_owned())
}
