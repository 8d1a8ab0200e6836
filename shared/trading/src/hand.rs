//! What a person makes of an order, or of an exit, in the broker's own program is taken over: each change from here brings the
//! whole ticket, and would put back what the person changed.

use broker::{LiveOrder, OrderDetail, Session};
use domain::{Amount, Leg, LegRole, Order, OrderState, OrderType, ShownTerms, Size, Ticket};
use store::{StoreError, Versioned};

use crate::judge::{JUDGED_AFTER, JUDGED_AFTER_SECONDS, row_of_part};
use crate::lane::Lane;
use crate::look::Shown;
use crate::track::LOOK_TIME;

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
            if order.value.has_change_in_doubt(leg) || terms_of(&order.value, leg, &row).is_none() {
                continue;
            }
            // The list may be older than what was last heard of it.
            if self.lists_as_of < order.value.updated_at + JUDGED_AFTER {
                self.track_in(JUDGED_AFTER_SECONDS);
                continue;
            }
            self.take_over_change(session, order, leg, &row).await?;
        }
        Ok(())
    }

    /// Takes over how this row shows a part of the order, where the broker says the same of it by its number. Whether it did.
    pub(crate) async fn take_over_change(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        leg: Option<LegRole>,
        row: &LiveOrder,
    ) -> Result<bool, StoreError> {
        let (Some(terms), Some(ticket)) = (terms_of(&order.value, leg, row), order.value.ticket_of(leg).cloned())
        else {
            return Ok(false);
        };
        if !self.has_time(LOOK_TIME) {
            self.track_in(1);
            return Ok(false);
        }
        let detail = match session.order_status(row.order_id).await {
            Ok(detail) => detail,
            // For an order of an earlier session the broker answers 503.
            Err(error) => {
                tracing::warn!(key = %order.value.key, ?leg, %error, "an order is shown otherwise than it was made, and not by its number");
                return Ok(false);
            }
        };
        if terms_by_number(&order.value, leg, &ticket, &detail) != Some(terms) {
            return Ok(false);
        }
        tracing::warn!(key = %order.value.key, ?leg, ?terms, "an order was changed at the broker; what stands there counts");
        self.record_change(order, |order, now| order.changed_at_broker(leg, &terms, now)).await?;
        Ok(true)
    }

    /// Asks how the entry stands, right before a change of it goes out with the whole ticket. Nothing is known of it where the broker
    /// does not say: then the record counts.
    pub(crate) async fn entry_as_it_stands(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
    ) -> Result<(), StoreError> {
        let number = order.value.broker_number_of(None).filter(|_| !order.value.has_change_in_doubt(None));
        let (Some(number), Some(ticket)) = (number, order.value.ticket_of(None).cloned()) else { return Ok(()) };
        if !self.has_time(LOOK_TIME) {
            return Ok(());
        }
        let Ok(detail) = session.order_status(number).await else { return Ok(()) };
        self.take_over_detail(order, None, &ticket, &detail).await
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
    other_terms(order, leg, ticket, ShownTerms { quantity, price })
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
    other_terms(order, leg, ticket, ShownTerms { quantity, price })
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
    (is_at_work && (quantity.is_some() || price.is_some())).then_some(ShownTerms { quantity, price })
}
