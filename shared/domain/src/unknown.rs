//! The rules of `unknown`: when a lost order may be sent once more, when it is proved lost, and when a person decides.
//!
//! Nothing here looks at anything. The looks are `trading`'s; what they showed comes in as values.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::intent::Intent;
use crate::order::Order;
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::sight::{BrokerStatus, Sight};
use crate::state::{Fact, OrderState};
use crate::ticket::OrderType;

/// Complete looks without the order that are needed before anything is concluded from its absence.
pub const NEGATIVES_NEEDED: u32 = 2;
/// A look this soon after the send proves nothing by not showing the order: the broker may still be at it (a request
/// that its back end is slow to take is answered after 10 s: IBKR Web API, known errors, 503).
pub const NEGATIVE_COUNTS_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// How often a ticket is put on the wire at most. The client order id is the same each time, and the broker registers
/// one only once in 24 hours (IBKR Web API, cOID).
pub const SENDS_MAX: u32 = 2;
/// The same for an order whose question was lost: the broker had asked, so it had not placed the order.
pub const SENDS_AFTER_QUESTIONS_MAX: u32 = 4;
/// After this without a trace, over all looks that were complete, an order is proved never to have been placed: thirty
/// times the longest that the broker is known to keep a request.
pub const NOT_PLACED_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// How long an unknown order is looked for. The client order id guards for 24 hours at the broker (IBKR Web API, cOID);
/// after that nothing would be found or stopped by it.
pub const LOOKED_FOR_MAX: SignedDuration = SignedDuration::from_hours(20);

/// What is in doubt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Bytes left, and no answer was read; or whoever sent them vanished.
    #[default]
    Unread,
    /// The broker asked a question, and said later that it is gone: the ticket was not placed by what was sent.
    QuestionGone,
    /// The broker said that it has this client order id already: it has the order, though it does not show it.
    AlreadyRegistered,
    /// The broker refused one of several copies, so it registered none; but an earlier one whose answer was not read may still
    /// be on its way, as from a machine that stood still, and may be taken when it arrives. The refusal is not the end
    /// until nothing came for long.
    RefusedAgain,
    /// The broker offered a choice before it took the order, and was told no. What became of the order is for the looks.
    Declined,
}

/// What the looks were made under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// Whether a ticket could be sent now, as far as halts, grants and limits are concerned.
    pub may_send: bool,
    /// Whether the broker's daily reset lies between the send and now: what it shows since may lack what was before.
    pub reset_between: bool,
    /// Whether a market order may be sent once more: its price then is another one than when it was asked for.
    pub market_orders_again: bool,
}

/// What the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Look again.
    KeepLooking,
    /// The same ticket may be sent once more.
    SendAgain,
    /// It is proved never to have reached the broker.
    NotPlaced(Reason),
    /// The rules are exhausted; a person decides.
    Review(Reason),
}

impl Order {
    /// What the rules say of this order, which a look has just not shown. An order that is not unknown is looked for.
    #[must_use]
    pub fn settlement(&self, circumstances: Circumstances, now: Timestamp) -> Settlement {
        let OrderState::Unknown { intent, doubt, reason, complete_negatives } = self.state() else {
            return Settlement::KeepLooking;
        };
        let looked_for = now.duration_since(intent.at);
        if looked_for >= LOOKED_FOR_MAX {
            return Settlement::Review(not_settled(*doubt));
        }
        let proves = *complete_negatives >= NEGATIVES_NEEDED
            && *doubt != Doubt::AlreadyRegistered
            && !circumstances.reset_between;
        if !proves {
            return Settlement::KeepLooking;
        }
        if circumstances.may_send && self.may_be_sent_again(*doubt, circumstances, now) {
            return Settlement::SendAgain;
        }
        if looked_for >= NOT_PLACED_AFTER {
            return Settlement::NotPlaced(match doubt {
                Doubt::RefusedAgain => refused_again(reason, *complete_negatives),
                Doubt::Declined => reason.clone(),
                _ => not_placed(intent, *complete_negatives),
            });
        }
        Settlement::KeepLooking
    }

    /// What a fact comes to for this order: a refusal of one of several copies is not the end ([`Doubt::RefusedAgain`]).
    pub(crate) fn weighed(&self, fact: Fact) -> Fact {
        match fact {
            Fact::Refused(reason) if self.sends > 1 => Fact::Unread(Doubt::RefusedAgain, reason),
            // Until the broker says so again by its number, it counts as at work.
            Fact::Seen(sight) if self.is_filled_short(&sight) => {
                Fact::Seen(Sight { status: BrokerStatus::Submitted, ..sight })
            }
            fact => fact,
        }
    }

    /// Whether it is shown as filled with less than any ticket of it that the broker may have: how much is filled may be told
    /// later than that it is.
    #[must_use]
    pub fn is_filled_short(&self, sight: &Sight) -> bool {
        let least = self.quantities_sent(None).and_then(|quantities| quantities.into_iter().min());
        let filled = sight.filled_quantity.unwrap_or_default().max(self.filled_quantity);
        // Of one by cash the whole is not known; nothing is less than any.
        sight.status == BrokerStatus::Filled && least.map_or(filled.is_zero(), |least| filled < least)
    }

    fn may_be_sent_again(&self, doubt: Doubt, circumstances: Circumstances, now: Timestamp) -> bool {
        let asked = doubt == Doubt::QuestionGone;
        let sends_max = if asked { SENDS_AFTER_QUESTIONS_MAX } else { SENDS_MAX };
        let market = self.request.as_ref().is_none_or(|request| request.ticket.order_type == OrderType::Market);
        !matches!(doubt, Doubt::RefusedAgain | Doubt::Declined)
            && self.sends < sends_max
            && now < self.good_until
            && self.cancel_asked_at.is_none()
            && (!market || asked || circumstances.market_orders_again)
    }
}

fn not_settled(doubt: Doubt) -> Reason {
    let known = match doubt {
        Doubt::AlreadyRegistered => "the broker said that it has it, and has not shown it",
        Doubt::Unread | Doubt::QuestionGone | Doubt::RefusedAgain | Doubt::Declined => {
            "the broker has not shown it, and not proved that it never had it"
        }
    };
    let hours = LOOKED_FOR_MAX.as_hours();
    Reason::new(
        ReasonCode::NotSettled,
        format!(
            "The order was sent, its outcome was not read, and for {hours} hours {known}. Look at the account at the broker, then decide (`courier orders review`)."
        ),
    )
}

fn refused_again(refusal: &Reason, complete_negatives: u32) -> Reason {
    let message = &refusal.message;
    Reason::new(
        refusal.code.clone(),
        format!(
            "{message} It had been sent before; {complete_negatives} complete looks at the broker's orders and trades since showed nothing of that copy either: it never arrived."
        ),
    )
}

fn not_placed(intent: &Intent, complete_negatives: u32) -> Reason {
    Reason::new(
        ReasonCode::NeverArrived,
        format!(
            "It was last sent at {}, no answer was read, and {complete_negatives} complete looks at the broker's orders and trades since showed nothing of it: it never arrived. If it is still wanted, send it under a new id.",
            intent.at
        ),
    )
}
