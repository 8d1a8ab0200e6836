//! Changes astray: sent, never answered, and not shown by the broker when it was asked. One can still come into force, and
//! later than a change that was sent after it: a request was held up on its way, or its sender's machine stood still.
//!
//! The broker keeps no order among changes (nothing like the client order id guards one), so what it shows is held against
//! them for a while, and what a person must know stands on the order.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::change::{CHANGE_SENDS_MAX, Change};
use crate::change_stage::ChangeStage;
use crate::leg::LegRole;
use crate::order::Order;
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::ticket::Ticket;
use crate::unknown::NOT_PLACED_AFTER;

/// How long a change that went astray is reckoned with: as long as an order is until it is proved never to have arrived.
pub const ASTRAY_FOR: SignedDuration = NOT_PLACED_AFTER;
/// Changes astray that are remembered of one order. More were sent within [`ASTRAY_FOR`] by no one who waits for answers.
const ASTRAY_MAX: usize = 8;

/// A change that was sent, and of which nobody knows whether it ever comes into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AstrayChange {
    /// Its number.
    pub revision: u64,
    /// The exit that it changes; `None`: the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<LegRole>,
    /// The whole ticket that it brings.
    pub ticket: Ticket,
    /// When it was last sent.
    pub sent_at: Timestamp,
}

/// What became of an order whose broker shows a change that was thought not to be in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameLate {
    /// Nothing later had been put in force: it is the ticket in force now.
    Adopted,
    /// A later one had: that one is to be sent again.
    SendAgain,
    /// A later one had, and cannot be sent again: the order says so in its warning.
    Told,
}

impl Order {
    /// The changes astray that would make the ticket another one than is in force.
    pub fn changes_astray(&self) -> impl Iterator<Item = &AstrayChange> {
        self.astray.iter().filter(|astray| {
            self.ticket_of(astray.leg).is_none_or(|in_force| !in_force.is_same_but_for_exits(&astray.ticket))
        })
    }

    /// Whether this change of this part of the order was sent before, and went astray.
    #[must_use]
    pub fn went_astray(&self, revision: u64, leg: Option<LegRole>) -> bool {
        self.astray.iter().any(|astray| astray.is(revision, leg))
    }

    /// The broker does not show the change whose outcome was not read: it goes out again, or makes way for the next.
    pub fn change_not_shown(&mut self, now: Timestamp) {
        self.remember_astray();
        self.change_not_sent(now);
    }

    /// The change whose outcome was not read will not be sent again: the broker does not show it.
    pub fn change_given_up(&mut self, reason: Reason, now: Timestamp) {
        self.remember_astray();
        self.change_refused(reason, now);
    }

    /// The broker shows the ticket of this change, and nothing later is on its way to it.
    /// `ended`: it also shows that the order has ended.
    pub fn change_came_late(
        &mut self,
        revision: u64,
        leg: Option<LegRole>,
        ended: bool,
        now: Timestamp,
    ) -> Option<CameLate> {
        let late = self.changes_astray().find(|astray| astray.is(revision, leg)).cloned()?;
        self.updated_at = now;
        let in_force = self.revision_of(late.leg);
        if revision > in_force {
            self.adopt(late);
            return Some(CameLate::Adopted);
        }
        let sent_less = |change: &&mut Change| change.sends < CHANGE_SENDS_MAX;
        match self.amendments.in_hand_mut(in_force, leg).filter(sent_less) {
            Some(change) if !ended => {
                change.stage = ChangeStage::Asked;
                Some(CameLate::SendAgain)
            }
            // The next change brings the whole ticket; until then a person must know.
            _ => {
                self.did_not_come(revision, leg);
                self.warn(came_late(revision, in_force), now);
                Some(CameLate::Told)
            }
        }
    }

    /// A change astray is over: it never came into force, or what it did is told.
    pub fn did_not_come(&mut self, revision: u64, leg: Option<LegRole>) {
        self.astray.retain(|astray| !astray.is(revision, leg));
    }

