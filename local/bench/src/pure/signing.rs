//! Signing: the header of an order, and a live session token.

use serde_json::Value;
use signing::{
    AccessTokenSecret, BaseString, DiffieHellmanParameters, DiffieHellmanRandom, LiveSessionToken, Parameters,
    QuerySigning, SignatureKey, UnprovedLiveSessionToken, authorization_header,
};
use url::Url;

use super::Unusable;

/// Vectors that other libraries computed, among them values that begin with a zero byte.
const VECTORS: &str = include_str!("../../../../shared/signing/tests/vectors/independent.json");
const SIGNATURE_KEY: &str = include_str!("../../../simulation/keys/private_signature.pem");
const ORDERS_URL: &str = "https://api.ibkr.com/v1/api/iserver/account/DU0000001/orders";
const TOKEN_URL: &str = "https://api.ibkr.com/v1/api/oauth/live_session_token";
const NONCE: &str = "fd3a55a1d9b24e0ea8d0e4c3a3b2c1d0";

/// The header of a request that a live session token signs.
#[derive(Debug)]
pub struct HeaderCase {
    token: LiveSessionToken,
    url: Url,
}

impl HeaderCase {
    /// The request that places an order.
    ///
    /// # Errors
    /// Never, while the address is one.
    pub fn new() -> Result<Self, Unusable> {
        Ok(Self { token: LiveSessionToken::from_stored([7; LiveSessionToken::BYTES]), url: ORDERS_URL.parse()? })
    }

    /// What is signed.
    #[must_use]
    pub fn base_string(&self) -> BaseString {
        BaseString::new("POST", &self.url, QuerySigning::Omit, &parameters("HMAC-SHA256"), &[])
    }

    /// The whole header.
    #[must_use]
    pub fn header(&self) -> String {
        let signature = self.token.sign(&self.base_string());
        authorization_header("limited_poa", &parameters("HMAC-SHA256"), &signature)
    }
}

/// One live session token: the signed request, both powers of the key exchange, the derivation and the proof.
#[derive(Debug)]
pub struct TokenCase {
    /// What is special about its numbers.
    pub name: String,
    key: SignatureKey,
    group: DiffieHellmanParameters,
    random: DiffieHellmanRandom,
    secret: Vec<u8>,
    response: String,
    consumer_key: String,
    proof: String,
    url: Url,
}

impl TokenCase {
    /// Every case of the vectors.
    ///
    /// # Errors
    /// When a vector cannot be read.
    pub fn all() -> Result<Vec<Self>, Unusable> {
        let vectors: Value = serde_json::from_str(VECTORS)?;
        vectors["live_session_tokens"].as_array().into_iter().flatten().map(Self::of).collect()
    }

    fn of(vector: &Value) -> Result<Self, Unusable> {
        let text = |field: &str| vector[field].as_str().unwrap_or_default();
        let random = hex::decode(text("dh_random"))?;
        let mut bytes = [0; DiffieHellmanRandom::BYTES];
        bytes[DiffieHellmanRandom::BYTES.saturating_sub(random.len())..].copy_from_slice(&random);
        Ok(Self {
            name: text("name").to_owned(),
            key: SignatureKey::from_pem(SIGNATURE_KEY)?,
            group: DiffieHellmanParameters::from_big_endian(&hex::decode(text("dh_prime"))?, &[2])?,
            random: DiffieHellmanRandom::from_bytes(bytes)?,
            secret: hex::decode(text("decrypted_secret_hex"))?,
            response: text("diffie_hellman_response").to_owned(),
            consumer_key: text("consumer_key").to_owned(),
            proof: text("live_session_token_signature").to_owned(),
            url: TOKEN_URL.parse()?,
        })
    }

    /// The signature of the request, alone.
    ///
    /// # Errors
    /// When the key's numbers do not fit together.
    pub fn sign(&self) -> Result<String, Unusable> {
        let parameters = parameters("RSA-SHA256").with("diffie_hellman_challenge", self.group.challenge(&self.random));
        let base = BaseString::new("POST", &self.url, QuerySigning::Omit, &parameters, &[]);
        let secret = AccessTokenSecret::from_bytes(self.secret.clone());
        Ok(self.key.sign(&base.after_secret(&secret))?)
    }

    /// All of it.
    ///
    /// # Errors
    /// When the token is not the vector's.
    pub fn make(&self) -> Result<LiveSessionToken, Unusable> {
        self.sign()?;
        let shared = self.group.shared_secret(&self.random, &self.response)?;
        let token = UnprovedLiveSessionToken::derive(&shared, &AccessTokenSecret::from_bytes(self.secret.clone()));
        Ok(token.prove(&self.consumer_key, &self.proof)?)
    }
}

fn parameters(method: &str) -> Parameters {
    Parameters::default()
        .with("oauth_consumer_key", "BENCHKEYS")
        .with("oauth_nonce", NONCE)
        .with("oauth_signature_method", method)
        .with("oauth_timestamp", "1764081274")
        .with("oauth_token", "e2f5b3a1c7d94f60")
}
