//! Who is known to the broker: consumers, users, and the tokens that tie them.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Entropy;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys::{DhParameters, PublicKey};

/// The one consumer that IBKR publishes for tests.
pub(crate) const TEST_CONSUMER: &str = "TESTCONS";
/// Letters of every other consumer key.
const CONSUMER_KEY_LENGTH: usize = 9;
/// Consumers, users, request tokens and access tokens kept, each.
const ENTRIES_MAX: usize = 10_000;
/// Nonces remembered; the oldest are forgotten first.
const NONCES_MAX: usize = 200_000;
/// A nonce is remembered for this long: twice the span of acceptable timestamps.
const NONCE_MEMORY_SECONDS: i64 = 660;

/// What a vendor hands in to become a consumer (section 10 of the facts).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerRegistration {
    /// Nine upper-case letters or digits; or `TESTCONS`.
    pub consumer_key: String,
    /// `public_signature.pem`.
    pub public_signature_pem: String,
    /// `public_encryption.pem`.
    pub public_encryption_pem: String,
    /// `dhparam.pem`.
    pub dhparam_pem: String,
    /// Where the consent page sends the browser.
    pub callback_url: String,
    /// A first party may not ask for request tokens. Default: false.
    #[serde(default)]
    pub first_party: bool,
    /// A key that is not active yet is answered as unknown. Default: true.
    #[serde(default = "yes")]
    pub active: bool,
}

/// A username at the broker, with its accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The login name.
    pub username: String,
    /// Whether it is a paper username; then, and only then, every account id starts with `DU`.
    pub paper: bool,
    /// Account ids, the first is the default.
    pub accounts: Vec<String>,
}

/// What a first party reads once on the portal, and what the consent flow ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessGrant {
    /// 20 hexadecimal digits.
    pub access_token: String,
    /// The secret, encrypted with the consumer's public encryption key, in base64.
    pub access_token_secret: String,
    /// Whether the user is a paper user.
    pub is_paper: bool,
}

/// Why a registration was refused. Correct the named field and register again.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The consumer key's form.
    #[error("the consumer key {0:?} is neither TESTCONS nor nine upper-case letters or digits: choose another")]
    ConsumerKey(String),
    /// A PEM that cannot be read.
    #[error("{0} cannot be read as a PEM of its kind (RSA keys of 2048 bits or more): make it again with openssl")]
    Pem(&'static str),
    /// An account id of the wrong kind.
    #[error(
        "account {0:?} does not fit: accounts of paper usernames start with DU, others do not, and each user has one at least"
    )]
    Account(String),
    /// A name that nobody registered.
    #[error("{0:?} is not registered: register it first")]
    Unknown(String),
    /// The broker holds as much as it can.
    #[error("the paper broker is full: restart it")]
    Full,
}

pub(crate) struct Consumer {
    pub(crate) signature_key: PublicKey,
    pub(crate) encryption_key: PublicKey,
    pub(crate) dh: DhParameters,
    pub(crate) callback_url: String,
    pub(crate) first_party: bool,
    pub(crate) active: bool,
}

pub(crate) struct RequestToken {
    pub(crate) consumer_key: String,
    pub(crate) expires_at: Timestamp,
    /// The username and the verifier, once the user has approved.
    pub(crate) approval: Option<(String, String)>,
}

pub(crate) struct LiveToken {
    pub(crate) key: Vec<u8>,
    pub(crate) expires_at: Timestamp,
    /// Answers 410 until a new one is made.
    pub(crate) gone: bool,
    pub(crate) portfolio_accounts_read: bool,
}

pub(crate) struct Access {
    pub(crate) consumer_key: String,
    pub(crate) username: String,
    pub(crate) secret: [u8; 32],
    pub(crate) loss: Option<TokenLoss>,
    pub(crate) live: Option<LiveToken>,
}

/// The secrets that the broker and one consumer share about a user, for whoever proves that they leak nowhere. It has no
/// `Debug`, so that a failing test does not print them.
pub struct IssuedSecrets {
    /// The access token.
    pub access_token: String,
    /// Its secret, opened.
    pub access_token_secret: Vec<u8>,
    /// The present live session token.
    pub live_session_token: Option<Vec<u8>>,
}

/// How an access token stopped working.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenLoss {
    /// The user took the consent back.
    Revoked,
    /// The broker lost the secret (as in June 2025).
    SecretLost,
}

