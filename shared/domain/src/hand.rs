//! What a person makes of an order, or of an exit, in the broker's own program: it stands there, so it is in force here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::change::Change;
use crate::change_stage::ChangeStage;
use crate::leg::LegRole;
use crate::order::Order;
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::ticket::{OrderType, Size, Ticket};

/// What a look tells of the ticket that is in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownTerms {
    /// The whole quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Amount>,
    /// The limit price; of a stop order the stop price (IBKR Web API, live orders).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// The stop beside a limit: no row tells it, the broker says it by the order's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_beside_limit: Option<Amount>,
}

/// How a list showed a part of an order that nobody here made so, where the broker does not say it by its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShownOtherwise {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leg: Option<LegRole>,
    terms: ShownTerms,
    since: Timestamp,
}

impl Ticket {
    /// The price that a row shows of it: the limit, of a stop order the stop (IBKR Web API, place order). What trails does not
    /// stand still.
    #[must_use]
    pub fn shown_price(&self) -> Option<Amount> {
        match &self.order_type {
            OrderType::Limit { limit_price } | OrderType::StopLimit { limit_price, .. } => Some(*limit_price),
            OrderType::Stop { stop_price } => Some(*stop_price),
            _ => None,
        }
    }

    /// The stop that stands beside a limit.
    #[must_use]
    pub fn stop_beside_limit(&self) -> Option<Amount> {
        match &self.order_type {
            OrderType::StopLimit { stop_price, .. } => Some(*stop_price),
            _ => None,
        }
    }

    /// This ticket as it is shown.
    #[must_use]
    pub fn with_terms(&self, terms: &ShownTerms) -> Self {
        let mut ticket = self.clone();
        if let (Size::Quantity(quantity), Some(shown)) = (&mut ticket.size, terms.quantity) {
            *quantity = shown;
        }
        if let (
            OrderType::Limit { limit_price: price }
            | OrderType::StopLimit { limit_price: price, .. }
            | OrderType::Stop { stop_price: price },
            Some(shown),
        ) = (&mut ticket.order_type, terms.price)
        {
            *price = shown;
        }
        if let (OrderType::StopLimit { stop_price, .. }, Some(shown)) =
            (&mut ticket.order_type, terms.stop_beside_limit)
        {
            *stop_price = shown;
        }
        ticket
    }
}

impl Order {
    /// Whether a change of this part was put on the wire, and what became of it is not known for certain.
    #[must_use]
    pub fn has_change_in_doubt(&self, leg: Option<LegRole>) -> bool {
        let is_on_its_way =
            |change: &Change| change.leg == leg && change.stage.is_open() && change.stage != ChangeStage::Asked;
        self.changes().any(is_on_its_way)
            || self.changes_astray().any(|astray| astray.leg == leg)
            || self.changes_taken().iter().any(|taken| taken.change.leg == leg)
    }

    /// Whether a change of this part waits to be sent.
    #[must_use]
    pub fn has_unsent_change(&self, leg: Option<LegRole>) -> bool {
        self.changes().any(|change| change.leg == leg && change.stage == ChangeStage::Asked)
    }

    /// A list shows this part of the order otherwise than it was made.
    pub fn shown_otherwise(&mut self, leg: Option<LegRole>, terms: ShownTerms, as_of: Timestamp) {
        self.shown_as_it_is(leg);
        self.shown_otherwise.push(ShownOtherwise { leg, terms, since: as_of });
    }

    /// A list shows this part of the order as it is on record.
    pub fn shown_as_it_is(&mut self, leg: Option<LegRole>) {
        self.shown_otherwise.retain(|shown| shown.leg != leg);
    }

    /// Whether a list showed this part of the order otherwise after that time, and nothing has settled it since.
    #[must_use]
    pub fn is_shown_otherwise(&self, leg: Option<LegRole>, after: Timestamp) -> bool {
        self.shown_otherwise.iter().any(|shown| shown.leg == leg && shown.since > after)
    }

    /// Since when lists show this part of the order with these terms.
    #[must_use]
    pub fn shown_otherwise_since(&self, leg: Option<LegRole>, terms: &ShownTerms) -> Option<Timestamp> {
        let shown = self.shown_otherwise.iter().find(|shown| shown.leg == leg && shown.terms == *terms);
        shown.map(|shown| shown.since)
    }

    /// The broker shows the entry, or an exit, as nobody here made it: a person did there. It is in force, the changes that wait
    /// come on top of it, and the person who trusts this order is told.
    pub fn changed_at_broker(&mut self, leg: Option<LegRole>, terms: &ShownTerms, now: Timestamp) {
        let Some(before) = self.ticket_of(leg).cloned() else { return };
        let after = before.with_terms(terms);
        if after == before {
            return;
        }
        self.change_shown(leg);
        self.shown_as_it_is(leg);
        self.put_waiting_on_top(leg, &before, terms);
        self.updated_at = now;
        self.put_in_force(leg, self.revision_of(leg), after.clone());
        self.unwarn(&ReasonCode::ChangedAtBroker);
        self.warn(changed_at_broker(leg, &before, &after), now);
    }

    /// What a waiting change does not ask for is as the person made it.
    fn put_waiting_on_top(&mut self, leg: Option<LegRole>, before: &Ticket, terms: &ShownTerms) {
        for change in self.amendments.unsent_of(leg) {
            let left = ShownTerms {
                quantity: terms.quantity.filter(|_| change.ticket.size == before.size),
                price: terms.price.filter(|_| change.ticket.shown_price() == before.shown_price()),
                stop_beside_limit: terms
                    .stop_beside_limit
                    .filter(|_| change.ticket.stop_beside_limit() == before.stop_beside_limit()),
            };
            change.ticket = change.ticket.with_terms(&left);
        }
    }
}

fn changed_at_broker(leg: Option<LegRole>, before: &Ticket, after: &Ticket) -> Reason {
    let mut news = Vec::new();
    if before.size != after.size {
        news.push(format!("quantity {} to {}", size(before), size(after)));
    }
    if let (Some(was), Some(is)) = (before.shown_price(), after.shown_price())
        && was != is
    {
        news.push(format!("price {was} to {is}"));
    }
    if let (Some(was), Some(is)) = (before.stop_beside_limit(), after.stop_beside_limit())
        && was != is
    {
        news.push(format!("stop price {was} to {is}"));
    }
    let what = leg.map_or_else(|| "order".to_owned(), |role| role.to_string());
    Reason::new(
        ReasonCode::ChangedAtBroker,
        format!(
            "The {what} was changed at the broker, and not from here: {}. What stands there counts, and further changes come on top of it.",
            news.join(", ")
        ),
    )
}

fn size(ticket: &Ticket) -> String {
    match ticket.size {
        Size::Quantity(quantity) => quantity.to_string(),
        Size::CashQuantity(cash) => cash.to_string(),
    }
}
