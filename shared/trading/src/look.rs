//! Look: what the broker shows, and which of it is ours.
//!
//! A row is ours by the client order id, which comes from user and order id alone; it must agree with the ticket, or it
//! is not believed.

use std::collections::BTreeMap;

use broker::{CallError, Listing, LiveOrder, LiveOrders, OrderDetail, Session, Trade};
use domain::{
    AccountId, Amount, BrokerOrderId, BrokerStatus, ClientOrderId, Contract, Leg, Order, ReasonCode, Side, Sight, Size,
    Ticket, TimeInForce,
};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use store::{StoreError, Versioned};

use crate::lane::Lane;
use crate::leg_rows::leg_row;

/// Digits after the point of an average price.
const AVERAGE_DIGITS: u32 = 8;
/// Days of trades that are asked for where an order may be older than today (IBKR Web API, trades: at most 7).
const TRADE_DAYS: u8 = 7;
/// Days of trades that are asked for of young orders. With one day the broker may leave out what traded right before a midnight
/// of its own.
const TRADE_DAYS_MIN: u8 = 2;
/// An order of this age traded within [`TRADE_DAYS_MIN`].
const SAME_DAY: SignedDuration = SignedDuration::from_hours(12);

/// Of looks at an account whose list is empty and no snapshot: the one at which the broker is asked to gather it afresh, and those
/// after which it is asked once more. The first call is a pre-flight, and the one that refreshes is empty always (IBKR Web API, live
/// orders); a recorded answer of an account without orders is the same, so that nobody waits for another one.
const REFRESHING_LOOK: u64 = 3;
const GATHERING_LOOKS: [u64; 2] = [1, REFRESHING_LOOK];

/// What the broker showed.
pub(crate) struct Shown {
    pub(crate) live: Listing<LiveOrder>,
    /// `None`: they were not needed, or not shown.
    pub(crate) trades: Option<Listing<Trade>>,
    /// The list was empty and no snapshot, and not for the first time: it is all that is to be had, and proves nothing.
    pub(crate) is_empty_again: bool,
}

/// How a look went.
pub(crate) enum Looked {
    /// The broker showed this.
    Shown(Shown),
    /// The broker is still gathering: ask again.
    NotYet,
    /// It gave no answer.
    Failed,
}

impl Shown {
    /// What the broker says of one order by its number, which tells its ticket as its row would.
    pub(crate) fn by_number(detail: &OrderDetail) -> Self {
        Self { live: Listing { rows: vec![row_by_number(detail)], complete: false }, ..Self::nothing() }
    }

    /// No look was taken.
    pub(crate) fn nothing() -> Self {
        Self { live: Listing { rows: Vec::new(), complete: false }, trades: None, is_empty_again: false }
    }

    /// Whether what is in neither list is known to be in neither.
    pub(crate) fn is_complete(&self) -> bool {
        self.live.complete && self.trades.as_ref().is_some_and(|trades| trades.complete)
    }

    /// Whether the broker listed what it lists, be it nothing.
    pub(crate) fn is_listed(&self) -> bool {
        self.live.complete || self.is_empty_again
    }

    /// Whether no further look of this kind would show more. What is in neither list may be at the broker all the same.
    pub(crate) fn is_all_there_is(&self) -> bool {
        self.is_listed() && self.trades.as_ref().is_some_and(|trades| trades.complete)
    }

    /// Where no row has a name, those that look like this order.
    pub(crate) fn nameless_rows_like(&self, order: &Order) -> impl Iterator<Item = &LiveOrder> {
        let names_are_shown = self.live.rows.iter().any(|row| row.client_order_id.is_some());
        self.live.rows.iter().filter(move |row| !names_are_shown && could_be(order, row))
    }
}

