//! What every function needs around its use case: environment, secrets, telemetry, HTTP events, problem+json.

pub mod aws;
pub mod environment;
mod http_event;
mod problem;
mod system;
pub mod telemetry;

pub use http_event::{Caller, HttpRequest, HttpResponse};
pub use problem::Problem;
pub use system::{SystemClock, SystemEntropy};
