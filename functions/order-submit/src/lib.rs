//! Takes orders from the FIFO queue: in order for each user, and each user by themselves. And its dead letters, of which
//! none is placed late.
//!
//! A message is done with once its order, or its refusal, is on record: from there the row carries it. Only a message
//! that could not be put on record goes back to the queue, with those behind it in its group.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::{Order, OrderKey, Reason, UserId};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{StoreError, TrackAsk, Versioned, Wake};
use trading::{ChangeAsked, Desk, Lane, QueueMessage, Recorded, Request, differs};

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

/// The user's lane while a group is worked on.
enum Held<'d> {
    NotAsked,
    /// Somebody else has it: what is on record is left to the next holder.
    Elsewhere,
    /// Boxed, since it is much larger than the others.
    Here(Box<Lane<'d>>),
}

impl OrderSubmit {
    /// Takes one batch; answers which messages go back to the queue.
    pub async fn handle(&self, batch: SqsEvent, holder: &str, deadline: Timestamp) -> Value {
        let mut failures = Vec::new();
        for group in groups(batch) {
            let failed_from = self.take_group(&group, holder, deadline).await;
            let failed = group.messages.iter().skip(failed_from);
            failures.extend(failed.map(|message| json!({ "itemIdentifier": message.message_id })));
        }
        json!({ "batchItemFailures": failures })
    }

    /// Takes a user's messages one after the other; returns how many are done with.
    async fn take_group(&self, group: &Group, holder: &str, deadline: Timestamp) -> usize {
        let mut work = Work { function: self, held: Held::NotAsked, holder, deadline };
        let mut done = 0;
        for message in &group.messages {
            self.tell_age(message);
            match work.take(&self.queue_message(message, &group.group_id)).await {
                Ok(()) => done += 1,
                Err(error) => {
                    tracing::error!(%error, source = std::error::Error::source(&error), message_id = message.message_id, "a message goes back to the queue");
                    break;
                }
            }
        }
        if let Held::Here(lane) = work.held
            && let Err(error) = lane.leave().await
        {
            // The lease ends by itself, and its next holder takes over what was left.
            tracing::warn!(%error, "a lane was not given back");
        }
        done
    }

    /// How long a message was in the queue. That of a dead letter is not known: SQS counts anew there.
    fn tell_age(&self, message: &SqsMessage) {
        let is_dead_letter = message.event_source_arn.as_deref() == Some(self.dead_letter_queue_arn.as_str());
        let sent_at = message.attributes.get("SentTimestamp").and_then(|sent_at| sent_at.parse::<i64>().ok());
        let age = sent_at.map(|sent_at| self.desk.intake.clock.now().as_millisecond() - sent_at);
        let age = age.filter(|_| !is_dead_letter);
        tracing::info!(message_id = message.message_id, metric.queue_age_milliseconds = age, "a message was taken up");
    }

    fn queue_message(&self, message: &SqsMessage, group_id: &str) -> QueueMessage {
        QueueMessage {
            message_id: message.message_id.clone().unwrap_or_default(),
            sender_id: message.attributes.get("SenderId").cloned().unwrap_or_default(),
            group_id: group_id.to_owned(),
            place: message.attributes.get("SequenceNumber").and_then(|number| number.parse().ok()),
            body: message.body.clone().unwrap_or_default(),
            is_dead_letter: message.event_source_arn.as_deref() == Some(self.dead_letter_queue_arn.as_str()),
        }
    }
}

/// What a message came to once it was put on record.
enum OnRecord {
    /// An order, new or known, changed or to be cancelled: it is taken further. Boxed, since it is large.
    Order(Box<Versioned<Order>>),
    /// A wake, which leaves nothing on record.
    Wake(Wake),
    /// What it asked for was refused, and why.
    Refused(OrderKey, Reason),
}

/// Work on the messages of one user.
struct Work<'d> {
    function: &'d OrderSubmit,
    held: Held<'d>,
    holder: &'d str,
    deadline: Timestamp,
}

