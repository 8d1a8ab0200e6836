//! Keeps sessions alive: the schedule finds what is due and fans it out over the queue; the queue's messages, the
//! schedule's and the orders', are renewed one by one, so that one that fails stops no other.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::Clock;
use jiff::Timestamp;
use lambda_runtime::Error;
use platform::ConsumerSource;
use serde_json::{Value, json};
use sessions::{Renew, Renewed};
use std::sync::Arc;
use store::SessionAsk;

/// The function, with what it needs.
#[derive(Debug)]
pub struct SessionRefresh {
    /// The consumer's secret.
    pub consumer: ConsumerSource,
    /// The use case.
    pub renew: Renew,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl SessionRefresh {
    /// Takes one event: a batch of the queue, or a tick of the schedule.
    pub async fn handle(&self, event: Value, holder: &str, deadline: Timestamp) -> Result<Value, Error> {
        if event.get("Records").is_none() {
            let asked = self.renew.fan_out_due(deadline).await?;
            tracing::info!(asked, metric.refresh_schedule_runs = 1, "due connections were asked for");
            return Ok(json!({ "asked": asked }));
        }
        let batch: SqsEvent = serde_json::from_value(event)?;
        let mut failures = Vec::new();
        for message in batch.records {
            if !self.renewed(&message, holder, deadline).await {
                let given_back = platform::given_back(std::slice::from_ref(&message));
                platform::show_again(self.renew.session_queue.show_again(&given_back), self.clock.now(), deadline)
                    .await;
                failures.push(json!({ "itemIdentifier": message.message_id }));
            }
        }
        Ok(json!({ "batchItemFailures": failures }))
    }

    /// Whether the message is done with. One that is not comes again, after a pause that grows.
    async fn renewed(&self, message: &SqsMessage, holder: &str, deadline: Timestamp) -> bool {
        let ask = match SessionAsk::parse(message.body.as_deref().unwrap_or_default()) {
            Ok(ask) => ask,
            Err(error) => {
                tracing::error!(%error, message_id = message.message_id, metric.records_unreadable = 1, "a message of the session queue cannot be read; it is dropped");
                return true;
            }
        };
        let loaded = match self.consumer.current().await {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(%error, source = std::error::Error::source(&error), metric.consumer_refusals = 1, "there is no consumer");
                return false;
            }
        };
        match self.renew.renew(&loaded.consumer, &ask, holder, deadline).await {
            Ok(renewed) => {
                tracing::info!(user_id = %ask.user_id, connection_id = %ask.connection_id, reason = ?ask.reason, ?renewed, "a session was looked after");
                renewed != Renewed::Busy
            }
            Err(error) => {
                tracing::error!(%error, source = std::error::Error::source(&error), user_id = %ask.user_id, "a session was not looked after");
                false
            }
        }
    }
}
