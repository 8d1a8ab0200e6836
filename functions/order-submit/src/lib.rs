//! Takes orders from the FIFO queue: in order for each user, and each user by themselves. And its dead letters, of which
//! none is placed late.
//!
//! A message is done with once its order, or its refusal, is on record: from there the row carries it. Only a message
//! that could not be put on record goes back to the queue, with those behind it in its group. The new orders of a group are
//! put on record together, and what bears on them is read once.

mod work;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use jiff::Timestamp;
use serde_json::{Value, json};
use trading::{Desk, QueueMessage};

use crate::work::{Work, tell_back};

/// The function, with what it needs.
#[derive(Debug)]
pub struct OrderSubmit {
    /// The desk.
    pub desk: Desk,
    /// The ARN of the order queue's dead-letter queue, to tell its messages from the others.
    pub dead_letter_queue_arn: String,
}

/// The messages of one user in a batch, in their order.
struct Group {
    group_id: String,
    messages: Vec<SqsMessage>,
}

impl OrderSubmit {
    /// Takes one batch; answers which messages go back to the queue.
    pub async fn handle(&self, batch: SqsEvent, holder: &str, deadline: Timestamp) -> Value {
        let mut failures = Vec::new();
        for group in groups(batch) {
            let failed_from = Box::pin(self.take_group(&group, holder, deadline)).await;
            let failed = group.messages.iter().skip(failed_from);
            failures.extend(failed.map(|message| json!({ "itemIdentifier": message.message_id })));
        }
        json!({ "batchItemFailures": failures })
    }

    /// Takes a user's messages one after the other; returns how many are done with.
    async fn take_group(&self, group: &Group, holder: &str, deadline: Timestamp) -> usize {
        let mut work = Work::new(self, holder, deadline);
        let mut done = 0;
        let mut tasks = work.read_all(group).await;
        let failed = match work.record_all(&mut tasks).await {
            Ok(()) => Box::pin(work.carry_out(tasks, &mut done)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = failed {
            tell_back(&error, &group.messages[done]);
        }
        work.leave().await;
        done
    }

    /// How long a message was in the queue. That of a dead letter is not known: SQS counts anew there.
    fn tell_age(&self, message: &SqsMessage) {
        let is_dead_letter = message.event_source_arn.as_deref() == Some(self.dead_letter_queue_arn.as_str());
        let age =
            sent_at(message).map(|sent_at| self.desk.intake.clock.now().as_millisecond() - sent_at.as_millisecond());
        let age = age.filter(|_| !is_dead_letter);
        tracing::info!(message_id = message.message_id, metric.queue_age_milliseconds = age, "a message was taken up");
    }

    fn queue_message(&self, message: &SqsMessage, group_id: &str) -> QueueMessage {
        QueueMessage {
            message_id: message.message_id.clone().unwrap_or_default(),
            sender_id: message.attributes.get("SenderId").cloned().unwrap_or_default(),
            group_id: group_id.to_owned(),
            place: message.attributes.get("SequenceNumber").and_then(|number| number.parse().ok()),
            sent_at: sent_at(message),
            deliveries: message
                .attributes
                .get("ApproximateReceiveCount")
                .and_then(|count| count.parse().ok())
                .unwrap_or(1),
            body: message.body.clone().unwrap_or_default(),
            is_dead_letter: message.event_source_arn.as_deref() == Some(self.dead_letter_queue_arn.as_str()),
        }
    }
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

/// When a message was sent (SQS, message system attributes: milliseconds).
fn sent_at(message: &SqsMessage) -> Option<Timestamp> {
    let milliseconds = message.attributes.get("SentTimestamp")?.parse().ok()?;
    Timestamp::from_millisecond(milliseconds).ok()
}
