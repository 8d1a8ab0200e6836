//! What a change makes of a ticket.

use crate::fields::FieldFault;
use crate::message::ModifyOrder;
use crate::ticket::{OrderType, Size, Ticket};

impl Ticket {
    /// This ticket with the changes in it; the first field that has no place in it otherwise.
    pub fn changed(&self, modify: &ModifyOrder) -> Result<Self, FieldFault> {
        let mut ticket = self.clone();
        if let Some(quantity) = modify.quantity {
            match &mut ticket.size {
                Size::Quantity(before) => *before = quantity,
                Size::CashQuantity(_) => return Err(no_place("quantity", "an order by cash quantity")),
            }
        }
        ticket.time_in_force = modify.time_in_force.unwrap_or(ticket.time_in_force);
        let kind = ticket.order_type.as_str();
        if let Some(price) = modify.limit_price {
            match &mut ticket.order_type {
                OrderType::Limit { limit_price }
                | OrderType::StopLimit { limit_price, .. }
                | OrderType::TrailingStopLimit { limit_price, .. } => *limit_price = price,
                OrderType::Midprice { limit_price } => *limit_price = Some(price),
                _ => return Err(no_place("limit_price", kind)),
            }
        }
        if let Some(price) = modify.stop_price {
            match &mut ticket.order_type {
                OrderType::Stop { stop_price }
                | OrderType::StopLimit { stop_price, .. }
                | OrderType::TrailingStopLimit { stop_price, .. } => *stop_price = price,
                OrderType::TrailingStop { stop_price, .. } => *stop_price = Some(price),
                _ => return Err(no_place("stop_price", kind)),
            }
        }
        if let Some(distance) = modify.trail {
            match &mut ticket.order_type {
                OrderType::TrailingStop { trail, .. } | OrderType::TrailingStopLimit { trail, .. } => *trail = distance,
                _ => return Err(no_place("trail", kind)),
            }
        }
        Ok(ticket)
    }
}

impl Ticket {
    /// Whether it is the same ticket, whatever exits are attached: those have tickets of their own at the broker.
    #[must_use]
    pub fn is_same_but_for_exits(&self, other: &Self) -> bool {
        self.without_exits() == other.without_exits()
    }

    /// The ticket alone.
    #[must_use]
    pub fn without_exits(&self) -> Self {
        Self { attached: None, ..self.clone() }
    }
}

/// Why a change is not known to make an order smaller and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSmaller {
    /// The quantity stays as it was, or grows.
    #[error("it does not lower the quantity")]
    Quantity,
    /// An order by cash names no quantity.
    #[error("an order by cash names no quantity")]
    Cash,
    /// It changes more than the quantity.
    #[error("it changes more than the quantity")]
    More,
    /// The exits stay as large as they are, and could open a position the other way.
    #[error("the exits that are attached to the order stay as large as they are")]
    Exits,
}

impl Ticket {
    /// Whether this ticket, in place of `before`, makes the order smaller and changes nothing else: a step that brings no
    /// risk, whatever the position is.
    pub fn is_only_smaller_than(&self, before: &Self) -> Result<(), NotSmaller> {
        let (Size::Quantity(now), Size::Quantity(was)) = (self.size, before.size) else {
            return Err(NotSmaller::Cash);
        };
        if now >= was {
            return Err(NotSmaller::Quantity);
        }
        if (Self { size: before.size, ..self.clone() }) != *before {
            return Err(NotSmaller::More);
        }
        if self.attached.is_some() { Err(NotSmaller::Exits) } else { Ok(()) }
    }
}

fn no_place(field: &str, kind: &str) -> FieldFault {
    FieldFault { field: field.to_owned(), message: format!("has no place in {kind}") }
}
