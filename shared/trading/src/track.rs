//! Track: asks the broker where a user's orders are, and writes down what it shows.

use std::collections::BTreeSet;

use broker::{OrderDetail, Session};
use domain::{
    AccountId, BrokerStatus, Fact, NEGATIVE_COUNTS_AFTER, Order, OrderState, OrderStatus, Reason, ReasonCode, Sight,
};
use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Versioned};

use crate::advance::{UNKNOWN_CHECK, working_check_at};
use crate::by_number::is_anothers;
use crate::cancel::CANCELLED_AFTER;
use crate::lane::{Lane, passed_over};
use crate::leg_rows::{legs_by_parent, number_by_side};
use crate::look::{Looked, Shown, number_by_trades, row_of, sight_of};
use crate::nameless::Nameless;
use crate::stop::Stop;
use crate::unwatched::{TriedAgain, not_shown};

/// Pause between two looks at live orders (IBKR Web API, pacing: one in 5 s).
const LOOK_PAUSE: SignedDuration = SignedDuration::from_secs(5);
const LOOK_PAUSE_SECONDS: u32 = 5;
/// An account with an order that was lost this lately is looked at before others. Longer, and those would starve.
const URGENT_FOR: SignedDuration = SignedDuration::from_secs(60);
/// What must be left of an invocation for a look.
pub(crate) const LOOK_TIME: SignedDuration = SignedDuration::from_secs(17);
/// An order whose status leaves open where it stands is asked for by its number this long after it was first seen so.
const ASKED_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(4);
/// How long an order that the broker had may be missing from all that it shows before a person decides.
pub(crate) const MISSING_FOR_MAX: SignedDuration = SignedDuration::from_hours(20);
/// The same where its end is asked for, and the broker says of each cancel that it has no such order: a cancel without effect
/// must not wait for a person's eye until tomorrow.
const FOUND_NOWHERE_FOR_MAX: SignedDuration = SignedDuration::from_mins(5);
/// That an order is filled with less than its whole is believed after this: the quantity may be told later than the status.
const SHORT_FILL_BELIEVED_AFTER: SignedDuration = SignedDuration::from_mins(1);