impl Lane<'_> {
    /// Live orders of one account, and its trades where they are needed. An answer that is not whole proves nothing.
    pub(crate) async fn look(
        &mut self,
        session: &Session,
        account_id: &AccountId,
        open: &[Versioned<Order>],
    ) -> Result<Looked, StoreError> {
        self.lists_as_of = self.now();
        self.book.looks.last_at = Some(self.lists_as_of);
        let looked = self.look_once(session, account_id, open).await;
        // Its calls waited for their turns: the broker counts five seconds from when they came.
        self.book.looks.last_at = Some(self.now());
        looked
    }

    async fn look_once(
        &mut self,
        session: &Session,
        account_id: &AccountId,
        open: &[Versioned<Order>],
    ) -> Result<Looked, StoreError> {
        let live = match self.live_orders(session, account_id).await {
            Ok(LiveOrders::Orders(live)) => {
                self.book.looks.empty = None;
                live
            }
            Ok(LiveOrders::NoAnswerYet) => {
                self.book.looks.was_empty(account_id);
                if GATHERING_LOOKS.contains(&self.book.looks.times_empty(account_id)) {
                    return Ok(Looked::NotYet);
                }
                Listing { rows: Vec::new(), complete: false }
            }
            Err(error) => {
                self.session_failed(&error).await?;
                return Ok(Looked::Failed);
            }
        };
        let is_empty_again = self.book.looks.empty.is_some();
        let wanting = || open.iter().filter(|order| wants_trades(&order.value, &live));
        let is_needed =
            is_empty_again || wanting().next().is_some() || self.ended_may_show_in_trades_alone(account_id, &live);
        if !is_needed {
            return Ok(Looked::Shown(Shown { live, trades: None, is_empty_again }));
        }
        let older = wanting().any(|order| order.value.created_at + SAME_DAY < self.now());
        match session.trades(if older { TRADE_DAYS } else { TRADE_DAYS_MIN }).await {
            Ok(trades) => Ok(Looked::Shown(Shown { live, trades: Some(trades), is_empty_again })),
            Err(error) => {
                self.session_failed(&error).await?;
                Ok(Looked::Shown(Shown { live, trades: None, is_empty_again }))
            }
        }
    }

    async fn live_orders(&mut self, session: &Session, account_id: &AccountId) -> Result<LiveOrders, CallError> {
        self.set_session_to(session, account_id).await?;
        if self.book.looks.times_empty(account_id) + 1 == REFRESHING_LOOK {
            session.refresh_live_orders().await?;
            return Ok(LiveOrders::NoAnswerYet);
        }
        let mut shown = session.live_orders(account_id).await?;
        if let LiveOrders::Orders(live) = &mut shown {
            keep_the_furthest(&mut live.rows);
        }
        Ok(shown)
    }
}

/// What the broker says of one order by its number, as a row would.
pub(crate) fn row_by_number(detail: &OrderDetail) -> LiveOrder {
    LiveOrder {
        order_id: detail.order_id,
        parent_order_id: None,
        client_order_id: None,
        account_id: detail.account_id.clone(),
        conid: detail.conid,
        side: detail.side,
        order_type: detail.order_type.clone(),
        status: detail.status.clone(),
        total_quantity: detail.total_quantity,
        filled_quantity: detail.filled_quantity,
        remaining_quantity: None,
        average_price: detail.average_price,
        price: detail.limit_price.or(detail.stop_price).or(detail.price),
        time_in_force: None,
        last_execution_at: None,
    }
}

/// Of several rows of one order the furthest counts: the most filled, and the ended one.
fn keep_the_furthest(rows: &mut Vec<LiveOrder>) {
    let how_far = |row: &LiveOrder| (row.filled_quantity.unwrap_or_default(), row.status.is_end());
    let mut furthest = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        let kept = furthest.entry(row.order_id).or_insert(place);
        if rows.get(*kept).is_some_and(|other| how_far(row) > how_far(other)) {
            *kept = place;
        }
    }
    let mut place = 0..;
    rows.retain(|row| place.next().is_some_and(|place| furthest.get(&row.order_id) == Some(&place)));
}

/// Trades tell what live orders do not: exact fills, and what has left the list.
fn wants_trades(order: &Order, live: &Listing<LiveOrder>) -> bool {
    let shows_more = |row: &LiveOrder, known: Decimal| {
        row.status == BrokerStatus::Filled || row.filled_quantity.is_some_and(|filled| filled > known)
    };
    let wanted = |row: Option<&LiveOrder>, known| row.is_none_or(|row| shows_more(row, known));
    let open_legs = order.legs().iter().filter(|leg| leg.may_work());
    let of_a_leg = |leg: &Leg| wanted(leg_row(order, leg, live), leg.filled_quantity);
    (!order.status().is_final() && wanted(row_of(order, live), order.filled_quantity))
        || open_legs.into_iter().any(of_a_leg)
        || shows_less(order, live)
}

/// A row that shows less filled than was told is older, or a fill was taken back: the trades say which.
fn shows_less(order: &Order, live: &Listing<LiveOrder>) -> bool {
    let less =
        |row: Option<&LiveOrder>, told| row.and_then(|row| row.filled_quantity).is_some_and(|filled| filled < told);
    !order.has_warned(&ReasonCode::FillTakenBack)
        && (less(row_of(order, live), order.filled_quantity)
            || order.legs().iter().any(|leg| less(leg_row(order, leg, live), leg.filled_quantity)))
}

