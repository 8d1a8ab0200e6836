//! From an operation's JSON to the engine's own call, and back.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body = serde_json::json!({
            "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"),
            "message": "refused on purpose",
        });
        Self { status, body: body.to_string() }
    }

    pub(crate) fn contention() -> Self {
        let body = serde_json::json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled on purpose",
            "CancellationReasons": [{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}],
        });
        Self { status: 400, body: body.to_string() }
    }
}

/// Carries out one operation. The store's, and those that set tables up; others are refused by name.
pub(crate) fn run(engine: &Database, operation: &str, body: &str) -> Answer {
    match operation {
        "PutItem" => with(body, |request| engine.put_item(request)),
        "GetItem" => with(body, |request| engine.get_item(request)),
        "UpdateItem" => with(body, |request| engine.update_item(request)),
        "DeleteItem" => with(body, |request| engine.delete_item(request)),
        "Query" => with(body, |request| engine.query(request)),
        "Scan" => with(body, |request| engine.scan(request)),
        "BatchGetItem" => with(body, |request| engine.batch_get_item(request)),
        "BatchWriteItem" => with(body, |request| engine.batch_write_item(request)),
        "TransactWriteItems" => with(body, |request| engine.transact_write_items(request)),
        "TransactGetItems" => with(body, |request| engine.transact_get_items(request)),
        "CreateTable" => with(body, |request| engine.create_table(request)),
        "DescribeTable" => with(body, |request| engine.describe_table(request)),
        "ListTables" => with(body, |request| engine.list_tables(request)),
        "ListStreams" => with(body, |request| engine.list_streams(request)),
        "DescribeStream" => with(body, |request| engine.describe_stream(request)),
        "GetShardIterator" => with(body, |request| engine.get_shard_iterator(request)),
        "GetRecords" => with(body, |request| engine.get_records(request)),
        "UpdateTable" => with(body, |request| engine.update_table(request)),
        "UpdateTimeToLive" => with(body, |request| engine.update_time_to_live(request)),
        _ => Answer::error(400, "UnknownOperationException"),
    }
}

fn with<Request: DeserializeOwned, Response: Serialize>(
    body: &str,
    call: impl FnOnce(Request) -> dynoxide::Result<Response>,
) -> Answer {
    let outcome = serde_json::from_str(body)
        .map_err(|error| DynoxideError::SerializationException(error.to_string()))
        .and_then(call)
        .and_then(|response| {
            serde_json::to_string(&response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
        });
    match outcome {
        Ok(body) => Answer { status: 200, body },
        Err(error) => Answer { status: error.status_code(), body: error.to_json() },
    }
}
