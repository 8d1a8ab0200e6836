//! What AWS does around the functions: hands them messages and ticks, in time's order.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::crash::Invocation;
use crate::effects::Fate;
use crate::functions::DEAD_LETTERS_ARN;
use crate::message::{Message, QueueName};
use crate::world::{ACCOUNT, ALGORITHM, SENDER, USER, World};

/// Time that an invocation has (infra/template.yaml).
const INVOCATION: Duration = Duration::from_mins(1);
/// What must be left of an invocation for messages that it gives back to be shown again.
const GIVES_BACK_WITHIN: SignedDuration = SignedDuration::from_secs(1);
/// How far [`World::run_until_idle`] goes at most.
const IDLE_WITHIN: Duration = Duration::from_mins(40);
/// How long [`World::settle`] takes at most.
const SETTLED_AFTER: Duration = Duration::from_secs(8);
/// The pause between two ticks of the schedules (infra/template.yaml).
const TICK: Duration = Duration::from_mins(1);

/// What a function is handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Submit,
    Track,
    Refresh,
}

/// Whether what is done with is taken out of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deletes {
    Arrive,
    /// The message comes again.
    AreLost,
}

impl World {
    /// Puts a place command for the user into the queue, as the algorithm: 10 shares of AAPL to buy for the day, with
    /// these fields added or replaced.
    pub fn place(&self, order_id: &str, fields: &Value) {
        self.enqueue(&self.place_command(order_id, fields), SENDER, USER);
    }

    /// The place command that [`World::place`] sends.
    #[must_use]
    pub fn place_command(&self, order_id: &str, fields: &Value) -> Value {
        let mut command = json!({"schema": "courier.order/1", "command": "place", "user_id": USER, "order_id": order_id,
            "algorithm_id": ALGORITHM, "account_id": ACCOUNT, "contract": {"conid": 265_598}, "side": "buy",
            "quantity": "10", "time_in_force": "day"});
        for (name, value) in fields.as_object().into_iter().flatten() {
            command[name] = value.clone();
        }
        if let Some(object) = command.as_object_mut() {
            object.retain(|_, value| !value.is_null());
        }
        command
    }

    /// Puts a cancel command into the queue, as the algorithm.
    pub fn cancel(&self, order_id: &str) {
        let command = json!({"schema": "courier.order/1", "command": "cancel", "user_id": USER, "order_id": order_id,
            "algorithm_id": ALGORITHM});
        self.enqueue(&command, SENDER, USER);
    }

    /// Puts a message into the queue of orders.
    pub fn enqueue(&self, body: &Value, sender: &str, group: &str) {
        self.queues.send_order(&body.to_string(), sender, group);
    }

    /// Delivers messages, and lets time pass, until no message is left. The schedules do not tick. An order that works
    /// is looked at for a quarter of an hour before it is left to the schedule, so that much time passes then.
    pub async fn run_until_idle(&self) {
        let end = self.right_time() + SignedDuration::try_from(IDLE_WITHIN).unwrap();
        while let Some(at) = self.queues.next_visible_at() {
            assert!(at < end, "the queues never became empty: {:?}", self.queues.messages());
            self.sleep_until(at).await;
            self.deliver_all().await;
        }
    }

    /// As [`World::run_until_idle`], but for a few seconds only: long enough for orders to be sent, and looked at once.
    pub async fn settle(&self) {
        let end = self.right_time() + SignedDuration::try_from(SETTLED_AFTER).unwrap();
        while let Some(at) = self.queues.next_visible_at().filter(|at| *at <= end) {
            self.sleep_until(at).await;
            self.deliver_all().await;
        }
    }

    /// Delivers every message that can be seen now, and those that follow at once.
    pub async fn deliver_all(&self) {
        loop {
            let submitted = self.deliver(QueueName::Orders, Function::Submit).await;
            let dead = self.deliver(QueueName::DeadLetters, Function::Submit).await;
            let refreshed = self.deliver(QueueName::Sessions, Function::Refresh).await;
            let tracked = self.deliver(QueueName::Tracks, Function::Track).await;
            if !(submitted || dead || refreshed || tracked) {
                return;
            }
        }
    }

    /// Lets so much time pass, with messages delivered and schedules ticking.
    pub async fn run_for(&self, time: Duration) {
        let end = self.right_time() + SignedDuration::try_from(time).unwrap();
        let mut tick = self.right_time() + SignedDuration::try_from(TICK).unwrap();
        loop {
            self.deliver_all().await;
            let now = self.right_time();
            if now >= end {
                return;
            }
            if now >= tick {
                self.tick().await;
                tick = now + SignedDuration::try_from(TICK).unwrap();
                continue;
            }
            let next = self.queues.next_visible_at().map_or(tick, |at| at.min(tick));
            self.sleep_until(next.min(end)).await;
        }
    }

    /// One tick of both schedules.
    pub async fn tick(&self) {
        let schedule = json!({"version": "0", "source": "aws.scheduler"});
        self.invoke(Function::Track, schedule.clone()).await;
        self.invoke(Function::Refresh, schedule).await;
    }

    /// Hands one batch of messages to order-submit, as they are, whatever the queue thinks of it: a second worker.
    /// Answers which messages it gave back; `None`: it crashed.
    pub async fn submit_now(&self, bodies: &[Value]) -> Option<Vec<String>> {
        let record = |(index, body): (usize, &Value)| {
            json!({"messageId": format!("now-{index}"), "body": body.to_string(),
                   "attributes": {"SenderId": SENDER, "MessageGroupId": USER}})
        };
        let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
        self.invoke(Function::Submit, json!({"Records": records})).await.map(|answer| failures(&answer))
    }

