//! The sealing keys, read again from time to time, so that they can be rotated while the functions run.

use std::sync::Arc;
use std::time::Duration;

use access::Tokens;
use aws_sdk_secretsmanager::Client;
use domain::{Entropy, Secret};
use store::{Sealer, SealingSecret};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::consumer::read_secret;

/// How long keys that were read are used before they are read again.
const READ_AGAIN_AFTER: Duration = Duration::from_mins(5);
/// After a change of the secret no function uses what was there before for longer than this: until it reads again, until the
/// invocation that began before ends, and a margin.
pub const SEALING_KEYS_KNOWN_AFTER: Duration = Duration::from_mins(7);

/// The sealing keys of a function, read when they are first needed: a start reads nothing.
#[derive(Debug)]
pub struct Keyring {
    client: Client,
    arn: String,
    tokens: Tokens,
    read_at: Mutex<Option<Instant>>,
}

/// The sealing key was not read, and none was read before: without it no token can be used.
#[derive(Debug, thiserror::Error)]
#[error("the sealing key {arn} was not read ({problem}); the template makes it, and grants this function to read it")]
pub struct SealingKeyNotRead {
    arn: String,
    problem: String,
}

impl Keyring {
    /// The keys in this secret.
    #[must_use]
    pub fn new(client: Client, arn: String, entropy: Arc<dyn Entropy>) -> Self {
        Self { client, arn, tokens: Tokens::awaiting_keys(entropy), read_at: Mutex::default() }
    }

    /// What seals and opens tokens with these keys.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        self.tokens.clone()
    }

    /// Reads the keys if they were not yet, or if it is time to read them again. Call it at the start of each invocation.
    ///
    /// # Errors
    /// If they were never read. Let the invocation fail: what it was called with comes again.
    pub async fn keep_current(&self) -> Result<(), SealingKeyNotRead> {
        let mut read_at = self.read_at.lock().await;
        if read_at.is_some_and(|at| at.elapsed() < READ_AGAIN_AFTER) {
            return Ok(());
        }
        match sealer(&self.client, &self.arn).await {
            Ok(sealer) => {
                self.tokens.use_sealer(sealer);
                *read_at = Some(Instant::now());
                Ok(())
            }
            // What worked a moment ago still does while Secrets Manager is away.
            Err(problem) if read_at.is_some() => {
                tracing::warn!(problem, "the sealing key was not read again; the last one is used");
                Ok(())
            }
            Err(problem) => {
                tracing::error!(problem, arn = self.arn, "the sealing key was not read");
                Err(SealingKeyNotRead { arn: self.arn.clone(), problem })
            }
        }
    }
}

async fn sealer(client: &Client, arn: &str) -> Result<Sealer, String> {
    let text = read_secret(client, arn).await.map_err(|error| error.to_string())?;
    let text = text.ok_or_else(|| "it is empty".to_owned())?;
    let secret = SealingSecret::parse(Secret::new(text)).map_err(|error| error.to_string())?;
    Sealer::new(&secret.keys).map_err(|error| error.to_string())
}
