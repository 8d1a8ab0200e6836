//! A consumer's keys, as a vendor makes them for IBKR with openssl: made anew for each local stack.

use paper_broker::ConsumerRegistration;
use serde_json::{Value, json};

use crate::error::CourierError;
use crate::key_pair::KeyPair;

/// Nine letters, as IBKR's are.
const CONSUMER_KEY: &str = "LOCALDEMO";
/// The 2048-bit group of RFC 3526 (group 14), generator 2. A vendor makes a prime of their own; finding a safe prime takes a
/// minute, and adds nothing on one machine.
const DIFFIE_HELLMAN_PARAMETERS: &str = include_str!("dhparam.pem");

/// The keys of the local consumer. Not `Debug`: they are private.
pub(crate) struct ConsumerKeys {
    signature: KeyPair,
    encryption: KeyPair,
}

impl ConsumerKeys {
    /// Makes both pairs.
    pub(crate) async fn make() -> Result<Self, CourierError> {
        let [signature, encryption] = KeyPair::make_two().await?;
        Ok(Self { signature, encryption })
    }

    /// What the operator puts at `ConsumerSecretArn` (contract: Stack).
    pub(crate) fn secret(&self) -> Value {
        json!({
            "consumer_key": CONSUMER_KEY,
            "private_signature_pem": self.signature.private_pem,
            "private_encryption_pem": self.encryption.private_pem,
            "dhparam_pem": DIFFIE_HELLMAN_PARAMETERS,
        })
    }

    /// What the vendor hands in at the broker.
    pub(crate) fn registration(&self, callback_url: String) -> ConsumerRegistration {
        ConsumerRegistration {
            consumer_key: CONSUMER_KEY.to_owned(),
            public_signature_pem: self.signature.public_pem.clone(),
            public_encryption_pem: self.encryption.public_pem.clone(),
            dhparam_pem: DIFFIE_HELLMAN_PARAMETERS.to_owned(),
            callback_url,
            first_party: false,
            active: true,
        }
    }

    /// The private keys' PEM, for whoever proves that no line of it is in a log.
    pub(crate) fn private_pems(&self) -> [(&'static str, &str); 2] {
        [
            ("private signature key", &self.signature.private_pem),
            ("private encryption key", &self.encryption.private_pem),
        ]
    }
}
