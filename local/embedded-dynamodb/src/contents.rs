//! What is in the tables, and how it came there: for those who look on from outside.

use serde_json::{Value, json};

use crate::engine;
use crate::{EmbeddedDynamoDb, EmbeddedError};

impl EmbeddedDynamoDb {
    /// Carries out one operation, by its name and the JSON of its request: the status, and the JSON of the answer. For a
    /// listener, and for rows that come from nowhere.
    #[must_use]
    pub fn answer(&self, operation: &str, body: &str) -> (u16, String) {
        let answer = engine::run(&self.engine, operation, body);
        (answer.status, answer.body)
    }

    /// Every row of a table, in DynamoDB's own JSON.
    pub fn rows(&self, table: &str) -> Result<Vec<Value>, EmbeddedError> {
        let mut rows = Vec::new();
        let mut from = Value::Null;
        loop {
            let mut request = json!({"TableName": table});
            if !from.is_null() {
                request["ExclusiveStartKey"] = from;
            }
            let mut page = self.ask("Scan", &request)?;
            rows.extend(list(&mut page, "Items"));
            from = page["LastEvaluatedKey"].take();
            if from.is_null() {
                return Ok(rows);
            }
        }
    }

    /// Every change of a table's rows so far, in their order, as records of its stream.
    pub fn changes(&self, table: &str) -> Result<Vec<Value>, EmbeddedError> {
        let streams = self.ask("ListStreams", &json!({"TableName": table}))?;
        let mut records = Vec::new();
        for stream in streams["Streams"].as_array().into_iter().flatten() {
            let arn = &stream["StreamArn"];
            let described = self.ask("DescribeStream", &json!({"StreamArn": arn}))?;
            for shard in described["StreamDescription"]["Shards"].as_array().into_iter().flatten() {
                let from = json!({"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"});
                records.extend(self.records_from(self.ask("GetShardIterator", &from)?["ShardIterator"].take())?);
            }
        }
        Ok(records)
    }

    fn records_from(&self, mut iterator: Value) -> Result<Vec<Value>, EmbeddedError> {
        let mut records = Vec::new();
        loop {
            let mut page = self.ask("GetRecords", &json!({"ShardIterator": iterator}))?;
            let more = list(&mut page, "Records");
            if more.is_empty() {
                return Ok(records);
            }
            records.extend(more);
            iterator = page["NextShardIterator"].take();
        }
    }

    fn ask(&self, operation: &str, request: &Value) -> Result<Value, EmbeddedError> {
        let answer = engine::run(&self.engine, operation, &request.to_string());
        if answer.status != 200 {
            return Err(EmbeddedError::Unreadable(answer.body));
        }
        serde_json::from_str(&answer.body).map_err(|error| EmbeddedError::Unreadable(error.to_string()))
    }
}

fn list(page: &mut Value, field: &str) -> Vec<Value> {
    match page[field].take() {
        Value::Array(list) => list,
        _ => Vec::new(),
    }
}