impl Lane<'_> {
    /// Takes further what waits, then looks at everything of this user that the broker may have.
    pub async fn track(&mut self) -> Result<(), StoreError> {
        self.catch_up().await?;
        let mut open = self.open_orders_to_look_at().await?;
        for order in &mut open {
            // Orders that never reached the lane (the API recorded them, and its wake was lost), vanished senders', and
            // those on which a look some time ago allows another step.
            let advanced = self.advance(order).await;
            passed_over(&order.value.key, advanced)?;
        }
        open.retain(|order| order.value.may_be_at_the_broker());
        if !open.iter().any(|order| self.wants_a_look(&order.value)) {
            open.clear();
        }
        for order in &open {
            self.tell_how_long_unknown(&order.value);
        }
        let late = self.late_look_due(&open);
        if open.is_empty() && late.is_none() {
            return Ok(());
        }
        if let Some(seconds) = self.paced_for_seconds() {
            self.track_in(seconds);
            return Ok(());
        }
        if let Some(account_id) = late {
            return self.look_for_late_facts(account_id, &open).await;
        }
        let line = self.book.pending.len();
        self.look_at_the_next_account(open).await?;
        // What was settled has made way for what waited behind it.
        if self.book.pending.len() < line { self.advance_pending().await } else { Ok(()) }
    }

    /// An order in review costs a look of its own only when its pause is over; with others it is looked for each time.
    fn wants_a_look(&self, order: &Order) -> bool {
        order.status() != OrderStatus::NeedsReview || order.next_check_at.is_none_or(|at| at <= self.now())
    }

    fn tell_how_long_unknown(&self, order: &Order) {
        if let OrderState::Unknown { intent, .. } = order.state() {
            let age = self.now().duration_since(intent.at).as_secs();
            tracing::info!(key = %order.key, metric.unknown_age_seconds = age, "an order's outcome is still unknown");
        }
    }

    /// A look shows one account; where orders of several are open, their accounts take turns.
    async fn look_at_the_next_account(&mut self, open: Vec<Versioned<Order>>) -> Result<(), StoreError> {
        if !self.has_time(LOOK_TIME) {
            self.track_in(1);
            return Ok(());
        }
        let accounts: BTreeSet<AccountId> = open.iter().filter_map(|order| order.value.account_id().cloned()).collect();
        let accounts = self.urgent(&open).unwrap_or(accounts);
        let after = |last: &AccountId| accounts.iter().find(|account_id| *account_id > last);
        let last = self.book.looks.account_id.as_ref();
        let next = self.lost_longest(&open).or_else(|| last.and_then(after)).or_else(|| accounts.first());
        let Some(account_id) = next.cloned() else { return Ok(()) };
        let now = self.now();
        let waits = |order: &Versioned<Order>| {
            order.value.account_id() != Some(&account_id) && order.value.next_check_at.is_some_and(|at| at <= now)
        };
        if open.iter().any(waits) {
            self.track_in(LOOK_PAUSE_SECONDS);
        }
        let of_account = open.into_iter().filter(|order| order.value.account_id() == Some(&account_id));
        self.look_at_account(&account_id, of_account.collect()).await
    }

    /// The accounts whose turn comes first: those with an order that was lost just now.
    fn urgent(&self, open: &[Versioned<Order>]) -> Option<BTreeSet<AccountId>> {
        let accounts: BTreeSet<AccountId> =
            self.lost_just_now(open).map(|(_, account_id)| account_id.clone()).collect();
        (!accounts.is_empty()).then_some(accounts)
    }

    /// The account of the order that was lost first of those that no look could show: the first look after another account's shows
    /// nothing, so that turns cost each of two accounts twice the time.
    fn lost_longest<'o>(&self, open: &'o [Versioned<Order>]) -> Option<&'o AccountId> {
        let looks = &self.book.looks;
        let was_looked_for = |lost_at: Timestamp, account_id: &AccountId| {
            looks.account_id.as_ref() == Some(account_id) && looks.last_at.is_some_and(|at| lost_at < at)
        };
        let waiting = self.lost_just_now(open).filter(|(lost_at, account_id)| !was_looked_for(*lost_at, account_id));
        waiting.min().map(|(_, account_id)| account_id)
    }

    /// The orders that were lost just now: when, and of which account.
    fn lost_just_now<'o>(&self, open: &'o [Versioned<Order>]) -> impl Iterator<Item = (Timestamp, &'o AccountId)> {
        let now = self.now();
        open.iter().filter_map(move |order| match order.value.state() {
            OrderState::Unknown { intent, .. } if now < intent.at + URGENT_FOR => {
                Some((order.value.updated_at, order.value.account_id()?))
            }
            _ => None,
        })
    }

    async fn look_at_account(
        &mut self,
        account_id: &AccountId,
        mut open: Vec<Versioned<Order>>,
    ) -> Result<(), StoreError> {
        self.begin_look(account_id);
        let looked = match self.session_for(account_id).await {
            Ok(session) => {
                let looked = self.look(&session, account_id, &open).await?;
                (session, looked)
            }
            Err(Stop::Store(error)) => return Err(error),
            Err(Stop::Wait(why) | Stop::Deny(why) | Stop::Reopen(why)) => {
                tracing::warn!(user_id = %self.user_id(), %account_id, ?why, "a look waits for a session");
                // Its turn is over: another account may be reached through another username.
                self.book.looks.account_id = Some(account_id.clone());
                self.book.looks.last_at = Some(self.now());
                return self.leave_unwatched(&mut open, &why, TriedAgain::WithoutSession).await;
            }
        };
        match looked {
            (session, Looked::Shown(shown)) => {
                self.book.looks.account_id = Some(account_id.clone());
                self.keep_warm().await;
                self.note_late_facts(&session, &shown).await?;
                for order in &mut open {
                    let taken = self.take_in(&session, order, &shown).await;
                    passed_over(&order.value.key, taken)?;
                }
            }
            // The broker is gathering; the lane is free for orders meanwhile.
            (_, Looked::NotYet) => self.track_in(LOOK_PAUSE_SECONDS),
            (_, Looked::Failed) => {
                self.book.looks.account_id = Some(account_id.clone());
                self.leave_unwatched(&mut open, &not_shown(), TriedAgain::AfterFailure).await?;
            }
        }
        Ok(())
    }

    /// For how many seconds the broker's pacing forbids a look, if it does.
    pub(crate) fn paced_for_seconds(&self) -> Option<u32> {
        let left = (self.book.looks.last_at? + LOOK_PAUSE).duration_since(self.now());
        left.is_positive().then(|| u32::try_from(left.as_secs()).unwrap_or(0) + 1)
    }

    async fn take_in(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        // First, since a look that shows the order's end shows the ticket that it ended with.
        // Boxed, each: their futures are in that of every look.
        self.correct_numbers(order, shown).await?;
        self.tell_of_fills_taken_back(order, shown).await?;
        Box::pin(self.judge_changes(session, order, shown)).await?;
        Box::pin(self.take_over_changes(session, order, shown)).await?;
        if order.value.status().is_final() {
            // Its exits are what is left of it.
            self.look_again_later(order).await?;
        } else {
            Box::pin(self.take_in_entry(session, order, shown)).await?;
        }
        Box::pin(self.take_in_legs(session, order, shown)).await?;
        self.advance(order).await
    }

    /// Where the broker's rows and trades name an order and its exits otherwise than its answer did, they count: a cancel of the order must
    /// reach the order.
    async fn correct_numbers(&mut self, order: &mut Versioned<Order>, shown: &Shown) -> Result<(), StoreError> {
        let named = row_of(&order.value, &shown.live).filter(|row| row.client_order_id.is_some());
        let by_name = named.map(|row| row.order_id).or_else(|| number_by_trades(&order.value, shown));
        let Some(entry) = by_name.or_else(|| number_by_side(&order.value, &shown.live)) else { return Ok(()) };
        let legs = legs_by_parent(&order.value, entry, &shown.live);
        let is_known = order.value.broker_order_ids.first() == Some(&entry)
            && legs.iter().all(|(role, id)| order.value.leg(*role).is_some_and(|leg| leg.broker_order_id == Some(*id)));
        if order.value.sends == 0 || is_known {
            return Ok(());
        }
        if order.value.broker_order_ids.first().is_some_and(|first| *first != entry) {
            tracing::error!(key = %order.value.key, was = ?order.value.broker_order_ids, %entry, ?legs, "the broker's rows name an order otherwise than its answer did; the rows count");
        }
        self.record_change(order, |order, now| order.numbers_are(entry, &legs, now)).await
    }

    async fn take_in_entry(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        match sight_of(&order.value, shown) {
            Some(sight) if is_of_trades_alone(&order.value, &sight, shown) => {
                let is_more = sight.filled_quantity.is_some_and(|filled| filled > order.value.filled_quantity);
                if is_more || matches!(order.value.state(), OrderState::Unknown { .. }) {
                    self.take_in_sight(order, sight).await?;
                }
                self.missing(session, order, shown).await
            }
            Some(sight) => {
                let unclear = sight.status.is_unclear() || order.value.is_filled_short(&sight);
                self.take_in_sight(order, sight.clone()).await?;
                if unclear {
                    self.ask_by_number(session, order, sight).await?;
                }
                self.cancel_again(order).await
            }
            None => self.not_seen(session, order, shown).await,
        }
    }

    async fn take_in_sight(&mut self, order: &mut Versioned<Order>, sight: Sight) -> Result<(), StoreError> {
        if is_news(&order.value, &sight) {
            self.record(order, Fact::Seen(sight)).await
        } else {
            self.look_again_later(order).await
        }
    }

    /// Absence proves nothing by itself; a complete look without it, long enough after the send, is counted.
    async fn not_seen(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        let OrderState::Unknown { intent, .. } = order.value.state() else {
            return self.missing(session, order, shown).await;
        };
        let counts = shown.is_complete() && self.lists_as_of >= intent.at + NEGATIVE_COUNTS_AFTER;
        match Box::pin(self.find_nameless(session, &order.value, shown)).await? {
            Nameless::Found(sight) => self.record(order, Fact::Seen(sight)).await,
            Nameless::NoneIsIt if counts => self.record(order, Fact::NotFound).await,
            Nameless::NoneIsIt | Nameless::InDoubt => self.look_again_later(order).await,
        }
    }

    /// The broker's word leaves open where the order stands: it is asked for by its number, some seconds after it was first
    /// seen so. Only where both say that it is refused it has ended.
    async fn ask_by_number(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        listed: Sight,
    ) -> Result<(), StoreError> {
        let (Some(since), Some(broker_order_id)) =
            (order.value.unclear_since, order.value.broker_order_ids.first().copied())
        else {
            return Ok(());
        };
        if !order.value.state().may_be_at_the_broker() {
            return Ok(());
        }
        if self.now() < since + ASKED_AGAIN_AFTER || !self.has_time(LOOK_TIME) {
            self.track_in(LOOK_PAUSE_SECONDS);
            return Ok(());
        }
        tracing::warn!(key = %order.value.key, status = ?order.value.broker_status, ?since, "the broker's word leaves open where an order stands; it is asked for by its number");
        let asked_at = self.now();
        match self.order_by_number(session, order.value.account_id(), broker_order_id).await {
            Ok(detail) if is_anothers(&order.value, &detail) => self.look_again_later(order).await,
            Ok(detail) => {
                let mut sight = sight_of_detail(broker_order_id, &detail);
                // At work by its number, and unclear in the list: it stays so, and is asked for at each look.
                let works = !sight.status.is_unclear() && !sight.status.is_end() && !sight.status.is_cancel_under_way();
                if let Some(listed) = order.value.broker_status.clone().filter(|_| works) {
                    sight.status = listed;
                    return self.take_in_sight(order, sight).await;
                }
                self.take_in_detail(order, sight, &detail, asked_at).await
            }
            Err(error) => {
                tracing::warn!(key = %order.value.key, %error, "an order is not shown by its number");
                if order.value.is_filled_short(&listed) && has_waited_for_its_quantity(&order.value, self.lists_as_of) {
                    return self.record(order, Fact::Ended(listed)).await;
                }
                self.track_in(LOOK_PAUSE_SECONDS);
                Ok(())
            }
        }
    }

    /// What the broker says of an order by its number, where it was asked at that time.
    async fn take_in_detail(
        &mut self,
        order: &mut Versioned<Order>,
        sight: Sight,
        detail: &OrderDetail,
        asked_at: Timestamp,
    ) -> Result<(), StoreError> {
        let refused_before = order.value.broker_status.as_ref().is_some_and(BrokerStatus::is_doubtful_end);
        let some_seconds_ago = order.value.unclear_since.is_some_and(|since| asked_at >= since + ASKED_AGAIN_AFTER);
        let is_refused = sight.status.is_doubtful_end() && refused_before;
        let is_short = order.value.is_filled_short(&sight);
        // A person may have made it smaller there: filled is what the broker calls the whole.
        let told = detail.filled_quantity.zip(detail.total_quantity);
        let is_whole_there = told.is_some_and(|(filled, whole)| filled >= whole && !filled.is_zero());
        let is_certain = is_refused || (is_short && is_whole_there);
        if (some_seconds_ago && is_certain) || (is_short && has_waited_for_its_quantity(&order.value, asked_at)) {
            return self.record(order, Fact::Ended(sight)).await;
        }
        if is_short {
            self.track_in(LOOK_PAUSE_SECONDS);
        }
        let unknown = matches!(sight.status, BrokerStatus::Other(_));
        self.take_in_sight(order, sight).await?;
        if unknown && !order.value.has_warned(&ReasonCode::BrokerStatusUnknown) {
            tracing::error!(key = %order.value.key, status = ?order.value.broker_status, alarm = "broker_status_unknown", metric.orders_for_a_person = 1, "the broker has a word for an order that is not known here");
            self.record_change(order, Order::status_unknown).await?;
        }
        Ok(())
    }

    /// An order that the broker had, and that is in none of its lists: it is asked for by its number. Where its end is asked
    /// for, the broker is asked for that all the same.
    async fn missing(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        tracing::warn!(key = %order.value.key, complete = shown.is_all_there_is(), "an order at work is not among the broker's live orders");
        let Some(broker_order_id) = order.value.broker_order_ids.first().copied() else {
            self.note_missing(order, shown).await?;
            return self.look_again_later(order).await;
        };
        if !self.has_time(LOOK_TIME) {
            self.track_in(1);
            return Ok(());
        }
        let asked_at = self.now();
        match self.order_by_number(session, order.value.account_id(), broker_order_id).await {
            Ok(detail) if is_anothers(&order.value, &detail) => {
                self.ask_whose_numbers(session, order, &detail).await?;
                self.look_again_later(order).await?;
            }
            Ok(detail) => {
                Box::pin(self.judge_changes(session, order, &Shown::by_number(&detail))).await?;
                self.take_in_detail(order, sight_of_detail(broker_order_id, &detail), &detail, asked_at).await?;
            }
            // For an order of an earlier session the broker answers 503.
            Err(error) => {
                tracing::warn!(key = %order.value.key, %error, "nor is it shown by its number");
                self.note_missing(order, shown).await?;
                self.still_missing(order, broker_order_id, shown).await?;
            }
        }
        self.cancel_unseen(order).await
    }

    async fn note_missing(&mut self, order: &mut Versioned<Order>, shown: &Shown) -> Result<(), StoreError> {
        if shown.is_all_there_is() && order.value.missing_since.is_none() {
            self.record_change(order, Order::not_shown).await?;
        }
        Ok(())
    }

    /// Only what was missing at each look for long, and not only at the first one after long, is left to a person.
    async fn still_missing(
        &mut self,
        order: &mut Versioned<Order>,
        broker_order_id: domain::BrokerOrderId,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        let missing_for = |since| self.lists_as_of.duration_since(since);
        let is_missing_for = |most| order.value.missing_since.is_some_and(|since| missing_for(since) >= most);
        let calls = order.value.cancel_calls();
        if shown.is_all_there_is() && is_missing_for(CANCELLED_AFTER) && self.is_gone_since_its_cancel(calls) {
            tracing::info!(key = %order.value.key, "the broker took an order's cancel, and has no such order since");
            return self.record(order, Fact::Ended(cancelled(broker_order_id))).await;
        }
        let is_found_nowhere = calls.have_no_effect() && calls.found_nothing();
        let (most, why) = if is_found_nowhere {
            (FOUND_NOWHERE_FOR_MAX, found_nowhere(broker_order_id))
        } else {
            (MISSING_FOR_MAX, missing(broker_order_id))
        };
        if shown.is_all_there_is() && is_missing_for(most) && order.value.status() != OrderStatus::NeedsReview {
            tracing::error!(key = %order.value.key, is_found_nowhere, alarm = "needs_review", metric.orders_for_a_person = 1, "an order needs review");
            return self.record(order, Fact::Exhausted(why)).await;
        }
        self.look_again_later(order).await
    }

    pub(crate) async fn look_again_later(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        let now = self.now();
        let check_at = match order.value.status() {
            OrderStatus::Unknown => now + UNKNOWN_CHECK,
            OrderStatus::NeedsReview => now + order.value.review_pause(now),
            _ => working_check_at(&order.value, now),
        };
        // Whoever comes here has looked at it, or tried to.
        let was_unwatched = order.value.unwatched.take().is_some();
        if !was_unwatched && order.value.next_check_at.is_some_and(|at| at > now) {
            return Ok(());
        }
        order.value.check_again_at(check_at);
        match self.save_order(order).await {
            Err(StoreError::Conflict { .. }) => self.read_again(order).await,
            saved => saved,
        }
    }
}

