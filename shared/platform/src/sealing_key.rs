//! The key that seals the users' tokens, as Secrets Manager has it: the current version, and the one before it.
//!
//! Whoever puts a new version rotates the key. From then on functions that started since seal with the new one, and
//! those that run already open what they sealed: a key that is not at hand is read at the next invocation.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use domain::Secret;
use store::{SealError, Sealer, SealingKeys};
use tokio::time::Instant;

use crate::consumer::{Stage, read_secret};

/// How long keys that were read are used before they are read again.
const READ_AGAIN_AFTER: Duration = Duration::from_mins(5);
/// How soon they are read again once something was met that none of them opens. A row whose key is lost for good must
/// not cost a call in every invocation.
const READ_AFTER_A_MISS: Duration = Duration::from_secs(5);

/// Reads the sealing keys, and again from time to time.
#[derive(Debug)]
pub struct SealingKeySource {
    client: Client,
    arn: String,
    sealer: Arc<Sealer>,
    read_at: Mutex<Instant>,
}

/// Why there is no sealing key.
#[derive(Debug, thiserror::Error)]
#[error("the sealing key {arn} was not read ({problem}); the template makes it, and grants this function to read it")]
pub struct NoSealingKey {
    /// The secret.
    pub arn: String,
    /// What is wrong.
    pub problem: String,
}

impl SealingKeySource {
    /// Reads the keys of this secret.
    pub async fn load(client: Client, arn: String) -> Result<Self, NoSealingKey> {
        let keys = read(&client, &arn).await.and_then(|keys| Sealer::new(&keys).map_err(told));
        let sealer = keys.map_err(|problem| NoSealingKey { arn: arn.clone(), problem })?;
        Ok(Self { client, arn, sealer: Arc::new(sealer), read_at: Mutex::new(Instant::now()) })
    }

    /// What seals and opens; it always has the keys that were read last.
    #[must_use]
    pub fn sealer(&self) -> Arc<Sealer> {
        Arc::clone(&self.sealer)
    }

    /// Reads the keys again if they are old, or if one was missing since. Call it at the begin of each invocation.
    /// Keys that are not read now leave the last ones in use.
    pub async fn refresh(&self) {
        let after = if self.sealer.missed_a_key() { READ_AFTER_A_MISS } else { READ_AGAIN_AFTER };
        if self.read_at().elapsed() < after {
            return;
        }
        *self.read_at() = Instant::now();
        let keys = read(&self.client, &self.arn).await.and_then(|keys| self.sealer.replace(&keys).map_err(told));
        if let Err(problem) = keys {
            tracing::warn!(arn = self.arn, problem, "the sealing keys were not read again; the last ones are used");
        }
    }

    fn read_at(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.read_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys. A previous version that makes no key was never one: it is passed over.
async fn read(client: &Client, arn: &str) -> Result<SealingKeys, String> {
    let (current, previous) =
        tokio::join!(read_secret(client, arn, Stage::Current), read_secret(client, arn, Stage::Previous));
    let current = current.map_err(|error| error.to_string())?.ok_or("it is empty")?;
    let previous = previous.map_err(|error| error.to_string())?.map(Secret::new);
    let previous = previous.filter(|text| Sealer::makes_a_key(text));
    Ok(SealingKeys { current: Secret::new(current), previous })
}

fn told(error: SealError) -> String {
    error.to_string()
}
