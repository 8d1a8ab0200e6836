//! The exits of brackets at the broker are what was asked for, after changes of theirs too.

use domain::{Change, ChangeStage, Leg, LegRole, Order, OrderType, Size, Ticket};
use paper_broker::LedgerEntry;
use rust_decimal::Decimal;

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record, exit_of};

/// A change of an exit that is in force here shows at the broker, and what nobody changed stands there as it was placed.
pub(crate) fn exits_are_what_was_asked(evidence: &Evidence) -> Vec<Violation> {
    let mut broken = Vec::new();
    for record in &evidence.records {
        let Some(parent) = &record.entry else { continue };
        for leg in record.order.legs() {
            let Some(exit) = exit_of(leg, parent, &evidence.book) else { continue };
            let placed = Placed { evidence, parent, exit };
            let in_force = in_force(record, leg);
            if placed.is(&in_force)
                || may_be_another(record, leg, &placed)
                || was_ignored(record, leg, &in_force, &placed)
            {
                continue;
            }
            let told = format!(
                "the {} of {}: {in_force:?} is in force, the broker has {exit:?}; {:?}",
                leg.role,
                record.order.key,
                record.order.change()
            );
            broken.push(violation("an exit is not what was asked", told));
        }
    }
    broken
}

/// Long after the storm, an exit that works is for what its entry filled, less what the other one took off: more would turn the
/// position, and less would leave a part of it without a stop. Whoever asked for another quantity of an exit has it.
pub(crate) fn exits_are_for_what_their_entry_filled(evidence: &Evidence) -> Vec<Violation> {
    let mut broken = Vec::new();
    for record in &evidence.records {
        let Some(parent) = record.entry.as_ref().filter(|parent| parent.status.is_final()) else { continue };
        for leg in record.order.legs() {
            let Some(exit) = exit_of(leg, parent, &evidence.book).filter(|exit| !exit.status.is_final()) else {
                continue;
            };
            let others = evidence
                .book
                .iter()
                .filter(|other| other.parent_order_id == Some(parent.order_id) && other.order_id != exit.order_id);
            let left = parent.filled_quantity - others.map(|other| other.filled_quantity).sum::<Decimal>();
            let is_asked_for = of_leg(record, leg.role).any(|change| !change.follows);
            let is_told = record.order.has_warned(&domain::ReasonCode::ExitDoesNotFollow);
            let too_small = exit.quantity < left && !is_asked_for && !is_told;
            if exit.quantity > left || too_small {
                let told = format!(
                    "the {} of {}: {left} are left of {parent:?}, and it is {exit:?}; {:?}",
                    leg.role, record.order.key, record.order
                );
                broken.push(violation("an exit is not for what its entry filled", told));
            }
        }
    }
    broken
}

/// The changes of exits that are in force, for whoever counts them.
pub(crate) fn changes_in_force(evidence: &Evidence) -> usize {
    let legs = evidence.records.iter().filter(|record| record.entry.is_some()).flat_map(|record| record.order.legs());
    legs.filter(|leg| leg.revision > 1).count()
}

/// An exit as it was asked to be: its prices, and its quantity where a change of its own said one.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    order_type: OrderType,
    quantity: Option<Decimal>,
}

impl Asked {
    fn of(ticket: &Ticket, by_a_change: bool) -> Self {
        Self { order_type: ticket.order_type.clone(), quantity: size(ticket).filter(|_| by_a_change) }
    }
}

fn size(ticket: &Ticket) -> Option<Decimal> {
    match ticket.size {
        Size::Quantity(quantity) => Some(quantity.get()),
        Size::CashQuantity(_) => None,
    }
}

/// An exit at the broker.
struct Placed<'e> {
    evidence: &'e Evidence,
    parent: &'e LedgerEntry,
    exit: &'e LedgerEntry,
}

