//! Queues: how one function asks another. The bodies carry ids only, and are read strictly.

use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use domain::{ConnectionId, Entropy, OrderId, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::StoreError;

/// The longest that SQS holds a message back, in seconds (SQS, `DelaySeconds`).
pub const TRACK_DELAY_SECONDS_MAX: u32 = 900;

/// Asks of one chain at most: a poll that asks for the next poll is a recursive loop to Lambda, and must end by itself. The schedule
/// finds the user's orders again within a minute, and begins a new chain.
pub const TRACK_CHAIN_LINKS_MAX: u32 = 500;

/// Random bytes of the id by which the queue tells messages apart.
const DEDUPLICATION_BYTES: usize = 16;

/// Messages of one call at most (SQS, `SendMessageBatch`, `ChangeMessageVisibilityBatch`, `DeleteMessageBatch`).
const BATCH_MAX: usize = 10;

/// After how many seconds a message that goes back for the first time is shown again. It doubles with each further time, so
/// that the ten deliveries of a message take a quarter of an hour: as long as most orders are good.
const SHOWN_AGAIN_AFTER_SECONDS: u32 = 2;
/// The longest pause before it is shown again, in seconds: the visibility time-out (infra/template.yaml).
const SHOWN_AGAIN_AFTER_SECONDS_MAX: u32 = 360;

/// A message that goes back to its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// By which the queue knows this delivery (SQS, `ReceiptHandle`).
    pub receipt: String,
    /// How often it was delivered (SQS, `ApproximateReceiveCount`).
    pub deliveries: u32,
}

/// After how many seconds a message that goes back for the `deliveries`th time is shown again.
#[must_use]
pub fn shown_again_after_seconds(deliveries: u32) -> u32 {
    let doubled = deliveries.saturating_sub(1).min(16);
    (SHOWN_AGAIN_AFTER_SECONDS << doubled).min(SHOWN_AGAIN_AFTER_SECONDS_MAX)
}

/// Take a user's unfinished orders further; on the order queue, in the user's group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wake {
    /// Whose.
    pub user_id: UserId,
    /// Only this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
}

/// Look after a connection's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionAsk {
    /// Whose.
    pub user_id: UserId,
    /// Which.
    pub connection_id: ConnectionId,
    /// Why.
    pub reason: SessionAskReason,
}

/// Why a session is to be looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionAskReason {
    /// Its renewal is due.
    RenewalDue,
    /// An order waits for it.
    OrderWaits,
    /// Its user or the operator asked.
    Asked,
}

/// Look at a user's orders at the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackAsk {
    /// Whose.
    pub user_id: UserId,
    /// How many asks came before it, each sent by the poll that the one before had asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub links: u32,
}

/// Why a body is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum BodyRefused {
    /// It says that it is something else, or does not say what it is.
    #[error("the message is no {expected}")]
    OtherSchema {
        /// What was expected.
        expected: &'static str,
    },
    /// It says that it is this, and is not.
    #[error("the message says that it is a {expected}, and cannot be read as one")]
    Malformed {
        /// What was expected.
        expected: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl Wake {
    /// The schema of its body.
    pub const SCHEMA: &'static str = "courier.wake/1";

    /// Reads a message's body.
    pub fn parse(text: &str) -> Result<Self, BodyRefused> {
        parse(text, Self::SCHEMA)
    }
}

impl SessionAsk {
    /// The schema of its body.
    pub const SCHEMA: &'static str = "courier.session/1";

    /// Reads a message's body.
    pub fn parse(text: &str) -> Result<Self, BodyRefused> {
        parse(text, Self::SCHEMA)
    }
}

impl TrackAsk {
    /// The schema of its body.
    pub const SCHEMA: &'static str = "courier.track/1";

    /// The first ask of a chain.
    #[must_use]
    pub fn first(user_id: UserId) -> Self {
        Self { user_id, links: 0 }
    }

    /// The ask that follows in a chain after so many links; `None` where the chain ends ([`TRACK_CHAIN_LINKS_MAX`]).
    #[must_use]
    pub fn after(user_id: UserId, links: u32) -> Option<Self> {
        (links < TRACK_CHAIN_LINKS_MAX).then(|| Self { user_id, links: links.saturating_add(1) })
    }

    /// Reads a message's body.
    pub fn parse(text: &str) -> Result<Self, BodyRefused> {
        parse(text, Self::SCHEMA)
    }
}

/// The queue of orders (FIFO, a group for each user).
#[derive(Debug, Clone)]
pub struct OrderQueue {
    queue: Queue,
    entropy: Arc<dyn Entropy>,
}

impl OrderQueue {
    /// The queue at this address.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>, entropy: Arc<dyn Entropy>) -> Self {
        Self { queue: Queue { client, url: url.into() }, entropy }
    }

    /// Wakes a user's orders.
    pub async fn wake(&self, wake: &Wake) -> Result<(), StoreError> {
        let message = self.queue.message(&body(wake, Wake::SCHEMA)).message_group_id(wake.user_id.as_str());
        self.queue.send(message.message_deduplication_id(self.deduplication_id())).await
    }

    /// An id that nobody can guess. SQS drops a second message under one id within five minutes, whatever it says: whoever
    /// may send on the queue could use one that they guessed first, and the wake would vanish.
    fn deduplication_id(&self) -> String {
        let mut bytes = [0; DEDUPLICATION_BYTES];
        self.entropy.fill(&mut bytes);
        format!("wake-{}", hex::encode(bytes))
    }

    /// Has messages that go back shown again after a pause that grows with their deliveries; without it they would be hidden
    /// for the whole visibility time-out, and in a FIFO queue their group with them.
    pub async fn show_again(&self, messages: &[Returned]) -> Result<(), StoreError> {
        self.queue.show_again(messages).await
    }

    /// Deletes deliveries that are done with, by their receipts. One that came again meanwhile stays: it has another receipt.
    pub async fn delete(&self, receipts: &[String]) -> Result<(), StoreError> {
        self.queue.delete(receipts).await
    }
}

