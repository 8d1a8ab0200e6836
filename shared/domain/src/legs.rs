//! Legs: the exits of a bracket. They are orders of the broker's own, and parts of their order here: each with a state, fills
//! and news of its own, watched until it ended (contract: `legs`).
//!
//! Exits wait at the broker while their parent works, work once it is filled, and end with it. One that fills ends the
//! other, and one that fills in part makes the other smaller.

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::cancel::{CancelTaken, LegCancel};
use crate::change::ended;
use crate::ids::BrokerOrderId;
use crate::leg::{Leg, LegFact, LegRole, LegSight};
use crate::order::{HistoryEntry, Order, filled_beyond};
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::sight::BrokerStatus;
use crate::state::OrderState;
use crate::status::OrderStatus;
use crate::ticket::{Attached, OrderType, Side, StopLoss, TakeProfit, Ticket, TimeInForce};

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
        self.leg_quantity_left(role, entry)
    }

    /// What of an entry of this quantity the other exit leaves to this leg.
    pub(crate) fn leg_quantity_left(&self, role: LegRole, entry: Decimal) -> Decimal {
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

    /// Whether the broker has the entry or an exit under this number.
    #[must_use]
    pub fn has_number(&self, number: BrokerOrderId) -> bool {
        self.broker_order_ids.contains(&number) || self.legs.iter().any(|leg| leg.broker_order_id == Some(number))
    }

    /// Why a change of the entry, or of an exit, cannot be in force any more, if it cannot.
    #[must_use]
    pub fn change_refused_by_now(&self, leg: Option<LegRole>) -> Option<Reason> {
        match leg {
            None => self.status().is_final().then(|| ended(self)),
            Some(role) => self.leg_change_refused(role),
        }
    }

    /// Why a change of this leg cannot be in force any more, if it cannot.
    #[must_use]
    pub fn leg_change_refused(&self, role: LegRole) -> Option<Reason> {
        let over = |leg: &Leg| {
            let nothing_left = self.leg_quantity_max(role) <= leg.filled_quantity;
            leg.has_ended() || leg.cancel.is_some() || self.cancel_asked_at.is_some() || nothing_left
        };
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
            let is_ours = self.is_under_way(sight.role)
                || self.changes_taken().iter().any(|taken| taken.change.leg == Some(sight.role));
            self.turn_leg(sight.role, now, |leg| {
                leg.see_size(sight, is_ours);
                leg.see(sight, now);
            });
        }
        self.settle_legs(now);
        let left = self.legs.iter().fold(Decimal::ZERO, |sum, leg| sum.saturating_add(leg.filled_quantity));
        if self.status().is_final() && left > self.filled_quantity {
            self.warn(filled_beyond(left, self.filled_quantity), now);
        }
    }

    /// Takes in a fact about a leg.
    pub fn leg_fact(&mut self, role: LegRole, fact: &LegFact, now: Timestamp) {
        self.turn_leg(role, now, |leg| {
            if leg.has_ended() && !matches!(fact, LegFact::Back(_)) {
                return;
            }
            match fact {
                LegFact::Back(sight) => leg.come_back(sight, now),
                LegFact::CancelSent => leg.status = OrderStatus::Cancelling,
                LegFact::Refused => (leg.status, leg.reason) = (OrderStatus::Rejected, Some(inactive())),
                LegFact::Filled => (leg.status, leg.reason) = (OrderStatus::Filled, None),
                LegFact::Ended(reason) => (leg.status, leg.reason) = (OrderStatus::Cancelled, Some(reason.clone())),
                LegFact::Exhausted(reason) => {
                    (leg.status, leg.reason) = (OrderStatus::NeedsReview, Some(reason.clone()));
                }
                LegFact::Reviewed(sight) => {
                    leg.see(sight, now);
                    if sight.status.is_doubtful_end() {
                        (leg.status, leg.reason) = (OrderStatus::Rejected, Some(inactive()));
                    } else if sight.status == BrokerStatus::Filled {
                        leg.status = OrderStatus::Filled;
                    }
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
    /// by whoever holds the lane next. Asked for again, it is sent again. What has ended by the broker's word or silence alone is
    /// cancelled if it comes back.
    pub fn ask_leg_cancel(&mut self, role: LegRole, now: Timestamp) -> LegCancelTaken {
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.role == role) else {
            return LegCancelTaken::Refused(no_such_leg(role));
        };
        if leg.has_ended() {
            if leg.broker_order_id.is_some() && leg.status != OrderStatus::Filled && leg.cancel.is_none() {
                leg.ask_cancel(now);
            }
            return LegCancelTaken::Ended;
        }
        leg.ask_cancel(now);
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
                leg.ask_cancel(now);
            }
        }
    }

    /// The exit whose cancel is to be sent now, if one is.
    #[must_use]
    pub fn leg_cancel_due(&self, now: Timestamp) -> Option<LegRole> {
        let due = |leg: &&Leg| {
            leg.may_work()
                && leg.broker_order_id.is_some()
                && self.leg_is_to_end(leg)
                && leg.cancel.as_ref().is_none_or(|cancel| cancel.is_due(now))
        };
        self.legs.iter().find(due).map(|leg| leg.role)
    }

    /// The broker was asked to cancel a leg, for the first `requests` of the requests.
    pub fn leg_cancel_called(&mut self, role: LegRole, requests: u64, taken: CancelTaken, now: Timestamp) {
        if let Some(leg) = self.legs.iter_mut().find(|leg| leg.role == role) {
            leg.cancel.get_or_insert_with(|| LegCancel::new(now)).called(requests, taken, now);
            self.updated_at = now;
        }
        if matches!(taken, CancelTaken::Yes | CancelTaken::Refused) {
            self.leg_fact(role, &LegFact::CancelSent, now);
        }
    }

    /// An order that was taken to be over is not: exits that ended with it and that the broker never showed are looked for, and
    /// so are those whose end was concluded.
    pub(crate) fn legs_come_back(&mut self) {
        let unseen = |leg: &Leg| leg.broker_order_id.is_none() && leg.cancel.is_none();
        for leg in self.legs.iter_mut().filter(|leg| unseen(leg) || leg.end_is_concluded()) {
            (leg.status, leg.reason, leg.missing_since) = (OrderStatus::Unknown, None, None);
        }
    }

    /// How much of a position the order made that its exits have not closed yet.
    #[must_use]
    pub fn position_left(&self) -> Decimal {
        let closed = self.legs.iter().fold(Decimal::ZERO, |sum, leg| sum.saturating_add(leg.filled_quantity));
        self.filled_quantity.saturating_sub(closed).max(Decimal::ZERO)
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

    /// The broker's rows name the order's numbers otherwise than they were taken to be: the rows count. `legs`: those of the exits that
    /// rows tell.
    pub fn numbers_are(&mut self, entry: BrokerOrderId, legs: &[(LegRole, BrokerOrderId)], now: Timestamp) {
        let was_taken_for_an_exits = self.legs.iter().any(|leg| leg.broker_order_id == Some(entry));
        self.broker_order_ids.retain(|id| *id != entry);
        self.broker_order_ids.insert(0, entry);
        for leg in &mut self.legs {
            let told = legs.iter().find(|(role, _)| *role == leg.role).map(|(_, id)| *id);
            let is_anothers =
                |id: &BrokerOrderId| *id == entry || legs.iter().any(|(role, other)| *role != leg.role && other == id);
            leg.broker_order_id = told.or(leg.broker_order_id.filter(|id| !is_anothers(id)));
        }
        for (_, id) in legs {
            self.number(Some(*id));
        }
        if was_taken_for_an_exits {
            self.number_the_last_leg();
        }
        self.updated_at = now;
    }

    /// Where one exit and one of the order's numbers are left, they belong together: once the exit has left the broker's list,
    /// no row says so.
    fn number_the_last_leg(&mut self) {
        let taken: Vec<BrokerOrderId> = self.legs.iter().filter_map(|leg| leg.broker_order_id).collect();
        let mut left = self.broker_order_ids.iter().skip(1).filter(|id| !taken.contains(id));
        let mut unnumbered = self.legs.iter_mut().filter(|leg| leg.broker_order_id.is_none());
        if let (Some(id), None, Some(leg), None) = (left.next(), left.next(), unnumbered.next(), unnumbered.next()) {
            leg.broker_order_id = Some(*id);
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
        if !matches!(self.state(), OrderState::Received | OrderState::Held { .. }) {
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
        let most = self.leg_quantity_max(role);
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.role == role) else { return };
        leg.is_smaller_there &= leg.ticket.size == ticket.size;
        leg.ticket = ticket.clone();
        leg.revision = revision;
        leg.is_chosen &= leg.quantity() < most;
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
            let entry = HistoryEntry { at: now, status: self.status(), reason: None, leg: Some(after), revision: None };
            self.sequence = self.sequence.saturating_add(1);
            self.remember(entry);
            self.updated_at = now;
        }
    }

    fn settle_legs(&mut self, now: Timestamp) {
        let ended: Vec<LegRole> = self.legs.iter().filter(|leg| leg.has_ended()).map(|leg| leg.role).collect();
        for role in ended {
            self.end_changes_of(Some(role), now);
            self.end_unsettled(Some(role), now);
        }
        let none_is_to_end = !self.legs.iter().any(|leg| leg.cancel.is_some() && !leg.has_ended());
        if self.status().is_final() && none_is_to_end {
            self.unwarn(&ReasonCode::CancelNotCarriedOut);
        }
        if self.is_over() {
            self.next_check_at = None;
        } else {
            // An exit that came back is watched again.
            self.next_check_at = self.next_check_at.or(Some(now));
        }
    }
}

pub(crate) fn leg_ended(role: LegRole) -> Reason {
    Reason::new(
        ReasonCode::LegEnded,
        format!("The {role} has ended or is about to be cancelled, so it was not changed."),
    )
}

pub(crate) fn no_such_leg(role: LegRole) -> Reason {
    Reason::new(
        ReasonCode::NoSuchLeg,
        format!("The order has no {role}, so nothing was done. An order's `legs` name those that it has."),
    )
}

fn taken_off() -> Reason {
    Reason::new(
        ReasonCode::CancelledBeforeSending,
        "It was taken off the order before that was sent: the broker never had it.",
    )
}

fn inactive() -> Reason {
    Reason::new(
        ReasonCode::InactiveAtBroker,
        "The broker holds this exit as Inactive: it refused it after taking it in. See the broker's own messages for the account.",
    )
}
