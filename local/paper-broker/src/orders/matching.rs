//! Matching at the price that is set: a simple venue that fills whole orders as soon as their prices allow it.

use rust_decimal::Decimal;

use super::book::{Order, OrderStatus, Stamped, Trade};
use super::ticket::{OrderType, Side};
use crate::state::Desk;

/// Executions kept; the oldest go first.
const TRADES_MAX: usize = 200_000;

/// Tries an order against the present price; an IOC order that does not fill is cancelled.
pub(crate) fn match_order(desk: &mut Desk<'_>, id: i64) {
    let matching = desk.state.options.matching;
    let Some(order) = desk.state.book.orders.get_mut(&id) else { return };
    if order.status.is_final() || !is_active(order) {
        return;
    }
    let price = desk.state.market.prices.get(&order.ticket.conid).copied().filter(|_| matching);
    let fills_at = price.filter(|price| is_marketable(order, *price));
    let (remaining, expires) = (order.remaining(), order.ticket.time_in_force == "IOC" && order.parent_id.is_none());
    match fills_at {
        Some(price) => fill(desk, id, remaining, price),
        None if expires => finish(desk, id, OrderStatus::Cancelled),
        None => {}
    }
}

/// Tries every open order of a contract, in order of registration.
pub(crate) fn match_contract(desk: &mut Desk<'_>, conid: i64) {
    let open = desk.state.book.orders.values().filter(|order| order.ticket.conid == conid && !order.status.is_final());
    for id in open.map(|order| order.id).collect::<Vec<_>>() {
        match_order(desk, id);
    }
}

/// The opening auction: OPG orders become like any other, and what does not fill is cancelled.
pub(crate) fn open_market(desk: &mut Desk<'_>) {
    let waiting =
        desk.state.book.orders.values().filter(|order| order.ticket.time_in_force == "OPG" && !order.status.is_final());
    for id in waiting.map(|order| order.id).collect::<Vec<_>>() {
        if let Some(order) = desk.state.book.order_mut(id) {
            "IOC".clone_into(&mut order.ticket.time_in_force);
        }
        match_order(desk, id);
    }
}

/// Executes a part of an order, or all of it. Never more than remains; nothing if the order is final.
pub(crate) fn fill(desk: &mut Desk<'_>, id: i64, quantity: Decimal, price: Decimal) {
    let (now, commission) = (desk.now, desk.state.options.commission);
    let number = desk.state.book.next_execution();
    let Some(order) = desk.state.book.order_mut(id).filter(|order| !order.status.is_final()) else { return };
    let size = quantity.min(order.remaining());
    order.filled += size;
    order.filled_value += size * price;
    order.updated_at = now;
    order.history.executions.push(Stamped { at: now, quantity: size });
    let done = order.remaining().is_zero();
    order.history.ended_at = done.then_some(now);
    order.status = match (done, order.status) {
        (true, _) => OrderStatus::Filled,
        (false, OrderStatus::PendingCancel) => OrderStatus::PendingCancel,
        (false, _) => OrderStatus::Submitted,
    };
    let trade = Trade {
        execution_id: format!("0000e0d5.{id:08x}.{number:08x}.01.01"),
        order_id: id,
        username: order.username.clone(),
        account: order.ticket.account.clone(),
        conid: order.ticket.conid,
        side: order.ticket.side,
        size,
        price,
        commission,
        at: now,
        client_order_id: order.ticket.client_order_id.clone(),
    };
    let group = order.group;
    let stands_alone = desk.state.options.exits_stand_alone;
    let trades = &mut desk.state.book.trades;
    if trades.len() >= TRADES_MAX {
        trades.pop_front();
    }
    trades.push_back(trade);
    if done {
        cancel_others(desk, group.filter(|_| !stands_alone), id);
        activate_children(desk, id);
    } else if !stands_alone {
        make_siblings_smaller(desk, id, size);
    }
}

