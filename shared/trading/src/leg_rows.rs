//! Which of the broker's rows and trades are those of a bracket's exits.
//!
//! An exit is known by its number, which the answer to the placing tells, or by its parent's number. It has no name of its
//! own: a row may carry its parent's, or none (IBKR Web API, bracket).

use broker::{Listing, LiveOrder, Trade};
use domain::{BrokerOrderId, BrokerStatus, Leg, LegRole, LegSight, Order};

use crate::look::{Fills, Shown, summed};

/// The row of this exit among live orders.
pub(crate) fn leg_row<'l>(order: &Order, leg: &Leg, live: &'l Listing<LiveOrder>) -> Option<&'l LiveOrder> {
    let numbered = live.rows.iter().find(|row| Some(row.order_id) == leg.broker_order_id);
    let row = match leg.broker_order_id {
        Some(_) => numbered,
        None => live.rows.iter().find(|row| is_child(order, row) && plays(order, leg, row)).or_else(|| {
            // One that shows neither: it follows its parent's number, and is the exit's whole ticket.
            live.rows.iter().find(|row| follows(order, row) && plays(order, leg, row))
        }),
    };
    row.filter(|row| {
        let account_id = order.account_id();
        row.side.is_none_or(|side| side == leg.ticket.side)
            && row.account_id.as_ref().is_none_or(|shown| Some(shown) == account_id)
    })
}

/// The numbers of the exits whose rows name this number as their parent's, each by its type: one row for each.
pub(crate) fn legs_by_parent(
    order: &Order,
    parent: BrokerOrderId,
    live: &Listing<LiveOrder>,
) -> Vec<(LegRole, BrokerOrderId)> {
    let is_ours = |row: &LiveOrder| row.order_id != parent && order.broker_order_ids.contains(&row.order_id);
    let is_nameless = |row: &LiveOrder| row.parent_order_id.is_none() && row.client_order_id.is_none();
    let is_child = |row: &&LiveOrder| {
        let is_exit = is_nameless(row) && is_ours(row) && row.side.is_some() && row.side == order.exit_side();
        row.parent_order_id == Some(parent) || is_exit
    };
    let children = || live.rows.iter().filter(is_child);
    let of_role = |leg: &Leg| {
        let plays = |row: &&LiveOrder| row.order_type.as_deref().and_then(role_of_type) == Some(leg.role);
        let mut rows = children().filter(plays);
        let row = rows.next().filter(|_| rows.next().is_none())?;
        Some((leg.role, row.order_id))
    };
    order.legs().iter().filter_map(of_role).collect()
}

/// The number of the entry, where rows carry no names and the number that was taken for it is an exit's: its row trades on the other
/// side. `None`: nothing shows that.
pub(crate) fn number_by_side(order: &Order, live: &Listing<LiveOrder>) -> Option<BrokerOrderId> {
    let first = order.broker_order_ids.first()?;
    let taken = live.rows.iter().find(|row| row.order_id == *first && row.client_order_id.is_none())?;
    if taken.side.is_none() || taken.side != order.exit_side() {
        return None;
    }
    let own = order.request.as_ref()?.ticket.side;
    let is_entry = |row: &&LiveOrder| order.broker_order_ids.contains(&row.order_id) && row.side == Some(own);
    let mut entries = live.rows.iter().filter(is_entry).map(|row| row.order_id);
    taken.parent_order_id.or_else(|| entries.next().filter(|_| entries.next().is_none()))
}

/// Whether a row is one of this order's exits.
fn is_child(order: &Order, row: &LiveOrder) -> bool {
    let parent = order.broker_order_ids.first();
    let known = order.broker_order_ids.get(1..).unwrap_or_default();
    let named = row.client_order_id.as_deref() == Some(order.client_order_id.as_str());
    (row.parent_order_id.is_some() && row.parent_order_id.as_ref() == parent)
        || known.contains(&row.order_id)
        || (named && row.side.is_some() && row.side == order.exit_side())
}

