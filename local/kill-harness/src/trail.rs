//! The trail: every call that may have put an order at the broker or changed one there, whose call it was, and how far it
//! came. It is the evidence where an order is not as it should be.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Method;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::doing::Stage;

/// A call to the broker.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// When it came by.
    pub at: Timestamp,
    /// Which process made it: the function, and a number that no other process has.
    pub process: String,
    /// The HTTP method.
    pub method: String,
    /// The path below the broker's base.
    pub path: String,
    /// The client order ids in its body; of a reply, those of the ticket before it.
    pub client_order_ids: Vec<String>,
    /// What the broker answered; `None` while it had not.
    pub status: Option<u16>,
    /// How far it had come when its process was killed, if it was killed at this call.
    pub killed: Option<Stage>,
}

/// All calls, in the order in which they came by.
#[derive(Debug, Default)]
pub(crate) struct Trail(Mutex<Vec<Call>>);

impl Trail {
    /// Notes a call; the number by which more of it is noted.
    pub(crate) fn begin(&self, call: Call) -> usize {
        let mut calls = self.calls();
        calls.push(call);
        calls.len() - 1
    }

    pub(crate) fn answered(&self, number: usize, status: u16) {
        if let Some(call) = self.calls().get_mut(number) {
            call.status = Some(status);
        }
    }

    pub(crate) fn killed(&self, number: usize, stage: Stage) {
        if let Some(call) = self.calls().get_mut(number) {
            call.killed = Some(stage);
        }
    }

    /// The calls of one order, by its names at the broker.
    pub(crate) fn of_order(&self, client_order_id: &str, broker_order_ids: &[String]) -> Vec<Call> {
        let named = |call: &&Call| {
            let last = call.path.rsplit('/').next().unwrap_or_default();
            call.client_order_ids.iter().any(|id| id == client_order_id) || broker_order_ids.iter().any(|id| id == last)
        };
        self.calls().iter().filter(named).cloned().collect()
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client order ids of the tickets in a body.
pub(crate) fn client_order_ids(method: &Method, body: &[u8]) -> Vec<String> {
    if method != Method::POST {
        return Vec::new();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let tickets = body.get("orders").and_then(Value::as_array);
    let ids = tickets.into_iter().flatten().filter_map(|ticket| ticket.get("cOID")?.as_str());
    ids.map(str::to_owned).collect()
}
