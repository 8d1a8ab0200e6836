//! Logs: one structured line per step, with ids and without secrets.

use tracing_subscriber::EnvFilter;

/// The levels while `COURIER_LOG_LEVEL` says nothing.
const DEFAULT_LEVELS: &str = "info";

/// Starts logging as JSON lines on standard output, where Lambda collects them. Call it once, first in `main`.
pub fn start() {
    let levels = crate::environment::optional("COURIER_LOG_LEVEL");
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_env_filter(filter(levels.as_deref().unwrap_or(DEFAULT_LEVELS)));
    // A second start (tests) keeps the first one's logger.
    let _ = subscriber.try_init();
}

/// What is logged at these levels.
#[must_use]
pub fn filter(levels: &str) -> EnvFilter {
    let filter = EnvFilter::try_new(levels).unwrap_or_else(|_| EnvFilter::new(DEFAULT_LEVELS));
    // The AWS SDK and HTTP clients log requests and answers below `info`: those may hold tokens, so they stay
    // quiet whatever level the rest has.
    [
        "aws_smithy_runtime=warn",
        "aws_config=warn",
        "hyper=warn",
        "hyper_util=warn",
        "reqwest=warn",
        "rustls=warn",
        "lambda_runtime=info",
    ]
    .into_iter()
    .filter_map(|directive| directive.parse().ok())
    .fold(filter, EnvFilter::add_directive)
}
