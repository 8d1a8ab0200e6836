//! What every function needs around its use case: environment, secrets, telemetry, HTTP events, problem+json.

pub mod aws;
mod consumer;
mod deadline;
pub mod environment;
mod http_event;
mod keyring;
mod parts;
mod problem;
mod system;
pub mod telemetry;

pub use consumer::{ConsumerError, ConsumerSource, LoadedConsumer};
pub use deadline::deadline;
pub use http_event::{Caller, HttpRequest, HttpResponse};
pub use keyring::{Keyring, SEALING_KEYS_KNOWN_AFTER};
pub use parts::{CannotStart, Parts};
pub use problem::Problem;
pub use system::{SystemClock, SystemEntropy};
