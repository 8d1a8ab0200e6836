//! What every function needs that a queue starts: one message's failure, or panic, is its own, and what goes back is shown soon.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use futures_util::FutureExt;
use jiff::Timestamp;
use store::{Returned, StoreError};

/// How long a call to the queue may take; and what must be left of the invocation for its answer.
const CALLED_WITHIN: Duration = Duration::from_secs(2);
const ANSWERED_WITHIN: Duration = Duration::from_millis(500);

/// Does work to its end; `None`: it panicked. What it changed outside itself must be sound at each of its awaits, as after a
/// `kill -9`: that is so of everything that is on record.
pub async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

/// Messages of one group that go back to the queue together: all of them by the pause of the first.
#[must_use]
pub fn given_back(messages: &[SqsMessage]) -> Vec<Returned> {
    let Some(first) = messages.first() else { return Vec::new() };
    let deliveries = first.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    receipts(messages).into_iter().map(|receipt| Returned { receipt, deliveries }).collect()
}

/// By which the queue knows these deliveries.
#[must_use]
pub fn receipts(messages: &[SqsMessage]) -> Vec<String> {
    messages.iter().filter_map(|message| message.receipt_handle.clone()).collect()
}

/// Has messages shown again as `showing` asks, as far as the invocation's time goes. Where that fails they come again after the
/// queue's visibility time-out.
pub async fn show_again(showing: impl Future<Output = Result<(), StoreError>>, now: Timestamp, deadline: Timestamp) {
    match while_time_lasts(showing, now, deadline).await {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            tracing::warn!(%error, "messages that go back come again after the visibility time-out only");
        }
        None => tracing::warn!("no time was left to have messages shown again soon"),
    }
}

/// Deletes messages as `deleting` asks, as far as the invocation's time goes. Where that fails Lambda does it when the invocation
/// ends, and what their senders sent since waits until then.
pub async fn delete(deleting: impl Future<Output = Result<(), StoreError>>, now: Timestamp, deadline: Timestamp) {
    match while_time_lasts(deleting, now, deadline).await {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            tracing::warn!(%error, "messages that are done with stay in the queue until the batch ends");
        }
        None => tracing::warn!("no time was left to delete messages that are done with"),
    }
}

async fn while_time_lasts<T>(call: impl Future<Output = T>, now: Timestamp, deadline: Timestamp) -> Option<T> {
    let left = Duration::try_from(deadline.duration_since(now)).unwrap_or_default();
    let within = left.saturating_sub(ANSWERED_WITHIN).min(CALLED_WITHIN);
    tokio::time::timeout(within, call).await.ok()
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[tokio::test]
    async fn a_panic_is_caught_and_other_work_goes_on() {
        let work = |panics: bool| async move {
            tokio::task::yield_now().await;
            assert!(!panics, "on purpose");
            7
        };
        let (first, second) = tokio::join!(caught(work(true)), caught(work(false)));
        assert_eq!((first, second), (None, Some(7)));
    }
}