/// The queue of connections to look after.
#[derive(Debug, Clone)]
pub struct SessionQueue {
    queue: Queue,
}

impl SessionQueue {
    /// The queue at this address.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { queue: Queue { client, url: url.into() } }
    }

    /// Asks that a connection's session be looked after.
    pub async fn ask(&self, ask: &SessionAsk) -> Result<(), StoreError> {
        self.queue.send(self.queue.message(&body(ask, SessionAsk::SCHEMA))).await
    }

    /// Asks for many, ten in a call (SQS, `SendMessageBatch`). Returns how many the queue took: it may take some of a call
    /// and not others.
    pub async fn ask_all(&self, asks: &[SessionAsk]) -> Result<usize, StoreError> {
        let mut taken = 0;
        for part in asks.chunks(BATCH_MAX) {
            let bodies: Vec<String> = part.iter().map(|ask| body(ask, SessionAsk::SCHEMA)).collect();
            taken += self.queue.send_all(&bodies).await?;
        }
        Ok(taken)
    }

    /// About how many asks wait that nobody has taken yet.
    pub async fn waiting(&self) -> Result<u64, StoreError> {
        self.queue.waiting().await
    }

    /// Has messages that go back shown again after a pause that grows with their deliveries; without it they would be hidden
    /// for the whole visibility time-out, and in a FIFO queue their group with them.
    pub async fn show_again(&self, messages: &[Returned]) -> Result<(), StoreError> {
        self.queue.show_again(messages).await
    }
}

/// The queue of users to track.
#[derive(Debug, Clone)]
pub struct TrackQueue {
    queue: Queue,
}

impl TrackQueue {
    /// The queue at this address.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { queue: Queue { client, url: url.into() } }
    }

    /// Asks that a user be tracked, after a delay of at most [`TRACK_DELAY_SECONDS_MAX`]; a longer one is cut.
    pub async fn ask(&self, ask: &TrackAsk, delay_seconds: u32) -> Result<(), StoreError> {
        let delay_seconds = i32::try_from(delay_seconds.min(TRACK_DELAY_SECONDS_MAX)).unwrap_or_default();
        self.queue.send(self.queue.message(&body(ask, TrackAsk::SCHEMA)).delay_seconds(delay_seconds)).await
    }

    /// Asks for many at once, ten in a call (SQS, `SendMessageBatch`). Returns how many the queue took.
    pub async fn ask_all(&self, asks: &[TrackAsk]) -> Result<usize, StoreError> {
        let mut taken = 0;
        for part in asks.chunks(BATCH_MAX) {
            let bodies: Vec<String> = part.iter().map(|ask| body(ask, TrackAsk::SCHEMA)).collect();
            taken += self.queue.send_all(&bodies).await?;
        }
        Ok(taken)
    }

    /// Has messages that go back shown again after a pause that grows with their deliveries; without it they would be hidden
    /// for the whole visibility time-out, and in a FIFO queue their group with them.
    pub async fn show_again(&self, messages: &[Returned]) -> Result<(), StoreError> {
        self.queue.show_again(messages).await
    }
}

