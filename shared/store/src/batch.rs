//! Many rows in one call, of one table or of several.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::database::{Attributes, Database};
use crate::error::StoreError;

/// Tries of one reading, of which DynamoDB may leave rows out each time (DynamoDB, `BatchGetItem`).
const TRIES_MAX: u32 = 5;
/// The first pause before those are asked for again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The rows of these keys as they are now, by table; at most a hundred. What does not exist is left out.
pub(crate) async fn read_many(
    database: &Database,
    keys: HashMap<String, Vec<Attributes>>,
) -> Result<HashMap<String, Vec<Attributes>>, StoreError> {
    let tables = keys.keys().cloned().collect::<Vec<_>>().join(", ");
    let ask = |(table, keys): (String, Vec<Attributes>)| {
        let asked = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let asked = asked.map_err(|error| StoreError::corrupt(&table, "many rows", error))?;
        Ok::<_, StoreError>((table, asked))
    };
    let mut left = keys.into_iter().map(ask).collect::<Result<HashMap<_, _>, _>>()?;
    let mut rows: HashMap<String, Vec<Attributes>> = HashMap::new();
    for attempt in 0..TRIES_MAX {
        if attempt > 0 {
            tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
        }
        let request = database.client().batch_get_item().set_request_items(Some(left));
        let answer = request.send().await.map_err(|error| StoreError::of_call(&tables, "read many rows", error))?;
        for (table, some) in answer.responses.unwrap_or_default() {
            rows.entry(table).or_default().extend(some);
        }
        left = answer.unprocessed_keys.unwrap_or_default();
        if left.is_empty() {
            return Ok(rows);
        }
    }
    Err(StoreError::throttled(&tables, "read many rows", "rows were left out each time"))
}
