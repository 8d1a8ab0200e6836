//! The changes of an order in their line: the one in hand, those that wait for it, and the latest that has ended.

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::change_stage::ChangeStage;
use crate::leg::LegRole;
use crate::reason::Reason;

/// The changes of an order. One for each part of it waits at most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(crate) struct Amendments {
    /// The one in hand first: the only one that may be on its way. Two in doubt could not be told apart.
    line: Vec<Change>,
    /// The latest that somebody asked for, where it has ended and another one is in hand.
    ended: Option<Change>,
}

impl Amendments {
    /// The change whose turn it is, or was last.
    pub(crate) fn in_hand(&self) -> Option<&Change> {
        self.line.first()
    }

    /// The same, where something is still to be done for it.
    pub(crate) fn open_mut(&mut self) -> Option<&mut Change> {
        self.line.first_mut().filter(|change| change.stage.is_open())
    }

    /// The one in hand of this number and part.
    pub(crate) fn in_hand_mut(&mut self, revision: u64, leg: Option<LegRole>) -> Option<&mut Change> {
        self.line.first_mut().filter(|change| change.is(revision, leg))
    }

    /// The one in hand, and those that wait for it.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Change> {
        self.line.iter()
    }

    /// Those of this part of the order that were not sent.
    pub(crate) fn unsent_of(&mut self, leg: Option<LegRole>) -> impl Iterator<Item = &mut Change> {
        self.line.iter_mut().filter(move |change| change.leg == leg && change.stage == ChangeStage::Asked)
    }

    /// The latest that somebody asked for.
    pub(crate) fn latest_asked(&self) -> Option<&Change> {
        self.asked_for().max_by_key(|change| change.revision)
    }

    /// Puts a change behind those that are open. It takes the place of one of the same part of the order that was not sent, and
    /// whose whole ticket it brings.
    pub(crate) fn line_up(&mut self, mut asked: Change) {
        for change in std::mem::take(&mut self.line) {
            if change.stage == ChangeStage::Asked && change.leg == asked.leg {
                asked.take_the_place_of(&change);
            } else if change.stage.is_open() {
                self.line.push(change);
            } else {
                self.keep_ended(change);
            }
        }
        if !asked.follows {
            self.ended.take_if(|ended| ended.revision <= asked.revision);
        }
        self.line.push(asked);
    }

    /// The one in hand makes way for the next, if one waits.
    pub(crate) fn take_up_the_next(&mut self) {
        if self.line.len() > 1 {
            let before = self.line.remove(0);
            self.keep_ended(before);
        }
    }

    /// The one in hand was not sent: it makes way for a later one of the same part of the order, which brings the whole ticket.
    pub(crate) fn make_way(&mut self) {
        let Some((in_hand, waiting)) = self.line.split_first_mut() else { return };
        if let Some(later) = waiting.iter_mut().find(|change| change.leg == in_hand.leg) {
            later.take_the_place_of(in_hand);
            self.take_up_the_next();
        }
    }

    /// Those of this part of the order that are open are refused. Nothing waits behind a change that is never sent.
    pub(crate) fn refuse_open_of(&mut self, leg: Option<LegRole>, reason: &Reason) {
        let is_over = |change: &mut Change| change.leg == leg && change.stage.is_open();
        let over: Vec<Change> = self.line.extract_if(.., is_over).collect();
        if let Some(latest) = over.into_iter().rfind(|change| !change.follows) {
            self.keep_ended(Change { stage: ChangeStage::Refused { reason: reason.clone() }, ..latest });
        }
    }

    /// A change that the broker took was not carried out: it shows as refused, in hand or behind what an exit did by itself since.
    pub(crate) fn refuse_taken(&mut self, taken: &Change, why: &Reason) {
        let is_it = |shown: &&mut Change| shown.is(taken.revision, taken.leg) && shown.follows == taken.follows;
        if let Some(shown) = self.line.iter_mut().take(1).chain(&mut self.ended).find(is_it) {
            shown.stage = ChangeStage::Refused { reason: why.clone() };
        }
    }

    fn asked_for(&self) -> impl Iterator<Item = &Change> {
        self.ended.iter().chain(self.line.iter().filter(|change| !change.follows))
    }

    /// The latest change that somebody asked for stays to be shown.
    fn keep_ended(&mut self, change: Change) {
        let is_latest = self.ended.as_ref().is_none_or(|shown| shown.revision < change.revision);
        if is_latest && !change.stage.is_open() && !change.follows {
            self.ended = Some(change);
        }
    }
}

/// As an order's row holds it: each change within the one that it waits for.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<Box<Link>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_change: Option<Change>,
}

#[derive(Serialize, Deserialize)]
struct Link {
    #[serde(flatten)]
    change: Change,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Box<Link>>,
}

impl From<Stored> for Amendments {
    fn from(stored: Stored) -> Self {
        let mut line = Vec::new();
        let mut rest = stored.change;
        while let Some(link) = rest {
            line.push(link.change);
            rest = link.next;
        }
        Self { line, ended: stored.ended_change }
    }
}

impl From<Amendments> for Stored {
    fn from(amendments: Amendments) -> Self {
        let before = |next: Option<Box<Link>>, change| Some(Box::new(Link { change, next }));
        Self { change: amendments.line.into_iter().rev().fold(None, before), ended_change: amendments.ended }
    }
}
