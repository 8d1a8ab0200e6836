//! Legs: the exits of a bracket. They are orders of the broker's own, and parts of their order here: each with a state, fills
//! and news of its own, watched until it ended (contract: `legs`).
//!
//! Exits wait at the broker while their parent works, work once it is filled, and end with it. One that fills ends the
//! other, and one that fills in part makes the other smaller.

use std::fmt;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::cancel_request::{CANCELS_WITHOUT_EFFECT_MAX, CancelRequest};
use crate::ids::BrokerOrderId;
use crate::intent::Reason;
use crate::order::{HistoryEntry, Order};
use crate::sight::BrokerStatus;
use crate::status::OrderStatus;
use crate::ticket::{Attached, OrderType, Side, Size, StopLoss, TakeProfit, Ticket, TimeInForce};

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
    status: OrderStatus,
    /// Why, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
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
    pub cancel: Option<CancelRequest>,
    /// Since when it does not show, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Timestamp>,
    /// Since when the broker holds it as refused, without having said so a second time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_since: Option<Timestamp>,
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

/// What became known of a leg, beside what a look shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegFact {
    /// The broker was asked to cancel it.
    CancelSent,
    /// Proved by complete looks that do not show it: it ended unfilled.
    Ended(Reason),
    /// The broker holds it as refused, and said so again when it was asked for by its number.
    Refused,
    /// It does not show for so long that a person must look.
    Exhausted(Reason),
}

/// What became of a request to end a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegCancelTaken {
    /// It is on the order now.
    Asked,
    /// The leg ended before.
    Ended,
    /// It cannot be taken, and why.
    Refused(Reason),
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
    fn new(role: LegRole, ticket: Ticket) -> Self {
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
            refused_since: None,
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
            BrokerStatus::Filled => OrderStatus::Filled,
            _ if whole => OrderStatus::Filled,
            _ if self.has_ended() => self.status,
            BrokerStatus::Cancelled | BrokerStatus::Expired => OrderStatus::Cancelled,
            BrokerStatus::PendingCancel | BrokerStatus::PreCancelled => OrderStatus::Cancelling,
            // A cancel that was sent is under way until the broker says how it ended.
            _ if self.status == OrderStatus::Cancelling => OrderStatus::Cancelling,
            _ => part,
        }
    }

    fn see(&mut self, sight: &LegSight, now: Timestamp) {
        self.missing_since = None;
        // That it is refused is not believed at once.
        self.refused_since = self.refused_since.or(Some(now)).filter(|_| sight.status.is_doubtful_end());
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
        if self.status != before {
            self.reason = None;
        }
    }

    fn news(&self) -> LegNews {
        LegNews { role: self.role, status: self.status, filled_quantity: self.filled_quantity }
    }
}

impl Ticket {
    /// The exits as tickets of their own: the other side, for the whole quantity. Those of an order that cannot wait
    /// (IOC, OPG) work for the day.
    #[must_use]
    pub fn exits(&self) -> Vec<(LegRole, Self)> {
        let Some(Attached { take_profit, stop_loss }) = &self.attached else { return Vec::new() };
        let take_profit = take_profit.as_ref().map(|exit| OrderType::Limit { limit_price: exit.limit_price });
        let stop_loss = stop_loss.as_ref().map(|exit| match exit.limit_price {
            None => OrderType::Stop { stop_price: exit.stop_price },
            Some(limit_price) => OrderType::StopLimit { stop_price: exit.stop_price, limit_price },
        });
        let exit = |order_type| Self {
            side: self.side.opposite(),
            order_type,
            time_in_force: if self.time_in_force == TimeInForce::Gtc { TimeInForce::Gtc } else { TimeInForce::Day },
            attached: None,
            ..self.clone()
        };
        let roles = [(LegRole::TakeProfit, take_profit), (LegRole::StopLoss, stop_loss)];
        roles.into_iter().filter_map(|(role, order_type)| Some((role, exit(order_type?)))).collect()
    }

