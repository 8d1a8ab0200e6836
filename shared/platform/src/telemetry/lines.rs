//! One event as one JSON line: its fields beside each other, the span's in `span`, and what it counts as CloudWatch's embedded
//! metric format has it (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).

use std::fmt;

use domain::Clock;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::METRIC;
use crate::system::SystemClock;

/// The namespace of our metrics.
const NAMESPACE: &str = "Courier";
/// Their one dimension. Never the user: a dimension is paid for by its values, and read by whoever reads metrics.
const DIMENSION: &str = "Stack";

/// Writes the lines of one stack.
#[derive(Debug)]
pub(super) struct Lines {
    stack: String,
}

impl Lines {
    pub(super) fn of(stack: String) -> Self {
        Self { stack }
    }

    /// Makes a line a metric: each `metric.NAME` becomes `NAME`, and `_aws` says that it counts.
    fn count(&self, line: &mut Map<String, Value>, milliseconds: i64) {
        let counted: Vec<String> =
            line.keys().filter_map(|name| name.strip_prefix(METRIC)).map(str::to_owned).collect();
        if counted.is_empty() {
            return;
        }
        for name in &counted {
            if let Some(value) = line.remove(&format!("{METRIC}{name}")) {
                line.insert(name.clone(), value);
            }
        }
        let metrics: Vec<Value> = counted.iter().map(|name| json!({"Name": name, "Unit": unit_of(name)})).collect();
        let directive = json!({"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics});
        line.insert(DIMENSION.to_owned(), Value::String(self.stack.clone()));
        line.insert("_aws".to_owned(), json!({"Timestamp": milliseconds, "CloudWatchMetrics": [directive]}));
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let now = SystemClock.now();
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), Value::String(now.to_string()));
        line.insert("level".to_owned(), Value::String(event.metadata().level().to_string()));
        event.record(&mut Fields(&mut line));
        if let Some(span) = context.lookup_current()
            && let Some(fields) = span.extensions().get::<FormattedFields<N>>()
        {
            line.insert("span".to_owned(), serde_json::from_str(&fields.fields).unwrap_or_default());
        }
        self.count(&mut line, now.as_millisecond());
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// CloudWatch's unit, by the end of a metric's name.
fn unit_of(name: &str) -> &'static str {
    match name.rsplit('_').next() {
        Some("milliseconds") => "Milliseconds",
        Some("seconds") => "Seconds",
        _ => "Count",
    }
}

struct Fields<'l>(&'l mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }
}