#[derive(Debug, Clone)]
struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    fn message(&self, text: &str) -> SendMessageFluentBuilder {
        self.client.send_message().queue_url(&self.url).message_body(text)
    }

    /// How many of these the queue took.
    async fn send_all(&self, bodies: &[String]) -> Result<usize, StoreError> {
        let mut batch = self.client.send_message_batch().queue_url(&self.url);
        for (number, body) in bodies.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body).build();
            batch = batch.entries(entry.map_err(|error| StoreError::refused(&self.url, "build a batch", error))?);
        }
        let answer = batch.send().await.map_err(|error| StoreError::of_call(&self.url, "take a batch", error))?;
        Ok(answer.successful().len())
    }

    async fn show_again(&self, messages: &[Returned]) -> Result<(), StoreError> {
        for part in messages.chunks(BATCH_MAX) {
            let mut batch = self.client.change_message_visibility_batch().queue_url(&self.url);
            for (number, message) in part.iter().enumerate() {
                let seconds = i32::try_from(shown_again_after_seconds(message.deliveries)).unwrap_or_default();
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(number.to_string())
                    .receipt_handle(&message.receipt)
                    .visibility_timeout(seconds)
                    .build();
                batch = batch.entries(entry.map_err(|error| StoreError::refused(&self.url, "build a batch", error))?);
            }
            let answer =
                batch.send().await.map_err(|error| StoreError::of_call(&self.url, "show messages again", error))?;
            if !answer.failed().is_empty() {
                return Err(StoreError::throttled(&self.url, "show messages again", "some of a batch were left out"));
            }
        }
        Ok(())
    }

    async fn delete(&self, receipts: &[String]) -> Result<(), StoreError> {
        for part in receipts.chunks(BATCH_MAX) {
            let mut batch = self.client.delete_message_batch().queue_url(&self.url);
            for (number, receipt) in part.iter().enumerate() {
                let entry =
                    DeleteMessageBatchRequestEntry::builder().id(number.to_string()).receipt_handle(receipt).build();
                batch = batch.entries(entry.map_err(|error| StoreError::refused(&self.url, "build a batch", error))?);
            }
            let answer =
                batch.send().await.map_err(|error| StoreError::of_call(&self.url, "delete messages", error))?;
            if !answer.failed().is_empty() {
                return Err(StoreError::throttled(&self.url, "delete messages", "some of a batch were left out"));
            }
        }
        Ok(())
    }

    async fn waiting(&self) -> Result<u64, StoreError> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(name.clone()).send().await;
        let answer = answer.map_err(|error| StoreError::of_call(&self.url, "tell how much waits", error))?;
        let told = answer.attributes().and_then(|attributes| attributes.get(&name)?.parse().ok());
        told.ok_or_else(|| StoreError::corrupt(&self.url, "its attributes", "they tell no number of messages"))
    }

    async fn send(&self, message: SendMessageFluentBuilder) -> Result<(), StoreError> {
        message.send().await.map_err(|error| StoreError::of_call(&self.url, "take a message", error))?;
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(links: &u32) -> bool {
    *links == 0
}

fn body(content: &impl Serialize, schema: &str) -> String {
    // Plain data of texts always serialises into an object.
    let mut value = serde_json::to_value(content).unwrap_or_default();
    value["schema"] = Value::from(schema);
    value.to_string()
}

fn parse<T: DeserializeOwned>(text: &str, expected: &'static str) -> Result<T, BodyRefused> {
    let other = || BodyRefused::OtherSchema { expected };
    let mut object: Map<String, Value> = serde_json::from_str(text).map_err(|_| other())?;
    if object.remove("schema") != Some(Value::from(expected)) {
        return Err(other());
    }
    serde_json::from_value(Value::Object(object)).map_err(|source| BodyRefused::Malformed { expected, source })
}

#[cfg(test)]
mod tests {
    use super::shown_again_after_seconds;

    #[test]
    fn a_message_that_goes_back_is_shown_after_seconds_and_lives_for_a_quarter_of_an_hour() {
        assert_eq!([0, 1, 2, 3, 8, 9, 1_000].map(shown_again_after_seconds), [2, 2, 4, 8, 256, 360, 360]);
        assert!((1..10).map(shown_again_after_seconds).sum::<u32>() >= 14 * 60);
    }
}