    /// Puts the prices of an exit's ticket into what is attached; `None`: the exit is taken away.
    pub(crate) fn attach(&mut self, role: LegRole, exit: Option<&OrderType>) {
        let Some(attached) = &mut self.attached else { return };
        match (role, exit) {
            (LegRole::TakeProfit, Some(OrderType::Limit { limit_price })) => {
                attached.take_profit = Some(TakeProfit { limit_price: *limit_price });
            }
            (LegRole::StopLoss, Some(OrderType::Stop { stop_price })) => {
                attached.stop_loss = Some(StopLoss { stop_price: *stop_price, limit_price: None });
            }
            (LegRole::StopLoss, Some(OrderType::StopLimit { stop_price, limit_price })) => {
                attached.stop_loss = Some(StopLoss { stop_price: *stop_price, limit_price: Some(*limit_price) });
            }
            (LegRole::TakeProfit, None) => attached.take_profit = None,
            (LegRole::StopLoss, None) => attached.stop_loss = None,
            _ => {}
        }
        if attached.take_profit.is_none() && attached.stop_loss.is_none() {
            self.attached = None;
        }
    }
}

pub(crate) fn legs_of(ticket: &Ticket) -> Vec<Leg> {
    ticket.exits().into_iter().map(|(role, ticket)| Leg::new(role, ticket)).collect()
}

