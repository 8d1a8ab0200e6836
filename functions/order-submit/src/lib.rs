//! Takes orders from the FIFO queue: in order for each user, and each user by themselves. And its dead letters, of which
//! none is placed late.
//!
//! A batch holds messages of several users. All that it asks for is put on record first; then the users are worked on side by
//! side, so that nobody waits for another's broker, and one whose work fails or panics gives back their own messages alone.
//!
//! Only a message that could not be put on record goes back to the queue, with those behind it in its group.
//!
//! The queue shows nothing of a user while it thinks that a message of theirs is in work, which is until the batch's slowest
//! user is done. So whose work ends earlier has their messages deleted, or shown again, at once.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::OrderQueue;
use trading::{Desk, QueueMessage, Together, Turn};

/// How long messages that are done with wait for the batch's end, with which Lambda deletes them for nothing.
const WAITS_FOR_END_MAX: Duration = Duration::from_secs(1);

/// The function, with what it needs.
#[derive(Debug)]
pub struct OrderSubmit {
    /// The desk.
    pub desk: Desk,
    /// The order queue, for messages that go back to it.
    pub order_queue: OrderQueue,
    /// Its dead-letter queue, likewise.
    pub dead_letter_queue: OrderQueue,
    /// The ARN of the order queue's dead-letter queue, to tell its messages from the others.
    pub dead_letter_queue_arn: String,
}

/// The messages of one user in a batch, in their order.
struct Group {
    group_id: String,
    messages: Vec<SqsMessage>,
}

impl OrderSubmit {
    /// Takes one batch; answers which messages go back to the queue, and has them shown again soon.
    pub async fn handle(&self, batch: SqsEvent, holder: &str, deadline: Timestamp) -> Value {
        let groups = groups(batch);
        let (on_record, at_work) = (Together::of(groups.len()), Together::of(groups.len()));
        let work = groups.iter().map(|group| async {
            let turn = at_work.turn();
            let messages = self.queue_messages(group);
            // Boxed: the whole path of an order is in this future.
            let work = Box::pin(self.desk.submit(&messages, on_record.turn(), holder, deadline));
            let done = done_with(group, platform::caught(work).await);
            self.let_go(group, done, turn, deadline).await;
            &group.messages[done..]
        });
        let failed = join_all(work).await.concat();
        let failed: Vec<Value> = failed.iter().map(|message| json!({ "itemIdentifier": message.message_id })).collect();
        json!({ "batchItemFailures": failed })
    }

    /// Has what goes back to the queue shown again within seconds; what is done with is deleted if the batch goes on for others.
    async fn let_go(&self, group: &Group, done: usize, at_work: Turn<'_>, deadline: Timestamp) {
        let (done, failed) = group.messages.split_at(done);
        let Some(first) = group.messages.first() else { return };
        let queue = if self.is_dead_letter(first) { &self.dead_letter_queue } else { &self.order_queue };
        let now = || self.desk.intake.clock.now();
        if !failed.is_empty() {
            platform::show_again(queue.show_again(&platform::given_back(failed)), now(), deadline).await;
        }
        if !at_work.wait_for_the_others(WAITS_FOR_END_MAX).await {
            platform::delete(queue.delete(&platform::receipts(done)), now(), deadline).await;
        }
    }

    fn is_dead_letter(&self, message: &SqsMessage) -> bool {
        message.event_source_arn.as_deref() == Some(self.dead_letter_queue_arn.as_str())
    }

    /// How long a message was in the queue. That of a dead letter is not known: SQS counts anew there.
    fn tell_age(&self, message: &SqsMessage) {
        let now = self.desk.intake.clock.now().as_millisecond();
        let age = self.sent_at(message).map(|sent_at| now - sent_at.as_millisecond());
        tracing::info!(message_id = message.message_id, metric.queue_age_milliseconds = age, "a message was taken up");
    }

    /// When a message was sent, by SQS's clock. That of a dead letter is not known.
    fn sent_at(&self, message: &SqsMessage) -> Option<Timestamp> {
        let milliseconds = message.attributes.get("SentTimestamp").filter(|_| !self.is_dead_letter(message))?;
        Timestamp::from_millisecond(milliseconds.parse().ok()?).ok()
    }

    fn queue_messages(&self, group: &Group) -> Vec<QueueMessage> {
        group.messages.iter().map(|message| self.queue_message(message, &group.group_id)).collect()
    }

    fn queue_message(&self, message: &SqsMessage, group_id: &str) -> QueueMessage {
        self.tell_age(message);
        QueueMessage {
            message_id: message.message_id.clone().unwrap_or_default(),
            sender_id: message.attributes.get("SenderId").cloned().unwrap_or_default(),
            group_id: group_id.to_owned(),
            place: message.attributes.get("SequenceNumber").and_then(|number| number.parse().ok()),
            sent_at: self.sent_at(message),
            deliveries: message
                .attributes
                .get("ApproximateReceiveCount")
                .and_then(|count| count.parse().ok())
                .unwrap_or(1),
            body: message.body.clone().unwrap_or_default(),
            is_dead_letter: self.is_dead_letter(message),
        }
    }
}

/// How many messages of a group are done with; of one whose work panicked none: what is on record is found there when they
/// come again.
fn done_with(group: &Group, ended: Option<usize>) -> usize {
    ended.unwrap_or_else(|| {
        tracing::error!(
            user_id = group.group_id,
            messages = group.messages.len(),
            alarm = "work_panicked",
            metric.orders_for_a_person = 1,
            "the work on a user's messages panicked; they go back to the queue"
        );
        0
    })
}

/// A batch by user, each user's messages in the queue's order.
fn groups(batch: SqsEvent) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for message in batch.records {
        let group_id = message.attributes.get("MessageGroupId").cloned().unwrap_or_default();
        match groups.iter_mut().find(|group| group.group_id == group_id) {
            Some(group) => group.messages.push(message),
            None => groups.push(Group { group_id, messages: vec![message] }),
        }
    }
    groups
}
