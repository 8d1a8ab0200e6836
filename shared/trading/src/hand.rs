//! What a person makes of an order, or of an exit, in the broker's own program is taken over: each change from here brings the
//! whole ticket, and would put back what the person changed.

use broker::{LiveOrder, OrderDetail, Session};
use domain::{Amount, Leg, LegRole, Order, OrderState, OrderType, ShownTerms, Size, Ticket};
use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Versioned};

use crate::advance::TRACK_CLOSELY_SECONDS;
use crate::judge::{JUDGED_AFTER, JUDGED_AFTER_SECONDS, row_of_part};
use crate::lane::Lane;
use crate::look::Shown;
use crate::track::LOOK_TIME;

/// What the broker does not tell by a number is believed when a list so much later shows it, too.
const LISTED_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(20);
/// A change waits so long for that list.
const SHOWN_AGAIN_WITHIN: SignedDuration = SignedDuration::from_mins(1);
/// What a look showed this long before is the best that can be known of an order of an earlier session: the look's other orders
/// had their turn in between.
const LOOKED_JUST_NOW: SignedDuration = SignedDuration::from_secs(15);

impl Lane<'_> {
    /// Takes over what this look shows of the order and of its exits that nobody here made so.
    pub(crate) async fn take_over_changes(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        let exits = order.value.legs().iter().filter(|leg| leg.may_work()).map(|leg| Some(leg.role));
        let parts: Vec<Option<LegRole>> = std::iter::once(None).chain(exits).collect();
        for leg in parts {
            let Some(row) = row_of_part(&order.value, leg, shown).filter(|row| !row.status.is_end()).cloned() else {
                continue;
            };
            if order.value.has_change_in_doubt(leg) {
                continue;
            }
            let Some(terms) = terms_of(&order.value, leg, &row) else {
                if order.value.is_shown_otherwise(leg, Timestamp::MIN) {
                    self.record_change(order, |order, _| order.shown_as_it_is(leg)).await?;
                }
                continue;
            };
            // The list may be older than what was last heard of it.
            if self.lists_as_of < order.value.updated_at + JUDGED_AFTER {
                self.track_in(JUDGED_AFTER_SECONDS);
                // The next list tells which; a change that waits brings the whole ticket, and waits for it.
                if order.value.has_unsent_change(leg) {
                    self.is_listed_again(order, leg, terms).await?;
                }
                continue;
            }
            self.take_over_change(session, order, leg, &row).await?;
        }
        Ok(())
    }

    /// Takes over how this row shows a part of the order, where the broker says the same of it by its number, or, where it does not
    /// say, in another list some time later. Whether it did.
    pub(crate) async fn take_over_change(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        leg: Option<LegRole>,
        row: &LiveOrder,
    ) -> Result<bool, StoreError> {
        let (Some(mut terms), Some(ticket)) = (terms_of(&order.value, leg, row), order.value.ticket_of(leg).cloned())
        else {
            return Ok(false);
        };
        if !self.has_time(LOOK_TIME) {
            self.track_in(1);
            return Ok(false);
        }
        match self.order_by_number(session, order.value.account_id(), row.order_id).await {
            Ok(detail) => {
                let by_number = terms_by_number(&order.value, leg, &ticket, &detail);
                match by_number.filter(|told| ShownTerms { stop_beside_limit: None, ..*told } == terms) {
                    Some(told) => terms = told,
                    None => return Ok(false),
                }
            }
            // For an order of an earlier session the broker answers 503.
            Err(error) => {
                tracing::warn!(key = %order.value.key, ?leg, %error, "an order is shown otherwise than it was made, and not by its number");
                if !self.is_listed_again(order, leg, terms).await? {
                    return Ok(false);
                }
            }
        }
        tracing::warn!(key = %order.value.key, ?leg, ?terms, "an order was changed at the broker; what stands there counts");
        self.record_change(order, |order, now| order.changed_at_broker(leg, &terms, now)).await?;
        Ok(true)
    }

    /// Whether an earlier list showed the same: one alone may be older than it says.
    async fn is_listed_again(
        &mut self,
        order: &mut Versioned<Order>,
        leg: Option<LegRole>,
        terms: ShownTerms,
    ) -> Result<bool, StoreError> {
        let as_of = self.lists_as_of;
        match order.value.shown_otherwise_since(leg, &terms) {
            Some(since) if as_of >= since + LISTED_AGAIN_AFTER => return Ok(true),
            Some(_) => {}
            None => self.record_change(order, |order, _| order.shown_otherwise(leg, terms, as_of)).await?,
        }
        self.track_in(TRACK_CLOSELY_SECONDS);
        Ok(false)
    }

    /// Asks how the entry stands, right before a change of it goes out with the whole ticket. False: the broker does not say now, and
    /// the change waits for its lists.
    pub(crate) async fn entry_is_known(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
    ) -> Result<bool, StoreError> {
        let Some(ticket) = order.value.ticket_of(None).cloned() else { return Ok(true) };
        if order.value.broker_number_of(None).is_none() || order.value.has_change_in_doubt(None) {
            return Ok(true);
        }
        if !self.has_time(LOOK_TIME) {
            self.track_in(1);
            return Ok(false);
        }
        let looked = self.looked_just_now(&order.value);
        if !self.numbers_are_right(session, order).await? {
            return Ok(false);
        }
        let Some(number) = order.value.broker_number_of(None) else { return Ok(true) };
        match self.order_by_number(session, order.value.account_id(), number).await {
            Ok(detail) => {
                self.take_over_detail(order, None, &ticket, &detail).await?;
                Ok(true)
            }
            // For an order of an earlier session the broker answers 503: its lists say it.
            Err(error) => {
                tracing::warn!(key = %order.value.key, %error, "an order is not shown by its number before a change");
                Ok(self.lists_say(&order.value, None, looked))
            }
        }
    }

    /// Whether a look of this account is young enough to tell what the broker does not tell by a number. Asked before the questions:
    /// an answer that is none may take ten seconds.
    pub(crate) fn looked_just_now(&self, order: &Order) -> bool {
        let own_look = Some(self.lists_as_of).filter(|as_of| *as_of > Timestamp::MIN);
        // A person may have changed it since a look that was before somebody asked.
        let asked_at = order.change_in_hand().filter(|change| !change.follows).map(|change| change.asked_at);
        let is_young =
            |at: Timestamp| self.now() < at + LOOKED_JUST_NOW && asked_at.is_none_or(|asked_at| at >= asked_at);
        own_look.or(self.book.looks.last_at).is_some_and(is_young)
            && self.book.looks.account_id.as_ref() == order.account_id()
    }

    /// Whether that look is known to tell how this part of the order stands. Else the change waits for the next.
    pub(crate) fn lists_say(&mut self, order: &Order, leg: Option<LegRole>, looked: bool) -> bool {
        let is_known = looked && !order.is_shown_otherwise(leg, self.now() - SHOWN_AGAIN_WITHIN);
        if !is_known {
            self.track_in(TRACK_CLOSELY_SECONDS);
        }
        is_known
    }

    /// Takes over how the broker shows a part of the order by its number.
    pub(crate) async fn take_over_detail(
        &mut self,
        order: &mut Versioned<Order>,
        leg: Option<LegRole>,
        ticket: &Ticket,
        detail: &OrderDetail,
    ) -> Result<(), StoreError> {
        let is_anothers = detail.side.is_some_and(|side| side != ticket.side);
        if is_anothers || detail.status.is_end() || order.value.has_change_in_doubt(leg) {
            return Ok(());
        }
        let Some(terms) = terms_by_number(&order.value, leg, ticket, detail) else { return Ok(()) };
        tracing::warn!(key = %order.value.key, ?leg, ?terms, "an order was changed at the broker; what stands there counts");
        self.record_change(order, |order, now| order.changed_at_broker(leg, &terms, now)).await
    }
}

