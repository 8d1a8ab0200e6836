//! The log of received calls, for tests to read.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::Answer;
use crate::call::Call;

/// Calls kept; the oldest go first.
const CALLS_MAX: usize = 20_000;

/// One call below `/v1/api` (or the consent page), as it arrived and as it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Counts the calls from 1.
    pub number: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, as sent.
    pub query: Option<String>,
    /// The `cOID`s of the tickets in the body.
    pub client_order_ids: Vec<String>,
    /// Whose call it was, once that was proved.
    pub username: Option<String>,
    /// The status that was answered; nothing while the call is worked on, or when the connection was cut.
    pub status: Option<u16>,
    /// Whether the call was carried out (it can have been, and its answer be lost).
    pub executed: bool,
    /// The fault that struck it, by its kind.
    pub fault: Option<String>,
    /// What was wrong with it.
    pub problem: Option<String>,
}

/// Calls in the order of their arrival.
#[derive(Default)]
pub(crate) struct CallLog {
    records: VecDeque<CallRecord>,
    count: u64,
}

impl CallLog {
    /// Notes an arrival; the number under which it is finished.
    pub(crate) fn begin(&mut self, at: Timestamp, call: &Call, fault: Option<String>) -> u64 {
        if self.records.len() >= CALLS_MAX {
            self.records.pop_front();
        }
        self.count += 1;
        self.records.push_back(CallRecord {
            number: self.count,
            at,
            method: call.method.to_string(),
            path: call.path.clone(),
            query: call.query.clone(),
            client_order_ids: client_order_ids(&call.json_value()),
            username: None,
            status: None,
            executed: false,
            fault,
            problem: None,
        });
        self.count
    }

    /// Notes that a call was carried out, and for whom.
    pub(crate) fn executed(&mut self, number: u64, username: Option<&str>, problem: Option<&str>) {
        if let Some(record) = self.record(number) {
            record.executed = true;
            record.username = username.map(str::to_owned);
            record.problem = problem.map(str::to_owned);
        }
    }

    /// Notes what was answered.
    pub(crate) fn finish(&mut self, number: u64, answer: &Answer) {
        if let Some(record) = self.record(number) {
            record.status = answer.dropped.is_none().then_some(answer.status);
            record.problem = record.problem.take().or_else(|| answer.problem.clone());
        }
    }

    pub(crate) fn records(&self) -> Vec<CallRecord> {
        self.records.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
    }

    fn record(&mut self, number: u64) -> Option<&mut CallRecord> {
        let first = self.records.front()?.number;
        self.records.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }
}

fn client_order_ids(body: &Value) -> Vec<String> {
    let tickets = body.get("orders").and_then(Value::as_array);
    let ids = tickets.into_iter().flatten().filter_map(|ticket| ticket.get("cOID")?.as_str());
    ids.map(str::to_owned).collect()
}
