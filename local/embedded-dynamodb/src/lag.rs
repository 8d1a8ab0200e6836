//! The lag of sparse indexes: what a row's write put into one is not shown for a while (DynamoDB, global secondary indexes).

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::engine::Answer;

/// The attributes by which rows are in the sparse indexes, and the indexes' names.
const INDEXES: [(&str, &str); 3] = [("open", "open_user_id"), ("due", "next_check_at"), ("due", "next_renewal_at")];

/// When rows came into indexes, or to their present place there, by table, index and the two parts of their key.
#[derive(Debug, Default)]
pub(crate) struct Ages(HashMap<[String; 4], (Value, Instant)>);

impl Ages {
    /// Remembers what a call wrote that was carried out.
    pub(crate) fn note(&mut self, operation: &str, body: &str) {
        if !matches!(operation, "PutItem" | "TransactWriteItems") {
            return;
        }
        let Ok(body) = serde_json::from_str::<Value>(body) else { return };
        match body["TransactItems"].as_array() {
            Some(items) => items.iter().for_each(|item| self.note_put(&item["Put"])),
            None => self.note_put(&body),
        }
    }

    fn note_put(&mut self, put: &Value) {
        let (Some(table), Some(key)) = (put["TableName"].as_str(), key_of(&put["Item"])) else { return };
        for (index, attribute) in INDEXES {
            let place = [table.to_owned(), index.to_owned(), key[0].clone(), key[1].clone()];
            let value = &put["Item"][attribute];
            if value.is_null() {
                continue;
            }
            if self.0.get(&place).is_none_or(|(before, _)| before != value) {
                self.0.insert(place, (value.clone(), Instant::now()));
            }
        }
    }

    /// Takes out of the answer of an index what is there for less than this.
    pub(crate) fn hide(&self, body: &str, mut answer: Answer, younger_than: Duration) -> Answer {
        let (Ok(question), Ok(mut shown)) =
            (serde_json::from_str::<Value>(body), serde_json::from_str::<Value>(&answer.body))
        else {
            return answer;
        };
        let (table, index) = (question["TableName"].as_str(), question["IndexName"].as_str());
        let (Some(table), Some(index), Some(items)) = (table, index, shown["Items"].as_array_mut()) else {
            return answer;
        };
        items.retain(|item| {
            let Some([first, second]) = key_of(item) else { return true };
            let since = self.0.get(&[table.to_owned(), index.to_owned(), first, second]);
            since.is_none_or(|(_, since)| since.elapsed() >= younger_than)
        });
        shown["Count"] = items.len().into();
        answer.body = shown.to_string();
        answer
    }
}

/// The key of a row of orders or connections.
fn key_of(item: &Value) -> Option<[String; 2]> {
    let text = |name: &str| Some(item[name]["S"].as_str()?.to_owned());
    Some([text("user_id")?, text("order_id").or_else(|| text("connection_id"))?])
}
