//! The exits of a bracket follow what their order is for: the quantity of its entry, and what the other exit leaves.

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::amount::Amount;
use crate::change::Change;
use crate::leg::{Leg, LegRole};
use crate::order::Order;
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::ticket::{Size, Ticket, TimeInForce};

impl Order {
    /// Whether an exit at the broker is for more than its order leaves to it, and nothing is under way that would mend it: all of
    /// it would turn the position.
    #[must_use]
    pub fn exit_is_too_large(&self) -> bool {
        let too_large =
            |leg: &Leg| leg.may_work() && leg.cancel.is_none() && leg.quantity() > self.leg_quantity_max(leg.role);
        self.cancel_asked_at.is_none() && self.legs.iter().any(|leg| too_large(leg) && !self.is_under_way(leg.role))
    }

    /// Whether a change is under way that bears on this exit: its own, or the entry's, which it follows.
    pub(crate) fn is_under_way(&self, role: LegRole) -> bool {
        let bears_on = |leg: Option<LegRole>| leg.is_none() || leg == Some(role);
        self.changes().any(|change| change.stage.is_open() && bears_on(change.leg))
            || self.changes_astray().any(|astray| bears_on(astray.leg))
    }

    /// An exit stays too large at the broker: it goes out again as it should be, and a person is told.
    pub fn exit_stays_too_large(&mut self, now: Timestamp) {
        self.fit_exits(None);
        // Of an exit to which nothing is left there is no smaller one.
        let most: Vec<Decimal> = self.legs.iter().map(|leg| self.leg_quantity_max(leg.role)).collect();
        for (leg, _) in self.legs.iter_mut().zip(most).filter(|(leg, most)| most.is_zero() && leg.may_work()) {
            leg.ask_cancel(now);
        }
        self.warn(exit_too_large(), now);
        self.updated_at = now;
    }

    /// Somebody asked for this exit to be as it is now.
    pub(crate) fn leg_chosen(&mut self, role: LegRole) {
        let most = self.leg_quantity_max(role);
        if let Some(leg) = self.legs.iter_mut().find(|leg| leg.role == role) {
            leg.is_chosen = leg.quantity() < most;
        }
    }

    /// Whether an exit at the broker is for less than its order leaves to it, nobody asked for that here, and nothing is under way
    /// that would mend it: a part of the position stands without it.
    #[must_use]
    pub fn exit_is_too_small(&self) -> Option<LegRole> {
        let is_settled = self.status().is_final() && self.cancel_asked_at.is_none();
        let too_small = |leg: &&Leg| {
            leg.may_work()
                && leg.cancel.is_none()
                && !leg.is_chosen
                && leg.quantity() < self.leg_quantity_max(leg.role)
                && !self.is_under_way(leg.role)
        };
        self.legs.iter().find(too_small).filter(|_| is_settled).map(|leg| leg.role)
    }

    /// An exit stays too small at the broker: a person is told. Who made it smaller there may have wanted it so.
    pub fn exit_stays_too_small(&mut self, role: LegRole, now: Timestamp) {
        let why = "It is for less than the position: it was made smaller at the broker, or a change did not reach it.";
        self.warn(exit_does_not_follow(role, &Reason::new(ReasonCode::ExitDoesNotFollow, why)), now);
    }

    /// A rule keeps the change in hand, by which an exit follows its order, from being sent: it waits, and a person is told.
    pub fn exit_is_held_back(&mut self, reason: &Reason, now: Timestamp) {
        let role = self.change_in_hand().filter(|change| change.follows).and_then(|change| change.leg);
        if let Some(role) = role.filter(|_| !self.has_warned(&ReasonCode::ExitDoesNotFollow)) {
            self.warn(exit_does_not_follow(role, reason), now);
        }
    }

    /// Makes the exits that the broker has follow their order's quantity: those for the whole of it, as it was `before`, and
    /// those for more than is left. Each goes out as a change of its own, under the revision that is in force.
    pub fn fit_exits(&mut self, before: Option<Decimal>) {
        let revision = self.revision();
        let fingerprint = self.change().map(|change| change.fingerprint.clone()).unwrap_or_default();
        let fitted: Vec<(LegRole, Ticket)> =
            self.legs.iter().filter_map(|leg| Some((leg.role, self.fitted(leg, before)?))).collect();
        for (role, ticket) in fitted {
            if !self.fit_waiting_change(role, ticket.size) {
                let asked = Change::asked(revision, Some(role), ticket, self.updated_at);
                self.amendments.line_up(Change { fingerprint: fingerprint.clone(), follows: true, ..asked });
            }
        }
    }

