//! What can be read back: live orders, one order's status, trades (5.8 to 5.10 of the facts).

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::book::{Order, OrderStatus, Trade};
use super::ticket::Side;
use super::wire::{number, number_or_text};
use crate::answer::Answer;
use crate::call::Call;
use crate::contracts::Market;
use crate::oauth::Caller;
use crate::options::Spelling;
use crate::state::Desk;

/// Rows of one answer.
const ROWS_MAX: usize = 1_000;
/// Days that trades reach back.
const TRADE_DAYS_MAX: i64 = 7;

/// `GET /iserver/account/orders`: the first call, and every one with `force=true`, is empty.
pub(crate) fn live_orders(desk: &mut Desk<'_>, caller: &Caller, call: &Call) -> Answer {
    let query = call.query_values();
    let forced = query.get("force").is_some_and(|force| force.eq_ignore_ascii_case("true"));
    let Some(session) = desk.session(caller) else {
        return Answer::error(400, "Bad Request: no bridge");
    };
    let first = !std::mem::replace(&mut session.orders_preflighted, true);
    let account = query.get("accountId").cloned().unwrap_or_else(|| session.selected_account.clone());
    if first || forced {
        return Answer::json(&json!({"orders": [], "snapshot": false}));
    }
    let wanted: Vec<String> =
        query.get("filters").map(|list| list.split(',').map(status_of_filter).collect()).unwrap_or_default();
    let options = &desk.state.options;
    let (day, earlier) = (desk.state.day, options.list_earlier_sessions);
    let (as_text, parents) = (options.numbers_as_text, options.show_parents);
    let (spelling, named) = (options.spelling, options.name_live_orders);
    let delay = SignedDuration::from_millis(desk.state.options.live_orders_delay_ms);
    let rows: Vec<Value> = desk
        .state
        .book
        .orders
        .values()
        .rev()
        .filter(|order| order.username == caller.username && order.ticket.account == account)
        .filter(|order| order.registered_at + delay <= desk.now)
        .filter(|order| order.day == day || (earlier && !order.status.is_final()))
        .filter(|order| wanted.is_empty() || wanted.iter().any(|status| status == &order.status.wire().to_lowercase()))
        .take(ROWS_MAX)
        .map(|order| {
            let mut row = order_row(order, filled_told(desk, order), as_text, parents);
            if let (false, Some(fields)) = (named, row.as_object_mut()) {
                fields.remove("order_ref");
            }
            row
        })
        .collect();
    // The recorded answer lists orders and calls itself no snapshot.
    let snapshot = if rows.is_empty() { !options.empty_is_no_snapshot } else { spelling == Spelling::Described };
    Answer::json(&json!({"orders": rows, "snapshot": snapshot}))
}

/// `GET /iserver/account/order/status/{id}`: 503 for orders of an earlier day or of an account that is not selected.
pub(crate) fn status(desk: &mut Desk<'_>, caller: &Caller, id: &str) -> Answer {
    let selected = desk.session(caller).map(|session| session.selected_account.clone()).unwrap_or_default();
    let day = desk.state.day;
    let order = id.parse().ok().and_then(|id| desk.state.book.order(id));
    let visible =
        |order: &&Order| order.username == caller.username && order.day == day && order.ticket.account == selected;
    match order.filter(visible) {
        Some(order) if desk.state.options.spelling == Spelling::Recorded => {
            Answer::json(&recorded_status_value(order, filled_told(desk, order)))
        }
        Some(order) => {
            let mut shown = status_value(order, filled_told(desk, order));
            if let (false, Some(fields)) = (desk.state.options.name_live_orders, shown.as_object_mut()) {
                fields.remove("order_ref");
            }
            Answer::json(&shown)
        }
        None => Answer::new(503, "text/plain", "").with_header("x-response-time", "10000ms"),
    }
}

