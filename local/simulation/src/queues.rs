//! The three queues of the template in memory, behind the real SDK's client.
//!
//! Kept from SQS: a FIFO queue's groups stay in order and are blocked while one of their messages is in flight, a
//! deduplication id counts for five minutes within its group, delays, visibility time-outs, dead letters, sender ids.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use domain::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::aws_door::{self, Reply};
use crate::clock::VirtualClock;
use crate::effects::{Door, Effects, ReturnedMessage, Strike, TimedOut, crash};
use crate::message::{Message, QueueName};
use crate::rights::FunctionRights;

/// How long a deduplication id counts (SQS, FIFO).
const DEDUPLICATION: SignedDuration = SignedDuration::from_mins(5);
/// The largest message (SQS), in bytes.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// The sender id of the functions' own messages.
pub(crate) const FUNCTIONS: &str = "AROACOURIER:function";

/// The queues. Clones are the same ones.
#[derive(Debug, Clone)]
pub struct Queues {
    clock: VirtualClock,
    effects: Effects,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    messages: Vec<Message>,
    dead: Vec<Message>,
    /// What every message said that was ever sent.
    bodies: Vec<String>,
    /// How many more calls that send are lost.
    sends_lost: u32,
    /// Group, deduplication id, and when it was taken.
    seen: Vec<(String, String, Timestamp)>,
}

impl Queues {
    pub(crate) fn new(clock: VirtualClock, effects: Effects) -> Self {
        Self { clock, effects, state: Arc::default() }
    }

