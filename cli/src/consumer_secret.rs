//! The consumer's keys in Secrets Manager: one JSON object (contract: Stack), or that without its encryption key, which
//! then stands in a secret of its own that only `oauth-callback` may read.

use std::sync::Arc;

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use broker::ConsumerSecret;
use domain::{Secret, text_of_bytes};
use platform::{ConsumerSource, LoadedConsumer};

use crate::error::CourierError;
use crate::resources::Resources;

/// How AWS says that there is no secret of this name at all.
const NO_SUCH_SECRET: &str = "Secrets Manager can't find the specified secret.";

const CONSUMER: &str = "ConsumerSecretArn";
const ENCRYPTION_KEY: &str = "EncryptionKeySecretArn";

impl Resources {
    /// The consumer with both its keys.
    pub(crate) async fn consumer(&self) -> Result<Arc<LoadedConsumer>, CourierError> {
        let (arn, own_arn) = (self.output(CONSUMER).await?, self.own_arn().await);
        let source = ConsumerSource::new(self.secrets(), arn, self.api().await?).with_encryption_key(own_arn);
        Ok(source.current().await?)
    }

    /// The consumer's secret with both keys, wherever they stand.
    pub(crate) async fn consumer_secret(&self) -> Result<ConsumerSecret, CourierError> {
        let text = self.read_secret(&self.output(CONSUMER).await?).await?;
        let secret = ConsumerSecret::read(text.expose());
        Ok(match self.own_arn().await {
            Some(own_arn) if !is_empty(&text) => joined(secret, self.read_secret(&own_arn).await?),
            _ => secret,
        })
    }

    /// Replaces the consumer's keys. The encryption key goes where it stood.
    pub(crate) async fn put_consumer_secret(&self, secret: &ConsumerSecret) -> Result<String, CourierError> {
        let arn = self.output(CONSUMER).await?;
        if let Some(own_arn) = self.own_arn().await
            && !is_empty(&self.read_secret(&own_arn).await?)
            && let Some(pem) = &secret.encryption_pem
        {
            self.write_secret(&own_arn, pem).await?;
            self.write_secret(&arn, &secret.text(false)).await?;
        } else {
            self.write_secret(&arn, &secret.text(true)).await?;
        }
        Ok(arn)
    }

    /// Moves the encryption key out of the consumer's secret into its own, if it is to; the ARNs of both.
    pub(crate) async fn part_encryption_key(&self, does: bool) -> Result<[String; 2], CourierError> {
        let (arn, own_arn) = (self.output(CONSUMER).await?, self.output(ENCRYPTION_KEY).await?);
        let secret = ConsumerSecret::read(self.read_secret(&arn).await?.expose());
        if secret.is_empty() {
            return Err(CourierError::NoKeys);
        }
        if let Some(fault) = secret.faults().iter().find(|fault| !fault.is_of_consumer_key()) {
            return Err(CourierError::KeysMalformed(fault.to_string()));
        }
        let pem = secret.encryption_pem.as_ref().ok_or(CourierError::PartedBefore)?;
        if does {
            // First there, then away from here: at no moment is it nowhere.
            self.write_secret(&own_arn, pem).await?;
            self.write_secret(&arn, &secret.text(false)).await?;
        }
        Ok([arn, own_arn])
    }

    /// Stacks of earlier versions have none.
    async fn own_arn(&self) -> Option<String> {
        self.output(ENCRYPTION_KEY).await.ok()
    }

    async fn read_secret(&self, arn: &str) -> Result<Secret, CourierError> {
        match self.secrets().get_secret_value().secret_id(arn).send().await {
            Ok(answer) => {
                let bytes = answer.secret_binary.as_ref().map(|bytes| text_of_bytes(bytes.as_ref()));
                Ok(Secret::new(answer.secret_string.or(bytes).unwrap_or_default()))
            }
            // A secret that was never filled has no value to give; of one that is not there the same code says so in other words.
            Err(error) if error.as_service_error().is_some_and(is_unfilled) => Ok(Secret::new(String::new())),
            Err(error) => Err(CourierError::aws(format!("reading the secret {arn}"), error)),
        }
    }

    async fn write_secret(&self, arn: &str, text: &Secret) -> Result<(), CourierError> {
        let put = self.secrets().put_secret_value().secret_id(arn).secret_string(text.expose());
        put.send().await.map_err(|error| CourierError::aws(format!("writing the secret {arn}"), error))?;
        Ok(())
    }
}

fn is_unfilled(error: &GetSecretValueError) -> bool {
    error.is_resource_not_found_exception() && error.meta().message() != Some(NO_SUCH_SECRET)
}

fn is_empty(text: &Secret) -> bool {
    text.expose().trim().is_empty()
}

/// The secret with the encryption key that stands in a secret of its own. One that is in it already stays.
fn joined(mut secret: ConsumerSecret, own: Secret) -> ConsumerSecret {
    if secret.encryption_pem.is_none() && !is_empty(&own) {
        secret.encryption_pem = Some(own);
    }
    secret
}

#[cfg(test)]
mod tests {
    use broker::ConsumerSecret;
    use domain::Secret;
    use serde_json::{Value, json};

    use super::joined;

    fn secret(value: &Value) -> ConsumerSecret {
        ConsumerSecret::read(&value.to_string())
    }

    fn own() -> Secret {
        Secret::new("own".to_owned())
    }

    #[test]
    fn a_key_that_was_parted_and_joined_is_the_same_object_again() {
        let whole = json!({"consumer_key": "K", "private_signature_pem": "s", "private_encryption_pem": "pem", "dhparam_pem": "p"});
        let rest = secret(&whole).text(false);
        assert!(!rest.expose().contains("private_encryption_pem"), "{}", rest.expose());
        let again = joined(ConsumerSecret::read(rest.expose()), Secret::new("pem".to_owned()));
        assert_eq!(serde_json::from_str::<Value>(again.text(true).expose()).unwrap(), whole);
    }

    #[test]
    fn a_key_that_is_there_stays_and_null_or_empty_is_none() {
        let first = joined(secret(&json!({"private_encryption_pem": "first"})), own());
        assert_eq!(first.encryption_pem.unwrap().expose(), "first");
        for none in [json!(null), json!(""), json!(" \n")] {
            let joined = joined(secret(&json!({"private_encryption_pem": none})), own());
            assert_eq!(joined.encryption_pem.unwrap().expose(), "own");
        }
        assert!(joined(secret(&json!({})), Secret::new(String::new())).encryption_pem.is_none());
    }
}