/// The broker has shown it as filled with less than its whole for so long that the rest will not be told later.
fn has_waited_for_its_quantity(order: &Order, as_of: Timestamp) -> bool {
    order.unclear_since.is_some_and(|since| as_of >= since + SHORT_FILL_BELIEVED_AFTER)
}

/// Whether a look tells anything that is not on record.
fn is_news(order: &Order, sight: &Sight) -> bool {
    let mut after = order.clone();
    let taken = after.apply(Fact::Seen(sight.clone()), order.updated_at).is_ok();
    // That it is watched again is no news of it.
    after.unwatched.clone_from(&order.unwatched);
    taken && after != *order
}

/// Whether nothing but trades of a part of it shows: they tell what filled, and not what became of the rest.
fn is_of_trades_alone(order: &Order, sight: &Sight, shown: &Shown) -> bool {
    row_of(order, &shown.live).is_none() && sight.status != BrokerStatus::Filled
}

fn sight_of_detail(broker_order_id: domain::BrokerOrderId, detail: &OrderDetail) -> Sight {
    Sight {
        broker_order_ids: vec![broker_order_id],
        status: detail.status.clone(),
        filled_quantity: detail.filled_quantity,
        average_price: detail.average_price,
    }
}

/// Cancelled, with what is known to have filled.
fn cancelled(broker_order_id: domain::BrokerOrderId) -> Sight {
    Sight {
        broker_order_ids: vec![broker_order_id],
        status: BrokerStatus::Cancelled,
        filled_quantity: None,
        average_price: None,
    }
}

fn missing(broker_order_id: domain::BrokerOrderId) -> Reason {
    Reason::new(
        ReasonCode::MissingAtBroker,
        format!(
            "The broker took the order as {broker_order_id}; for {} hours it is in none of its lists: not at work, not ended, not among the trades of the last days. Look at the account at the broker, then decide (`courier orders review`).",
            MISSING_FOR_MAX.as_hours()
        ),
    )
}

fn found_nowhere(broker_order_id: domain::BrokerOrderId) -> Reason {
    Reason::new(
        ReasonCode::MissingAtBroker,
        format!(
            "The broker took the order as {broker_order_id}, shows it in none of its lists, and says of each cancel that it has no such order. It may say so of an order of an earlier day that works. Look at the account at the broker, cancel the order there if it works, then decide (`courier orders review`)."
        ),
    )
}

/// Whether an exit still protects, or has done its work.
pub(crate) fn stands(status: &BrokerStatus) -> bool {
    !matches!(status, BrokerStatus::Inactive | BrokerStatus::Rejected | BrokerStatus::Cancelled | BrokerStatus::Expired)
}