/// Whether a row without a name and without a parent has a number right after its parent's: the broker numbers the orders
/// of one request in a row.
fn follows(order: &Order, row: &LiveOrder) -> bool {
    let Some(parent) = order.broker_order_ids.first() else { return false };
    let behind = row.order_id.get().checked_sub(parent.get());
    row.client_order_id.is_none()
        && row.parent_order_id.is_none()
        && row.side.is_some()
        && row.side == order.exit_side()
        && row.total_quantity.is_some_and(|shown| Some(shown) == order.quantity())
        && behind.is_some_and(|behind| (1..=order.legs().len() as u64).contains(&behind))
}

/// Whether a row that is one of the order's exits is this one, and no other's number.
fn plays(order: &Order, leg: &Leg, row: &LiveOrder) -> bool {
    let others = order.legs().iter().filter(|other| other.role != leg.role);
    if others.clone().any(|other| other.broker_order_id == Some(row.order_id)) {
        return false;
    }
    match row.order_type.as_deref().and_then(role_of_type) {
        Some(role) => role == leg.role,
        None => others.count() == 0,
    }
}

/// A take profit is a limit order, a stop loss a stop of some kind (`STP`, `Stop Limit`, `TRAIL`).
fn role_of_type(word: &str) -> Option<LegRole> {
    let word = word.to_ascii_uppercase();
    if ["STP", "STOP", "TRAIL"].iter().any(|stop| word.contains(stop)) {
        Some(LegRole::StopLoss)
    } else if word.contains("LMT") || word.contains("LIMIT") {
        Some(LegRole::TakeProfit)
    } else {
        None
    }
}

/// What a look tells of this exit.
pub(crate) fn leg_sight(order: &Order, leg: &Leg, shown: &Shown) -> Option<LegSight> {
    let row = leg_row(order, leg, &shown.live);
    let broker_order_id = leg.broker_order_id.or(row.map(|row| row.order_id));
    let fills = shown.trades.as_ref().and_then(|trades| leg_fills(order, leg, broker_order_id, &trades.rows));
    // A change whose answer was not read may have made it larger.
    let most = order.most_sent(Some(leg.role)).map_or(leg.quantity(), |most| most.max(leg.quantity()));
    let whole = fills.as_ref().is_some_and(|fills| fills.quantity >= most);
    let status = match row {
        Some(row) => row.status.clone(),
        None if whole => BrokerStatus::Filled,
        None => fills.as_ref().map(|_| BrokerStatus::Submitted)?,
    };
    let shown_filled = row.and_then(|row| row.filled_quantity);
    let fills = fills.filter(|fills| fills.quantity >= shown_filled.unwrap_or_default());
    let average_price = fills.as_ref().map_or(row.and_then(|row| row.average_price), |fills| fills.average_price);
    Some(LegSight {
        role: leg.role,
        broker_order_id,
        status,
        quantity: row.and_then(|row| row.total_quantity),
        filled_quantity: fills.map(|fills| fills.quantity).or(shown_filled),
        average_price,
    })
}

/// The executions of an exit that a look shows.
pub(crate) fn leg_fills_shown(order: &Order, leg: &Leg, shown: &Shown) -> Option<Fills> {
    leg_fills(order, leg, leg.broker_order_id, &shown.trades.as_ref()?.rows)
}

/// The executions of an exit: by its number; without one by its parent's name, on the other side, where there is no other
/// exit that it could be.
fn leg_fills(order: &Order, leg: &Leg, number: Option<BrokerOrderId>, trades: &[Trade]) -> Option<Fills> {
    let only_exit = order.legs().len() == 1;
    let ours = |trade: &&Trade| {
        let by_name = trade.client_order_id.as_deref() == Some(order.client_order_id.as_str());
        let is_it = match trade.order_id {
            Some(shown) => Some(shown) == number,
            None => by_name && only_exit && trade.side.is_some(),
        };
        is_it
            && trade.side.is_none_or(|side| side == leg.ticket.side)
            && trade.account_id.as_ref().is_none_or(|shown| Some(shown) == order.account_id())
    };
    summed(trades.iter().filter(ours).collect())
}