/// Ends an order without filling it; its children end with it.
pub(crate) fn finish(desk: &mut Desk<'_>, id: i64, status: OrderStatus) {
    let now = desk.now;
    let Some(order) = desk.state.book.order_mut(id).filter(|order| !order.status.is_final()) else { return };
    order.status = status;
    order.updated_at = now;
    order.history.ended_at = Some(now);
    for child in children(desk, id) {
        finish(desk, child, OrderStatus::Cancelled);
    }
}

/// The venue refuses an order that the broker had taken.
pub(crate) fn venue_reject(desk: &mut Desk<'_>, id: i64, status: OrderStatus) -> bool {
    let open = desk.state.book.order(id).is_some_and(|order| !order.status.is_final());
    finish(desk, id, status);
    open
}

/// An order that works is not transmitted any more, or is again; false if it is unknown or final.
pub(crate) fn suspend(desk: &mut Desk<'_>, id: i64, suspended: bool) -> bool {
    let now = desk.now;
    let Some(order) = desk.state.book.order_mut(id).filter(|order| !order.status.is_final()) else { return false };
    order.updated_at = now;
    order.status = match (suspended, order.status) {
        (true, _) => OrderStatus::Suspended,
        (false, OrderStatus::Suspended) => OrderStatus::Submitted,
        (false, status) => status,
    };
    match_order(desk, id);
    true
}

/// Corrects the latest execution of an order: another price, under the next number of the same stem.
pub(crate) fn correct(desk: &mut Desk<'_>, id: i64, price: Decimal) -> bool {
    let book = &mut desk.state.book;
    let Some(wrong) = book.trades.iter().rev().find(|trade| trade.order_id == id) else { return false };
    let Some((stem, number)) = wrong.execution_id.rsplit_once('.') else { return false };
    let number = number.parse::<u32>().unwrap_or_default() + 1;
    let corrected = Trade { execution_id: format!("{stem}.{number:02}"), price, ..wrong.clone() };
    let difference = corrected.size * (price - wrong.price);
    let Some(order) = book.orders.get_mut(&id) else { return false };
    order.filled_value += difference;
    book.trades.push_back(corrected);
    true
}

/// Takes back so much of the latest execution of an order: the correction is for less. An order that works has it to fill again.
pub(crate) fn take_back(desk: &mut Desk<'_>, id: i64, quantity: Decimal) -> bool {
    let book = &mut desk.state.book;
    let Some(wrong) = book.trades.iter().rev().find(|trade| trade.order_id == id) else { return false };
    let Some((stem, number)) = wrong.execution_id.rsplit_once('.') else { return false };
    let number = number.parse::<u32>().unwrap_or_default() + 1;
    let size = (wrong.size - quantity).max(Decimal::ZERO);
    let corrected = Trade { execution_id: format!("{stem}.{number:02}"), size, ..wrong.clone() };
    let taken = wrong.size - size;
    let Some(order) = book.orders.get_mut(&id) else { return false };
    order.filled -= taken;
    order.filled_value -= taken * corrected.price;
    book.trades.push_back(corrected);
    true
}

/// Cancels whose time has come.
pub(crate) fn complete_cancels(desk: &mut Desk<'_>) {
    let now = desk.now;
    let book = &desk.state.book;
    let is_due = |id: &i64| book.order(*id).and_then(|order| order.cancel_due).is_none_or(|due| due <= now);
    for id in book.cancelling.iter().copied().filter(is_due).collect::<Vec<_>>() {
        desk.state.book.cancelling.remove(&id);
        finish(desk, id, OrderStatus::Cancelled);
    }
}

/// A child waits until its parent is filled, an OPG order until the open.
fn is_active(order: &Order) -> bool {
    let transmitted = order.status != OrderStatus::Suspended;
    transmitted && (order.parent_id.is_none() || order.parent_filled) && order.ticket.time_in_force != "OPG"
}

