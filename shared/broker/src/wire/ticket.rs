//! An order as the broker wants it written (IBKR Web API, place order).

use domain::{OrderType, Side, Size, Ticket, TimeInForce, Trail};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::orders::OrderRequest;

/// The body of placing and of previewing.
#[derive(Serialize)]
pub(crate) struct WireOrders<'a> {
    pub(crate) orders: Vec<WireTicket<'a>>,
}

/// One ticket. The broker's own spelling is in each name.
#[derive(Serialize, Clone)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireTicket<'a> {
    acct_id: &'a str,
    conid: u64,
    #[serde(rename = "cOID", skip_serializing_if = "Option::is_none")]
    client_order_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'a str>,
    order_type: &'static str,
    side: &'static str,
    tif: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<ExactNumber>,
    #[serde(rename = "cashQty", skip_serializing_if = "Option::is_none")]
    cash_quantity: Option<ExactNumber>,
    #[serde(flatten)]
    prices: Prices,
    #[serde(rename = "outsideRTH", skip_serializing_if = "Option::is_none")]
    outside_regular_hours: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manual_order_time: Option<i64>,
}

/// `price` is the limit, but for STP and TRAIL the stop; `STOP_LIMIT` and `TRAILLMT` have the stop in `auxPrice`.
#[derive(Serialize, Clone, Copy, Default)]
#[serde(rename_all = "camelCase")]
struct Prices {
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<ExactNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aux_price: Option<ExactNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_amt: Option<ExactNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_type: Option<&'static str>,
}

/// A decimal as a JSON number, digit for digit.
#[derive(Clone, Copy)]
struct ExactNumber(Decimal);

impl Serialize for ExactNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'a> WireTicket<'a> {
    /// The parent first, then its exits.
    pub(crate) fn with_exits(request: &'a OrderRequest<'a>) -> Result<Vec<Self>, String> {
        let mut tickets = vec![Self::parent(request)];
        if request.ticket.attached.is_some() {
            tickets.extend(Self::exits(request)?);
        }
        Ok(tickets)
    }

    /// The whole ticket without its exits and without the client order id: for a change, where it would be "already
    /// registered", and for a preview, which must not use it up.
    pub(crate) fn nameless(request: &'a OrderRequest<'a>) -> Self {
        Self { client_order_id: None, ..Self::parent(request) }
    }

    fn parent(request: &'a OrderRequest<'a>) -> Self {
        let Ticket { side, size, order_type, time_in_force, outside_regular_hours, .. } = request.ticket;
        let (quantity, cash_quantity) = match size {
            Size::Quantity(amount) => (Some(ExactNumber(amount.get())), None),
            Size::CashQuantity(amount) => (None, Some(ExactNumber(amount.get()))),
        };
        let (order_type, prices) = written(order_type);
        Self {
            acct_id: request.account_id.as_str(),
            conid: request.conid.into(),
            client_order_id: Some(request.client_order_id.as_str()),
            parent_id: None,
            order_type,
            side: side_word(*side),
            tif: time_in_force_word(*time_in_force),
            quantity,
            cash_quantity,
            prices,
            outside_regular_hours: *outside_regular_hours,
            manual_order_time: request.manual_order_time.map(jiff::Timestamp::as_second),
        }
    }

    /// Exits carry the parent's client order id as `parentId` and have none of their own. Those of an order that cannot
    /// wait (IOC, OPG) work for the day.
    fn exits(request: &'a OrderRequest<'a>) -> Result<Vec<Self>, String> {
        if !matches!(request.ticket.size, Size::Quantity(_)) {
            return Err("the exits of a bracket need a quantity; a cash quantity leaves theirs open".to_owned());
        }
        let parent = Self::parent(request);
        let exit = |exit: &Ticket| {
            let (order_type, prices) = written(&exit.order_type);
            Self {
                client_order_id: None,
                parent_id: Some(request.client_order_id.as_str()),
                order_type,
                side: side_word(exit.side),
                tif: time_in_force_word(exit.time_in_force),
                prices,
                ..parent.clone()
            }
        };
        Ok(request.ticket.exits().iter().map(|(_, ticket)| exit(ticket)).collect())
    }
}

fn written(order_type: &OrderType) -> (&'static str, Prices) {
    let number = |amount: domain::Amount| Some(ExactNumber(amount.get()));
    let prices = |price, aux_price| Prices { price, aux_price, ..Prices::default() };
    let trailing = |trail: Trail, prices: Prices| match trail {
        Trail::Amount(amount) => Prices { trailing_amt: number(amount), trailing_type: Some("amt"), ..prices },
        Trail::Percent(percent) => Prices { trailing_amt: number(percent), trailing_type: Some("%"), ..prices },
    };
    match *order_type {
        OrderType::Market => ("MKT", Prices::default()),
        OrderType::Limit { limit_price } => ("LMT", prices(number(limit_price), None)),
        OrderType::Stop { stop_price } => ("STP", prices(number(stop_price), None)),
        OrderType::StopLimit { stop_price, limit_price } => {
            ("STOP_LIMIT", prices(number(limit_price), number(stop_price)))
        }
        OrderType::TrailingStop { trail, stop_price } => {
            ("TRAIL", trailing(trail, prices(stop_price.and_then(number), None)))
        }
        OrderType::TrailingStopLimit { trail, stop_price, limit_price } => {
            ("TRAILLMT", trailing(trail, prices(number(limit_price), number(stop_price))))
        }
        OrderType::Midprice { limit_price } => ("MIDPRICE", prices(limit_price.and_then(number), None)),
    }
}

fn side_word(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

fn time_in_force_word(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::Day => "DAY",
        TimeInForce::Gtc => "GTC",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Opg => "OPG",
    }
}
