//! The control door: typed methods for tests in process, and the same over HTTP under `/control`.

#[expect(clippy::must_use_candidate, reason = "most are called for what they do")]
mod methods;
mod routes;

pub use methods::Execution;

pub(crate) use routes::routes;
