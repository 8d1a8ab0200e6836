//! Takes orders from the FIFO queue: in order for each user, and each user by themselves.
//!
//! A message is done with once its order, or its refusal, is on record: from there the row carries it. Only a message
//! that could not be put on record goes back to the queue, with those behind it in its group.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::StoreError;
use trading::{Desk, Lane, QueueMessage, Request};

/// The function, with what it needs.
#[derive(Debug)]
pub struct OrderSubmit {
    /// The desk.
    pub desk: Desk,
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
            let failed_from = self.take_group(&group, holder, deadline).await;
            let failed = group.messages.iter().skip(failed_from);
            failures.extend(failed.map(|message| json!({ "itemIdentifier": message.message_id })));
        }
        json!({ "batchItemFailures": failures })
    }

    /// Takes a user's messages one after the other; returns how many are done with.
    async fn take_group(&self, group: &Group, holder: &str, deadline: Timestamp) -> usize {
        let mut lane = None;
        let mut done = 0;
        for message in &group.messages {
            match self.take(&mut lane, &queue_message(message, &group.group_id), holder, deadline).await {
                Ok(true) => done += 1,
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%error, source = std::error::Error::source(&error), message_id = message.message_id, "a message goes back to the queue");
                    break;
                }
            }
        }
        if let Some(lane) = lane
            && let Err(error) = lane.leave().await
        {
            // The lease ends by itself, and its next holder takes over what was left.
            tracing::warn!(%error, "a lane was not given back");
        }
        done
    }

    /// Whether the message is done with.
    async fn take<'d>(
        &'d self,
        lane: &mut Option<Lane<'d>>,
        message: &QueueMessage,
        holder: &str,
        deadline: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(request) = self.desk.intake.read_message(message).await? else { return Ok(true) };
        if lane.is_none() {
            *lane = self.desk.enter(request.user_id(), holder, deadline).await?;
        }
        let Some(lane) = lane else {
            tracing::warn!(
                message_id = message.message_id,
                "the user's lane is in use; the message goes back to the queue"
            );
            return Ok(false);
        };
        let refused = match request {
            Request::Place(place) => {
                let key = place.key.clone();
                lane.catch_up().await?;
                lane.place(place).await?.map(|reason| (key, reason))
            }
            Request::Modify(modify) => lane.modify(&modify).await?.map(|reason| (modify.key.clone(), reason)),
            Request::Cancel(cancel) => lane.cancel(&cancel).await?.map(|reason| (cancel.key.clone(), reason)),
            Request::Wake(wake) => {
                lane.wake(&wake).await?;
                None
            }
        };
        if let Some((key, reason)) = refused {
            self.desk.intake.refuse(message, Some(&key), reason).await?;
        }
        Ok(true)
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

fn queue_message(message: &SqsMessage, group_id: &str) -> QueueMessage {
    QueueMessage {
        message_id: message.message_id.clone().unwrap_or_default(),
        sender_id: message.attributes.get("SenderId").cloned().unwrap_or_default(),
        group_id: group_id.to_owned(),
        body: message.body.clone().unwrap_or_default(),
    }
}
