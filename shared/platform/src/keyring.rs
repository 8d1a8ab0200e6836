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
use crate::parts::CannotStart;

/// How long keys that were read are used before they are read again.
const READ_AGAIN_AFTER: Duration = Duration::from_mins(5);
/// After a change of the secret no function uses what was there before for longer than this: until it reads again, until the
/// invocation that began before ends, and a margin.
pub const SEALING_KEYS_KNOWN_AFTER: Duration = Duration::from_mins(7);

/// The sealing keys of a function.
#[derive(Debug)]
pub struct Keyring {
    client: Client,
    arn: String,
    tokens: Tokens,
    read_at: Mutex<Instant>,
}

impl Keyring {
    /// Reads the keys.
    pub async fn read(client: Client, arn: String, entropy: Arc<dyn Entropy>) -> Result<Self, CannotStart> {
        match sealer(&client, &arn).await {
            Ok(sealer) => {
                let tokens = Tokens::new(Arc::new(sealer), entropy);
                Ok(Self { client, arn, tokens, read_at: Mutex::new(Instant::now()) })
            }
            Err(problem) => Err(CannotStart::SealingKey { arn, problem }),
        }
    }

    /// What seals and opens tokens with these keys.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        self.tokens.clone()
    }

    /// Reads the keys again if it is time. Call it at the start of each invocation.
    pub async fn keep_current(&self) {
        let mut read_at = self.read_at.lock().await;
        if read_at.elapsed() < READ_AGAIN_AFTER {
            return;
        }
        match sealer(&self.client, &self.arn).await {
            Ok(sealer) => {
                self.tokens.use_sealer(sealer);
                *read_at = Instant::now();
            }
            // What worked a moment ago still does while Secrets Manager is away.
            Err(problem) => tracing::warn!(problem, "the sealing key was not read again; the last one is used"),
        }
    }
}

async fn sealer(client: &Client, arn: &str) -> Result<Sealer, String> {
    let text = read_secret(client, arn).await.map_err(|error| error.to_string())?;
    let text = text.ok_or_else(|| "it is empty".to_owned())?;
    let secret = SealingSecret::parse(Secret::new(text)).map_err(|error| error.to_string())?;
    Sealer::new(&secret.keys).map_err(|error| error.to_string())
}
