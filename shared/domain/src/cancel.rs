//! Cancel: an order's end is asked for at the broker until the order has ended.
//!
//! The broker answers a cancel with "request was submitted", which is no promise (IBKR Web API, cancel). So what counts is
//! what it shows: an order that still works is asked for again, with growing pauses, for as long as it works.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::leg::LegRole;
use crate::order::Order;
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::sight::BrokerStatus;
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

/// How the end of an order, or of an exit, was asked for at the broker.
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
    /// Whether the broker's last word was that it has no such order open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    not_found: bool,
    /// When the broker last took such a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken_at: Option<Timestamp>,
    /// How many of the calls got no answer that was read.
    #[serde(default, skip_serializing_if = "is_zero")]
    unread: u32,
    /// Whether the latest did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_unread: bool,
    /// How many of the calls were followed by a look that showed it at work.
    #[serde(default, skip_serializing_if = "is_zero")]
    in_vain: u32,
    /// Whether the latest was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_in_vain: bool,
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

    /// Whether somebody asked since the broker was asked last, so that the broker is asked at once.
    #[must_use]
    pub fn are_wanted_anew(&self) -> bool {
        self.called_at.is_none() || self.requests > self.requests_served
    }

    /// Whether the broker was asked so often in vain that a person must know.
    #[must_use]
    pub fn have_no_effect(&self) -> bool {
        self.count >= CANCELS_BEFORE_ALARM
    }

    /// Whether the broker's last word was that it has no such order open. It may say so of one of an earlier day that works.
    #[must_use]
    pub fn found_nothing(&self) -> bool {
        self.not_found
    }

    /// When the broker took a request to cancel it, where its last word is that it has no such order open: what it knew then, and does
    /// not know now, has ended.
    #[must_use]
    pub fn gone_since_taken(&self) -> Option<Timestamp> {
        self.taken_at.filter(|_| self.not_found)
    }

    /// A look shows it at work. Counted once for each call: a look by itself is no news.
    pub(crate) fn shown_at_work(&mut self) {
        if self.count > 0 && !self.is_in_vain {
            (self.in_vain, self.is_in_vain) = (self.in_vain.saturating_add(1), true);
        }
    }

    pub(crate) fn ask(&mut self) {
        self.requests = self.requests.saturating_add(1);
    }

    fn called(&mut self, requests: u64, taken: CancelTaken, now: Timestamp) {
        self.not_found = taken == CancelTaken::NotFound;
        self.taken_at = if taken == CancelTaken::Yes { Some(now) } else { self.taken_at };
        self.is_unread = taken == CancelTaken::Unread;
        self.unread = self.unread.saturating_add(u32::from(self.is_unread));
        self.is_in_vain = false;
        self.count = self.count.saturating_add(1);
        self.requests_served = self.requests_served.max(requests);
        self.called_at = Some(now);
    }

    /// When the broker is to be asked again; `None`: at once.
    fn again_at(&self, under_way: bool) -> Option<Timestamp> {
        // An outage makes no pause longer: nobody tells when it is over.
        let pause = match under_way {
            true => PAUSE_WHILE_UNDER_WAY,
            false if self.is_unread => PAUSE_MIN,
            false => pause_after(self.count.saturating_sub(self.unread)),
        };
        self.called_at.filter(|_| !self.are_wanted_anew()).map(|at| at.saturating_add(pause).unwrap_or(at))
    }
}

/// What the broker made of a request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelTaken {
    /// It took the request.
    Yes,
    /// It says that it cannot cancel it.
    Refused,
    /// It has no such order open.
    NotFound,
    /// Its answer was not read.
    Unread,
}

/// That the end of one exit was asked for, and how the broker was asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegCancel {
    /// When it was first asked for.
    pub asked_at: Timestamp,
    /// The calls.
    #[serde(flatten)]
    pub calls: CancelCalls,
}

impl LegCancel {
    pub(crate) fn new(asked_at: Timestamp) -> Self {
        Self { asked_at, calls: CancelCalls::default() }
    }

    pub(crate) fn called(&mut self, requests: u64, taken: CancelTaken, now: Timestamp) {
        self.calls.called(requests, taken, now);
    }

    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.calls.again_at(false).is_none_or(|at| at <= now)
    }
}

impl Order {
    /// How its end was asked for at the broker.
    #[must_use]
    pub fn cancel_calls(&self) -> &CancelCalls {
        &self.cancel_calls
    }

    /// How the end of the entry, or of an exit, was asked for at the broker; `None` where nobody asked for it.
    #[must_use]
    pub fn cancel_calls_of(&self, leg: Option<LegRole>) -> Option<&CancelCalls> {
        match leg {
            None => Some(&self.cancel_calls),
            Some(role) => Some(&self.leg(role)?.cancel.as_ref()?.calls),
        }
    }