/// What this row tells otherwise than the ticket in force; `None`: nothing. What an exit is for, each look takes in by itself.
fn terms_of(order: &Order, leg: Option<LegRole>, row: &LiveOrder) -> Option<ShownTerms> {
    let ticket = order.ticket_of(leg)?;
    let quantity = row.total_quantity.and_then(|quantity| Amount::new(quantity).ok());
    let price = row.price.and_then(|price| Amount::new(price).ok());
    other_terms(order, leg, ticket, ShownTerms { quantity, price, stop_beside_limit: None })
}

/// The same of what the broker says by its number.
fn terms_by_number(order: &Order, leg: Option<LegRole>, ticket: &Ticket, detail: &OrderDetail) -> Option<ShownTerms> {
    let price = match &ticket.order_type {
        OrderType::Limit { .. } | OrderType::StopLimit { .. } => detail.limit_price.or(detail.price),
        OrderType::Stop { .. } => detail.stop_price.or(detail.price),
        _ => None,
    };
    let quantity = detail.total_quantity.and_then(|quantity| Amount::new(quantity).ok());
    let price = price.and_then(|price| Amount::new(price).ok());
    let stop_beside_limit = detail.stop_price.and_then(|price| Amount::new(price).ok());
    other_terms(order, leg, ticket, ShownTerms { quantity, price, stop_beside_limit })
}

fn other_terms(order: &Order, leg: Option<LegRole>, ticket: &Ticket, shown: ShownTerms) -> Option<ShownTerms> {
    let is_at_work = match leg {
        None => matches!(order.state(), OrderState::Working | OrderState::PartiallyFilled | OrderState::Cancelling),
        Some(role) => order.leg(role).is_some_and(Leg::may_work),
    };
    let known = match ticket.size {
        Size::Quantity(quantity) => Some(quantity),
        Size::CashQuantity(_) => None,
    };
    let quantity = shown.quantity.filter(|shown| leg.is_none() && known.is_some_and(|known| known != *shown));
    let price = shown.price.filter(|shown| ticket.shown_price().is_some_and(|known| known != *shown));
    let stop_beside_limit =
        shown.stop_beside_limit.filter(|shown| ticket.stop_beside_limit().is_some_and(|known| known != *shown));
    let terms = ShownTerms { quantity, price, stop_beside_limit };
    (is_at_work && terms != ShownTerms::default()).then_some(terms)
}