/// `GET /iserver/account/trades?days=…`.
pub(crate) fn trades(desk: &mut Desk<'_>, caller: &Caller, call: &Call) -> Answer {
    let query = call.query_values();
    let selected = desk.session(caller).map(|session| session.selected_account.clone()).unwrap_or_default();
    let account = query.get("accountId").unwrap_or(&selected);
    let days = query.get("days").and_then(|days| days.parse().ok()).unwrap_or(1_i64).clamp(1, TRADE_DAYS_MAX);
    let since = desk.now - SignedDuration::from_hours(24 * days);
    let rows: Vec<Value> = desk
        .state
        .book
        .trades
        .iter()
        .rev()
        .filter(|trade| trade.username == caller.username && &trade.account == account && trade.at >= since)
        .filter(|trade| is_told(desk, trade))
        .take(ROWS_MAX)
        .map(|trade| {
            let told = trade.at + SignedDuration::from_millis(desk.state.options.commission_delay_ms) <= desk.now;
            trade_row(trade, desk.state.options.spelling, told)
        })
        .collect();
    Answer::json(&Value::Array(rows))
}

fn is_told(desk: &Desk<'_>, trade: &Trade) -> bool {
    trade.at + SignedDuration::from_millis(desk.state.options.quantities_delay_ms) <= desk.now
}

/// How much of an order is filled, by the executions that are told by now.
fn filled_told(desk: &Desk<'_>, order: &Order) -> Decimal {
    let untold = desk.state.book.trades.iter().filter(|trade| trade.order_id == order.id && !is_told(desk, trade));
    // A correction is of an execution that is counted.
    let untold = untold.filter(|trade| trade.execution_id.ends_with(".01"));
    order.filled - untold.map(|trade| trade.size).sum::<Decimal>()
}

fn order_row(order: &Order, filled: Decimal, as_text: bool, parents: bool) -> Value {
    let ticket = &order.ticket;
    let amount = |value: Option<Decimal>| value.map_or_else(|| json!(""), |value| number_or_text(value, as_text));
    json!({
        "acct": ticket.account,
        "account": ticket.account,
        "conidex": ticket.conid.to_string(),
        "conid": ticket.conid,
        "orderId": order.id,
        "parentId": order.parent_id.filter(|_| parents),
        "ticker": Market::symbol(ticket.conid),
        "secType": Market::security_type(ticket.conid),
        "listingExchange": "SMART",
        "side": ticket.side.wire(),
        "orderType": ticket.order_type.label(),
        "origOrderType": ticket.order_type.label().to_uppercase().replace(' ', "_"),
        // A day order is shown as CLOSE here, as in the broker's own sample of this answer.
        "timeInForce": if ticket.time_in_force == "DAY" { "CLOSE" } else { &ticket.time_in_force },
        "price": amount(ticket.price),
        "auxPrice": amount(ticket.aux_price),
        "totalSize": number(ticket.quantity),
        "filledQuantity": number(filled),
        "remainingQuantity": number(ticket.quantity - filled),
        "avgPrice": amount(order.average_price().filter(|_| !filled.is_zero())),
        "sizeAndFills": format!("{filled}/{}", ticket.quantity),
        "status": order.shown_status(),
        "order_ccp_status": order.shown_status(),
        "order_ref": ticket.client_order_id,
        "outsideRTH": ticket.outside_regular_hours,
        "lastExecutionTime": compact(order.updated_at),
        "lastExecutionTime_r": order.updated_at.as_millisecond(),
    })
}

fn status_value(order: &Order, filled: Decimal) -> Value {
    let ticket = &order.ticket;
    let text = |value: Option<Decimal>| value.map(|value| value.normalize().to_string()).unwrap_or_default();
    let has_stop = ticket.order_type.is_stop();
    let stop = if ticket.aux_price.is_some() { ticket.aux_price } else { ticket.price.filter(|_| has_stop) };
    let limit = ticket.price.filter(|_| !has_stop || ticket.aux_price.is_some());
    json!({
        "sub_type": null,
        "request_id": "209",
        "order_id": order.id,
        "conid": ticket.conid,
        "conidex": ticket.conid.to_string(),
        "symbol": Market::symbol(ticket.conid),
        "side": if ticket.side == Side::Buy { "B" } else { "S" },
        "order_type": ticket.order_type.label().to_uppercase().replace(' ', "_"),
        "order_status": order.status_by_number(),
        "order_ccp_status": ccp_status(order.status),
        "size": text(Some(ticket.quantity - filled)),
        "total_size": text(Some(ticket.quantity)),
        "cum_fill": text(Some(filled)),
        "average_price": text(order.average_price().filter(|_| !filled.is_zero())),
        "limit_price": text(limit),
        "stop_price": text(stop),
        "currency": "USD",
        "account": ticket.account,
        "tif": ticket.time_in_force,
        "order_ref": ticket.client_order_id,
        "order_not_editable": order.status.is_final(),
        "cannot_cancel_order": order.status.is_final(),
        "order_time": compact(order.registered_at),
    })
}

