//! Changes that the broker took: in force by its word, until what it shows says otherwise.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::change::{CHANGE_SENDS_MAX, Change};
use crate::change_stage::ChangeStage;
use crate::leg::LegRole;
use crate::order::Order;
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::ticket::{OrderType, Side, Size, Ticket};

/// A change that the broker took, and that it has not shown in force yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenChange {
    /// The change.
    pub change: Change,
    /// The number of the ticket that was last seen in force before.
    replaced_revision: u64,
    /// That ticket, which is in force where no change since was carried out.
    replaced: Ticket,
    /// Changes that the broker took in between, and that it never showed in force: any of them may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    between: Vec<Between>,
}

/// A ticket that may be in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Between {
    revision: u64,
    ticket: Ticket,
}

impl Order {
    /// The broker took the change. What it shows decides whether it was carried out: see [`Order::change_shown`].
    pub fn change_taken(&mut self, revision: u64, now: Timestamp) {
        let Some(change) = self.change_in_hand().filter(|change| change.revision == revision).cloned() else { return };
        let leg = change.leg;
        let earlier = self.taken.iter().position(|taken| taken.change.leg == leg).map(|place| self.taken.remove(place));
        if let Some(in_force) = self.ticket_of(leg).cloned() {
            let in_force = Between { revision: self.revision_of(leg), ticket: in_force };
            self.taken.push(TakenChange::new(change, in_force, earlier));
        }
        self.change_applied(revision, now);
    }

    /// The changes that the broker took, and that were not seen in force yet: the latest of each part of the order.
    #[must_use]
    pub fn changes_taken(&self) -> &[TakenChange] {
        &self.taken
    }

    /// The broker shows the change of this part in force, or cannot show it: its answer counts.
    pub fn change_shown(&mut self, leg: Option<LegRole>) {
        self.taken.retain(|taken| taken.change.leg != leg);
    }

    /// The broker took the change of this part and shows another ticket, which `is_shown` knows, so that is what is in force. The
    /// change goes out again, a few times; then, or where the part has ended so, it is refused, and a person is told.
    pub fn change_not_carried_out(
        &mut self,
        leg: Option<LegRole>,
        is_shown: impl Fn(&Ticket) -> bool,
        ended: bool,
        now: Timestamp,
    ) {
        let Some(place) = self.taken.iter().position(|taken| taken.change.leg == leg) else { return };
        let taken = self.taken.remove(place);
        let stands = taken.stands(is_shown);
        let change = taken.change;
        self.put_in_force(leg, stands.revision, stands.ticket);
        if !ended {
            // The list may have been older than the change: what shows later is adopted.
            self.go_astray(&change, now);
        }
        self.updated_at = now;
        if self.changes().any(|later| later.leg == leg && later.stage.is_open()) {
            // It brings the whole ticket.
        } else if change.sends < CHANGE_SENDS_MAX && !ended {
            self.amendments.line_up(Change { stage: ChangeStage::Asked, ..change });
        } else {
            let why = not_carried_out(change.revision);
            self.amendments.refuse_taken(&change, &why);
            self.tell_refused(&change, why.clone(), now);
            // An exit's own is told in its own words.
            if !change.follows {
                self.warn(why, now);
            }
        }
    }

    /// Every ticket of this part of the order that the broker holds, or may come to hold: in force, asked for, on its way, or on
    /// its way once.
    pub fn tickets_at_the_broker(&self, leg: Option<LegRole>) -> impl Iterator<Item = &Ticket> {
        self.tickets_where(leg, |_| true)
    }

    /// Those of them that were put on the wire.
    pub(crate) fn tickets_sent(&self, leg: Option<LegRole>) -> impl Iterator<Item = &Ticket> {
        self.tickets_where(leg, |change| change.sends > 0)
    }

    /// The whole of this part of the order, as the broker may have it: the largest quantity that was put on the wire. `None` by cash.
    #[must_use]
    pub fn most_sent(&self, leg: Option<LegRole>) -> Option<Decimal> {
        self.quantities_sent(leg)?.into_iter().max()
    }

    /// The quantities of this part of the order that were put on the wire. `None` by cash.
    pub(crate) fn quantities_sent(&self, leg: Option<LegRole>) -> Option<Vec<Decimal>> {
        let quantity = |ticket: &Ticket| match ticket.size {
            Size::Quantity(quantity) => Some(quantity.get()),
            Size::CashQuantity(_) => None,
        };
        self.tickets_sent(leg).map(quantity).collect()
    }

    fn tickets_where(&self, leg: Option<LegRole>, counts: impl Fn(&Change) -> bool) -> impl Iterator<Item = &Ticket> {
        let of_it = move |of: Option<LegRole>| of == leg;
        let changed =
            // One that was refused is nowhere.
            self.changes().filter(move |change| change.stage.is_open() && of_it(change.leg) && counts(change));
        let changed = changed.map(|change| &change.ticket);
        let astray = self.changes_astray().filter(move |astray| of_it(astray.leg)).map(|astray| &astray.ticket);
        let taken = self.taken.iter().filter(move |taken| of_it(taken.change.leg)).flat_map(TakenChange::tickets);
        self.ticket_of(leg).into_iter().chain(changed).chain(astray).chain(taken)
    }
}

impl TakenChange {
    /// What an `earlier` one replaced may still be in force.
    fn new(change: Change, in_force: Between, earlier: Option<Self>) -> Self {
        match earlier {
            None => {
                Self { change, replaced_revision: in_force.revision, replaced: in_force.ticket, between: Vec::new() }
            }
            Some(Self { replaced_revision, replaced, mut between, .. }) => {
                between.retain(|other| other.ticket != in_force.ticket);
                between.push(in_force);
                Self { change, replaced_revision, replaced, between }
            }
        }
    }

    /// What is in force where this change is not: the latest of those before that shows.
    fn stands(&self, is_shown: impl Fn(&Ticket) -> bool) -> Between {
        let shown = self.between.iter().rev().find(|other| is_shown(&other.ticket));
        shown.cloned().unwrap_or_else(|| Between { revision: self.replaced_revision, ticket: self.replaced.clone() })
    }

    /// Whether nothing that may be in force without this change could have traded so.
    pub(crate) fn is_proved_by(&self, filled: Decimal, average: Option<Decimal>) -> bool {
        self.tickets().all(|before| forbids(before, filled, average))
    }

    /// The tickets that are in force where this change was not carried out.
    pub fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        std::iter::once(&self.replaced).chain(self.between.iter().map(|other| &other.ticket))
    }
}

/// A ticket never fills more than its quantity, nor, on average, worse than its limit.
fn forbids(ticket: &Ticket, filled: Decimal, average: Option<Decimal>) -> bool {
    let is_more = matches!(ticket.size, Size::Quantity(quantity) if filled > quantity.get());
    let limit = match &ticket.order_type {
        OrderType::Limit { limit_price } | OrderType::StopLimit { limit_price, .. } => Some(limit_price.get()),
        _ => None,
    };
    let is_worse = limit.zip(average).is_some_and(|(limit, average)| match ticket.side {
        Side::Buy => average > limit,
        Side::Sell => average < limit,
    });
    is_more || is_worse
}

fn not_carried_out(revision: u64) -> Reason {
    Reason::new(
        ReasonCode::ChangeNotCarriedOut,
        format!(
            "The broker took revision {revision} of the order, and shows the order as it was before. Look at the order at the broker; if it still works, send the next revision, or cancel."
        ),
    )
}
