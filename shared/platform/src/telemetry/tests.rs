use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;

/// What was written.
#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn lines(levels: Option<&str>, log: impl FnOnce()) -> Vec<Value> {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = subscriber(levels, Some("paper".to_owned()), move || writer.clone());
    tracing::subscriber::with_default(subscriber, log);
    let bytes = written.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_that_counts_something_is_a_metric_of_the_stack_and_of_nobody_in_it() {
    let line = lines(None, || {
        tracing::info!(user_id = "u-7", metric.questions = 1, metric.acknowledgement_milliseconds = 12.5, "it counts");
    });
    let [line] = line.try_into().unwrap();
    assert_eq!([&line["questions"], &line["acknowledgement_milliseconds"]], [&json!(1), &json!(12.5)]);
    assert_eq!(line["Stack"], "paper");
    assert!(line["_aws"]["Timestamp"].as_i64().unwrap() > 1_700_000_000_000, "milliseconds");
    let expected = json!([{"Namespace": "Courier", "Dimensions": [["Stack"]], "Metrics": [
        {"Name": "acknowledgement_milliseconds", "Unit": "Milliseconds"}, {"Name": "questions", "Unit": "Count"}]}]);
    let mut told = line["_aws"]["CloudWatchMetrics"].clone();
    told[0]["Metrics"].as_array_mut().unwrap().sort_by_key(|metric| metric["Name"].to_string());
    assert_eq!(told, expected);
}

#[test]
fn a_line_that_counts_nothing_is_no_metric_and_keeps_its_fields_and_its_span() {
    let line = lines(None, || {
        let span = tracing::info_span!("invocation", xrayTraceId = "Root=1-2-3").entered();
        tracing::warn!(key = %"u-7/o-1", metric.refresh_failures = None::<u64>, round = 2, "it tells");
        drop(span);
    });
    let [line] = line.try_into().unwrap();
    assert_eq!(line.get("_aws"), None);
    assert_eq!([&line["message"], &line["level"], &line["key"]], ["it tells", "WARN", "u-7/o-1"]);
    assert_eq!([&line["round"], &line["span"]["xrayTraceId"]], [&json!(2), &json!("Root=1-2-3")]);
}

#[test]
fn what_counts_is_written_at_every_level_and_nothing_else_is() {
    let written = lines(Some("error"), || {
        tracing::info!("a step");
        tracing::info!(metric.questions = 1, "the broker asked");
    });
    let messages: Vec<&Value> = written.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["the broker asked"]);
}