/// The row of this order among live orders.
pub(crate) fn row_of<'l>(order: &Order, live: &'l Listing<LiveOrder>) -> Option<&'l LiveOrder> {
    let named = live.rows.iter().filter(|row| is_named(row, &order.client_order_id));
    // An exit may carry its parent's name without its parent's number: it trades on the other side.
    let row = named.clone().find(|row| row.side.is_none_or(|side| Some(side) != order.exit_side()));
    row.or_else(|| {
        let parent = order.broker_order_ids.first()?;
        live.rows.iter().find(|row| row.order_id == *parent && row.client_order_id.is_none())
    })
    .filter(|row| agrees(order, row.account_id.as_ref(), row.side))
}

/// The row under this client order id.
pub(crate) fn row_named<'l>(name: &ClientOrderId, live: &'l Listing<LiveOrder>) -> Option<&'l LiveOrder> {
    live.rows.iter().find(|row| is_named(row, name))
}

fn is_named(row: &LiveOrder, name: &ClientOrderId) -> bool {
    // An exit of a bracket may carry its parent's name; the parent has no parent.
    row.client_order_id.as_deref() == Some(name.as_str()) && row.parent_order_id.is_none()
}

/// Whether a nameless row may be this order: at work, and nothing in it says otherwise. What traded, the trades name.
fn could_be(order: &Order, row: &LiveOrder) -> bool {
    let Some(request) = &order.request else { return true };
    let at_work = !matches!(row.status, BrokerStatus::Filled | BrokerStatus::Cancelled | BrokerStatus::Inactive)
        && row.filled_quantity.is_none_or(|filled| filled.is_zero());
    let same_contract = match (&request.ticket.contract, row.conid) {
        (Contract::Conid { conid }, Some(shown)) => *conid == shown,
        _ => true,
    };
    let same_quantity = told_quantity(&request.ticket).zip(row.total_quantity).is_none_or(|(own, shown)| own == shown);
    at_work
        && same_contract
        && same_quantity
        && row.parent_order_id.is_none()
        && row.account_id.as_ref().is_none_or(|account_id| *account_id == request.account_id)
        && row.side.is_none_or(|side| side == request.ticket.side)
}

/// A row that names us and is another account's or the other side is not believed.
fn agrees(order: &Order, account_id: Option<&AccountId>, side: Option<Side>) -> bool {
    let Some(request) = &order.request else { return false };
    let agrees = account_id.is_none_or(|account_id| *account_id == request.account_id)
        && side.is_none_or(|side| side == request.ticket.side);
    if !agrees {
        tracing::error!(key = %order.key, ?account_id, ?side, "the broker shows an order under our client order id that is not our ticket");
    }
    agrees
}

/// Whether a row shows this ticket in force rather than one of the others. A row tells the quantity, and of some types the
/// price; `None`: what would tell them apart is not in it.
pub(crate) fn shows<'t>(
    row: &LiveOrder,
    ticket: &Ticket,
    mut others: impl Iterator<Item = &'t Ticket>,
) -> Option<bool> {
    let quantity = told_quantity(ticket).zip(row.total_quantity);
    let price = told_price(ticket).zip(row.price);
    let time = told_time(ticket).zip(row.time_in_force);
    let differs = |(wanted, shown): &(Decimal, Decimal)| wanted != shown;
    if [quantity, price].iter().flatten().any(differs) || time.is_some_and(|(wanted, shown)| wanted != shown) {
        return Some(false);
    }
    // What differs in something that the row tells is not what it shows.
    let is_told_apart = |other: &Ticket| {
        other == ticket
            || (quantity.is_some() && told_quantity(other) != told_quantity(ticket))
            || (price.is_some() && told_price(other) != told_price(ticket))
            || (time.is_some() && told_time(other) != told_time(ticket))
    };
    let tells_something = quantity.is_some() || price.is_some() || time.is_some();
    (tells_something && others.all(is_told_apart)).then_some(true)
}

fn told_quantity(ticket: &Ticket) -> Option<Decimal> {
    match ticket.size {
        Size::Quantity(quantity) => Some(quantity.get()),
        Size::CashQuantity(_) => None,
    }
}

/// The times in force of which the broker's word is known.
fn told_time(ticket: &Ticket) -> Option<TimeInForce> {
    Some(ticket.time_in_force).filter(|time| matches!(time, TimeInForce::Day | TimeInForce::Gtc))
}

fn told_price(ticket: &Ticket) -> Option<Decimal> {
    ticket.shown_price().map(Amount::get)
}

/// What a look tells of this order.
pub(crate) fn sight_of(order: &Order, shown: &Shown) -> Option<Sight> {
    let fills = shown.trades.as_ref().and_then(|trades| fills_of(order, &trades.rows));
    let filled = fills.as_ref().map(|fills| fills.quantity);
    let average = fills.as_ref().and_then(|fills| fills.average_price);
    let Some(row) = row_of(order, &shown.live) else { return sight_of_trades(order, fills) };
    let shown_filled = row.filled_quantity.unwrap_or_default();
    let all_told = filled.is_some_and(|filled| filled >= shown_filled);
    Some(Sight {
        broker_order_ids: vec![row.order_id],
        status: row.status.clone(),
        filled_quantity: if all_told { filled } else { row.filled_quantity },
        average_price: if all_told { average } else { row.average_price },
    })
}

