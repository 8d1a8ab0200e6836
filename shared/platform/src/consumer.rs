//! The consumer's secret: what the operator filled in at `ConsumerSecretArn` (contract: Stack).

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use broker::{
    Api, Consumer, ConsumerIdentity, DiffieHellmanParameters, EncryptionKey, InvalidWord, SignatureKey, SigningError,
};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::{Zeroize, Zeroizing};

/// How long a secret that was read is used before it is read again: an operator's change acts within this time.
const READ_AGAIN_AFTER: Duration = Duration::from_mins(5);

/// Reads the consumer's secret when it is first needed, and again from time to time.
#[derive(Debug)]
pub struct ConsumerSource {
    client: Client,
    arn: String,
    encryption_key: Wanted,
    api: Api,
    loaded: Mutex<Option<(Instant, Arc<LoadedConsumer>)>>,
}

/// Whether the key that opens access token secrets is loaded.
#[derive(Debug)]
enum Wanted {
    No,
    Yes {
        /// The secret that holds it alone, where the consumer's secret leaves it out.
        own_arn: Option<String>,
    },
}

/// A consumer with its keys, ready to use.
#[derive(Debug)]
pub struct LoadedConsumer {
    /// The consumer, with its signature key.
    pub consumer: Consumer,
    /// The key that opens access token secrets; for who wants it ([`ConsumerSource::with_encryption_key`]).
    pub encryption_key: Option<EncryptionKey>,
}

/// Why there is no consumer.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// Nobody has filled the secret.
    #[error(
        "the consumer's secret {arn} is empty: fill it with the JSON object that README.md shows (consumer_key, private_signature_pem, private_encryption_pem, dhparam_pem)"
    )]
    Empty {
        /// The secret.
        arn: String,
    },
    /// The secret is not what it should be. The message names fields, never their content.
    #[error(
        "the consumer's secret {arn} cannot be used: {problem}. Correct it (README.md shows its form); it is read again within five minutes"
    )]
    Malformed {
        /// The secret.
        arn: String,
        /// What is wrong.
        problem: String,
    },
    /// Secrets Manager did not give it.
    #[error(
        "the consumer's secret {arn} was not read; check that the function's role in infra/template.yaml may read it"
    )]
    Unavailable {
        /// The secret.
        arn: String,
        /// What Secrets Manager said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretDocument {
    consumer_key: String,
    private_signature_pem: String,
    private_encryption_pem: Option<String>,
    dhparam_pem: String,
    realm: Option<String>,
}

impl Drop for SecretDocument {
    fn drop(&mut self) {
        self.private_signature_pem.zeroize();
        self.private_encryption_pem.zeroize();
    }
}

impl ConsumerSource {
    /// The secret of this name, for the broker at `api`.
    #[must_use]
    pub fn new(client: Client, arn: String, api: Api) -> Self {
        Self { client, arn, encryption_key: Wanted::No, api, loaded: Mutex::new(None) }
    }

    /// Loads the key that opens access token secrets as well. Where the consumer's secret leaves it out, it is in the
    /// secret `own_arn`, alone, as PEM.
    #[must_use]
    pub fn with_encryption_key(self, own_arn: Option<String>) -> Self {
        Self { encryption_key: Wanted::Yes { own_arn }, ..self }
    }

    /// The consumer as it is in the secret now, or was a few minutes ago.
    pub async fn current(&self) -> Result<Arc<LoadedConsumer>, ConsumerError> {
        let mut loaded = self.loaded.lock().await;
        if let Some((at, consumer)) = &*loaded
            && at.elapsed() < READ_AGAIN_AFTER
        {
            return Ok(Arc::clone(consumer));
        }
        match self.load().await {
            Ok(consumer) => {
                let consumer = Arc::new(consumer);
                *loaded = Some((Instant::now(), Arc::clone(&consumer)));
                Ok(consumer)
            }
            // What worked a moment ago still does while Secrets Manager is away; a secret that was changed for the
            // worse is told.
            Err(ConsumerError::Unavailable { source, .. }) if loaded.is_some() => {
                tracing::warn!(error = %source, "the consumer's secret was not read again; the last one is used");
                loaded.as_ref().map(|(_, consumer)| Arc::clone(consumer)).ok_or_else(|| self.unavailable(source))
            }
            Err(error) => Err(error),
        }
    }

    async fn load(&self) -> Result<LoadedConsumer, ConsumerError> {
        let mut text = read_secret(&self.client, &self.arn)
            .await
            .map_err(|source| self.unavailable(source))?
            .filter(|text| !text.trim().is_empty())
            .ok_or_else(|| ConsumerError::Empty { arn: self.arn.clone() })?;
        let document: Result<SecretDocument, _> = serde_json::from_str(&text);
        text.zeroize();
        let document = document.map_err(|error| self.malformed(structure_of(&error)))?;
        let identity = ConsumerIdentity::new(document.consumer_key.trim(), document.realm.as_deref())
            .map_err(|error: InvalidWord| self.malformed(error.to_string()))?;
        let wrong = |error: SigningError| self.malformed(error.to_string());
        let signature_key = SignatureKey::from_pem(&document.private_signature_pem).map_err(wrong)?;
        let encryption_key = self.encryption_key(&document).await?;
        let group = DiffieHellmanParameters::from_pem(&document.dhparam_pem).map_err(wrong)?;
        Ok(LoadedConsumer { consumer: Consumer::new(self.api.clone(), identity, signature_key, group), encryption_key })
    }

    async fn encryption_key(&self, document: &SecretDocument) -> Result<Option<EncryptionKey>, ConsumerError> {
        let Wanted::Yes { own_arn } = &self.encryption_key else { return Ok(None) };
        let own = match (&document.private_encryption_pem, own_arn) {
            (None, Some(arn)) => read_secret(&self.client, arn)
                .await
                .map_err(|source| ConsumerError::Unavailable { arn: arn.clone(), source })?,
            _ => None,
        };
        let own = own.map(Zeroizing::new).filter(|text| !text.trim().is_empty());
        let pem = document.private_encryption_pem.as_ref().or(own.as_deref());
        let pem = pem.ok_or_else(|| {
            self.malformed("private_encryption_pem is missing, and stands in no secret of its own".to_owned())
        })?;
        EncryptionKey::from_pem(pem).map(Some).map_err(|error| self.malformed(error.to_string()))
    }

    fn malformed(&self, problem: String) -> ConsumerError {
        ConsumerError::Malformed { arn: self.arn.clone(), problem }
    }

    fn unavailable(&self, source: Box<dyn std::error::Error + Send + Sync>) -> ConsumerError {
        ConsumerError::Unavailable { arn: self.arn.clone(), source }
    }
}

/// What is wrong with the JSON, without a piece of it: `serde_json` may quote the content, which is secret here.
fn structure_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field") || text.starts_with("unknown field") {
        return text;
    }
    format!("it is not the JSON object that it should be (line {}, column {})", error.line(), error.column())
}

/// A secret's text; `None` for one that was never filled. AWS says that it has no value; others give an empty one.
pub(crate) async fn read_secret(
    client: &Client,
    arn: &str,
) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
    match client.get_secret_value().secret_id(arn).send().await {
        Ok(answer) => Ok(answer.secret_string),
        Err(error) => match error.into_service_error() {
            error if error.is_resource_not_found_exception() => Ok(None),
            error => Err(Box::new(error)),
        },
    }
}
