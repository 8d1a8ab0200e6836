//! The states of an order, and the one table of how a fact moves it from one to the next.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::intent::{Act, Intent};
use crate::reason::Reason;
use crate::reason_code::{ReasonCode, Remedy};
use crate::sight::{BrokerStatus, Sight};
use crate::status::OrderStatus;
use crate::unknown::{Doubt, NEGATIVES_NEEDED};

/// Where an order is (contract: What an order shows). Each state carries only what it knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum OrderState {
    /// On record, not sent.
    Received,
    /// Not sent: waits for what the reason names.
    Held {
        /// What it waits for.
        reason: Reason,
    },
    /// An intent is on record, and bytes may be on the wire.
    Sending {
        /// What may be on the wire.
        intent: Intent,
    },
    /// Sent, and the outcome was not read.
    Unknown {
        /// What was on the wire.
        intent: Intent,
        /// What is in doubt.
        #[serde(default)]
        doubt: Doubt,
        /// Why the outcome was not read.
        reason: Reason,
        /// How often all of the broker's answers were searched without finding it, each complete, and each long
        /// enough after the send.
        complete_negatives: u32,
    },
    /// The broker has it, nothing is filled.
    Working,
    /// The broker has it, a part is filled.
    PartiallyFilled,
    /// The broker has it and was asked to cancel it.
    Cancelling,
    /// Final, by the broker's word: filled.
    Filled,
    /// Final: cancelled, by the broker's word, or before it was ever sent.
    Cancelled {
        /// Why, where anything is known of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// Final, by the broker's word: refused.
    Rejected {
        /// What the broker said.
        reason: Reason,
    },
    /// Final, and not at the broker as far as is known: our own rule said no.
    Denied {
        /// Which rule.
        reason: Reason,
    },
    /// Final, and not at the broker as far as is known: it was too late to send it.
    Expired {
        /// When it expired, and what it had waited for.
        reason: Reason,
    },
    /// Final: proved never to have reached the broker.
    NotPlaced {
        /// The proof.
        reason: Reason,
    },
    /// The rules are exhausted; a person decides.
    NeedsReview {
        /// What is known.
        reason: Reason,
    },
}

/// What became known of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// It has to wait.
    Hold(Reason),
    /// A rule of ours forbids it.
    Deny(Reason),
    /// Its time ran out before it was sent.
    Expire(Reason),
    /// It is about to be put on the wire.
    Intend(Intent),
    /// Proved: no byte of it left.
    NotSent(Reason),
    /// The broker refused it.
    Refused(Reason),
    /// Bytes may have arrived, and no answer was read.
    Unread(Doubt, Reason),
    /// The broker showed it. That it is refused (`Inactive`) is not believed at once: see [`Fact::Ended`].
    Seen(Sight),
    /// The broker shows it at work after its end, and said so again when it was asked for by its number.
    Back(Sight),
    /// The broker showed it as refused, and said so again some seconds later when it was asked for by its number.
    Ended(Sight),
    /// All of the broker's answers were searched, completely and long enough after the send, and it was in none.
    NotFound,
    /// Proved: the broker never had it.
    NeverReached(Reason),
    /// The rules are exhausted.
    Exhausted(Reason),
    /// Somebody with the right to asked for its end.
    CancelAsked(Reason),
    /// A person looked at the broker's own pages, and this is how it stands there.
    Reviewed(Sight),
}

impl OrderState {
    /// The contract's word.
    #[must_use]
    pub fn status(&self) -> OrderStatus {
        match self {
            Self::Received => OrderStatus::Received,
            Self::Held { .. } => OrderStatus::Held,
            Self::Sending { .. } => OrderStatus::Sending,
            Self::Unknown { .. } => OrderStatus::Unknown,
            Self::Working => OrderStatus::Working,
            Self::PartiallyFilled => OrderStatus::PartiallyFilled,
            Self::Cancelling => OrderStatus::Cancelling,
            Self::Filled => OrderStatus::Filled,
            Self::Cancelled { .. } => OrderStatus::Cancelled,
            Self::Rejected { .. } => OrderStatus::Rejected,
            Self::Denied { .. } => OrderStatus::Denied,
            Self::Expired { .. } => OrderStatus::Expired,
            Self::NotPlaced { .. } => OrderStatus::NotPlaced,
            Self::NeedsReview { .. } => OrderStatus::NeedsReview,
        }
    }

