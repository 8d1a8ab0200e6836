//! Watches every order until it is final: the schedule finds the users whose orders are due and fans them out over the
//! queue; the queue's messages, the schedule's and the workers', are looked at one user at a time.

use std::collections::{BTreeSet, VecDeque};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::UserId;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::Error;
use serde_json::{Value, json};
use store::{DUE_ROWS_MAX, DueCursor, StoreError, TrackAsk, shards_in_turn};
use trading::Desk;

/// What must be left of a run to look at another page: its look, its calls to the queue, and a slow one among them.
const PAGE_TIME: SignedDuration = SignedDuration::from_secs(5);

/// What a run of the schedule found.
#[derive(Default)]
struct Run {
    /// The users that were asked for.
    asked: BTreeSet<UserId>,
    /// For how long the longest due order waits, in seconds.
    overdue_seconds: i64,
}

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
            tracing::info!(users, metric.track_schedule_runs = 1, "the schedule's run ended");
            return Ok(json!({ "users": users }));
        }
        let batch: SqsEvent = serde_json::from_value(event)?;
        let mut failures = Vec::new();
        for message in batch.records {
            // Boxed: the whole path of an order is in this future.
            let tracked = platform::caught(Box::pin(self.tracked(&message, holder, deadline))).await;
            if tracked.is_none() {
                tracing::error!(
                    message_id = message.message_id,
                    alarm = "work_panicked",
                    metric.orders_for_a_person = 1,
                    "the look at a user's orders panicked; it is tried again"
                );
            }
            if tracked != Some(true) {
                let given_back = platform::given_back(std::slice::from_ref(&message));
                let showing = self.desk.track_queue.show_again(&given_back);
                platform::show_again(showing, self.desk.intake.clock.now(), deadline).await;
                failures.push(json!({ "itemIdentifier": message.message_id }));
            }
        }
        Ok(json!({ "batchItemFailures": failures }))
    }

    /// Finds the users whose orders are due and asks for each once, however many of their orders are. The shards take turns, a
    /// page each, so that neither a full shard nor one that cannot be read keeps the others waiting.
    async fn fan_out_due(&self, deadline: Timestamp) -> Result<usize, StoreError> {
        let now = self.desk.intake.clock.now();
        let mut line: VecDeque<(u8, Option<DueCursor>)> = shards_in_turn(now).map(|shard| (shard, None)).collect();
        let (mut run, mut failed) = (Run::default(), None);
        while let Some((shard, behind)) = line.pop_front() {
            if self.desk.intake.clock.now() + PAGE_TIME >= deadline {
                tracing::warn!(shard, "the run ended before all due orders were found; the next run goes on");
                break;
            }
            match self.ask_page(&mut run, shard, now, behind).await {
                Ok(next) => line.extend(next.map(|next| (shard, Some(next)))),
                Err(error) => {
                    tracing::warn!(%error, shard, "due orders of a shard were not found; the next run does it");
                    failed = Some(error);
                }
            }
        }
        tracing::info!(
            users = run.asked.len(),
            metric.overdue_seconds = run.overdue_seconds,
            "users with due orders were asked for"
        );
        failed.map_or(Ok(run.asked.len()), Err)
    }

    async fn ask_page(
        &self,
        run: &mut Run,
        shard: u8,
        now: Timestamp,
        behind: Option<DueCursor>,
    ) -> Result<Option<DueCursor>, StoreError> {
        let page = self.desk.intake.orders.due(shard, now, DUE_ROWS_MAX, behind).await?;
        let overdue_seconds = page.due_since.map_or(0, |since| now.duration_since(since).as_secs());
        run.overdue_seconds = run.overdue_seconds.max(overdue_seconds);
        let users: BTreeSet<UserId> = page.keys.into_iter().map(|key| key.user_id).collect();
        let asks: Vec<TrackAsk> =
            users.difference(&run.asked).map(|user_id| TrackAsk::first(user_id.clone())).collect();
        self.desk.track_queue.ask_all(&asks).await?;
        run.asked.extend(users);
        Ok(page.next)
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
        lane.join_chain(ask);
        // Boxed: the whole path of an order is in this future.
        let tracked = Box::pin(lane.track()).await;
        Box::pin(lane.leave()).await?;
        tracked
    }
}