    /// Hands dead letters to order-submit, sent by the algorithm long ago. Answers which it gave back.
    pub async fn submit_dead_letters(&self, bodies: &[Value]) -> Option<Vec<String>> {
        let record = |(index, body): (usize, &Value)| {
            json!({"messageId": format!("dead-{index}"), "receiptHandle": format!("dead-{index}"), "body": body.to_string(), "eventSourceARN": DEAD_LETTERS_ARN,
                   "attributes": {"SenderId": SENDER, "MessageGroupId": USER}})
        };
        let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
        self.invoke(Function::Submit, json!({"Records": records})).await.map(|answer| failures(&answer))
    }

    /// Puts a modify command into the queue, as the algorithm, with these changes.
    pub fn modify(&self, order_id: &str, revision: u64, changes: &Value) {
        let mut command = json!({"schema": "courier.order/1", "command": "modify", "user_id": USER, "order_id": order_id,
            "algorithm_id": ALGORITHM, "revision": revision});
        for (name, value) in changes.as_object().into_iter().flatten() {
            command[name] = value.clone();
        }
        self.enqueue(&command, SENDER, USER);
    }

    /// One batch of a queue; false: it has none now.
    async fn deliver(&self, queue: QueueName, function: Function) -> bool {
        let batch = self.queues.receive(queue);
        if !batch.is_empty() {
            self.hand_over(&batch, function, Deletes::Arrive).await;
            return true;
        }
        false
    }

    /// Hands a batch of a queue to its function, and takes out of the queue what is done with.
    pub(crate) async fn hand_over(&self, batch: &[Message], function: Function, deletes: Deletes) {
        let records: Vec<Value> = batch.iter().map(Message::record).collect();
        let deadline = self.clock.now() + SignedDuration::try_from(INVOCATION).unwrap();
        let (answer, invocation) = self.invoke_watched(function, json!({"Records": records})).await;
        let queue_failed = invocation.queue_failed.load(Ordering::SeqCst);
        let fate = match &answer {
            _ if invocation.killed.load(Ordering::SeqCst) => Fate::Killed,
            _ if queue_failed || deletes == Deletes::AreLost => Fate::CutOff,
            None => Fate::Failed,
            Some(_) => Fate::Ended,
        };
        self.effects.note_fate(batch.iter().map(Message::receipt), fate);
        let failed = answer.as_ref().map(failures).unwrap_or_default();
        // Whoever had no time left, or no queue to ask, could not have them shown again.
        if !queue_failed && self.clock.now() + GIVES_BACK_WITHIN < deadline {
            let now = self.right_time();
            let failed = batch.iter().filter(|message| failed.contains(&message.id));
            self.effects.note_returned(failed.filter_map(|message| self.queues.returned(message, batch, now)));
        }
        // A function that crashed or failed as a whole has deleted nothing.
        if let Some(failed) = answer.map(|answer| failures(&answer)).filter(|_| deletes == Deletes::Arrive) {
            let done: Vec<&str> = batch.iter().map(|message| message.id.as_str()).collect();
            let done: Vec<&str> = done.into_iter().filter(|id| !failed.iter().any(|failed| failed == id)).collect();
            self.queues.delete(&done);
        }
        self.queues.bury();
    }

    /// Runs a function once; `None`: it crashed, ran out of time, or failed.
    pub(crate) async fn invoke(&self, function: Function, event: Value) -> Option<Value> {
        self.invoke_watched(function, event).await.0
    }

    /// As [`World::invoke`]; and the invocation, which knows what befell it.
    async fn invoke_watched(&self, function: Function, event: Value) -> (Option<Value>, Arc<Invocation>) {
        let deadline = self.clock.now() + SignedDuration::try_from(INVOCATION).unwrap();
        let holder = format!("{function:?} at {}", self.clock.now());
        // Boxed, since the handlers' futures are large.
        let handler: Pin<Box<dyn Future<Output = Option<Value>> + '_>> = match function {
            Function::Submit => {
                let batch = serde_json::from_value(event).unwrap();
                Box::pin(async { Some(self.functions.submit.invoked().await.handle(batch, &holder, deadline).await) })
            }
            Function::Track => {
                Box::pin(async { self.functions.track.invoked().await.handle(event, &holder, deadline).await.ok() })
            }
            Function::Refresh => {
                Box::pin(async { self.functions.refresh.invoked().await.handle(event, &holder, deadline).await.ok() })
            }
        };
        let invocation = Invocation::new(holder.clone());
        self.effects.chronicle.note(|| format!("{holder}: begins"));
        let outcome = invocation.run(handler, INVOCATION).await;
        self.effects.chronicle.note(|| match &outcome {
            None => format!("{holder}: crashed, or ran out of time"),
            Some(None) => format!("{holder}: failed"),
            Some(Some(answer)) => format!("{holder}: ends with {answer}"),
        });
        (outcome.flatten(), invocation)
    }

    /// The right time, whatever the functions' clock says.
    pub(crate) fn right_time(&self) -> Timestamp {
        self.clock.second().now()
    }

    pub(crate) async fn sleep_until(&self, at: Timestamp) {
        let pause = at.duration_since(self.right_time());
        tokio::time::sleep(Duration::try_from(pause).unwrap_or_default()).await;
    }
}

fn failures(answer: &Value) -> Vec<String> {
    let failed = answer["batchItemFailures"].as_array().into_iter().flatten();
    failed.filter_map(|failure| failure["itemIdentifier"].as_str().map(str::to_owned)).collect()
}
