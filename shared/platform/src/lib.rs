//! What every function needs around its use case: environment, secrets, telemetry, HTTP events, problem+json.

pub mod aws;
mod consumer;
mod deadline;
pub mod environment;
mod http_event;
mod parts;
mod problem;
mod sealing_key;
mod system;
pub mod telemetry;

pub use consumer::{ConsumerError, ConsumerSource, LoadedConsumer};
pub use deadline::deadline;
pub use http_event::{Caller, HttpRequest, HttpResponse};
pub use parts::{CannotStart, Parts};
pub use problem::Problem;
pub use sealing_key::{NoSealingKey, SealingKeySource};
pub use system::{SystemClock, SystemEntropy};
