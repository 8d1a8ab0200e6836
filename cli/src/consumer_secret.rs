//! The consumer's keys in Secrets Manager: one JSON object (contract: Stack), or that without its encryption key, which
//! then stands in a secret of its own that only `oauth-callback` may read.

use std::sync::Arc;

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use domain::Secret;
use platform::{ConsumerSource, LoadedConsumer};
use serde_json::{Map, Value};

use crate::error::CourierError;
use crate::resources::Resources;

const CONSUMER: &str = "ConsumerSecretArn";
const ENCRYPTION_KEY: &str = "EncryptionKeySecretArn";
const FIELD: &str = "private_encryption_pem";

impl Resources {
    /// The consumer with both its keys.
    pub(crate) async fn consumer(&self) -> Result<Arc<LoadedConsumer>, CourierError> {
        let (arn, own_arn) = (self.output(CONSUMER).await?, self.own_arn().await);
        let source = ConsumerSource::new(self.secrets(), arn, self.api().await?).with_encryption_key(own_arn);
        Ok(source.current().await?)
    }

    /// The consumer's keys as one object, wherever they stand; empty if nobody has filled it.
    pub(crate) async fn consumer_secret(&self) -> Result<Secret, CourierError> {
        let text = self.read_secret(&self.output(CONSUMER).await?).await?;
        let Some(own_arn) = self.own_arn().await else { return Ok(text) };
        let own = self.read_secret(&own_arn).await?;
        Ok(if is_empty(&own) { text } else { joined(text, &own) })
    }

    /// Replaces the consumer's keys. The encryption key goes where it stood.
    pub(crate) async fn put_consumer_secret(&self, text: &Secret) -> Result<String, CourierError> {
        let arn = self.output(CONSUMER).await?;
        if let Some(own_arn) = self.own_arn().await
            && !is_empty(&self.read_secret(&own_arn).await?)
            && let Some((rest, pem)) = parted(text)
        {
            self.write_secret(&own_arn, &pem).await?;
            self.write_secret(&arn, &rest).await?;
        } else {
            self.write_secret(&arn, text).await?;
        }
        Ok(arn)
    }

    /// Moves the encryption key out of the consumer's secret into its own; that one's ARN.
    pub(crate) async fn part_encryption_key(&self) -> Result<String, CourierError> {
        let (arn, own_arn) = (self.output(CONSUMER).await?, self.output(ENCRYPTION_KEY).await?);
        let text = self.read_secret(&arn).await?;
        let (rest, pem) = parted(&text).ok_or(CourierError::NoKeys)?;
        // First there, then away from here: at no moment is it nowhere.
        self.write_secret(&own_arn, &pem).await?;
        self.write_secret(&arn, &rest).await?;
        Ok(own_arn)
    }

    /// Stacks of earlier versions have none.
    async fn own_arn(&self) -> Option<String> {
        self.output(ENCRYPTION_KEY).await.ok()
    }

    async fn read_secret(&self, arn: &str) -> Result<Secret, CourierError> {
        match self.secrets().get_secret_value().secret_id(arn).send().await {
            Ok(answer) => Ok(Secret::new(answer.secret_string.unwrap_or_default())),
            // A secret that was never filled has no value to give.
            Err(error)
                if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(Secret::new(String::new()))
            }
            Err(error) => Err(CourierError::aws(format!("reading the secret {arn}"), error)),
        }
    }

    async fn write_secret(&self, arn: &str, text: &Secret) -> Result<(), CourierError> {
        let put = self.secrets().put_secret_value().secret_id(arn).secret_string(text.expose());
        put.send().await.map_err(|error| CourierError::aws(format!("writing the secret {arn}"), error))?;
        Ok(())
    }
}

fn is_empty(text: &Secret) -> bool {
    text.expose().trim().is_empty()
}

/// The object with the encryption key in it. What is no object, or has one, stays as it is.
fn joined(text: Secret, pem: &Secret) -> Secret {
    let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(text.expose()) else { return text };
    object.entry(FIELD).or_insert_with(|| Value::from(pem.expose()));
    Secret::new(Value::Object(object).to_string())
}

/// The object without the encryption key, and the key; `None`: there is none in it.
fn parted(text: &Secret) -> Option<(Secret, Secret)> {
    let mut object: Map<String, Value> = serde_json::from_str(text.expose()).ok()?;
    let pem = object.remove(FIELD)?.as_str().map(str::to_owned)?;
    Some((Secret::new(Value::Object(object).to_string()), Secret::new(pem)))
}

#[cfg(test)]
mod tests {
    use domain::Secret;
    use serde_json::{Value, json};

    use super::{FIELD, joined, parted};

    fn secret(value: &Value) -> Secret {
        Secret::new(value.to_string())
    }

    #[test]
    fn a_key_that_was_parted_and_joined_is_the_same_object_again() {
        let whole = json!({"consumer_key": "K", "private_encryption_pem": "pem", "dhparam_pem": "p"});
        let (rest, pem) = parted(&secret(&whole)).unwrap();
        assert_eq!((rest.expose().contains(FIELD), pem.expose()), (false, "pem"));
        assert_eq!(serde_json::from_str::<Value>(joined(rest, &pem).expose()).unwrap(), whole);
    }

    #[test]
    fn what_holds_no_key_is_not_parted_and_a_key_that_is_there_stays() {
        assert!(parted(&secret(&json!({"consumer_key": "K"}))).is_none());
        assert!(parted(&Secret::new(String::new())).is_none());
        let whole = json!({"private_encryption_pem": "first"});
        assert!(joined(secret(&whole), &Secret::new("second".to_owned())).expose().contains("first"));
    }
}
