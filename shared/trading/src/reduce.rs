//! Reduce: where a halt lets only orders pass that reduce a position, whether this one does.
//!
//! The position is the broker's word, asked for right before the intent, under the lane: nothing else is sent for this
//! user meanwhile. What other orders of the ledger, and the exits of brackets, could still take off it is taken off first, as
//! if all of it were filled.
//! What the user's own trading program has at work there is not known here.

use broker::{CallError, Position, Session};
use domain::{Conid, Contract, LegRole, Order, OrderState, PlaceOrder, Reason, ReasonCode, Side, Size, Ticket};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use store::{IntentGuards, StoreError, Versioned};

use crate::advance::Next;
use crate::lane::Lane;
use crate::send::Way;
use crate::stop::Stop;

/// The broker's list of positions is taken to show a trade this long after it is on record here.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_secs(20);
/// An order that waits for that is tried again after this.
const SHOWN_AFTER_SECONDS: u32 = 10;

impl Lane<'_> {
    /// Sends an order that passes only if it reduces a position; `halt` names what says so.
    pub(crate) async fn send_if_reducing(
        &mut self,
        order: &mut Versioned<Order>,
        mut way: Way,
        request: &PlaceOrder,
        halt: &str,
    ) -> Result<Next, StoreError> {
        match self.reduces(&way.session.clone(), request, way.conid).await {
            Err(Stop::Store(error)) => return Err(error),
            Err(Stop::Wait(reason) | Stop::Reopen(reason)) => return self.hold(order, reason).await,
            Err(Stop::Deny(why)) => return self.deny(order, only_reducing(halt, &why.message)).await,
            Ok(()) => {}
        }
        way.claim.reducing = true;
        let guards = IntentGuards::WithinLimits(&self.desk.intake.rules, &way.claim);
        match self.intend(order, domain::Act::Place, guards).await {
            Ok(()) => self.carry_out(order, &way, request).await,
            Err(refused) => self.refused_intent(order, refused).await,
        }
    }

    /// Whether an order reduces a position as it is now; what would forbid it says why.
    pub(crate) async fn reduces(&mut self, session: &Session, request: &PlaceOrder, conid: Conid) -> Result<(), Stop> {
        let ticket = &request.ticket;
        let Size::Quantity(quantity) = ticket.size else { return Err(deny("an order by cash names no quantity")) };
        if ticket.attached.is_some() {
            return Err(deny("exits that are attached to it could open a position the other way"));
        }
        let asked_at = self.now();
        let position = self.position(session, request, conid).await?;
        let at_work = self.at_work(request, conid).await?;
        if let Err(why) = fits_into(position, ticket.side, at_work, quantity.get()) {
            return Err(deny(&why));
        }
        // The broker's list of positions may not show yet what traded just now.
        let traded = self.traded_after(asked_at - SHOWN_AFTER, request, conid).await?;
        let with_it = at_work.zip(traded).and_then(|(at_work, traded)| at_work.checked_add(traded));
        if fits_into(position, ticket.side, with_it, quantity.get()).is_err() {
            self.track_in(SHOWN_AFTER_SECONDS);
            return Err(Stop::Wait(position_settles()));
        }
        Ok(())
    }

    /// How much of the account's contract was traded on this order's side after this time.
    async fn traded_after(
        &self,
        time: Timestamp,
        request: &PlaceOrder,
        conid: Conid,
    ) -> Result<Option<Decimal>, StoreError> {
        let lately = |at: Timestamp| at > time;
        let ended = self.book.ended.iter().filter(|ended| lately(ended.at) && !ended.filled_quantity.is_zero());
        let mut orders = self.all_open_orders().await?;
        orders.retain(|order| lately(order.value.updated_at));
        for order_id in ended.map(|ended| ended.order_id.clone()).collect::<Vec<_>>() {
            if !orders.iter().any(|order| order.value.key.order_id == order_id) {
                orders.extend(self.desk.intake.orders.get(&self.key(order_id)).await?);
            }
        }
        let traded = orders.iter().filter(|order| concerns(&order.value, request, conid));
        Ok(traded
            .map(|order| filled_on(&order.value, request.ticket.side))
            .try_fold(Decimal::ZERO, Decimal::checked_add))
    }

    /// How much the account holds of the contract. A list that is not whole tells nothing.
    async fn position(&mut self, session: &Session, request: &PlaceOrder, conid: Conid) -> Result<Decimal, Stop> {
        let mut shown = session.positions(&request.account_id).await;
        if matches!(&shown, Ok(positions) if positions.rows.is_empty()) {
            // Perhaps the accounts were never asked for in this session. That is paced as a look is.
            if let Some(seconds) = self.paced_for_seconds() {
                self.track_in(seconds);
                return Err(Stop::Wait(Reason::new(ReasonCode::Pacing, "The order waits to ask for the position.")));
            }
            self.book.looks.last_at = Some(self.now());
            shown = match session.portfolio_accounts().await {
                Ok(_) => session.positions(&request.account_id).await,
                Err(error) => Err(error),
            };
        }
        match shown {
            Ok(positions) => {
                let held = held_of(&positions.rows, conid).filter(|_| positions.complete);
                held.ok_or_else(|| deny("the broker's list of positions cannot be read as a whole"))
            }
            Err(CallError::Refused { .. } | CallError::Invalid(_) | CallError::WrongPath) => {
                Err(deny("the broker does not tell the position"))
            }
            Err(error) => Err(self.look_failed(&error).await?),
        }
    }

    /// How much other orders of the same account, side and contract could still take off; `None`: nobody knows, it may be
    /// all of it. Those not sent hold nothing: each is judged when its turn comes. A contract in words may be this one.
    async fn at_work(&self, request: &PlaceOrder, conid: Conid) -> Result<Option<Decimal>, StoreError> {
        let open = self.all_open_orders().await?;
        let taking_off = open.iter().filter(|order| takes_off_too(&order.value, request, conid));
        let side = request.ticket.side;
        Ok(taking_off
            .map(|order| left_of(&order.value, side))
            .try_fold(Decimal::ZERO, |sum, left| sum.checked_add(left?)))
    }
}

