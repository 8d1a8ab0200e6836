//! What a day came to.

use std::collections::BTreeMap;

use domain::INITS_WITHOUT_PAUSE;
use serde_json::{Value, json};

use super::costs::Prices;
use super::meters::{Meters, Rate, permille};
use super::model::Model;
use super::users::at;

const MILLION: f64 = 1e6;
/// A line of sessions that is longer than this is a limit that was reached, in milliseconds.
const LINE_MAX: i64 = 60_000;

/// What a day came to. Times are milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct DayReport {
    /// All of it.
    pub json: Value,
    /// Users whom the outage cost something.
    pub harmed: u64,
    /// Those who have not all that they want at the end of the day.
    pub not_back: u64,
    /// How long after the outage's end the last one was back.
    pub last_back: i64,
    /// Seconds of a user in which the broker counted too many calls.
    pub over_pacing: u64,
    /// Orders that waited for a session.
    pub delayed: u64,
    /// Orders that did not reach the broker on this day.
    pub unsent: u64,
    /// The most sessions that were opened for one user.
    pub inits_max: u32,
    /// The limit that was reached first.
    pub breaks_first: Option<&'static str>,
}

impl DayReport {
    pub(super) fn of(mut model: Model<'_>) -> Self {
        note_lines(&mut model);
        let waits: Vec<i64> = model.orders.iter().filter_map(|order| order.waited).collect();
        let mut waited: Vec<i64> = waits.iter().copied().filter(|wait| *wait > 0).collect();
        let mut back = std::mem::take(&mut model.back);
        let inits_max = model.users.all.iter().map(|user| user.inits).max().unwrap_or(0);
        let first = model.reached.iter().min_by_key(|(_, (at, _))| *at).map(|(limit, _)| *limit);
        let mut report = Self {
            json: Value::Null,
            harmed: model.harmed,
            not_back: model.harmed - u64::try_from(back.len()).expect("64 bits"),
            last_back: permille(&mut back, 1000),
            over_pacing: model.over_pacing,
            delayed: u64::try_from(waited.len()).expect("64 bits"),
            unsent: u64::try_from(model.orders.len() - waits.len()).expect("64 bits"),
            inits_max,
            breaks_first: first,
        };
        report.json = json!({
            "connections": model.day.connections,
            "orders": model.orders.len(),
            "seed": model.day.seed,
            "broker_calls": rate(&model.meters.broker, &model),
            "aws_calls": rate(&model.meters.aws, &model),
            "function": {"invocations": model.meters.invocations, "seconds": model.meters.function_milliseconds / 1000},
            "cost": cost(&model.meters, &model.costs.prices, model.limits.memory_megabytes),
            "orders_delayed_by_sessions": {
                "count": report.delayed, "p50_ms": permille(&mut waited, 500), "p99_ms": permille(&mut waited, 990),
                "max_ms": permille(&mut waited, 1000), "unsent": report.unsent, "without_token": model.tokens_run_out,
            },
            "outage": {
                "minutes": model.day.outage_minutes, "users_harmed": report.harmed, "users_not_back": report.not_back,
                "back_p50_ms": permille(&mut back, 500), "back_p99_ms": permille(&mut back, 990),
                "back_max_ms": report.last_back,
            },
            "inits": {"of_one_user_max": inits_max, "without_pause": INITS_WITHOUT_PAUSE},
            "pacing": {"exceeded": report.over_pacing},
            "session_queue": {
                "longest": model.sessions.longest_line, "longest_wait_ms": model.sessions.longest_wait,
                "latest_due_ms": model.latest,
            },
            "order_queue": {"longest": model.workers.longest_line, "longest_wait_ms": model.workers.longest_wait},
            "held_orders": {"longest": model.trackers.longest_line, "longest_wait_ms": model.trackers.longest_wait},
            "limits_reached": reached(&model.reached),
            "breaks_first": first,
        });
        report
    }

    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut lines = Vec::new();
        for (name, value) in self.json.as_object().into_iter().flatten() {
            match value {
                Value::Object(fields) => {
                    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name} {value}")).collect();
                    lines.push(format!("{name:28}{}", fields.join(", ")));
                }
                other => lines.push(format!("{name:28}{other}")),
            }
        }
        lines.join("\n")
    }
}

/// Limits that show in how long something waited.
fn note_lines(model: &mut Model<'_>) {
    if model.sessions.longest_wait > LINE_MAX {
        model.note_reached("SessionConcurrency", model.sessions.waited_at);
    }
    if model.trackers.longest_wait > LINE_MAX {
        model.note_reached("order-track's MaximumConcurrency", model.trackers.waited_at);
    }
    let (looking, at) = model.meters.looks.peak();
    if looking > model.limits.track_concurrency * 1000 {
        model.note_reached("order-track's MaximumConcurrency", model.from + at * 1000);
    }
}

fn rate(rate: &Rate, model: &Model<'_>) -> Value {
    let (peak, second) = rate.peak();
    json!({"total": rate.total, "peak_per_second": peak, "peak_at": at(model.from + second * 1000).to_string()})
}

fn reached(reached: &BTreeMap<&'static str, (i64, u64)>) -> Value {
    reached
        .iter()
        .map(|(limit, (first, count))| ((*limit).to_owned(), json!({"first": at(*first).to_string(), "times": count})))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a cost is told to the cent")]
fn cost(meters: &Meters, prices: &Prices, memory_megabytes: u32) -> Value {
    let database = meters.reads as f64 * prices.read_units_of_a_call * prices.database_million_read_units / MILLION
        + meters.writes as f64 * prices.write_units_of_a_call * prices.database_million_write_units / MILLION;
    let messages = (meters.sends + meters.batched) as f64;
    let requests = meters.sends as f64 + messages * prices.queue_requests_of_a_message;
    let queues = requests * prices.queue_million_requests / MILLION;
    let gigabyte_seconds = meters.function_milliseconds as f64 / 1000.0 * f64::from(memory_megabytes) / 1024.0;
    let functions = gigabyte_seconds * prices.function_gigabyte_second
        + meters.invocations as f64 * prices.function_million_invocations / MILLION;
    let logs = meters.invocations as f64 * prices.log_bytes_of_an_invocation * prices.log_gigabyte / 1e9;
    let cents = |dollars: f64| (dollars * 100.0).round() / 100.0;
    json!({
        "usd_of_the_day": cents(database + queues + functions + logs), "database": cents(database),
        "functions": cents(functions), "queues": cents(queues), "logs": cents(logs), "prices_of": prices.date,
    })
}