/// Whether the order fills at `price`; a stop that is touched is triggered by the way.
fn is_marketable(order: &mut Order, price: Decimal) -> bool {
    let ticket = &order.ticket;
    let (limit, side) = (ticket.price, ticket.side);
    let within = |limit: Option<Decimal>| {
        limit.is_none_or(|limit| if side == Side::Buy { price <= limit } else { price >= limit })
    };
    match ticket.order_type {
        OrderType::Market => true,
        OrderType::Limit | OrderType::MidPrice => within(limit),
        OrderType::Stop => touched(order, limit, price),
        OrderType::StopLimit => {
            let stop = ticket.aux_price;
            touched(order, stop, price) && within(limit)
        }
        OrderType::Trail => {
            let stop = trailing_stop(order, limit, price);
            touched(order, stop, price)
        }
        OrderType::TrailLimit => {
            let (start, offset) = (ticket.aux_price, limit.zip(ticket.aux_price).map(|(limit, stop)| limit - stop));
            let stop = trailing_stop(order, start, price);
            touched(order, stop, price) && within(stop.zip(offset).map(|(stop, offset)| stop + offset))
        }
    }
}

fn touched(order: &mut Order, stop: Option<Decimal>, price: Decimal) -> bool {
    let reached = stop.is_some_and(|stop| if order.ticket.side == Side::Buy { price >= stop } else { price <= stop });
    if reached && !order.triggered {
        order.triggered = true;
        if order.status == OrderStatus::PreSubmitted {
            order.status = OrderStatus::Submitted;
        }
    }
    order.triggered
}

/// The stop, after it has followed the price; once triggered it stays.
fn trailing_stop(order: &mut Order, start: Option<Decimal>, price: Decimal) -> Option<Decimal> {
    let trail = order.ticket.trail?;
    let buys = order.ticket.side == Side::Buy;
    if !order.triggered {
        let better = |a: Decimal, b: Decimal| if buys { a.min(b) } else { a.max(b) };
        order.anchor = Some(order.anchor.map_or(price, |anchor| better(anchor, price)));
    }
    let anchor = order.anchor?;
    let distance = trail.distance(anchor);
    let stop = if buys { anchor + distance } else { anchor - distance };
    // The stop that the ticket starts with holds until the trail is tighter.
    Some(start.map_or(stop, |start| if buys { start.min(stop) } else { start.max(stop) }))
}

fn cancel_others(desk: &mut Desk<'_>, group: Option<i64>, filled: i64) {
    let Some(group) = group else { return };
    let others = desk
        .state
        .book
        .orders
        .values()
        .filter(|order| order.group == Some(group) && order.id != filled && !order.status.is_final());
    for id in others.map(|order| order.id).collect::<Vec<_>>() {
        finish(desk, id, OrderStatus::Cancelled);
    }
}

/// An exit that fills in part takes as much off the other exit of its bracket, which ends where nothing is left to it.
fn make_siblings_smaller(desk: &mut Desk<'_>, id: i64, size: Decimal) {
    let now = desk.now;
    let Some(parent) = desk.state.book.order(id).and_then(|order| order.parent_id) else { return };
    for sibling in children(desk, parent).into_iter().filter(|sibling| *sibling != id) {
        let Some(order) = desk.state.book.order_mut(sibling).filter(|order| !order.status.is_final()) else { continue };
        order.resize((order.ticket.quantity - size).max(order.filled), now);
        if order.ticket.quantity <= order.filled {
            let ended = if order.filled.is_zero() { OrderStatus::Cancelled } else { OrderStatus::Filled };
            finish(desk, sibling, ended);
        }
    }
}

fn activate_children(desk: &mut Desk<'_>, parent: i64) {
    for id in children(desk, parent) {
        if let Some(order) = desk.state.book.order_mut(id) {
            order.parent_filled = true;
            if !order.ticket.order_type.is_stop() {
                order.status = OrderStatus::Submitted;
            }
        }
        match_order(desk, id);
    }
}

fn children(desk: &Desk<'_>, parent: i64) -> Vec<i64> {
    let open =
        desk.state.book.orders.values().filter(|order| order.parent_id == Some(parent) && !order.status.is_final());
    open.map(|order| order.id).collect()
}
