//! The Lambda service: hands the queues' messages and the schedules' ticks to the functions, and deletes what they are
//! done with.
//!
//! It differs from AWS in what would take hours: a message whose function died comes again after seconds, and not after the
//! queue's visibility time-out of six minutes; the schedules tick every few seconds, and not every minute.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
};
use serde_json::{Map, Value, json};
use stack::QueueSource;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::HarnessError;
use crate::function::Function;
use crate::output::tell;
use crate::pool::Pool;
use crate::random::Random;

/// How long a message is out of sight: longer than any invocation may take.
const VISIBILITY_SECONDS: i32 = 90;
/// After this a message comes again whose function died, or that it gave back.
const AGAIN_AFTER_SECONDS: i32 = 2;
/// How long one look into a queue waits for a message.
const WAIT_SECONDS: i32 = 1;
/// Invocations of a queue at the same time, where the template does not say it.
const CONCURRENCY: u32 = 5;
/// Pause after AWS refused something: it is asked again.
const REFUSED_PAUSE: Duration = Duration::from_millis(500);

/// A queue that starts a function.
#[derive(Debug, Clone)]
pub(crate) struct QueueReader {
    pub(crate) pool: Arc<Pool>,
    pub(crate) client: Client,
    pub(crate) source: QueueSource,
    pub(crate) url: String,
}

impl QueueReader {
    /// The reader of this queue.
    pub(crate) async fn of(pool: Arc<Pool>, client: &Client, source: QueueSource) -> Result<Self, HarnessError> {
        let name = source.queue_arn.rsplit(':').next().unwrap_or_default();
        let answer = client.get_queue_url().queue_name(name).send().await;
        let answer = answer.map_err(|error| HarnessError::unexpected("GetQueueUrl", error))?;
        let url = answer.queue_url.unwrap_or_default();
        Ok(Self { pool, client: client.clone(), source, url })
    }

    /// Reads for ever.
    pub(crate) async fn run(self, seed: u64) {
        let mut random = Random::of_part(seed, 100);
        let slots = self.source.concurrency_max.unwrap_or(CONCURRENCY);
        let slots = Arc::new(Semaphore::new(usize::try_from(slots).unwrap_or(1)));
        let mut at_work = JoinSet::new();
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            // Batches of all sizes: with always the largest, one batch would hold most groups.
            let size = random.between(1, u64::from(self.source.batch_size));
            let batch = self.receive(i32::try_from(size).unwrap_or(1)).await;
            if !batch.is_empty() {
                let reader = self.clone();
                at_work.spawn(async move {
                    reader.work_on(batch).await;
                    drop(slot);
                });
            }
            while at_work.try_join_next().is_some() {}
        }
    }

    async fn receive(&self, size: i32) -> Vec<Message> {
        let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(size);
        let request = request.visibility_timeout(VISIBILITY_SECONDS).wait_time_seconds(WAIT_SECONDS);
        match request.message_system_attribute_names(MessageSystemAttributeName::All).send().await {
            Ok(answer) => answer.messages.unwrap_or_default(),
            Err(error) => {
                tell(&format!("{}: no messages: {error}", self.source.queue_arn));
                tokio::time::sleep(REFUSED_PAUSE).await;
                Vec::new()
            }
        }
    }

    async fn work_on(&self, batch: Vec<Message>) {
        let records: Vec<Value> = batch.iter().map(|message| record(message, &self.source.queue_arn)).collect();
        let answer = match self.pool.invoke(json!({ "Records": records })).await {
            Ok(answer) => answer,
            Err(error) => {
                tell(&error.to_string());
                None
            }
        };
        let failed = answer.map(|answer| failures(&answer));
        let is_done = |message: &&Message| {
            failed.as_ref().is_some_and(|failed| !failed.iter().any(|id| Some(id) == message.message_id.as_ref()))
        };
        let (done, again): (Vec<&Message>, Vec<&Message>) = batch.iter().partition(is_done);
        self.delete(&done).await;
        self.show_again(&again).await;
    }

    async fn delete(&self, messages: &[&Message]) {
        let entries = handles(messages).filter_map(|(id, handle)| {
            DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().ok()
        });
        let entries: Vec<_> = entries.collect();
        if entries.is_empty() {
            return;
        }
        let request = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
        if let Err(error) = request.send().await {
            // They come again, which SQS may do at any time.
            tell(&format!("{}: not deleted: {error}", self.source.queue_arn));
        }
    }

    async fn show_again(&self, messages: &[&Message]) {
        let entry = |(id, handle)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle(handle);
            entry.visibility_timeout(AGAIN_AFTER_SECONDS).build().ok()
        };
        let entries: Vec<_> = handles(messages).filter_map(entry).collect();
        if entries.is_empty() {
            return;
        }
        let request = self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
        if let Err(error) = request.send().await {
            tell(&format!("{}: hidden for {VISIBILITY_SECONDS} s: {error}", self.source.queue_arn));
        }
    }
}

/// Ticks for ever.
pub(crate) async fn run_schedule(pool: Arc<Pool>) {
    let pause = match pool.function() {
        Function::OrderSubmit | Function::OrderTrack => Duration::from_secs(5),
        Function::SessionRefresh => Duration::from_secs(8),
    };
    loop {
        tokio::time::sleep(pause).await;
        if let Err(error) = pool.invoke(json!({"version": "1", "trigger": "schedule"})).await {
            tell(&error.to_string());
        }
    }
}

fn handles<'m>(messages: &'m [&'m Message]) -> impl Iterator<Item = (String, &'m str)> {
    let handles = messages.iter().filter_map(|message| message.receipt_handle());
    handles.enumerate().map(|(index, handle)| (index.to_string(), handle))
}

/// A message as Lambda hands it over (events/order-submit.json).
fn record(message: &Message, queue_arn: &str) -> Value {
    let attributes = message.attributes().into_iter().flatten();
    let attributes: Map<String, Value> =
        attributes.map(|(name, value)| (name.as_str().to_owned(), json!(value))).collect();
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": "us-east-1",
    })
}

/// The messages that a function names as not done with.
fn failures(answer: &Value) -> Vec<String> {
    let failures = answer.get("batchItemFailures").and_then(Value::as_array);
    let ids = failures.into_iter().flatten().filter_map(|failure| failure.get("itemIdentifier")?.as_str());
    ids.map(str::to_owned).collect()
}
