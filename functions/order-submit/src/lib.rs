//! Takes orders from the FIFO queue: in order for each user, and each user by themselves. And its dead letters, of which
//! none is placed late.
//!
//! A batch holds messages of several users. All that it asks for is put on record first; then the users are worked on side by
//! side, so that nobody waits for another's broker, and one whose work fails or panics gives back their own messages alone.
//!
//! A message is done with once its order, or its refusal, is on record: from there the row carries it. Only a message
//! that could not be put on record goes back to the queue, with those behind it in its group. The new orders of a group are
//! put on record together, and what bears on them is read once.

mod on_record;
mod work;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::OrderQueue;
use trading::{Desk, QueueMessage};

use crate::on_record::{AllOnRecord, Turn};
use crate::work::{Work, tell_back};

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
        let on_record = AllOnRecord::of(groups.len());
        let work = groups.iter().map(|group| {
            // Boxed: the whole path of an order is in this future.
            platform::caught(Box::pin(self.take_group(group, on_record.turn(), holder, deadline)))
        });
        let ended = join_all(work).await;
        let failed: Vec<&[SqsMessage]> =
            groups.iter().zip(ended).map(|(group, done)| &group.messages[done_with(group, done)..]).collect();
        self.give_back(&failed, deadline).await;
        let failed = failed.iter().flat_map(|messages| messages.iter());
        let failed: Vec<Value> = failed.map(|message| json!({ "itemIdentifier": message.message_id })).collect();
        json!({ "batchItemFailures": failed })
    }

    /// Takes a user's messages one after the other; returns how many are done with.
    async fn take_group(&self, group: &Group, turn: Turn<'_>, holder: &str, deadline: Timestamp) -> usize {
        let mut work = Work::new(self, holder, deadline);
        let mut done = 0;
        let mut tasks = work.read_all(group).await;
        let recorded = work.record_all(&mut tasks).await;
        turn.wait_for_the_others().await;
        let failed = match recorded {
            Ok(()) => Box::pin(work.carry_out(tasks, &mut done)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = failed {
            tell_back(&error, &group.messages[done]);
        }
        Box::pin(work.leave()).await;
        done
    }

    /// Has what goes back to the queue shown again within seconds, each user's messages together: a group shows none of its
    /// messages while it hides one.
    async fn give_back(&self, failed: &[&[SqsMessage]], deadline: Timestamp) {
        let (dead, alive): (Vec<&[SqsMessage]>, Vec<_>) = failed
            .iter()
            .copied()
            .filter(|messages| !messages.is_empty())
            .partition(|messages| self.is_dead_letter(&messages[0]));
        for (queue, groups) in [(&self.order_queue, alive), (&self.dead_letter_queue, dead)] {
            let given_back: Vec<_> = groups.into_iter().flat_map(platform::given_back).collect();
            platform::show_again(queue.show_again(&given_back), self.desk.intake.clock.now(), deadline).await;
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

    fn queue_message(&self, message: &SqsMessage, group_id: &str) -> QueueMessage {
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
