//! The stages of a change, from asked for to in force or refused, and what takes it from one to the next.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::{Change, ended};
use crate::following::exit_does_not_follow;
use crate::leg::LegRole;
use crate::order::Order;
use crate::reason::Reason;
use crate::reason_code::ReasonCode;

/// How far a change has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum ChangeStage {
    /// It waits to be sent.
    Asked,
    /// It may be on the wire.
    Sending {
        /// Since when.
        at: Timestamp,
        /// The epoch of the lane's lease under which it was sent.
        epoch: u64,
    },
    /// It was sent, and the outcome was not read.
    Unread {
        /// When it was sent.
        at: Timestamp,
        /// Why.
        reason: Reason,
        /// It was sent once more, and refused then, for that reason. Where the first try does not show, that is its end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        refused: bool,
    },
    /// It is in force.
    Applied,
    /// It is not, and will not be.
    Refused {
        /// Why.
        reason: Reason,
    },
}

impl ChangeStage {
    /// Whether something is still to be done for it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Asked | Self::Sending { .. } | Self::Unread { .. })
    }

    /// Its word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Sending { .. } => "sending",
            Self::Unread { .. } => "unknown",
            Self::Applied => "applied",
            Self::Refused { .. } => "refused",
        }
    }

    /// Why it is where it is, where there is something to say.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Unread { reason, .. } | Self::Refused { reason } => Some(reason),
            Self::Asked | Self::Sending { .. } | Self::Applied => None,
        }
    }
}

impl Order {
    /// A change is about to be put on the wire.
    pub fn change_sending(&mut self, epoch: u64, now: Timestamp) {
        if let Some(change) = self.open_change() {
            change.sends = change.sends.saturating_add(1);
            change.stage = ChangeStage::Sending { at: now, epoch };
            self.updated_at = now;
        }
    }

    /// The answer to a question about the change is about to be put on the wire.
    pub fn change_answering(&mut self, epoch: u64, now: Timestamp) {
        if let Some(change) = self.open_change() {
            change.stage = ChangeStage::Sending { at: now, epoch };
            self.updated_at = now;
        }
    }

    /// No byte of the change left. It goes out again, or makes way for a later one of the same part of the order, which brings
    /// the whole ticket.
    pub fn change_not_sent(&mut self, now: Timestamp) {
        self.turn_change(ChangeStage::Asked, now);
        self.amendments.make_way();
    }

    /// The change was sent, and what became of it was not read.
    pub fn change_unread(&mut self, reason: Reason, now: Timestamp) {
        let at = self.change_sent_at().unwrap_or(now);
        self.turn_change(ChangeStage::Unread { at, reason, refused: false }, now);
    }

    /// The change in hand was refused, though it was sent before, and what became of that was not read: where the broker
    /// shows it, it is in force all the same.
    pub fn change_refused_again(&mut self, reason: Reason, now: Timestamp) {
        let at = self.change_sent_at().unwrap_or(now);
        self.turn_change(ChangeStage::Unread { at, reason, refused: true }, now);
    }

    fn change_sent_at(&self) -> Option<Timestamp> {
        match self.change_in_hand()?.stage {
            ChangeStage::Sending { at, .. } | ChangeStage::Unread { at, .. } => Some(at),
            _ => None,
        }
    }

    /// The change of this number is in force. A later one that was asked for meanwhile stays asked for.
    pub fn change_applied(&mut self, revision: u64, now: Timestamp) {
        let Some(leg) = self.change_in_hand().map(|change| change.leg) else { return };
        let Some(change) = self.amendments.in_hand_mut(revision, leg) else { return };
        change.stage = ChangeStage::Applied;
        let (ticket, follows, resizes) = (change.ticket.clone(), change.follows, change.resizes);
        // A look may have taken its quantity over already.
        let is_resized = resizes || self.ticket_of(leg).is_none_or(|in_force| in_force.size != ticket.size);
        self.put_in_force(leg, revision, ticket);
        if let Some(role) = leg.filter(|_| is_resized && !follows) {
            self.leg_chosen(role);
        }
        if leg.is_some() && self.exits_follow() {
            self.unwarn(&ReasonCode::ExitDoesNotFollow);
        }
        self.updated_at = now;
        // Where its exits follow it, one of those is in hand now.
        if self.change_in_hand().is_some_and(|change| !change.stage.is_open()) {
            self.amendments.take_up_the_next();
        }
    }

