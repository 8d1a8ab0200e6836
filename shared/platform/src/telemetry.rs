//! Logs and metrics: one structured line per step, with ids and without secrets. A line that counts something is the metric as
//! well, in CloudWatch's embedded metric format.

mod lines;

use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use lines::Lines;

/// The levels while `COURIER_LOG_LEVEL` says nothing.
const DEFAULT_LEVELS: LevelFilter = LevelFilter::INFO;

/// How the name of a field begins that counts something: `metric.questions` is the metric `questions`.
const METRIC: &str = "metric.";

/// Starts logging as JSON lines on standard output, where Lambda collects them. Call it once, first in `main`.
pub fn start() {
    let levels = crate::environment::optional("COURIER_LOG_LEVEL");
    let stack = crate::environment::optional("COURIER_STACK");
    // A second start (tests) keeps the first one's logger.
    let _ = subscriber(levels.as_deref(), stack, std::io::stdout).try_init();
}

/// What writes the lines of a function of `stack`, to anywhere. Lines that count something are written at every level: alarms
/// are made of them.
pub fn subscriber<W>(levels: Option<&str>, stack: Option<String>, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .event_format(Lines::of(stack.unwrap_or_else(|| "courier".to_owned())))
        .with_writer(writer)
        .with_filter(levels_of(levels).or(filter_fn(counts_something)));
    tracing_subscriber::registry().with(lines)
}

/// The levels by target, such as `info` or `warn,trading=debug`.
fn levels_of(levels: Option<&str>) -> Targets {
    let levels = levels.and_then(|levels| levels.parse().ok());
    // The AWS SDK and HTTP clients log requests and answers below `info`: those may hold tokens, so they stay
    // quiet whatever level the rest has.
    let quiet = ["aws_smithy_runtime", "aws_config", "hyper", "hyper_util", "reqwest", "rustls"];
    levels
        .unwrap_or_else(|| Targets::new().with_default(DEFAULT_LEVELS))
        .with_targets(quiet.map(|target| (target, LevelFilter::WARN)))
        .with_target("lambda_runtime", LevelFilter::INFO)
}

fn counts_something(metadata: &Metadata<'_>) -> bool {
    metadata.fields().iter().any(|field| field.name().starts_with(METRIC))
}

#[cfg(test)]
mod tests;