/// As another client recorded it: the fill has other names, `size` is the whole, no account is named, and amounts have a point.
fn recorded_status_value(order: &Order, filled: Decimal) -> Value {
    let ticket = &order.ticket;
    let text = |value: Decimal| {
        let text = value.normalize().to_string();
        if text.contains('.') { text } else { format!("{text}.0") }
    };
    json!({
        "sub_type": null,
        "request_id": "12345",
        "order_id": order.id,
        "conid": ticket.conid,
        "conidex": ticket.conid.to_string(),
        "symbol": Market::symbol(ticket.conid),
        "side": ticket.side.wire(),
        "order_type": ticket.order_type.label(),
        "order_status": order.status_by_number(),
        "size": text(ticket.quantity),
        "total_size": text(ticket.quantity),
        "total_cash_size": "0.0",
        "filled_quantity": text(filled),
        "remaining_quantity": text(ticket.quantity - filled),
        "avg_fill_price": order.average_price().filter(|_| !filled.is_zero()).map(text).unwrap_or_default(),
        "price": text(ticket.price.unwrap_or_default()),
        "order_clearing_account": ticket.account,
        "tif": ticket.time_in_force,
        "outside_rth": ticket.outside_regular_hours,
        "order_not_editable": order.status.is_final(),
        "cannot_cancel_order": order.status.is_final(),
        "order_time": compact(order.registered_at),
    })
}

fn trade_row(trade: &Trade, spelling: Spelling, commission_told: bool) -> Value {
    let recorded = spelling == Spelling::Recorded;
    // Before it is known it is an empty text in the one, and "0" in the other.
    let commission = match (commission_told, recorded) {
        (true, _) => trade.commission.normalize().to_string(),
        (false, true) => String::new(),
        (false, false) => "0".to_owned(),
    };
    let mut row = json!({
        "execution_id": trade.execution_id,
        "symbol": Market::symbol(trade.conid),
        "supports_tax_opt": "1",
        "side": match (trade.side == Side::Buy, recorded) {
            (true, false) => "B",
            (false, false) => "S",
            (true, true) => "BOT",
            (false, true) => "SLD",
        },
        "order_id": trade.order_id,
        "order_ref": trade.client_order_id,
        "order_description": format!("{} {} @ {}", trade.side.wire(), trade.size, trade.price),
        "trade_time": trade.at.strftime("%Y%m%d-%H:%M:%S").to_string(),
        "trade_time_r": trade.at.as_millisecond(),
        "size": number(trade.size),
        "price": trade.price.normalize().to_string(),
        "commission": commission,
        "net_amount": number(trade.size * trade.price),
        "exchange": "NASDAQ",
        "account": trade.account,
        "accountCode": trade.account,
        "sec_type": Market::security_type(trade.conid),
        "conid": trade.conid,
        "conidEx": trade.conid.to_string(),
    });
    if let (true, Some(fields)) = (recorded, row.as_object_mut()) {
        fields.insert("price".to_owned(), number(trade.price));
        fields.remove("account");
        fields.remove("accountCode");
    }
    row
}

fn compact(at: Timestamp) -> String {
    at.strftime("%y%m%d%H%M%S").to_string()
}

fn ccp_status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Filled => "2",
        OrderStatus::Cancelled => "4",
        OrderStatus::Inactive => "8",
        _ => "0",
    }
}

/// `pre_submitted` is `PreSubmitted`.
fn status_of_filter(filter: &str) -> String {
    filter.replace('_', "").to_lowercase()
}