    /// Why it is there, where there is something to say.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Held { reason }
            | Self::Unknown { reason, .. }
            | Self::Rejected { reason }
            | Self::Denied { reason }
            | Self::Expired { reason }
            | Self::NotPlaced { reason }
            | Self::NeedsReview { reason } => Some(reason),
            Self::Cancelled { reason } => reason.as_ref(),
            Self::Received
            | Self::Sending { .. }
            | Self::Working
            | Self::PartiallyFilled
            | Self::Cancelling
            | Self::Filled => None,
        }
    }

    /// The reason as it is told. While the outcome is unknown that is what counts, whatever the broker last said: who was told how to
    /// send the order anew would have it twice.
    #[must_use]
    pub fn reason_told(&self) -> Option<Cow<'_, Reason>> {
        let reason = self.reason()?;
        let calls_it_over = matches!(reason.code.remedy(), Some(Remedy::Mend | Remedy::SendAnew | Remedy::AskOperator));
        let misleads = calls_it_over && matches!(self, Self::Unknown { .. });
        Some(if misleads { Cow::Owned(still_unknown(reason)) } else { Cow::Borrowed(reason) })
    }

    /// The one table: where this fact leads from here, or `None` where it has no place. A final state stays
    /// final, and nothing turns `unknown` into `rejected` but the broker's own word.
    #[must_use]
    pub fn after(&self, fact: Fact) -> Option<Self> {
        let unsent = matches!(self, Self::Received | Self::Held { .. });
        match (self, fact) {
            (Self::NeedsReview { .. }, Fact::NeverReached(reason)) => Some(Self::NotPlaced { reason }),
            (from @ Self::NeedsReview { .. }, Fact::Reviewed(sight) | Fact::Ended(sight)) => {
                Some(from.after_certain_sight(&sight))
            }
            (from @ Self::NeedsReview { .. }, Fact::Seen(sight)) => Some(from.after_sight(&sight)),
            (Self::NeedsReview { .. }, _) => None,
            // It was taken to be refused, or never to have arrived or left, and the broker has it.
            (
                from @ (Self::Rejected { .. } | Self::NotPlaced { .. } | Self::Denied { .. } | Self::Expired { .. }),
                Fact::Seen(sight),
            ) if sight.shows_it_was_taken() => Some(from.after_sight(&sight)),
            (from @ (Self::Cancelled { .. } | Self::Rejected { .. } | Self::NotPlaced { .. }), Fact::Back(sight))
                if sight.works() =>
            {
                Some(from.after_sight(&sight))
            }
            (from, _) if from.status().is_final() => None,
            (_, Fact::Hold(reason)) if unsent => Some(Self::Held { reason }),
            (_, Fact::Deny(reason)) if unsent => Some(Self::Denied { reason }),
            (_, Fact::Expire(reason)) if unsent => Some(Self::Expired { reason }),
            (_, Fact::CancelAsked(reason)) if unsent => Some(Self::Cancelled { reason: Some(reason) }),
            (_, Fact::Intend(intent)) if unsent && intent.act == Act::Place => Some(Self::Sending { intent }),
            (Self::Unknown { complete_negatives, .. }, Fact::Intend(intent))
                if intent.act == Act::PlaceAgain && *complete_negatives >= NEGATIVES_NEEDED =>
            {
                Some(Self::Sending { intent })
            }
            (Self::Sending { .. }, Fact::Intend(intent)) if matches!(intent.act, Act::Reply { .. }) => {
                Some(Self::Sending { intent })
            }
            (Self::Sending { intent }, Fact::NotSent(reason)) if intent.act == Act::Place => {
                Some(Self::Held { reason })
            }
            // The second try did not leave; what became of the first is as unknown as before.
            (Self::Sending { intent }, Fact::NotSent(reason)) if intent.act == Act::PlaceAgain => {
                Some(Self::Unknown { intent: intent.clone(), doubt: Doubt::Unread, reason, complete_negatives: 0 })
            }
            (Self::Sending { .. }, Fact::Refused(reason)) => Some(Self::Rejected { reason }),
            (Self::Sending { intent }, Fact::Unread(doubt, reason)) => {
                Some(Self::Unknown { intent: intent.clone(), doubt, reason, complete_negatives: 0 })
            }
            (Self::Unknown { intent, doubt, reason, complete_negatives }, Fact::NotFound) => Some(Self::Unknown {
                intent: intent.clone(),
                doubt: *doubt,
                reason: reason.clone(),
                complete_negatives: complete_negatives.saturating_add(1),
            }),
            (Self::Unknown { .. }, Fact::NeverReached(reason)) => Some(Self::NotPlaced { reason }),
            (from, Fact::Seen(sight)) if !unsent => Some(from.after_sight(&sight)),
            (from, Fact::Ended(sight)) if !unsent => Some(from.after_certain_sight(&sight)),
            (Self::Working | Self::PartiallyFilled, Fact::CancelAsked(_)) => Some(Self::Cancelling),
            (from, Fact::Exhausted(reason)) if from.may_be_at_the_broker() => Some(Self::NeedsReview { reason }),
            _ => None,
        }
    }

    /// After a word that is believed, whatever it is: the broker's second one, or a person's.
    fn after_certain_sight(&self, sight: &Sight) -> Self {
        if sight.status.is_doubtful_end() {
            Self::Rejected { reason: refused_later() }
        } else {
            self.after_sight(sight)
        }
    }

    fn after_sight(&self, sight: &Sight) -> Self {
        match &sight.status {
            BrokerStatus::Filled => Self::Filled,
            BrokerStatus::Cancelled => Self::Cancelled { reason: None },
            BrokerStatus::Expired => Self::Cancelled { reason: Some(time_ended()) },
            BrokerStatus::PendingCancel | BrokerStatus::PreCancelled => Self::Cancelling,
            BrokerStatus::PendingSubmit
            | BrokerStatus::PreSubmitted
            | BrokerStatus::Submitted
            | BrokerStatus::WarnState
            | BrokerStatus::Inactive
            | BrokerStatus::Rejected
            | BrokerStatus::Other(_) => match self {
                // A cancel that was asked for is under way until the broker says how it ended.
                Self::Cancelling => Self::Cancelling,
                _ if sight.filled_quantity.is_some_and(|filled| !filled.is_zero()) => Self::PartiallyFilled,
                _ => Self::Working,
            },
        }
    }

    /// Whether the broker may have it, so that it must be watched.
    #[must_use]
    pub fn may_be_at_the_broker(&self) -> bool {
        matches!(
            self,
            Self::Sending { .. }
                | Self::Unknown { .. }
                | Self::Working
                | Self::PartiallyFilled
                | Self::Cancelling
                | Self::NeedsReview { .. }
        )
    }
}

fn refused_later() -> Reason {
    Reason::new(
        ReasonCode::InactiveAtBroker,
        "The broker holds the order as Inactive: it refused it after taking it in. See the broker's own messages for the account.",
    )
}

fn time_ended() -> Reason {
    Reason::new(ReasonCode::TimeInForceEnded, "The broker ended the order: its time in force was over.")
}

fn still_unknown(last_said: &Reason) -> Reason {
    let message = format!(
        "What became of the order is not known, and the broker is being asked: send nothing in its place. Its last word: {}",
        last_said.message
    );
    Reason::new(ReasonCode::OutcomeUnknown, message)
}