    /// A change of an exit that brought its order's quantity along was refused: the exit follows all the same.
    pub(crate) fn fit_exits_again(&mut self) {
        self.fit_exits(self.quantity());
    }

    /// Whether no exit is for less than its order leaves to it, unless somebody wanted it so, and none ends before its order.
    pub(crate) fn exits_follow(&self) -> bool {
        let is_wanted_so = |leg: &Leg| leg.is_chosen || leg.is_smaller_there || leg.cancel.is_some();
        let is_whole = |leg: &Leg| is_wanted_so(leg) || leg.quantity() >= self.leg_quantity_max(leg.role);
        let works_as_long = |leg: &Leg| !self.works_on() || leg.ticket.time_in_force == TimeInForce::Gtc;
        self.legs.iter().filter(|leg| leg.may_work()).all(|leg| is_whole(leg) && works_as_long(leg))
    }

    /// The ticket that makes an exit fit; `None`: it fits, or will by what is on its way, or its end is asked for. Without a
    /// `before` none becomes larger.
    fn fitted(&self, leg: &Leg, before: Option<Decimal>) -> Option<Ticket> {
        let most = self.leg_quantity_max(leg.role);
        let latest = self.latest_ticket(Some(leg.role))?;
        let Size::Quantity(quantity) = latest.size else { return None };
        let quantity = quantity.get();
        let waits = self.changes().rfind(|change| change.leg == Some(leg.role) && change.stage.is_open());
        let all_before = self.leg_quantity_left(leg.role, before.unwrap_or(quantity));
        let made_smaller_there = leg.is_smaller_there && quantity < all_before;
        let is_chosen = match waits {
            Some(change) if !change.follows => Some(quantity) != before,
            _ => leg.is_chosen || made_smaller_there,
        };
        let wanted = if before.is_none() || is_chosen { quantity.min(most) } else { most };
        if quantity == wanted || leg.cancel.is_some() || !leg.may_work() {
            return None;
        }
        Some(Ticket { size: Size::Quantity(Amount::new(wanted).ok()?), ..latest })
    }

    /// A change of this exit that somebody asked for, and that waits, brings the quantity along. Whether there is one.
    fn fit_waiting_change(&mut self, role: LegRole, size: Size) -> bool {
        let Some(waiting) = self.amendments.unsent_of(Some(role)).next() else { return false };
        waiting.ticket.size = size;
        true
    }

    /// A leg's change may be for no more than the leg may trade by now: the other exit may have filled in part since.
    pub fn fit_leg_change(&mut self) {
        let Some((revision, role)) = self.change_in_hand().and_then(|change| Some((change.revision, change.leg?)))
        else {
            return;
        };
        let most = self.leg_quantity_max(role);
        if let Some(change) = self.amendments.in_hand_mut(revision, Some(role))
            && let (Size::Quantity(asked), Ok(most)) = (change.ticket.size, Amount::new(most))
        {
            change.ticket.size = Size::Quantity(asked.min(most));
        }
    }
}

fn exit_too_large() -> Reason {
    Reason::new(
        ReasonCode::ExitTooLarge,
        "An exit at the broker was for more than the order leaves to it, so that all of it would have turned the position. It is being made smaller, or cancelled where nothing is left to it. Look at the account's position and orders at the broker.",
    )
}

pub(crate) fn exit_ends_before(role: LegRole) -> Reason {
    Reason::new(
        ReasonCode::ExitDoesNotFollow,
        format!(
            "The order works until it is cancelled (gtc) by a change of it, and its {role} still ends with the day: what fills later stands without it. The time in force of an exit cannot be changed: cancel the order and place it again as gtc, or place the exit by hand once it fills."
        ),
    )
}

pub(crate) fn exit_does_not_follow(role: LegRole, reason: &Reason) -> Reason {
    Reason::new(
        ReasonCode::ExitDoesNotFollow,
        format!(
            "The order's {role} is not for what the order is for, and a change of it that would mend this was not carried out: {} Look at the account's position and orders at the broker.",
            reason.message
        ),
    )
}
