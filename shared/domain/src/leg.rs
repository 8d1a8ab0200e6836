//! One exit of a bracket: its state, and the one table of how the broker's word moves it.

use std::fmt;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::cancel::LegCancel;
use crate::ids::BrokerOrderId;
use crate::reason::Reason;
use crate::sight::{BrokerStatus, Sight};
use crate::status::OrderStatus;
use crate::ticket::{Size, Ticket};

/// Which exit of a bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegRole {
    /// Leaves with a profit.
    TakeProfit,
    /// Leaves with a bounded loss.
    StopLoss,
}

impl LegRole {
    /// The contract's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TakeProfit => "take_profit",
            Self::StopLoss => "stop_loss",
        }
    }

    /// The leg of this word; else what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "take_profit" => Ok(Self::TakeProfit),
            "stop_loss" => Ok(Self::StopLoss),
            other => Err(format!("must be take_profit or stop_loss, not {:?}", crate::fields::shortened(other))),
        }
    }
}

impl fmt::Display for LegRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TakeProfit => "take profit",
            Self::StopLoss => "stop loss",
        })
    }
}

/// One exit of a bracket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Which exit.
    pub role: LegRole,
    /// The broker's number of it, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker_order_id: Option<BrokerOrderId>,
    /// Where it is, in the contract's word.
    pub(crate) status: OrderStatus,
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Reason>,
    /// Its whole ticket in force. The broker makes it smaller when the other exit fills in part.
    pub ticket: Ticket,
    /// The number of the change that made this ticket: 1 as placed.
    pub revision: u64,
    /// How much of it is filled.
    pub filled_quantity: Decimal,
    /// At what price on average.
    pub average_price: Option<Decimal>,
    /// That somebody asked for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<LegCancel>,
    /// Since when it does not show, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Timestamp>,
    /// Since when the broker shows an end of it that is not believed at once: refused, or filled with less than the whole.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "refused_since")]
    pub unclear_since: Option<Timestamp>,
    /// Whether that is because it is called filled with less than the whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_unclear_as_filled: bool,
    /// That somebody asked for it to be for less than its order: it does not follow where that becomes more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_chosen: bool,
    /// That the broker shows it for less than it was for: a person made it smaller there, or the other exit filled in part.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_smaller_there: bool,
}

/// What a look showed of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegSight {
    /// Which one.
    pub role: LegRole,
    /// The broker's number of it.
    pub broker_order_id: Option<BrokerOrderId>,
    /// The broker's status.
    pub status: BrokerStatus,
    /// Its whole quantity, where the look tells.
    pub quantity: Option<Decimal>,
    /// How much of it is filled, where the look tells.
    pub filled_quantity: Option<Decimal>,
    /// At what price on average, where the look tells.
    pub average_price: Option<Decimal>,
}

impl LegSight {
    /// What a person saw of it in the broker's own pages. It says nothing of its whole quantity.
    #[must_use]
    pub fn by_a_person(role: LegRole, sight: &Sight) -> Self {
        Self {
            role,
            broker_order_id: sight.broker_order_ids.first().copied(),
            status: sight.status.clone(),
            quantity: None,
            filled_quantity: sight.filled_quantity,
            average_price: sight.average_price,
        }
    }
}

/// What became known of a leg, beside what a look shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegFact {
    /// The broker was asked to cancel it.
    CancelSent,
    /// Proved by complete looks that do not show it: it ended unfilled.
    Ended(Reason),
    /// The broker holds it as refused, and said so again when it was asked for by its number.
    Refused,
    /// The broker holds it as filled with less than its whole, and said so again by its number or for long.
    Filled,
    /// The broker shows it at work after its end, and said so again when it was asked for by its number.
    Back(LegSight),
    /// It does not show for so long that a person must look.
    Exhausted(Reason),
    /// A person looked at the broker's own pages, and this is how it stands there.
    Reviewed(LegSight),
}

/// What a leg's news adds to an entry of its order's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegNews {
    /// Which leg.
    pub role: LegRole,
    /// Where it was then.
    pub status: OrderStatus,
    /// How much of it was filled then.
    pub filled_quantity: Decimal,
}

