//! A change of an order: what it makes of the ticket, and how far it has come (contract: Change).
//!
//! A change goes to the broker as the whole ticket that is to be in force, so sending it once more changes nothing more.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::change_stage::ChangeStage;
use crate::exit_sides::on_the_wrong_side;
use crate::fields::FieldFault;
use crate::following::exit_ends_before;
use crate::leg::{Leg, LegRole};
use crate::legs::no_such_leg;
use crate::message::ModifyOrder;
use crate::order::Order;
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::state::OrderState;
use crate::status::OrderStatus;
use crate::ticket::{Ticket, TimeInForce};

/// How often one change is put on the wire at most.
pub const CHANGE_SENDS_MAX: u32 = 4;

/// A change that was not sent by then is not sent any more: it would trade at a price that nobody looked at since.
pub const CHANGE_GOOD_FOR: SignedDuration = SignedDuration::from_mins(15);

/// A change of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its number: 2 or more.
    pub revision: u64,
    /// A digest of what was asked: tells the same change again from another one under the same number.
    pub fingerprint: String,
    /// The exit that it changes; `None`: the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<LegRole>,
    /// The whole ticket that is to be in force: of a leg the leg's own.
    pub ticket: Ticket,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Nobody asked for it: an exit follows what was asked for under this number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follows: bool,
    /// Somebody asked for its quantity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resizes: bool,
    /// The numbers of the changes whose place it took before they were sent: what they asked for is part of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<u64>,
    /// How often it was put on the wire.
    pub sends: u32,
    /// How far it has come.
    #[serde(flatten)]
    pub stage: ChangeStage,
}

impl ModifyOrder {
    /// A digest of the whole content.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        // Serialising plain data into a JSON value cannot fail; were it ever to, no two changes would be the same.
        let content = serde_json::to_value(self).map_or_else(|error| error.to_string(), |value| value.to_string());
        hex::encode(Sha256::digest(content))
    }
}

/// What became of a change that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeTaken {
    /// It is new, and on the order now.
    New,
    /// It, or a later one, is known already. Nothing was changed.
    Known,
    /// It cannot be taken, and why.
    Refused(Reason),
}

