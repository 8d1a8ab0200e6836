//! In which order a user's orders arrived.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::order::Order;

/// Digits of the largest place (128 bits), so that places compare as texts do.
const DIGITS: usize = 39;

/// A message's place in its FIFO queue (SQS `SequenceNumber`: 128 bits, growing within a group). Unlike times of arrival
/// it does not depend on the clocks of those who recorded the messages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QueuePlace(String);

/// A text that is no place in a queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a place in a queue is a number of at most 128 bits")]
pub struct InvalidQueuePlace;

impl FromStr for QueuePlace {
    type Err = InvalidQueuePlace;

    fn from_str(text: &str) -> Result<Self, InvalidQueuePlace> {
        let place: u128 = text.parse().map_err(|_| InvalidQueuePlace)?;
        Ok(Self(format!("{place:0DIGITS$}")))
    }
}

/// Puts orders in the order of their arrival: what came over the queue by its place there, whatever the clocks of those
/// who recorded it said, and what did not (the HTTP API) between it by time.
#[must_use]
pub fn in_order_of_arrival<T>(orders: Vec<T>, order_of: impl Fn(&T) -> &Order) -> Vec<T> {
    let (mut queued, mut others): (Vec<T>, Vec<T>) =
        orders.into_iter().partition(|order| order_of(order).queue_place.is_some());
    queued.sort_by(|one, other| order_of(one).queue_place.cmp(&order_of(other).queue_place));
    others.sort_by_key(|order| order_of(order).created_at);
    let mut arrived = Vec::with_capacity(queued.len() + others.len());
    let mut others = others.into_iter().peekable();
    for order in queued {
        while let Some(other) = others.next_if(|other| order_of(other).created_at <= order_of(&order).created_at) {
            arrived.push(other);
        }
        arrived.push(order);
    }
    arrived.extend(others);
    arrived
}
