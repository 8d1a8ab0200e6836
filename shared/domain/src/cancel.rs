//! Cancel: an order's end is asked for at the broker until the order has ended.
//!
//! The broker answers a cancel with "request was submitted", which is no promise (IBKR Web API, cancel). So what counts is
//! what it shows: an order that still works is asked for again, with growing pauses, for as long as it works.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::intent::Reason;
use crate::order::Order;
use crate::state::OrderState;
use crate::status::OrderStatus;

/// Pause between the first cancel and the second. Each further one is twice as long.
const PAUSE_MIN: SignedDuration = SignedDuration::from_secs(5);
/// The longest pause between two cancels of an order that still works.
const PAUSE_MAX: SignedDuration = SignedDuration::from_secs(60);
/// Pause where the broker says that it has the cancel in hand: outside an exchange's hours that may take long.
const PAUSE_WHILE_UNDER_WAY: SignedDuration = SignedDuration::from_mins(5);
/// After so many cancels that were not carried out a person is told.
pub const CANCELS_BEFORE_ALARM: u32 = 3;
/// The code of the warning that the broker does not carry a cancel out.
const NOT_CARRIED_OUT: &str = "cancel_not_carried_out";

/// How an order's end was asked for at the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelCalls {
    /// How often somebody with the right to asked for it.
    #[serde(default)]
    requests: u64,
    /// How many of those requests the latest call was made for.
    #[serde(default)]
    requests_served: u64,
    /// When the broker was asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    called_at: Option<Timestamp>,
    /// How often the broker was asked.
    #[serde(default)]
    count: u32,
}

impl CancelCalls {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How often the broker was asked.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How often somebody with the right to asked for it.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }
}

impl Order {
    /// How its end was asked for at the broker.
    #[must_use]
    pub fn cancel_calls(&self) -> &CancelCalls {
        &self.cancel_calls
    }

    /// Remembers that its end was asked for, or asked for once more. What is on the wire is cancelled once it is settled.
    pub fn remember_cancel(&mut self, now: Timestamp) {
        if !self.is_over() {
            self.cancel_asked_at = self.cancel_asked_at.or(Some(now));
            self.cancel_calls.requests = self.cancel_calls.requests.saturating_add(1);
            self.next_check_at = self.next_check_at.or(Some(now));
            self.updated_at = now;
        }
    }

    /// The broker was asked to cancel it, for the first `requests` of the requests.
    pub fn cancel_called(&mut self, requests: u64, now: Timestamp) {
        self.cancel_calls.count = self.cancel_calls.count.saturating_add(1);
        self.cancel_calls.requests_served = self.cancel_calls.requests_served.max(requests);
        self.cancel_calls.called_at = Some(now);
        self.updated_at = now;
    }

    /// Whether its end was asked for since the broker was asked last, so that the broker is asked at once.
    #[must_use]
    pub fn cancel_wanted_anew(&self) -> bool {
        let calls = &self.cancel_calls;
        self.cancel_may_be_sent() && (calls.called_at.is_none() || calls.requests > calls.requests_served)
    }

    /// When the broker is to be asked for its end, or asked again, where it still shows the order at work by then.
    #[must_use]
    pub fn next_cancel_at(&self) -> Option<Timestamp> {
        let last = self.cancel_calls.called_at.filter(|_| !self.cancel_wanted_anew());
        let under_way = self.broker_status.as_ref().is_some_and(crate::sight::BrokerStatus::is_cancel_under_way);
        let pause = if under_way { PAUSE_WHILE_UNDER_WAY } else { pause_after(self.cancel_calls.count) };
        self.cancel_may_be_sent().then(|| last.map_or(self.updated_at, |at| at + pause))
    }

    /// Whether the broker is to be asked for its end now.
    #[must_use]
    pub fn cancel_is_due(&self, now: Timestamp) -> bool {
        self.cancel_wanted_anew() || self.next_cancel_at().is_some_and(|at| at <= now)
    }

    /// The broker shows it at work though it was asked to cancel it: after some tries a person is told, once.
    pub fn cancel_not_carried_out(&mut self, now: Timestamp) {
        let count = self.cancel_calls.count;
        let under_way = self.broker_status.as_ref().is_some_and(crate::sight::BrokerStatus::is_cancel_under_way);
        if count >= CANCELS_BEFORE_ALARM && !under_way && self.warning.is_none() {
            self.warn(not_carried_out(count));
            self.updated_at = now;
        }
    }

    /// What is cancelled after all needs no warning.
    pub(crate) fn end_cancel(&mut self) {
        if self.status() == OrderStatus::Cancelled {
            self.unwarn(NOT_CARRIED_OUT);
        }
    }

    fn cancel_may_be_sent(&self) -> bool {
        let at_the_broker = matches!(
            self.state(),
            OrderState::Working | OrderState::PartiallyFilled | OrderState::Cancelling | OrderState::NeedsReview { .. }
        );
        at_the_broker && self.cancel_asked_at.is_some() && !self.broker_order_ids.is_empty()
    }
}

/// 5 s, 10 s, 20 s, 40 s, and then a minute.
fn pause_after(count: u32) -> SignedDuration {
    let doublings = count.saturating_sub(1).min(8);
    (PAUSE_MIN * (1 << doublings)).min(PAUSE_MAX)
}

fn not_carried_out(count: u32) -> Reason {
    Reason::new(
        NOT_CARRIED_OUT,
        format!(
            "The broker was asked {count} times to cancel the order, and still shows it at work. It goes on being asked. Cancel the order at the broker by hand if it must end now."
        ),
    )
}