/// Whether an order takes no more off a position than others leave of it; else why not. `at_work` is what others may take,
/// `None` where that may be all.
fn fits_into(position: Decimal, side: Side, at_work: Option<Decimal>, quantity: Decimal) -> Result<(), String> {
    let takes_off = match side {
        Side::Sell => position,
        Side::Buy => -position,
    };
    if takes_off <= Decimal::ZERO {
        return Err(nothing_to_take_off(position, side));
    }
    let Some(at_work) = at_work else {
        return Err(format!(
            "the position is {}, and an order that names no quantity may take all of it off",
            position.normalize()
        ));
    };
    // What cannot be told leaves nothing.
    if takes_off.checked_sub(at_work).is_some_and(|room| quantity <= room) {
        return Ok(());
    }
    Err(format!(
        "the position is {}, other orders may take {} off it, and this one is for {}",
        position.normalize(),
        at_work.normalize(),
        quantity.normalize()
    ))
}

/// Why an order on this side reduces nothing, whatever its quantity is.
fn nothing_to_take_off(position: Decimal, side: Side) -> String {
    let held = position.abs().normalize();
    match side {
        _ if position.is_zero() => "there is no position in its contract".to_owned(),
        Side::Buy => format!("a buy does not reduce a long position of {held}"),
        Side::Sell => format!("a sell does not reduce a short position of {held}"),
    }
}

/// Whether an order at the broker may take something off the same position: its entry, or one of its exits.
fn takes_off_too(order: &Order, request: &PlaceOrder, conid: Conid) -> bool {
    let Some(other) = &order.request else { return false };
    let unsent = matches!(order.state(), OrderState::Received | OrderState::Held { .. });
    let by_entry = other.ticket.side == request.ticket.side && !order.status().is_final();
    let by_exits = order.exit_side() == Some(request.ticket.side) && !order.is_over();
    !unsent && concerns(order, request, conid) && (by_entry || by_exits)
}

/// Whether another order is of the same account and contract. A contract in words may be this one.
fn concerns(order: &Order, request: &PlaceOrder, conid: Conid) -> bool {
    let Some(other) = order.request.as_ref().filter(|other| other.key != request.key) else { return false };
    let same_contract = match &other.ticket.contract {
        Contract::Conid { conid: others } => *others == conid,
        Contract::Symbol(_) => true,
    };
    same_contract && other.account_id == request.account_id
}

/// How much an order has filled on this side: its entry, or its exits.
fn filled_on(order: &Order, side: Side) -> Decimal {
    let by_entry = order.request.as_ref().is_some_and(|request| request.ticket.side == side);
    let entry = if by_entry { order.filled_quantity } else { Decimal::ZERO };
    let exits = order.legs().iter().filter(|leg| leg.ticket.side == side);
    exits.fold(entry, |sum, leg| sum.saturating_add(leg.filled_quantity))
}

fn position_settles() -> Reason {
    Reason::new(
        ReasonCode::PositionSettles,
        "The order waits some seconds: another one traded just now, and the broker's list of positions may not show it yet.",
    )
}

/// How much an order may still trade on this side; `None` where no quantity says it, as of an order by cash.
fn left_of(order: &Order, side: Side) -> Option<Decimal> {
    if order.exit_side() != Some(side) {
        return left_of_part(order, None, order.filled_quantity);
    }
    // One exit ends the other: the larger of them is all that they can take off.
    let open = order.legs().iter().filter(|leg| !leg.has_ended());
    open.map(|leg| left_of_part(order, Some(leg.role), leg.filled_quantity))
        .try_fold(Decimal::ZERO, |most, left| Some(most.max(left?)))
}

/// How much the entry, or an exit, may still trade: by its ticket in force and every change of it that may be.
fn left_of_part(order: &Order, part: Option<LegRole>, filled: Decimal) -> Option<Decimal> {
    let quantity = |ticket: &Ticket| match ticket.size {
        Size::Quantity(quantity) => Some(quantity.get()),
        Size::CashQuantity(_) => None,
    };
    order.ticket_of(part)?;
    let most = order.tickets_at_the_broker(part).try_fold(Decimal::ZERO, |most, one| Some(most.max(quantity(one)?)))?;
    // What the broker filled beyond it gives no room to others.
    Some(most.checked_sub(filled)?.max(Decimal::ZERO))
}

/// `None` where the broker's figures have no sum.
fn held_of(positions: &[Position], conid: Conid) -> Option<Decimal> {
    let held = positions.iter().filter(|position| position.conid == conid).map(|position| position.quantity);
    held.into_iter().try_fold(Decimal::ZERO, rust_decimal::Decimal::checked_add)
}

fn deny(why: &str) -> Stop {
    Stop::Deny(Reason::new(ReasonCode::OnlyReducing, why))
}

fn only_reducing(halt: &str, why: &str) -> Reason {
    Reason::new(
        ReasonCode::OnlyReducing,
        format!(
            "Only orders that reduce a position pass for {halt}, and this one does not: {why}. The order was not sent. Once the halt is lifted, place it under a new id."
        ),
    )
}

#[cfg(test)]
mod tests;