    /// Remembers that its end was asked for, or asked for once more. What is on the wire is cancelled once it is settled, and
    /// what is over by the broker's word or silence alone is cancelled if it comes back.
    pub fn remember_cancel(&mut self, now: Timestamp) {
        if !self.is_over() || self.works_late() || self.may_be_ended_once_more() {
            self.cancel_asked_at = self.cancel_asked_at.or(Some(now));
            self.cancel_calls.ask();
            self.next_check_at = self.next_check_at.or((!self.is_over()).then_some(now));
            self.updated_at = now;
        }
    }

    /// Whether it is over, may come back, and nobody has asked for its end yet.
    #[must_use]
    pub fn may_be_ended_once_more(&self) -> bool {
        let is_over_unfilled =
            matches!(self.status(), OrderStatus::Cancelled | OrderStatus::Rejected | OrderStatus::NotPlaced);
        self.sends > 0 && is_over_unfilled && self.cancel_asked_at.is_none()
    }

    /// The broker was asked to cancel it, for the first `requests` of the requests.
    pub fn cancel_called(&mut self, requests: u64, taken: CancelTaken, now: Timestamp) {
        self.cancel_calls.called(requests, taken, now);
        self.updated_at = now;
    }

    /// Whether its end was asked for since the broker was asked last, so that the broker is asked at once.
    #[must_use]
    pub fn cancel_wanted_anew(&self) -> bool {
        self.cancel_may_be_sent() && self.cancel_calls.are_wanted_anew()
    }

    /// When the broker is to be asked for its end, or asked again, where it still shows the order at work by then.
    #[must_use]
    pub fn next_cancel_at(&self) -> Option<Timestamp> {
        let again_at = self.cancel_calls.again_at(self.cancel_is_under_way());
        self.cancel_may_be_sent().then(|| again_at.unwrap_or(self.updated_at))
    }

    /// Whether the broker is to be asked for its end now.
    #[must_use]
    pub fn cancel_is_due(&self, now: Timestamp) -> bool {
        self.cancel_wanted_anew() || self.next_cancel_at().is_some_and(|at| at <= now)
    }

    /// The broker shows it at work though it was asked to cancel it: after some tries a person is told, once.
    pub fn cancel_not_carried_out(&mut self, now: Timestamp) {
        if self.cancel_calls.have_no_effect()
            && !self.cancel_is_under_way()
            && !self.has_warned(&ReasonCode::CancelNotCarriedOut)
        {
            self.warn(not_carried_out(self.cancel_calls.count, "order"), now);
        }
    }

    /// As [`Order::cancel_not_carried_out`], of one of its exits: where looks showed it at work after the calls before this one.
    pub fn leg_cancel_not_carried_out(&mut self, role: LegRole, now: Timestamp) {
        let cancel = self.leg(role).and_then(|leg| leg.cancel.as_ref());
        // The call that was just made is not answered yet by any look.
        let in_vain = cancel.filter(|cancel| cancel.calls.in_vain + 1 >= CANCELS_BEFORE_ALARM);
        if let Some(count) =
            in_vain.filter(|_| !self.has_warned(&ReasonCode::CancelNotCarriedOut)).map(|cancel| cancel.calls.count)
        {
            self.warn(not_carried_out(count, &role.to_string()), now);
        }
    }

    fn cancel_is_under_way(&self) -> bool {
        self.broker_status.as_ref().is_some_and(BrokerStatus::is_cancel_under_way)
    }

    /// What is cancelled after all needs no warning.
    pub(crate) fn end_cancel(&mut self) {
        if self.status() == OrderStatus::Cancelled {
            self.unwarn(&ReasonCode::CancelNotCarriedOut);
        }
    }

    fn cancel_may_be_sent(&self) -> bool {
        let at_the_broker = matches!(
            self.state(),
            OrderState::Working | OrderState::PartiallyFilled | OrderState::Cancelling | OrderState::NeedsReview { .. }
        );
        (at_the_broker || self.works_late()) && self.cancel_asked_at.is_some() && !self.broker_order_ids.is_empty()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// 5 s, 10 s, 20 s, 40 s, and then a minute.
fn pause_after(count: u32) -> SignedDuration {
    let doublings = count.saturating_sub(1).min(8);
    (PAUSE_MIN * (1 << doublings)).min(PAUSE_MAX)
}

fn not_carried_out(count: u32, what: &str) -> Reason {
    Reason::new(
        ReasonCode::CancelNotCarriedOut,
        format!(
            "The broker was asked {count} times to cancel the {what}, and still shows it at work. It goes on being asked. Cancel it at the broker by hand if it must end now."
        ),
    )
}