impl Order {
    /// The latest change that was asked for. An exit's own, which follows it, nobody asked for.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        self.amendments.latest_asked()
    }

    /// The change whose turn it is: the latest, or the one that it waits for.
    #[must_use]
    pub fn change_in_hand(&self) -> Option<&Change> {
        self.amendments.in_hand()
    }

    /// The change in hand, and those that wait for it.
    #[must_use]
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = &Change> {
        self.amendments.iter()
    }

    /// The number of the latest change that is in force, of the entry or of an exit: 1 as placed.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.legs.iter().map(|leg| leg.revision).max().unwrap_or(1).max(self.revision)
    }

    /// The number under which the next change is asked for. One that was refused on its way has used its own up.
    #[must_use]
    pub fn next_revision(&self) -> u64 {
        let asked = self.change().map_or(1, |change| change.revision).max(self.asked_revision);
        asked.max(self.revision()).saturating_add(1)
    }

    /// The number of the ticket of the entry, or of an exit, that is in force.
    #[must_use]
    pub fn revision_of(&self, leg: Option<LegRole>) -> u64 {
        leg.and_then(|role| self.leg(role)).map_or(self.revision, |leg| leg.revision)
    }

    /// The ticket of the entry, or of an exit, that is in force.
    #[must_use]
    pub fn ticket_of(&self, leg: Option<LegRole>) -> Option<&Ticket> {
        match leg {
            None => self.request.as_ref().map(|request| &request.ticket),
            Some(role) => self.leg(role).map(|leg| &leg.ticket),
        }
    }

    /// Takes a change in. What was not sent yet is changed at once; what the broker may have is changed there by
    /// whoever holds the lane next.
    pub fn ask_change(&mut self, modify: &ModifyOrder, now: Timestamp) -> ChangeTaken {
        let fingerprint = modify.fingerprint();
        let next = self.next_revision();
        let known = next - 1;
        let differs = |change: &Change| change.revision == known && change.fingerprint != fingerprint;
        if modify.revision == known && self.change().is_some_and(differs) {
            return ChangeTaken::Refused(revision_differs(known));
        }
        if modify.revision <= known {
            return ChangeTaken::Known;
        }
        if modify.revision != next {
            return ChangeTaken::Refused(revision_skipped(modify.revision, known));
        }
        let ticket = match self.ticket_changed_by(modify) {
            Ok(ticket) => ticket,
            Err(reason) => return ChangeTaken::Refused(reason),
        };
        self.asked_revision = modify.revision;
        let asked = Change::asked(modify.revision, modify.leg, ticket, now);
        self.amendments.line_up(Change { fingerprint, resizes: modify.quantity.is_some(), ..asked });
        self.updated_at = now;
        if matches!(self.state(), OrderState::Received | OrderState::Held { .. }) {
            self.change_applied(modify.revision, now);
        }
        ChangeTaken::New
    }

    /// Until when the change in hand may be put on the wire. `None`: at any time, as an exit that follows its order, or what is in
    /// force and goes out again.
    #[must_use]
    pub fn change_good_until(&self) -> Option<Timestamp> {
        let change = self.change_in_hand()?;
        let ends = !change.follows && change.revision != self.revision_of(change.leg);
        ends.then(|| change.asked_at.saturating_add(CHANGE_GOOD_FOR).unwrap_or(Timestamp::MAX))
    }

    pub(crate) fn put_in_force(&mut self, leg: Option<LegRole>, revision: u64, ticket: Ticket) {
        if let Some(role) = leg {
            return self.leg_changed(role, revision, &ticket);
        }
        self.revision = revision;
        let (before, worked_on) = (self.quantity(), self.works_on());
        if let Some(request) = &mut self.request {
            // What its exits are is theirs to say.
            let attached = request.ticket.attached.take();
            request.ticket = Ticket { attached, ..ticket };
        }
        self.refit_unsent_legs();
        if self.sends > 0 && self.quantity() != before {
            self.fit_exits(before);
        }
        if !worked_on && self.works_on() {
            self.tell_exits_that_end_before();
        }
    }

    pub(crate) fn works_on(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.ticket.time_in_force == TimeInForce::Gtc)
    }

    /// The time in force of an exit does not follow its entry's: a person is told where it ends with the day, and its entry works on.
    fn tell_exits_that_end_before(&mut self) {
        let for_the_day = |leg: &&Leg| leg.may_work() && leg.ticket.time_in_force != TimeInForce::Gtc;
        let first = self.legs.iter().find(for_the_day).map(|leg| leg.role).filter(|_| self.sends > 0);
        if let Some(role) = first {
            self.warn(exit_ends_before(role), self.updated_at);
        }
    }

    /// The ticket that this change makes; or why it cannot be.
    fn ticket_changed_by(&self, modify: &ModifyOrder) -> Result<Ticket, Reason> {
        let unsent = matches!(self.state(), OrderState::Received | OrderState::Held { .. });
        if let Some(role) = modify.leg {
            let leg = self.leg(role).ok_or_else(|| no_such_leg(role))?;
            if let Some(over) = self.leg_change_refused(role) {
                return Err(over);
            }
            if modify.time_in_force.is_some() || (unsent && modify.quantity.is_some()) {
                return Err(not_of_a_leg(role));
            }
            let most = self.leg_quantity_max(role);
            if modify.quantity.is_some_and(|quantity| quantity.get() > most || quantity.get() <= leg.filled_quantity) {
                return Err(leg_quantity(role, leg.filled_quantity, most));
            }
        } else if self.status().is_final()
            || self.status() == OrderStatus::NeedsReview
            || self.cancel_asked_at.is_some()
        {
            return Err(ended(self));
        }
        let ticket = self.latest_ticket(modify.leg).ok_or_else(|| ended(self))?;
        let ticket = ticket.changed(modify).map_err(|fault| not_changeable(&fault))?;
        match self.exit_on_the_wrong_side(modify.leg, &ticket) {
            Some((role, fault)) => Err(exit_on_the_wrong_side(role, &fault)),
            None => Ok(ticket),
        }
    }

    /// The exit that a change puts on the wrong side of the entry. Once the entry has traded, its price binds its exits no more.
    fn exit_on_the_wrong_side(&self, changed: Option<LegRole>, to: &Ticket) -> Option<(LegRole, String)> {
        if !self.filled_quantity.is_zero() {
            return None;
        }
        let before = self.exits_on_the_wrong_side(|part| self.latest_ticket(part));
        let after = self
            .exits_on_the_wrong_side(|part| if part == changed { Some(to.clone()) } else { self.latest_ticket(part) });
        after.into_iter().find(|(role, _)| !before.iter().any(|(wrong, _)| wrong == role))
    }

    fn exits_on_the_wrong_side(&self, ticket_of: impl Fn(Option<LegRole>) -> Option<Ticket>) -> Vec<(LegRole, String)> {
        let Some(mut entry) = ticket_of(None) else { return Vec::new() };
        for leg in self.legs() {
            let exit = ticket_of(Some(leg.role)).filter(|_| !leg.status.is_final());
            entry.attach(leg.role, exit.map(|ticket| ticket.order_type).as_ref());
        }
        let Some(attached) = &entry.attached else { return Vec::new() };
        on_the_wrong_side(entry.side, &entry.order_type, attached)
    }

    /// The ticket on top of which the next change comes: that of the last change which was not refused.
    pub(crate) fn latest_ticket(&self, leg: Option<LegRole>) -> Option<Ticket> {
        let open = self.changes().rfind(|change| change.leg == leg && change.stage.is_open());
        open.map(|change| change.ticket.clone()).or_else(|| self.ticket_of(leg).cloned())
    }
}