    /// Forgets the changes that were sent too long ago to come into force.
    pub fn forget_astray(&mut self, now: Timestamp) {
        self.astray.retain(|astray| now < astray.sent_at + ASTRAY_FOR);
    }

    /// A part of the order that ends may have ended with a change that went astray, or without one that the broker took and never
    /// showed. Where nothing of an exit traded, nothing hangs on that.
    pub(crate) fn end_unsettled(&mut self, leg: Option<LegRole>, now: Timestamp) {
        let (filled, average) = self.traded(leg);
        let has_traded = !filled.is_zero();
        let unshown = self.changes_taken().iter().find(|taken| taken.change.leg == leg);
        let unshown = unshown.filter(|taken| has_traded && !taken.is_proved_by(filled, average));
        let unshown = unshown.map(|taken| taken.change.revision);
        self.change_shown(leg);
        let astray = self.changes_astray().find(|astray| astray.leg == leg).map(|astray| astray.revision);
        if let Some(revision) = astray.filter(|_| leg.is_none() || has_traded) {
            self.warn(may_have_come(revision, self.revision_of(leg)), now);
        } else if let Some(revision) = unshown {
            self.warn(was_not_shown(revision), now);
        }
    }

    /// What a part of the order filled, and its average price.
    fn traded(&self, leg: Option<LegRole>) -> (Decimal, Option<Decimal>) {
        match leg {
            None => (self.filled_quantity, self.average_price),
            Some(role) => self.leg(role).map_or_else(Default::default, |leg| (leg.filled_quantity, leg.average_price)),
        }
    }

    fn remember_astray(&mut self) {
        if let Some(change @ Change { stage: ChangeStage::Unread { at, .. }, .. }) = self.change_in_hand().cloned() {
            self.go_astray(&change, at);
        }
    }

    pub(crate) fn go_astray(&mut self, change: &Change, sent_at: Timestamp) {
        let (revision, leg, ticket) = (change.revision, change.leg, change.ticket.clone());
        self.astray.retain(|astray| !astray.is(revision, leg));
        if self.astray.len() >= ASTRAY_MAX {
            self.astray.remove(0);
        }
        self.astray.push(AstrayChange { revision, leg, ticket, sent_at });
    }

    fn adopt(&mut self, late: AstrayChange) {
        if let Some(change) = self.amendments.in_hand_mut(late.revision, late.leg) {
            change.stage = ChangeStage::Applied;
        }
        self.put_in_force(late.leg, late.revision, late.ticket);
    }
}

impl AstrayChange {
    fn is(&self, revision: u64, leg: Option<LegRole>) -> bool {
        (self.revision, self.leg) == (revision, leg)
    }
}

fn came_late(late: u64, in_force: u64) -> Reason {
    Reason::new(
        ReasonCode::ChangeCameLate,
        format!(
            "Revision {late} of this order was sent and never answered, and came into force at the broker after revision {in_force}. Look at the order at the broker; then send the next revision, which brings the whole ticket, or cancel."
        ),
    )
}

pub(crate) fn not_sent_again(in_force: u64, why: &Reason) -> Reason {
    Reason::new(
        ReasonCode::ChangeCameLate,
        format!(
            "Another ticket stands at the broker in the place of revision {in_force}, which could not be sent again: {} Look at the order at the broker.",
            why.message
        ),
    )
}

fn may_have_come(late: u64, in_force: u64) -> Reason {
    Reason::new(
        ReasonCode::ChangeUnsettled,
        format!(
            "Revision {late} of this order was sent and never answered, and the order ended before it was known whether it had come into force after revision {in_force}. The quantity and the price of its fills tell."
        ),
    )
}

fn was_not_shown(revision: u64) -> Reason {
    Reason::new(
        ReasonCode::ChangeUnsettled,
        format!(
            "The broker took revision {revision} of this order, and the order ended before the broker showed it in force. The quantity and the price of its fills tell whether it was."
        ),
    )
}
