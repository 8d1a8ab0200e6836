//! A consumer's keys, as a vendor makes them for IBKR with openssl: made anew for each local stack.

use getrandom::SysRng;
use paper_broker::ConsumerRegistration;
use rsa::PrivateKey;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::UnwrapErr;
use serde_json::{Value, json};

use crate::error::CourierError;

/// Nine letters, as IBKR's are.
const CONSUMER_KEY: &str = "LOCALDEMO";
const KEY_BITS: usize = 2_048;
/// The 2048-bit group of RFC 3526 (group 14), generator 2. A vendor makes a prime of their own; finding a safe prime takes a
/// minute, and adds nothing on one machine.
const DIFFIE_HELLMAN_PARAMETERS: &str = include_str!("dhparam.pem");

/// The keys of the local consumer. Not `Debug`: they are private.
pub(crate) struct ConsumerKeys {
    signature: KeyPair,
    encryption: KeyPair,
}

struct KeyPair {
    private_pem: String,
    public_pem: String,
}

impl ConsumerKeys {
    /// Makes both pairs, on threads of their own.
    pub(crate) async fn make() -> Result<Self, CourierError> {
        let [signature, encryption] = [(); 2].map(|()| tokio::task::spawn_blocking(KeyPair::make));
        Ok(Self { signature: signature.await.map_err(failed)??, encryption: encryption.await.map_err(failed)?? })
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

impl KeyPair {
    fn make() -> Result<Self, CourierError> {
        let key = PrivateKey::new(&mut UnwrapErr(SysRng), KEY_BITS).map_err(failed)?;
        Ok(Self {
            private_pem: key.to_pkcs8_pem(LineEnding::LF).map_err(failed)?.to_string(),
            public_pem: key.to_public_key().to_public_key_pem(LineEnding::LF).map_err(failed)?,
        })
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> CourierError {
    CourierError::Machine { doing: "making the consumer's keys", source: error.into() }
}