impl Leg {
    pub(crate) fn new(role: LegRole, ticket: Ticket) -> Self {
        Self {
            role,
            broker_order_id: None,
            status: OrderStatus::Received,
            reason: None,
            ticket,
            revision: 1,
            filled_quantity: Decimal::ZERO,
            average_price: None,
            cancel: None,
            missing_since: None,
            unclear_since: None,
            is_unclear_as_filled: false,
            is_chosen: false,
            is_smaller_there: false,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn status(&self) -> OrderStatus {
        self.status
    }

    /// Why, where there is something to say.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// Whether nothing can follow. A leg that a person must look at has not ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.status.is_final() && self.status != OrderStatus::NeedsReview
    }

    /// Whether the broker has it or may have it.
    #[must_use]
    pub fn may_work(&self) -> bool {
        !self.has_ended() && !matches!(self.status, OrderStatus::Received | OrderStatus::Held)
    }

    /// The whole of it.
    #[must_use]
    pub fn quantity(&self) -> Decimal {
        match self.ticket.size {
            Size::Quantity(quantity) => quantity.get(),
            // The exits of an order by cash are refused before anything is sent.
            Size::CashQuantity(_) => Decimal::ZERO,
        }
    }

    /// What it may still trade.
    #[must_use]
    pub fn remaining(&self) -> Decimal {
        self.quantity().saturating_sub(self.filled_quantity).max(Decimal::ZERO)
    }

    /// What a look says of it: the one table of a leg's states. What was filled stays filled, and what ended stays ended.
    fn after(&self, status: &BrokerStatus) -> OrderStatus {
        let whole = !self.quantity().is_zero() && self.filled_quantity >= self.quantity();
        let part = if self.filled_quantity.is_zero() { OrderStatus::Working } else { OrderStatus::PartiallyFilled };
        match status {
            // Of one by cash the whole is not known.
            BrokerStatus::Filled if self.quantity().is_zero() => OrderStatus::Filled,
            _ if whole => OrderStatus::Filled,
            _ if self.has_ended() => self.status,
            BrokerStatus::Cancelled | BrokerStatus::Expired => OrderStatus::Cancelled,
            BrokerStatus::PendingCancel | BrokerStatus::PreCancelled => OrderStatus::Cancelling,
            // A cancel that was sent is under way until the broker says how it ended.
            _ if self.status == OrderStatus::Cancelling => OrderStatus::Cancelling,
            _ => part,
        }
    }

    /// Whether somebody made it smaller at the broker; nobody did where a change from here bears on it.
    pub(crate) fn see_size(&mut self, sight: &LegSight, is_ours: bool) {
        let Some(shown) = sight.quantity else { return };
        let known = self.quantity();
        self.is_smaller_there = !is_ours && (shown < known || (self.is_smaller_there && shown == known));
    }

    pub(crate) fn see(&mut self, sight: &LegSight, now: Timestamp) {
        self.missing_since = None;
        if let Some(cancel) = self.cancel.as_mut().filter(|_| !sight.status.is_end() && !sight.status.is_doubtful_end())
        {
            cancel.calls.shown_at_work();
        }
        self.broker_order_id = self.broker_order_id.or(sight.broker_order_id);
        if let Some(quantity) = sight.quantity.and_then(|quantity| Amount::new(quantity).ok()) {
            self.ticket.size = Size::Quantity(quantity);
        }
        if let Some(filled) = sight.filled_quantity.filter(|filled| *filled >= self.filled_quantity) {
            self.filled_quantity = filled.normalize();
            self.average_price = sight.average_price.map(|price| price.normalize()).or(self.average_price);
        }
        let before = self.status;
        self.status = self.after(&sight.status);
        // That it is refused, or filled with less than the whole, is not believed at once.
        let is_short = sight.status == BrokerStatus::Filled && !self.has_ended();
        let is_unclear = is_short || sight.status.is_doubtful_end();
        // Each kind of doubt has a time of its own.
        let since = self.unclear_since.filter(|_| self.is_unclear_as_filled == is_short);
        self.unclear_since = since.or(Some(now)).filter(|_| is_unclear);
        self.is_unclear_as_filled = is_short;
        if self.status != before {
            self.reason = None;
        }
    }

    /// It works at the broker after its end. What was filled whole does not.
    pub(crate) fn come_back(&mut self, sight: &LegSight, now: Timestamp) {
        if self.has_ended() && self.status != OrderStatus::Filled {
            (self.status, self.reason) = (OrderStatus::Working, None);
        }
        self.see(sight, now);
    }

    /// Whether nothing that the broker said of it, but what it said of others or did not say, made it end.
    pub(crate) fn end_is_concluded(&self) -> bool {
        self.status == OrderStatus::Cancelled && self.reason.is_some() && self.broker_order_id.is_some()
    }

    pub(crate) fn ask_cancel(&mut self, now: Timestamp) {
        self.cancel.get_or_insert_with(|| LegCancel::new(now)).calls.ask();
    }

    pub(crate) fn news(&self) -> LegNews {
        LegNews { role: self.role, status: self.status, filled_quantity: self.filled_quantity }
    }
}
