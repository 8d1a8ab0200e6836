//! The consumer's secret: what the operator filled in at `ConsumerSecretArn` (contract: Stack).

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use broker::{Api, Consumer, ConsumerSecret, ConsumerSecretFault, EncryptionKey};
use domain::text_of_bytes;
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

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
        "the consumer's secret {arn} is empty: `courier keys generate` fills it, a JSON object (consumer_key, private_signature_pem, private_encryption_pem, dhparam_pem)"
    )]
    Empty {
        /// The secret.
        arn: String,
    },
    /// The secret is not what it should be. The message names fields, never their content.
    #[error(
        "the consumer's secret {arn} cannot be used: {problem}. `courier doctor` names all that is wrong; it is read again within five minutes"
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
        let text = read_secret(&self.client, &self.arn).await.map_err(|source| self.unavailable(source))?;
        let secret = ConsumerSecret::read(&Zeroizing::new(text.unwrap_or_default()));
        if secret.is_empty() {
            return Err(ConsumerError::Empty { arn: self.arn.clone() });
        }
        let consumer = secret.consumer(self.api.clone()).map_err(|problems| self.malformed(problems.to_string()))?;
        let encryption_key = self.encryption_key(&secret).await?;
        Ok(LoadedConsumer { consumer, encryption_key })
    }

    async fn encryption_key(&self, secret: &ConsumerSecret) -> Result<Option<EncryptionKey>, ConsumerError> {
        let Wanted::Yes { own_arn } = &self.encryption_key else { return Ok(None) };
        let own = match (&secret.encryption_pem, own_arn) {
            (None, Some(arn)) => read_secret(&self.client, arn)
                .await
                .map_err(|source| ConsumerError::Unavailable { arn: arn.clone(), source })?,
            _ => None,
        };
        let own = own.map(Zeroizing::new).filter(|text| !text.trim().is_empty());
        let pem = secret.encryption_pem.as_ref().map(domain::Secret::expose).or(own.as_ref().map(|text| text.as_str()));
        let missing = || secret.encryption_key_missing().as_ref().map(ConsumerSecretFault::to_string);
        let pem = pem.ok_or_else(|| {
            self.malformed(format!("{}, and it stands in no secret of its own", missing().unwrap_or_default()))
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

/// A secret's text; `None` for one that was never filled. AWS says that it has no value; others give an empty one.
pub(crate) async fn read_secret(
    client: &Client,
    arn: &str,
) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
    match client.get_secret_value().secret_id(arn).send().await {
        // What was put there from a file as bytes is the same text.
        Ok(answer) => {
            Ok(answer.secret_string.or_else(|| answer.secret_binary.map(|bytes| text_of_bytes(bytes.as_ref()))))
        }
        Err(error) => match error.into_service_error() {
            error if error.is_resource_not_found_exception() => Ok(None),
            error => Err(Box::new(error)),
        },
    }
}