    /// The change in hand is not in force and will not be; the order is as it was. It is told as a change of the order's
    /// status to the one it has (contract: events).
    pub fn change_refused(&mut self, reason: Reason, now: Timestamp) {
        let open = self.open_change().map(|change| change.clone());
        let refused = open.filter(|change| change.revision != self.revision_of(change.leg) || change.follows);
        self.settle_refused(reason.clone(), now);
        if let Some(change) = refused {
            self.tell_refused(&change, reason, now);
        }
    }

    /// Tells that a change is not in force and will not be, and those with it whose place it took. Of what an exit did by itself
    /// nobody asked for the news; a person must know that it does not fit.
    pub(crate) fn tell_refused(&mut self, change: &Change, reason: Reason, now: Timestamp) {
        if let Some(role) = change.leg.filter(|_| change.follows) {
            return self.warn(exit_does_not_follow(role, &reason), now);
        }
        for replaced in &change.replaces {
            self.tell_refused_change(*replaced, went_with(*replaced, change.revision, &reason), now);
        }
        self.tell_refused_change(change.revision, reason, now);
    }

    fn settle_refused(&mut self, reason: Reason, now: Timestamp) {
        // What was in force before, and went out again over one that came late, was not refused as such.
        let leg = self.change_in_hand().and_then(|change| change.leg);
        let in_force = self.revision_of(leg);
        if self.open_change().is_some_and(|change| change.revision == in_force && !change.follows) {
            self.turn_change(ChangeStage::Applied, now);
            self.warn(crate::astray::not_sent_again(in_force, &reason), now);
        } else {
            self.turn_change(ChangeStage::Refused { reason }, now);
        }
        let carried_a_quantity = leg.is_some() && self.change_in_hand().is_some_and(|change| !change.follows);
        self.amendments.take_up_the_next();
        if carried_a_quantity && self.sends > 0 {
            self.fit_exits_again();
        }
    }

    /// The entry, or an exit, has ended, and its open changes with it. Those of other parts of the order go on.
    pub(crate) fn end_changes_of(&mut self, leg: Option<LegRole>, now: Timestamp) {
        let mut in_doubt = false;
        while let Some(open) = self.open_change().filter(|change| change.leg == leg) {
            let (revision, part, waits) = (open.revision, open.leg, open.stage == ChangeStage::Asked);
            // One that waits to be sent again may have come into force by its first try.
            in_doubt |= !waits || self.went_astray(revision, part);
            let reason = if in_doubt { unsettled(self) } else { ended(self) };
            let is_superseded = self.changes().nth(1).is_some();
            if is_superseded {
                self.amendments.take_up_the_next();
            } else {
                // The end of what it changed tells it.
                self.settle_refused(reason, now);
            }
        }
        let reason = ended(self);
        self.amendments.refuse_open_of(leg, &reason);
    }

    fn turn_change(&mut self, stage: ChangeStage, now: Timestamp) {
        if let Some(change) = self.open_change() {
            change.stage = stage;
            self.updated_at = now;
        }
    }

    fn open_change(&mut self) -> Option<&mut Change> {
        self.amendments.open_mut()
    }
}

fn went_with(replaced: u64, by: u64, reason: &Reason) -> Reason {
    Reason::new(
        reason.code.clone(),
        format!(
            "Revision {replaced} was not in force yet when revision {by} took its place, and went with it: {}",
            reason.message
        ),
    )
}

fn unsettled(order: &Order) -> Reason {
    let status = order.status().as_str();
    Reason::new(
        ReasonCode::ChangeUnsettled,
        format!(
            "The order is {status}, and ended before it was known whether the change had come into force. The quantity and the price of its fills tell."
        ),
    )
}
