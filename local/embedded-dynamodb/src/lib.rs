//! A DynamoDB inside the process, under the real AWS SDK, whose answers can be lost on purpose. For tests.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), embedded_dynamodb::EmbeddedError> {
//! use embedded_dynamodb::{EmbeddedDynamoDb, Fault};
//!
//! let database = EmbeddedDynamoDb::start_with_tables(&EmbeddedDynamoDb::tables()).await?;
//! let reliable = database.client();
//! let unreliable = database.client_with_faults(|call| match call.operation {
//!     "PutItem" if call.number == 1 => Fault::AnswerLost,
//!     _ => Fault::None,
//! });
//! # let _ = (reliable, unreliable);
//! # Ok(())
//! # }
//! ```

mod connector;
mod contents;
mod engine;
mod lag;
mod tables;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};

pub use connector::{Call, Fault};
pub use tables::create_tables;

use connector::Connector;
use lag::Ages;

/// Tries of one call by the SDK: those of a function in production.
const TRIES_MAX: u32 = 3;
/// Why the embedded database did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The engine did not open.
    #[error("the embedded DynamoDB did not open: {0}")]
    Engine(#[from] dynoxide::DynoxideError),
    /// A table was not created.
    #[error("a table was not created: {0}")]
    Table(#[from] Box<dyn std::error::Error + Send + Sync>),
    /// What is in it could not be read.
    #[error("the contents could not be read: {0}")]
    Unreadable(String),
}

/// One empty database in memory. Clones and clients share it; it ends with the last of them.
#[derive(Clone)]
pub struct EmbeddedDynamoDb {
    engine: dynoxide::Database,
    calls: Arc<AtomicU64>,
    ages: Arc<Mutex<Ages>>,
}

impl EmbeddedDynamoDb {
    /// Opens an empty database.
    pub fn start() -> Result<Self, EmbeddedError> {
        Ok(Self { engine: dynoxide::Database::memory()?, calls: Arc::default(), ages: Arc::default() })
    }

    /// Opens a database with the tables of the template.
    pub async fn start_with_tables(tables: &store::Tables) -> Result<Self, EmbeddedError> {
        let database = Self::start()?;
        create_tables(&database.client(), tables).await?;
        Ok(database)
    }

    /// Names for the tables, where a test does not care.
    #[must_use]
    pub fn tables() -> store::Tables {
        store::Tables {
            orders: "orders".to_owned(),
            connections: "connections".to_owned(),
            attempts: "attempts".to_owned(),
            rules: "rules".to_owned(),
            lanes: "lanes".to_owned(),
        }
    }

    /// A client whose every call arrives and is answered.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_with_faults(|_| Fault::None)
    }

    /// A client whose calls end as `faults` says. It is asked once for each try, before the call runs, so the
    /// SDK's own retries are calls too.
    pub fn client_with_faults(&self, faults: impl Fn(&Call<'_>) -> Fault + Send + Sync + 'static) -> Client {
        let connector =
            Connector::new(self.engine.clone(), Arc::clone(&self.calls), Arc::clone(&self.ages), Arc::new(faults));
        let connector = SharedHttpConnector::new(connector);
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            // It goes by the real time, which passes otherwise than that of a test whose clock is paused.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
            .endpoint_url("http://embedded.invalid")
            // Without a pause, of which the SDK takes a random part: a test with a seed goes the same way each time.
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES_MAX).with_initial_backoff(Duration::ZERO))
            // Retries cost tokens that all clients of a process share: clients in tests must not feel each other.
            .retry_partition(RetryPartition::custom("embedded").token_bucket(TokenBucket::default()).build())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Client::from_conf(config)
    }

    /// How many calls arrived so far, over all clients, tries of the SDK counted one by one.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}