    /// A client of the real SDK whose calls end here, in the hands of a function.
    pub(crate) fn client(&self, rights: FunctionRights) -> aws_sdk_sqs::Client {
        let queues = self.clone();
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            // It goes by the real time, and virtual time stands still to it: the same seed would not be the same world.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("simulated", "simulated", None, None, "simulated"))
            .endpoint_url("https://sqs.invalid")
            // Without a pause, of which the SDK takes a random part.
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::ZERO))
            // Retries cost tokens that all clients of a process share: worlds must not feel each other.
            .retry_partition(RetryPartition::custom("simulated").token_bucket(TokenBucket::default()).build())
            .http_client(aws_door::http_client(move |operation, body| {
                // A batch needs the right to one (SQS, permissions).
                rights.exercise(&format!("sqs:{}", operation.trim_end_matches("Batch")), resource(body));
                queues.take(operation, body)
            }))
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    /// Puts a message into the FIFO queue of orders, as whoever `sender` is; its id.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn send_order(&self, body: &str, sender: &str, group: &str) -> String {
        let unique = format!("unique-{}", self.state.lock().unwrap().count);
        self.send(QueueName::Orders, body, sender, Some((group, &unique)), SignedDuration::ZERO)
    }

    fn send(
        &self,
        queue: QueueName,
        body: &str,
        sender: &str,
        fifo: Option<(&str, &str)>,
        delay: SignedDuration,
    ) -> String {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap();
        state.count += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", state.count);
        state.seen.retain(|(_, _, at)| *at + DEDUPLICATION > now);
        if let Some((group, deduplication)) = fifo {
            if state.seen.iter().any(|(known, id, _)| known == group && id == deduplication) {
                return id;
            }
            state.seen.push((group.to_owned(), deduplication.to_owned(), now));
        }
        state.bodies.push(body.to_owned());
        state.messages.push(Message {
            id: id.clone(),
            queue,
            body: body.to_owned(),
            sender: sender.to_owned(),
            group: fifo.map(|(group, _)| group.to_owned()),
            deduplication: fifo.map(|(_, id)| id.to_owned()),
            deliveries: 0,
            sent_at: now,
            visible_at: now + delay,
            in_flight: false,
        });
        id
    }

    /// The next batch that Lambda's poller would hand to the queue's function; empty: none now.
    pub(crate) fn receive(&self, queue: QueueName) -> Vec<Message> {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap();
        let mut blocked: Vec<String> = Vec::new();
        let mut batch = Vec::new();
        for message in state.messages.iter_mut().filter(|message| message.queue == queue) {
            let is_blocked = message.group.as_ref().is_some_and(|group| blocked.contains(group));
            if message.visible_at > now || is_blocked || batch.len() >= queue.batch_size() {
                blocked.extend(message.group.clone());
                continue;
            }
            if message.in_flight {
                self.effects.note_timed_out(TimedOut::of(message, now));
            }
            message.visible_at = now + queue.settings().visibility;
            message.in_flight = true;
            message.deliveries += 1;
            batch.push(message.clone());
        }
        batch
    }

    /// The next so many calls that send a message are lost on their way, tries of the SDK counted one by one.
    pub fn lose_sends(&self, count: u32) {
        self.state.lock().unwrap().sends_lost = count;
    }

    /// How a message of a batch is hidden that its function gives back now; `None` if another delivery of it is on its way
    /// already.
    pub(crate) fn returned(&self, message: &Message, batch: &[Message], now: Timestamp) -> Option<ReturnedMessage> {
        let state = self.state.lock().unwrap();
        let same = |other: &&Message| other.receipt() == message.receipt();
        let hidden_for = state.messages.iter().find(same)?.visible_at.duration_since(now);
        // A group goes back together.
        let group = batch.iter().filter(|other| other.group == message.group);
        let deliveries = group.map(|other| other.deliveries).max()?;
        Some(ReturnedMessage { id: message.id.clone(), deliveries, hidden_for })
    }

    /// Deletes what is done with.
    pub fn delete(&self, ids: &[&str]) {
        self.state.lock().unwrap().messages.retain(|message| !ids.contains(&message.id.as_str()));
    }

    /// Moves what was delivered too often to the dead letters.
    pub(crate) fn bury(&self) {
        let mut state = self.state.lock().unwrap();
        let now = self.clock.now();
        // Not while it is worked on: only what comes back too often is dead.
        let is_dead = |message: &mut Message| {
            message.visible_at <= now && message.deliveries >= message.queue.settings().deliveries_max
        };
        let dead: Vec<_> = state.messages.extract_if(.., is_dead).collect();
        for message in dead {
            if message.in_flight {
                self.effects.note_timed_out(TimedOut::of(&message, now));
            }
            if message.queue == QueueName::Orders {
                // A dead letter of a FIFO queue gets a new age.
                let queue = QueueName::DeadLetters;
                state.messages.push(Message {
                    queue,
                    sent_at: now,
                    visible_at: now,
                    deliveries: 0,
                    in_flight: false,
                    ..message.clone()
                });
            }
            state.dead.push(message);
        }
    }

    /// When the next message can be seen; `None`: there is none.
    pub(crate) fn next_visible_at(&self) -> Option<Timestamp> {
        let state = self.state.lock().unwrap();
        let mut groups: Vec<(QueueName, &str)> = Vec::new();
        let mut next: Option<Timestamp> = None;
        for message in &state.messages {
            if let Some(group) = &message.group {
                // Behind a message that is in flight its whole group waits.
                if groups.contains(&(message.queue, group)) {
                    continue;
                }
                groups.push((message.queue, group));
            }
            next = Some(next.map_or(message.visible_at, |at| at.min(message.visible_at)));
        }
        next
    }

    /// The messages that are in the queues.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.state.lock().unwrap().messages.clone()
    }

    /// The dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<Message> {
        self.state.lock().unwrap().dead.clone()
    }

    /// What every message said that was ever sent.
    #[must_use]
    pub fn bodies(&self) -> Vec<String> {
        self.state.lock().unwrap().bodies.clone()
    }

    /// Takes a call of the SDK, unless something befalls it.
    fn take(&self, operation: &str, body: &Value) -> Reply {
        if operation == "SendMessage" && self.is_lost() {
            return Reply::Lost;
        }
        let answer = || self.answer(operation, body).map_or_else(Reply::Refusal, Reply::Answer);
        let place = format!("{operation} {}", body["QueueUrl"].as_str().unwrap_or_default());
        match self.effects.strike(Door::Queue, &place) {
            Some(Strike::CrashBefore) => {
                crash();
                Reply::Lost
            }
            Some(Strike::CrashAfter) => {
                answer();
                crash();
                Reply::Lost
            }
            Some(Strike::AnswerLost | Strike::LostForGood) => {
                answer();
                Reply::Lost
            }
            Some(Strike::NeverArrives) => Reply::Lost,
            Some(Strike::Throttled | Strike::InternalError) => Reply::Refusal("com.amazonaws.sqs#RequestThrottled"),
            _ => answer(),
        }
    }

    fn is_lost(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let is_lost = state.sends_lost > 0;
        state.sends_lost = state.sends_lost.saturating_sub(1);
        is_lost
    }

    fn answer(&self, operation: &str, body: &Value) -> Result<Value, &'static str> {
        let text = |field: &str| body.get(field).and_then(Value::as_str);
        let queue = text("QueueUrl").and_then(QueueName::of_url).ok_or("com.amazonaws.sqs#QueueDoesNotExist")?;
        match operation {
            "SendMessage" => {}
            "SendMessageBatch" => return self.answer_batch(queue, body),
            "ChangeMessageVisibilityBatch" => return self.show_again(queue, body),
            "DeleteMessageBatch" => return self.delete_batch(queue, body),
            "GetQueueAttributes" => {
                let waiting = self.waiting(queue).to_string();
                return Ok(json!({"Attributes": {"ApproximateNumberOfMessages": waiting}}));
            }
            _ => return Err("com.amazonaws.sqs#UnsupportedOperation"),
        }
        let message = text("MessageBody").filter(|body| (1..=MESSAGE_BYTES_MAX).contains(&body.len()));
        let message = message.ok_or("com.amazonaws.sqs#InvalidMessageContents")?;
        let delay = body.get("DelaySeconds").and_then(Value::as_i64);
        let fifo = text("MessageGroupId").zip(text("MessageDeduplicationId"));
        // A FIFO queue takes no delay, and needs group and deduplication id; the others have neither.
        if fifo.is_some() != queue.is_fifo() || (fifo.is_some() && delay.is_some()) {
            return Err("com.amazonaws.sqs#InvalidParameterValue");
        }
        let id = self.send(queue, message, FUNCTIONS, fifo, SignedDuration::from_secs(delay.unwrap_or(0)));
        Ok(json!({"MessageId": id}))
    }

    /// Takes up to ten messages at once, into a queue that is not FIFO.
    fn answer_batch(&self, queue: QueueName, body: &Value) -> Result<Value, &'static str> {
        let entries = body["Entries"].as_array().filter(|entries| (1..=10).contains(&entries.len()));
        let entries = entries.ok_or("com.amazonaws.sqs#TooManyEntriesInBatchRequest")?;
        if queue.is_fifo() {
            return Err("com.amazonaws.sqs#InvalidParameterValue");
        }
        let taken: Vec<Value> = entries
            .iter()
            .map(|entry| {
                let text = entry["MessageBody"].as_str().unwrap_or_default();
                let id = self.send(queue, text, FUNCTIONS, None, SignedDuration::ZERO);
                json!({"Id": entry["Id"], "MessageId": id, "MD5OfMessageBody": "0"})
            })
            .collect();
        Ok(json!({"Successful": taken, "Failed": []}))
    }

    /// Shows up to ten messages again that are in flight. Nothing but this shows one before its visibility time-out.
    fn show_again(&self, queue: QueueName, body: &Value) -> Result<Value, &'static str> {
        let entries = body["Entries"].as_array().filter(|entries| (1..=10).contains(&entries.len()));
        let entries = entries.ok_or("com.amazonaws.sqs#TooManyEntriesInBatchRequest")?;
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap();
        let (mut changed, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            let receipt = entry["ReceiptHandle"].as_str().unwrap_or_default();
            let seconds = entry["VisibilityTimeout"].as_i64().filter(|seconds| (0..=43_200).contains(seconds));
            let in_flight = |message: &&mut Message| {
                message.queue == queue && message.receipt() == receipt && message.visible_at > now
            };
            match state.messages.iter_mut().find(in_flight).zip(seconds) {
                Some((message, seconds)) => {
                    message.visible_at = now + SignedDuration::from_secs(seconds);
                    message.in_flight = false;
                    changed.push(json!({"Id": entry["Id"]}));
                }
                None => failed.push(json!({"Id": entry["Id"], "SenderFault": true, "Code": "ReceiptHandleIsInvalid"})),
            }
        }
        Ok(json!({"Successful": changed, "Failed": failed}))
    }

    /// Deletes up to ten messages by their receipts: that of an earlier delivery deletes nothing, and one that is gone is no
    /// fault (SQS, `DeleteMessage`). Behind one that is deleted its group is shown, whoever else the batch still works for.
    fn delete_batch(&self, queue: QueueName, body: &Value) -> Result<Value, &'static str> {
        let entries = body["Entries"].as_array().filter(|entries| (1..=10).contains(&entries.len()));
        let entries = entries.ok_or("com.amazonaws.sqs#TooManyEntriesInBatchRequest")?;
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap();
        let (mut deleted, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            let receipt = entry["ReceiptHandle"].as_str().unwrap_or_default();
            let id = receipt.split('/').next().unwrap_or_default();
            let is_it = |message: &Message| message.queue == queue && message.id == id;
            let is_expired = |message: &Message| message.receipt() != receipt || message.visible_at <= now;
            if state.messages.iter().any(|message| is_it(message) && is_expired(message)) {
                failed.push(json!({"Id": entry["Id"], "SenderFault": true, "Code": "ReceiptHandleIsInvalid"}));
                continue;
            }
            state.messages.retain(|message| !is_it(message));
            deleted.push(json!({"Id": entry["Id"]}));
        }
        Ok(json!({"Successful": deleted, "Failed": failed}))
    }

    /// Messages that somebody could take now.
    fn waiting(&self, queue: QueueName) -> usize {
        let now = self.clock.now();
        let state = self.state.lock().unwrap();
        state.messages.iter().filter(|message| message.queue == queue && message.visible_at <= now).count()
    }
}

/// The queue's name in the template.
fn resource(body: &Value) -> &'static str {
    body["QueueUrl"].as_str().and_then(QueueName::of_url).map_or("no queue", QueueName::name)
}