impl<'d> Work<'d> {
    /// Puts one message on record, and takes what it asks for as far as it goes. An error: it is not on record, or not
    /// all that follows from it, and must come again.
    async fn take(&mut self, message: &QueueMessage) -> Result<(), StoreError> {
        let intake = &self.function.desk.intake;
        let Some(request) = intake.read_message(message).await? else { return Ok(()) };
        match self.on_record(message, request).await? {
            OnRecord::Order(order) if order.value.status().is_final() => Ok(()),
            // Boxed: the whole path of an order is in these futures.
            OnRecord::Order(order) => Box::pin(self.take_further(*order)).await,
            OnRecord::Wake(wake) => Box::pin(self.wake(&wake)).await,
            OnRecord::Refused(key, reason) => intake.refuse(message, Some(&key), reason).await.map(|_| ()),
        }
    }

    async fn on_record(&self, message: &QueueMessage, request: Request) -> Result<OnRecord, StoreError> {
        let intake = &self.function.desk.intake;
        Ok(match request {
            Request::Place(place) => {
                let key = place.key.clone();
                let dead = message.is_dead_letter;
                let recorded = if dead {
                    intake.record_dead_letter(place).await?
                } else {
                    intake.record(place, message.place.clone()).await?
                };
                match recorded {
                    Recorded::New(order) | Recorded::Same(order) => OnRecord::Order(Box::new(order)),
                    Recorded::Differs(_) => OnRecord::Refused(key.clone(), differs(&key)),
                }
            }
            Request::Modify(modify) => match intake.own_order(&modify.key, &modify.algorithm_id).await? {
                Err(reason) => OnRecord::Refused(modify.key, reason),
                Ok(order) => match intake.ask_change(&modify).await? {
                    ChangeAsked::OnRecord(order) => OnRecord::Order(order),
                    ChangeAsked::Refused(reason) => OnRecord::Refused(modify.key, reason),
                    ChangeAsked::NoSuchOrder => OnRecord::Order(Box::new(order)),
                },
            },
            Request::Cancel(cancel) => match intake.own_order(&cancel.key, &cancel.algorithm_id).await? {
                Err(reason) => OnRecord::Refused(cancel.key, reason),
                Ok(order) => OnRecord::Order(Box::new(intake.ask_cancel(&cancel.key).await?.unwrap_or(order))),
            },
            Request::Wake(wake) => OnRecord::Wake(wake),
        })
    }

    async fn take_further(&mut self, mut order: Versioned<Order>) -> Result<(), StoreError> {
        match self.lane(&order.value.key.user_id).await? {
            Some(lane) => lane.take_on(&mut order).await,
            None => self.function.desk.leave_to_next(&order.value).await,
        }
    }

    async fn wake(&mut self, wake: &Wake) -> Result<(), StoreError> {
        match self.lane(&wake.user_id).await? {
            Some(lane) => lane.wake(wake).await,
            None => self.function.desk.track_queue.ask(&TrackAsk { user_id: wake.user_id.clone() }, 1).await,
        }
    }

    /// The user's lane; asked for once. A lease that is over, as after a long standstill, is no lane.
    async fn lane(&mut self, user_id: &UserId) -> Result<Option<&mut Lane<'d>>, StoreError> {
        if let Held::Here(lane) = &self.held
            && lane.is_over()
            && let Held::Here(lane) = std::mem::replace(&mut self.held, Held::Elsewhere)
        {
            tracing::warn!(%user_id, "the lease of the lane ended before the batch did");
            lane.leave().await?;
        }
        if matches!(self.held, Held::NotAsked) {
            let entered = self.function.desk.enter(user_id, self.holder, self.deadline).await?;
            self.held = entered.map_or(Held::Elsewhere, |lane| Held::Here(Box::new(lane)));
        }
        Ok(match &mut self.held {
            Held::Here(lane) => Some(lane),
            Held::NotAsked | Held::Elsewhere => {
                tracing::info!(%user_id, "the user's lane is in use; what is on record is left to its next holder");
                None
            }
        })
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
