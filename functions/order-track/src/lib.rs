//! Watches every order until it is final: the schedule finds the users whose orders are due and fans them out over the
//! queue; the queue's messages, the schedule's and the workers', are looked at one user at a time.

use std::collections::BTreeSet;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::UserId;
use jiff::Timestamp;
use lambda_runtime::Error;
use serde_json::{Value, json};
use store::{DUE_SHARDS, StoreError, TrackAsk};
use trading::Desk;

/// Due orders that a run takes from one shard; the rest is the next run's.
const DUE_OF_SHARD_MAX: u32 = 100;

/// The function, with what it needs.
#[derive(Debug)]
pub struct OrderTrack {
    /// The desk.
    pub desk: Desk,
}

impl OrderTrack {
    /// Takes one event: a batch of the queue, or a tick of the schedule.
    pub async fn handle(&self, event: Value, holder: &str, deadline: Timestamp) -> Result<Value, Error> {
        if event.get("Records").is_none() {
            let users = self.fan_out_due(deadline).await?;
            tracing::info!(users, metric.track_schedule_runs = 1, "users with due orders were asked for");
            return Ok(json!({ "users": users }));
        }
        let batch: SqsEvent = serde_json::from_value(event)?;
        let mut failures = Vec::new();
        for message in batch.records {
            if !self.tracked(&message, holder, deadline).await {
                failures.push(json!({ "itemIdentifier": message.message_id }));
            }
        }
        Ok(json!({ "batchItemFailures": failures }))
    }

    async fn fan_out_due(&self, deadline: Timestamp) -> Result<usize, StoreError> {
        let mut asked = 0;
        for shard in 0..DUE_SHARDS {
            let now = self.desk.intake.clock.now();
            if now >= deadline {
                tracing::warn!(shard, "the run ended before all due orders were found; the next run goes on");
                break;
            }
            let due = self.desk.intake.orders.due(shard, now, DUE_OF_SHARD_MAX).await?;
            let users: BTreeSet<UserId> = due.into_iter().map(|key| key.user_id).collect();
            for user_id in users {
                self.desk.track_queue.ask(&TrackAsk::first(user_id), 0).await?;
                asked += 1;
            }
        }
        Ok(asked)
    }

    /// Whether the message is done with. One that is not comes again; the schedule would find its orders as well.
    async fn tracked(&self, message: &SqsMessage, holder: &str, deadline: Timestamp) -> bool {
        let ask = match TrackAsk::parse(message.body.as_deref().unwrap_or_default()) {
            Ok(ask) => ask,
            Err(error) => {
                tracing::error!(%error, message_id = message.message_id, metric.records_unreadable = 1, "a message of the track queue cannot be read; it is dropped");
                return true;
            }
        };
        match Box::pin(self.track(&ask, holder, deadline)).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, source = std::error::Error::source(&error), user_id = %ask.user_id, "a user's orders were not looked at");
                false
            }
        }
    }

    async fn track(&self, ask: &TrackAsk, holder: &str, deadline: Timestamp) -> Result<(), StoreError> {
        let Some(mut lane) = self.desk.enter(&ask.user_id, holder, deadline).await? else {
            // Whoever holds the lane now asks for the next look when it leaves.
            return match TrackAsk::after(ask.user_id.clone(), ask.links) {
                Some(next) => self.desk.track_queue.ask(&next, 1).await,
                None => Ok(()),
            };
        };
        lane.follow(ask);
        // Boxed: the whole path of an order is in this future.
        let tracked = Box::pin(lane.track()).await;
        lane.leave().await?;
        tracked
    }
}