impl Placed<'_> {
    fn is(&self, asked: &Asked) -> bool {
        let is_by_hand = self.evidence.by_hand.contains(&self.exit.order_id);
        is_by_hand || (self.has_prices(&asked.order_type) && self.fits(asked.quantity))
    }

    fn has_prices(&self, order_type: &OrderType) -> bool {
        let (price, aux_price) = match order_type {
            OrderType::Limit { limit_price } => (limit_price, None),
            OrderType::Stop { stop_price } => (stop_price, None),
            OrderType::StopLimit { stop_price, limit_price } => (limit_price, Some(stop_price.get())),
            _ => return false,
        };
        self.exit.price == Some(price.get()) && self.exit.aux_price == aux_price
    }

    /// An exit is for what was asked, less what the other one took off since.
    fn fits(&self, quantity: Option<Decimal>) -> bool {
        let others = self.evidence.book.iter().filter(|other| {
            other.parent_order_id == Some(self.parent.order_id) && other.order_id != self.exit.order_id
        });
        let taken_off = others.map(|other| other.filled_quantity).sum::<Decimal>();
        let most = match quantity {
            Some(quantity) => quantity,
            // A change of the entry does not reach its exits.
            None => self.evidence.quantity_at(self.parent, self.parent.registered_at),
        };
        (most - taken_off..=most).contains(&self.exit.quantity)
    }
}

fn of_leg(record: &Record, role: LegRole) -> impl Iterator<Item = &Change> {
    record.images.iter().flat_map(Order::changes).filter(move |change| change.leg == Some(role))
}

/// What the record says is in force.
fn in_force(record: &Record, leg: &Leg) -> Asked {
    // By which an exit was to become smaller, and that was refused, goes by the same number.
    let was_refused = |change: &Change| change.follows && size(&leg.ticket) > size(&change.ticket);
    let sent = of_leg(record, leg.role).filter(|change| change.revision == leg.revision && change.sends > 0);
    let by = sent.filter(|change| !was_refused(change)).last();
    by.map_or_else(|| Asked::of(&leg.ticket, false), |change| Asked::of(&change.ticket, true))
}

/// Whether the order itself says that this exit may be another one, and it is one of those.
fn may_be_another(record: &Record, leg: &Leg, placed: &Placed<'_>) -> bool {
    let in_doubt = |change: &Change| {
        change.stage.is_open() || change.stage.reason().is_some_and(|reason| reason.code == "change_unsettled")
    };
    let says_so = record.order.warning.is_some()
        || record.order.changes().any(|change| change.leg == Some(leg.role) && in_doubt(change));
    let sent = of_leg(record, leg.role).filter(|change| change.revision > leg.revision && change.sends > 0);
    let astray = record.order.changes_astray().filter(|astray| astray.leg == Some(leg.role));
    let mut possible = sent.map(|change| &change.ticket).chain(astray.map(|astray| &astray.ticket));
    says_so && possible.any(|ticket| placed.is(&Asked::of(ticket, true)))
}

/// Whether the broker took exactly this change and did not carry it out, and the order says so.
fn was_ignored(record: &Record, leg: &Leg, in_force: &Asked, placed: &Placed<'_>) -> bool {
    use domain::ReasonCode::{ChangeNotCarriedOut, ChangeUnsettled, ChangedAtBroker, ExitDoesNotFollow};
    // Nobody can tell a person who puts a price back from a broker that did not carry a change out.
    let told = [ChangeNotCarriedOut, ChangeUnsettled, ExitDoesNotFollow, ChangedAtBroker];
    // Where it ended and nothing of it traded, nothing hangs on it.
    let is_over = placed.exit.status.is_final() && placed.exit.filled_quantity.is_zero();
    let says_so = is_over || told.iter().any(|code| record.order.has_warned(code));
    let history = placed.evidence.histories.get(&placed.exit.order_id);
    let mut ignored = history.into_iter().flat_map(|history| &history.changes).filter(|change| !change.carried_out);
    let asked_for_it = ignored.any(|change| Placed { exit: &change.asked, ..*placed }.is(in_force));
    let before = of_leg(record, leg.role)
        .filter(|change| change.revision < leg.revision && change.stage == ChangeStage::Applied);
    let mut before = before.map(|change| Asked::of(&change.ticket, true)).chain(first(record, leg.role));
    says_so && asked_for_it && before.any(|asked| placed.is(&asked))
}

/// The exit as it was placed.
fn first(record: &Record, role: LegRole) -> Option<Asked> {
    let placed = record.images.iter().filter_map(|image| image.leg(role)).find(|leg| leg.revision == 1);
    placed.map(|leg| Asked::of(&leg.ticket, false))
}