impl Change {
    pub(crate) fn asked(revision: u64, leg: Option<LegRole>, ticket: Ticket, asked_at: Timestamp) -> Self {
        Self {
            revision,
            fingerprint: String::new(),
            leg,
            ticket,
            asked_at,
            follows: false,
            resizes: false,
            replaces: Vec::new(),
            sends: 0,
            stage: ChangeStage::Asked,
        }
    }

    /// Whether it is that of this number and part: an exit's own goes by the number of what it follows.
    pub(crate) fn is(&self, revision: u64, leg: Option<LegRole>) -> bool {
        (self.revision, self.leg) == (revision, leg)
    }

    pub(crate) fn take_the_place_of(&mut self, earlier: &Self) {
        self.resizes |= earlier.resizes;
        let asked = (!earlier.follows && earlier.revision != self.revision).then_some(earlier.revision);
        self.replaces.extend(earlier.replaces.iter().copied().chain(asked));
    }
}

fn not_changeable(fault: &FieldFault) -> Reason {
    Reason::new(
        ReasonCode::ChangeHasNoPlace,
        format!("The order was not changed: {} {}. Its other fields may be changed.", fault.field, fault.message),
    )
}

pub(crate) fn ended(order: &Order) -> Reason {
    let over = order.status().is_final() || order.status() == OrderStatus::NeedsReview;
    let why = if over { order.status().as_str() } else { "about to be cancelled" };
    Reason::new(ReasonCode::OrderEnded, format!("The order is {why}, so it was not changed."))
}

fn not_of_a_leg(role: LegRole) -> Reason {
    Reason::new(
        ReasonCode::ChangeHasNoPlace,
        format!(
            "The {role} was not changed: of an exit the prices may be changed, and the quantity once it is at the broker."
        ),
    )
}

fn exit_on_the_wrong_side(role: LegRole, fault: &str) -> Reason {
    Reason::new(ReasonCode::ExitOnWrongSide, format!("The order was not changed: with this change its {role} {fault}."))
}

fn leg_quantity(role: LegRole, filled: Decimal, most: Decimal) -> Reason {
    Reason::new(
        ReasonCode::LegQuantity,
        format!(
            "The {role} was not changed: its quantity must be more than what it has filled ({}) and at most what the order still has to close ({}).",
            filled.normalize(),
            most.normalize()
        ),
    )
}

fn revision_differs(known: u64) -> Reason {
    Reason::new(
        ReasonCode::RevisionDiffers,
        format!(
            "Revision {known} of this order is on record with another content, which was left as it is. Send the next change as revision {}.",
            known + 1
        ),
    )
}

fn revision_skipped(asked: u64, known: u64) -> Reason {
    Reason::new(
        ReasonCode::RevisionSkipped,
        format!(
            "Revision {asked} was not taken: the last one on record is {known}, so the next must be {}. A change in between would be missing.",
            known + 1
        ),
    )
}
