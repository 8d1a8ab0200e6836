//! Rows are held while a transaction works on them, as DynamoDB holds them: a write of one row that comes meanwhile is refused with
//! `TransactionConflictException`, which the SDK does not try again, and another transaction is cancelled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use embedded_dynamodb::{Call, Fault};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// How long a transaction takes.
const TRANSACTION: Duration = Duration::from_millis(5);
/// The names of the tables' keys (infra/template.yaml).
const KEYS: [(&str, &[&str]); 5] = [
    ("orders", &["user_id", "order_id"]),
    ("connections", &["user_id", "connection_id"]),
    ("attempts", &["request_token_hash"]),
    ("rules", &["scope", "item"]),
    ("lanes", &["lane"]),
];

/// The rows that transactions hold, and until when. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeldItems {
    until: Arc<Mutex<BTreeMap<String, Timestamp>>>,
}

impl HeldItems {
    /// What becomes of a call, by what others do at the same time.
    pub(crate) fn strike(&self, call: &Call<'_>, now: Timestamp) -> Fault {
        let rows = written_rows(call);
        let mut until = self.until.lock().unwrap();
        until.retain(|_, at| *at > now);
        if rows.iter().any(|row| until.contains_key(row)) {
            return Fault::Contention;
        }
        if call.operation != "TransactWriteItems" {
            return Fault::None;
        }
        let at = now + SignedDuration::try_from(TRANSACTION).unwrap();
        until.extend(rows.into_iter().map(|row| (row, at)));
        Fault::Late(TRANSACTION)
    }
}

/// The rows that a call writes or checks, by table and key.
fn written_rows(call: &Call<'_>) -> Vec<String> {
    let body: Value = serde_json::from_str(call.body).unwrap_or_default();
    match call.operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => row_of(&body).into_iter().collect(),
        "TransactWriteItems" => {
            let parts = body["TransactItems"].as_array().into_iter().flatten();
            parts
                .flat_map(|part| part.as_object().into_iter().flat_map(|part| part.values()))
                .filter_map(row_of)
                .collect()
        }
        _ => Vec::new(),
    }
}

fn row_of(write: &Value) -> Option<String> {
    let table = write["TableName"].as_str()?;
    let key = if write["Key"].is_object() { &write["Key"] } else { &write["Item"] };
    let (_, names) = KEYS.iter().find(|(name, _)| *name == table)?;
    let parts: Vec<String> = names.iter().map(|name| key[*name].to_string()).collect();
    Some(format!("{table} {}", parts.join(" ")))
}