impl Order {
    /// The exits, the take profit first; none for what is no bracket.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// One of the exits.
    #[must_use]
    pub fn leg(&self, role: LegRole) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.role == role)
    }

    /// Whether nothing of the order can trade any more: its entry is final, and each of its exits ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.status().is_final() && self.legs.iter().all(Leg::has_ended)
    }

    /// Whether the broker has the order or one of its exits, or may have it, so that it must be watched.
    #[must_use]
    pub fn may_be_at_the_broker(&self) -> bool {
        self.state().may_be_at_the_broker() || (self.sends > 0 && self.legs.iter().any(|leg| !leg.has_ended()))
    }

    /// Whether this leg is to end: it was asked for, or the end of the whole order was, of which the broker keeps nothing
    /// but the exits.
    #[must_use]
    pub fn leg_is_to_end(&self, leg: &Leg) -> bool {
        leg.cancel.is_some() || (self.cancel_asked_at.is_some() && self.status().is_final())
    }

    /// The most that this leg may be for: what its order has filled or may still fill, less what the other exit took off.
    #[must_use]
    pub fn leg_quantity_max(&self, role: LegRole) -> Decimal {
        let ordered = self.quantity().unwrap_or_default();
        let entry = if self.status().is_final() { self.filled_quantity } else { ordered };
        let others = self.legs.iter().filter(|leg| leg.role != role).map(|leg| leg.filled_quantity).max();
        entry.saturating_sub(others.unwrap_or_default()).max(Decimal::ZERO)
    }

    /// The broker's number of the entry, or of an exit, once known.
    #[must_use]
    pub fn broker_number_of(&self, leg: Option<LegRole>) -> Option<BrokerOrderId> {
        match leg {
            None => self.broker_order_ids.first().copied(),
            Some(role) => self.leg(role)?.broker_order_id,
        }
    }

    /// Why a change of this leg cannot be in force any more, if it cannot.
    #[must_use]
    pub fn leg_change_refused(&self, role: LegRole) -> Option<Reason> {
        let over = |leg: &Leg| leg.has_ended() || leg.cancel.is_some() || self.cancel_asked_at.is_some();
        self.leg(role).is_none_or(over).then(|| leg_ended(role))
    }

    /// The side on which its exits trade; `None` for what is no bracket.
    #[must_use]
    pub fn exit_side(&self) -> Option<Side> {
        self.legs.first().map(|leg| leg.ticket.side)
    }

    /// Takes in what a look shows of the exits. Each change of a leg's status or fill is told as news of the order.
    pub fn legs_seen(&mut self, sights: &[LegSight], now: Timestamp) {
        for sight in sights {
            self.number(sight.broker_order_id);
            self.turn_leg(sight.role, now, |leg| leg.see(sight, now));
        }
        self.settle_legs(now);
    }

    /// Takes in a fact about a leg.
    pub fn leg_fact(&mut self, role: LegRole, fact: &LegFact, now: Timestamp) {
        self.turn_leg(role, now, |leg| {
            if leg.has_ended() {
                return;
            }
            match fact {
                LegFact::CancelSent => leg.status = OrderStatus::Cancelling,
                LegFact::Refused => (leg.status, leg.reason) = (OrderStatus::Rejected, Some(inactive())),
                LegFact::Ended(reason) => (leg.status, leg.reason) = (OrderStatus::Cancelled, Some(reason.clone())),
                LegFact::Exhausted(reason) => {
                    (leg.status, leg.reason) = (OrderStatus::NeedsReview, Some(reason.clone()));
                }
            }
        });
        self.settle_legs(now);
    }

    /// Remembers that a leg does not show. Whether that is new.
    pub fn leg_missing(&mut self, role: LegRole, now: Timestamp) -> bool {
        let leg = self.legs.iter_mut().find(|leg| leg.role == role && leg.missing_since.is_none());
        leg.map(|leg| leg.missing_since = Some(now)).is_some()
    }

    /// Asks for the end of one leg. What was not sent yet is taken off the ticket; what the broker has is cancelled there
    /// by whoever holds the lane next. Asked for again, it is sent again.
    pub fn ask_leg_cancel(&mut self, role: LegRole, now: Timestamp) -> LegCancelTaken {
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.role == role) else {
            return LegCancelTaken::Refused(no_such_leg(role));
        };
        if leg.has_ended() {
            return LegCancelTaken::Ended;
        }
        CancelRequest::ask(&mut leg.cancel, now);
        self.updated_at = now;
        if matches!(self.status(), OrderStatus::Received | OrderStatus::Held) {
            if let Some(request) = &mut self.request {
                request.ticket.attach(role, None);
            }
            self.leg_fact(role, &LegFact::Ended(taken_off()), now);
        }
        self.next_check_at = self.next_check_at.or((!self.is_over()).then_some(now));
        LegCancelTaken::Asked
    }

    /// The end of the whole order is asked for, of which the broker keeps nothing but the exits: each of them is to end, and
    /// is cancelled at once, also where that was tried before.
    pub fn ask_legs_to_end(&mut self, now: Timestamp) {
        if self.status().is_final() {
            for leg in self.legs.iter_mut().filter(|leg| !leg.has_ended()) {
                CancelRequest::ask(&mut leg.cancel, now);
            }
        }
    }

    /// The broker takes cancels of a leg again and again, and the leg still works: a person must know.
    pub fn leg_cancel_without_effect(&mut self, role: LegRole) {
        self.warn(Reason::new(
            "cancel_not_carried_out",
            format!(
                "The broker was asked {CANCELS_WITHOUT_EFFECT_MAX} times to cancel the {role}, and still shows it. It is asked again. Look at the order at the broker."
            ),
        ));
    }

    /// That the broker was asked to cancel a leg.
    pub fn leg_cancel_sent(&mut self, role: LegRole, found: bool, now: Timestamp) {
        if let Some(leg) = self.legs.iter_mut().find(|leg| leg.role == role) {
            CancelRequest::sent(&mut leg.cancel, found, now);
            self.updated_at = now;
        }
        if found {
            self.leg_fact(role, &LegFact::CancelSent, now);
        }
    }

    /// Until the broker has shown them, the exits are where their order is.
    pub(crate) fn legs_follow(&mut self) {
        let (status, sent, filled) = (self.status(), self.sends > 0, !self.filled_quantity.is_zero());
        for leg in self.legs.iter_mut().filter(|leg| leg.broker_order_id.is_none() && !leg.has_ended()) {
            leg.status = match status {
                OrderStatus::Received
                | OrderStatus::Held
                | OrderStatus::Sending
                | OrderStatus::Denied
                | OrderStatus::Expired
                | OrderStatus::NotPlaced => status,
                OrderStatus::Rejected if !filled => status,
                OrderStatus::Cancelled if !sent => status,
                _ => OrderStatus::Unknown,
            };
        }
    }

    /// Takes the numbers of an answer to a placing: the parent's, then the exits' in the order of the ticket (IBKR Web API,
    /// bracket: replies for several tickets come as arrays).
    pub(crate) fn number_legs(&mut self, ids: &[BrokerOrderId]) {
        if self.legs.is_empty() || ids.len() != self.legs.len() + 1 {
            return;
        }
        for (leg, id) in self.legs.iter_mut().zip(&ids[1..]) {
            if leg.broker_order_id.is_none() && !leg.has_ended() {
                leg.broker_order_id = Some(*id);
                leg.status = OrderStatus::Working;
            }
        }
    }

    /// The row of a release that knew no legs: what is attached to its ticket is followed all the same, until the broker
    /// told what became of it.
    #[must_use]
    pub fn with_its_legs(mut self) -> Self {
        let Some(ticket) = self.request.as_ref().map(|request| &request.ticket) else { return self };
        if self.legs.is_empty() && ticket.attached.is_some() {
            self.legs = legs_of(ticket);
            self.legs_follow();
        }
        self
    }

    /// The tickets of exits that the broker does not have yet are those of their order's ticket.
    pub(crate) fn refit_unsent_legs(&mut self) {
        let Some(exits) = self.request.as_ref().map(|request| request.ticket.exits()) else { return };
        if self.sends > 0 {
            return;
        }
        for (role, ticket) in exits {
            if let Some(leg) = self.legs.iter_mut().find(|leg| leg.role == role) {
                leg.ticket = ticket;
            }
        }
    }

    /// A leg's ticket in force is this one now.
    pub(crate) fn leg_changed(&mut self, role: LegRole, revision: u64, ticket: &Ticket) {
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.role == role) else { return };
        leg.ticket = ticket.clone();
        leg.revision = revision;
        if let Some(request) = &mut self.request {
            request.ticket.attach(role, Some(&ticket.order_type));
        }
    }

    fn number(&mut self, id: Option<BrokerOrderId>) {
        // The first place is the parent's.
        if let Some(id) = id.filter(|id| !self.broker_order_ids.is_empty() && !self.broker_order_ids.contains(id)) {
            self.broker_order_ids.push(id);
        }
    }

    fn turn_leg(&mut self, role: LegRole, now: Timestamp, turn: impl FnOnce(&mut Leg)) {
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.role == role) else { return };
        let before = leg.news();
        turn(leg);
        let after = leg.news();
        if after != before {
            let entry = HistoryEntry { at: now, status: self.status(), reason: None, leg: Some(after) };
            self.sequence = self.sequence.saturating_add(1);
            self.remember(entry);
            self.updated_at = now;
        }
    }

    fn settle_legs(&mut self, now: Timestamp) {
        let ended: Vec<LegRole> = self.legs.iter().filter(|leg| leg.has_ended()).map(|leg| leg.role).collect();
        for role in ended {
            self.end_changes_of(Some(role), now);
        }
        if self.is_over() {
            self.next_check_at = None;
        }
    }
}

pub(crate) fn leg_ended(role: LegRole) -> Reason {
    Reason::new("leg_ended", format!("The {role} has ended or is about to be cancelled, so it was not changed."))
}

pub(crate) fn no_such_leg(role: LegRole) -> Reason {
    Reason::new(
        "no_such_leg",
        format!("The order has no {role}, so nothing was done. An order's `legs` name those that it has."),
    )
}

fn taken_off() -> Reason {
    Reason::new("cancelled_before_sending", "It was taken off the order before that was sent: the broker never had it.")
}

fn inactive() -> Reason {
    Reason::new(
        "inactive_at_broker",
        "The broker holds this exit as Inactive: it refused it after taking it in. See the broker's own messages for the account.",
    )
}
