//! What every function needs around its use case: environment, secrets, telemetry, HTTP events, problem+json.

pub mod answer;
mod aws;
mod aws_http;
pub mod browser;
mod caller;
mod consumer;
mod deadline;
pub mod environment;
pub mod gateway;
mod keyring;
mod parts;
mod poll;
mod problem;
mod system;
pub mod telemetry;

pub use aws::timeouts as aws_timeouts;
pub use caller::Caller;
pub use consumer::{ConsumerError, ConsumerSource, LoadedConsumer};
pub use deadline::deadline;
pub use keyring::{Keyring, SEALING_KEYS_KNOWN_AFTER, SealingKeyNotRead};
pub use parts::{CannotStart, Parts};
pub use poll::{caught, delete, given_back, receipts, show_again};
pub use problem::Problem;
pub use system::{SystemClock, SystemEntropy};
