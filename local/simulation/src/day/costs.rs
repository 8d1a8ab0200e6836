//! What the steps of a day cost: data.

use std::collections::BTreeMap;

use jiff::civil::Time;
use serde::Deserialize;

/// The table. Its fields are the file's.
#[derive(Debug, Deserialize)]
pub(super) struct Costs {
    pub(super) broker: Broker,
    pub(super) milliseconds: Milliseconds,
    pub(super) steps: BTreeMap<String, Calls>,
    pub(super) activity: Activity,
    pub(super) prices: Prices,
}

#[derive(Debug, Deserialize)]
pub(super) struct Broker {
    pub(super) answer_milliseconds: i64,
    pub(super) away_milliseconds: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Milliseconds {
    aws_call: i64,
    invocation: i64,
    pub(super) live_session_token: i64,
}

/// The calls of one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the words of day-costs.json")]
pub(super) struct Calls {
    pub(super) broker_calls: u32,
    pub(super) database_reads: u32,
    pub(super) database_writes: u32,
    pub(super) queue_sends: u32,
}

impl Calls {
    pub(super) fn of_aws(self) -> u32 {
        self.database_reads + self.database_writes + self.queue_sends
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Activity {
    pub(super) order_filled_after_seconds: u32,
    pub(super) trading_day: TradingDay,
    pub(super) opening_minutes: i64,
    pub(super) orders_in_opening_percent: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct TradingDay {
    pub(super) zone: String,
    pub(super) opens: Time,
    pub(super) closes: Time,
}

#[derive(Debug, Deserialize)]
pub(super) struct Prices {
    pub(super) date: String,
    pub(super) database_million_read_units: f64,
    pub(super) database_million_write_units: f64,
    pub(super) read_units_of_a_call: f64,
    pub(super) write_units_of_a_call: f64,
    pub(super) queue_million_requests: f64,
    pub(super) queue_requests_of_a_message: f64,
    pub(super) function_million_invocations: f64,
    pub(super) function_gigabyte_second: f64,
    pub(super) log_gigabyte: f64,
    pub(super) log_bytes_of_an_invocation: f64,
}

impl Costs {
    /// The project's own.
    pub(super) fn standard() -> Self {
        serde_json::from_str(include_str!("../../day-costs.json")).expect("the table of costs can be read")
    }

    pub(super) fn calls(&self, step: &str) -> Calls {
        self.steps[step]
    }

    /// How long a step takes whose calls are answered one after the other, in milliseconds.
    pub(super) fn time(&self, calls: Calls) -> i64 {
        self.milliseconds.invocation
            + i64::from(calls.broker_calls) * self.broker.answer_milliseconds
            + i64::from(calls.of_aws()) * self.milliseconds.aws_call
    }

    /// The same where the broker is away: the first call is waited for in vain.
    pub(super) fn time_in_vain(&self, calls: Calls) -> i64 {
        self.time(Calls { broker_calls: 0, ..calls }) + self.broker.away_milliseconds
    }
}