#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) consumers: BTreeMap<String, Consumer>,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) request_tokens: HashMap<String, RequestToken>,
    pub(crate) access: BTreeMap<String, Access>,
    nonces: HashSet<String>,
    nonce_ages: VecDeque<(i64, String)>,
}

impl Registry {
    pub(crate) fn register_consumer(&mut self, registration: &ConsumerRegistration) -> Result<(), RegistrationError> {
        let key = &registration.consumer_key;
        let well_formed =
            key.len() == CONSUMER_KEY_LENGTH && key.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if key != TEST_CONSUMER && !well_formed {
            return Err(RegistrationError::ConsumerKey(key.clone()));
        }
        if self.consumers.len() >= ENTRIES_MAX {
            return Err(RegistrationError::Full);
        }
        let read_key = |pem: &str, field| PublicKey::from_pem(pem).ok_or(RegistrationError::Pem(field));
        let consumer = Consumer {
            signature_key: read_key(&registration.public_signature_pem, "public_signature_pem")?,
            encryption_key: read_key(&registration.public_encryption_pem, "public_encryption_pem")?,
            dh: DhParameters::from_pem(&registration.dhparam_pem).ok_or(RegistrationError::Pem("dhparam_pem"))?,
            callback_url: registration.callback_url.clone(),
            first_party: registration.first_party,
            active: registration.active,
        };
        self.consumers.insert(key.clone(), consumer);
        Ok(())
    }

    pub(crate) fn register_user(&mut self, user: User) -> Result<(), RegistrationError> {
        if let Some(account) = user.accounts.iter().find(|account| account.starts_with("DU") != user.paper) {
            return Err(RegistrationError::Account(account.clone()));
        }
        if user.accounts.is_empty() {
            return Err(RegistrationError::Account(String::new()));
        }
        if self.users.len() >= ENTRIES_MAX {
            return Err(RegistrationError::Full);
        }
        self.users.insert(user.username.clone(), user);
        Ok(())
    }

    /// A new access token for a user, with its secret encrypted for the consumer.
    pub(crate) fn grant(
        &mut self,
        consumer_key: &str,
        username: &str,
        entropy: &dyn Entropy,
    ) -> Result<AccessGrant, RegistrationError> {
        let unknown = |name: &str| RegistrationError::Unknown(name.to_owned());
        let consumer = self.consumers.get(consumer_key).ok_or_else(|| unknown(consumer_key))?;
        let user = self.users.get(username).ok_or_else(|| unknown(username))?;
        if self.access.len() >= ENTRIES_MAX {
            return Err(RegistrationError::Full);
        }
        let mut secret = [0_u8; 32];
        entropy.fill(&mut secret);
        let grant = AccessGrant {
            access_token: random_hex(entropy, 10),
            access_token_secret: STANDARD.encode(consumer.encryption_key.encrypt(&secret, entropy)),
            is_paper: user.paper,
        };
        let (consumer_key, username) = (consumer_key.to_owned(), username.to_owned());
        self.access
            .insert(grant.access_token.clone(), Access { consumer_key, username, secret, loss: None, live: None });
        Ok(grant)
    }

    /// Room for one more request token: those that expired go first.
    pub(crate) fn add_request_token(&mut self, token: String, entry: RequestToken, now: Timestamp) {
        self.request_tokens.retain(|_, kept| kept.expires_at > now);
        if self.request_tokens.len() < ENTRIES_MAX {
            self.request_tokens.insert(token, entry);
        }
    }

    /// Whether this nonce is new for its consumer and token; it is not new a second time.
    pub(crate) fn take_nonce(&mut self, consumer_key: &str, token: &str, nonce: &str, now: Timestamp) -> bool {
        let oldest = now.as_second() - NONCE_MEMORY_SECONDS;
        while self.nonce_ages.len() >= NONCES_MAX || self.nonce_ages.front().is_some_and(|(at, _)| *at < oldest) {
            if let Some((_, forgotten)) = self.nonce_ages.pop_front() {
                self.nonces.remove(&forgotten);
            }
        }
        let entry = format!("{consumer_key} {token} {nonce}");
        let new = self.nonces.insert(entry.clone());
        if new {
            self.nonce_ages.push_back((now.as_second(), entry));
        }
        new
    }
}

/// `bytes` random bytes in lower-case hexadecimal.
pub(crate) fn random_hex(entropy: &dyn Entropy, bytes: usize) -> String {
    let mut random = vec![0_u8; bytes];
    entropy.fill(&mut random);
    hex::encode(random)
}

fn yes() -> bool {
    true
}