/// An order that is not among live orders, and whose trades are there: filled if they make up the whole.
fn sight_of_trades(order: &Order, fills: Option<Fills>) -> Option<Sight> {
    let fills = fills?;
    // A change whose answer was not read may have made it larger.
    let whole = order.most_sent(None).is_some_and(|most| fills.quantity >= most);
    Some(Sight {
        broker_order_ids: fills.order_id.into_iter().collect(),
        status: if whole { BrokerStatus::Filled } else { BrokerStatus::Submitted },
        filled_quantity: Some(fills.quantity),
        average_price: fills.average_price,
    })
}

pub(crate) struct Fills {
    pub(crate) quantity: Decimal,
    /// `None` where the broker's figures have none.
    pub(crate) average_price: Option<Decimal>,
    pub(crate) order_id: Option<BrokerOrderId>,
    /// A correction made an execution smaller.
    pub(crate) is_taken_back: bool,
}

/// The broker's number of an order by the trades under its name, on its own side.
pub(crate) fn number_by_trades(order: &Order, shown: &Shown) -> Option<BrokerOrderId> {
    let side = order.request.as_ref()?.ticket.side;
    let is_ours = |trade: &&Trade| {
        trade.client_order_id.as_deref() == Some(order.client_order_id.as_str()) && trade.side == Some(side)
    };
    shown.trades.as_ref()?.rows.iter().find(is_ours)?.order_id
}

/// The executions of an order, each counted once, by its last correction.
pub(crate) fn fills_of(order: &Order, trades: &[Trade]) -> Option<Fills> {
    let ours = |trade: &&Trade| {
        let by_name = trade.client_order_id.as_deref() == Some(order.client_order_id.as_str());
        let by_number = trade.order_id.is_some() && trade.order_id.as_ref() == order.broker_order_ids.first();
        // The exits of a bracket trade on the other side, some under the parent's name.
        let other_side = trade.side.is_some_and(|side| {
            order
                .request
                .as_ref()
                .is_some_and(|request| request.ticket.attached.is_some() && side != request.ticket.side)
        });
        (by_name || by_number) && !other_side && agrees(order, trade.account_id.as_ref(), trade.side)
    };
    summed(trades.iter().filter(ours).collect())
}

/// Executions together, each counted once, by its last correction.
pub(crate) fn summed(mut executions: Vec<&Trade>) -> Option<Fills> {
    // The last correction first, so that it is the one that stays.
    let correction = |trade: &&Trade| stem_and_correction(&trade.execution_id).1;
    let stem = |trade: &&Trade| stem_and_correction(&trade.execution_id).0.to_owned();
    executions.sort_by_cached_key(|trade| (stem(trade), std::cmp::Reverse(correction(trade))));
    let mut is_taken_back = false;
    executions.dedup_by(|earlier, last| {
        let is_one = stem(earlier) == stem(last);
        is_taken_back |= is_one && last.quantity < earlier.quantity;
        is_one
    });
    // Figures without a sum are fills all the same: an order that shows them is not taken to be absent.
    let quantity = executions.iter().fold(Decimal::ZERO, |sum, trade| sum.saturating_add(trade.quantity));
    let order_id = executions.iter().find_map(|trade| trade.order_id);
    (!executions.is_empty()).then(|| Fills {
        quantity,
        average_price: average_of(&executions),
        order_id,
        is_taken_back,
    })
}

fn average_of(executions: &[&Trade]) -> Option<Decimal> {
    let add = |(quantity, value): (Decimal, Decimal), trade: &&Trade| {
        let worth = trade.quantity.checked_mul(trade.price)?;
        Some((quantity.checked_add(trade.quantity)?, value.checked_add(worth)?))
    };
    let (quantity, value) = executions.iter().try_fold((Decimal::ZERO, Decimal::ZERO), add)?;
    Some(value.checked_div(quantity)?.round_dp(AVERAGE_DIGITS).normalize())
}

/// An execution's id without its last part, and that part: the broker corrects an execution by another one under the same
/// stem, `….01` by `….02` (IBKR Web API, trades).
fn stem_and_correction(execution_id: &str) -> (&str, u32) {
    let parts = execution_id.rsplit_once('.').and_then(|(stem, last)| Some((stem, last.parse().ok()?)));
    parts.unwrap_or((execution_id, 0))
}

#[cfg(test)]
mod tests;
