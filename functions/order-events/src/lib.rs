//! Every change of status of an order or a connection, and every refused message, on the bus, from the tables' streams.
//!
//! The streams keep the order of a row's changes and give each at least once. What is told twice is recognised by its
//! id and `sequence`.

mod changes;

use aws_lambda_events::dynamodb::{Event as StreamBatch, EventRecord};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_dynamo::Item;
use serde_json::{Value, json};
use store::{StoreError, connection_from_image, order_from_image, refusal_from_image};

pub use changes::{Event, of_connection, of_order, of_refusal};

/// Events in one call (EventBridge, `PutEvents`).
const ENTRIES_MAX: usize = 10;

/// The function, with what it needs.
#[derive(Debug)]
pub struct OrderEvents {
    /// The bus's client.
    pub client: Client,
    /// The bus's name.
    pub bus: String,
}

impl OrderEvents {
    /// Takes one batch of a stream; an error gives it back whole, so that no change is skipped.
    pub async fn handle(&self, batch: StreamBatch) -> Result<Value, lambda_runtime::Error> {
        let mut events = Vec::new();
        for record in &batch.records {
            match of_record(record) {
                Ok(of_record) => events.extend(of_record),
                // It would stand in the way of every later change for ever. The log says which row, for who tells it by hand.
                Err(error) => {
                    let row = row_of(record);
                    let source = std::error::Error::source(&error);
                    tracing::error!(%error, source, event_id = record.event_id, row, metric.records_unreadable = 1, "a change cannot be read and is not told");
                }
            }
        }
        for chunk in events.chunks(ENTRIES_MAX) {
            self.put(chunk).await?;
        }
        Ok(json!({ "batchItemFailures": [] }))
    }

    async fn put(&self, events: &[Event]) -> Result<(), lambda_runtime::Error> {
        let entry = |event: &Event| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus)
                .source(event.source)
                .detail_type(event.detail_type)
                .detail(event.detail.to_string())
                .build()
        };
        let answer = self.client.put_events().set_entries(Some(events.iter().map(entry).collect())).send().await?;
        if answer.failed_entry_count() == 0 {
            return Ok(());
        }
        let code = answer.entries().iter().find_map(|entry| entry.error_code()).unwrap_or("no code").to_owned();
        Err(format!(
            "the bus did not take {} of {} events ({code}); the batch comes again",
            answer.failed_entry_count(),
            events.len()
        )
        .into())
    }
}

/// The key of the row that changed, by its texts.
fn row_of(record: &EventRecord) -> String {
    let mut parts: Vec<(&String, &str)> = record
        .change
        .keys
        .inner()
        .iter()
        .filter_map(|(name, value)| match value {
            serde_dynamo::AttributeValue::S(text) => Some((name, text.as_str())),
            _ => None,
        })
        .collect();
    // Orders and connections alike: the user first.
    parts.sort_by_key(|(name, _)| (name.as_str() != "user_id", *name));
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("/")
}

/// The events in one change of a row. A row that was removed tells nothing.
pub fn of_record(record: &EventRecord) -> Result<Vec<Event>, StoreError> {
    let image = |item: &Item| (!item.inner().is_empty()).then(|| item.clone());
    let Some(new) = image(&record.change.new_image) else { return Ok(Vec::new()) };
    let old = image(&record.change.old_image);
    if let Some(after) = order_from_image(new.clone())? {
        let before = old.map(order_from_image).transpose()?.flatten();
        return Ok(of_order(before.as_ref(), &after));
    }
    if let Some(refusal) = refusal_from_image(new.clone())? {
        // It is written once, and told once.
        return Ok(if old.is_none() { vec![of_refusal(&refusal)] } else { Vec::new() });
    }
    let Some(after) = connection_from_image(new)? else { return Ok(Vec::new()) };
    let before = old.map(connection_from_image).transpose()?.flatten();
    Ok(of_connection(before.as_ref(), &after).into_iter().collect())
}
