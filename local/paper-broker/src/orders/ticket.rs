//! An order ticket, read and checked as the broker does (5.1 of the facts).

use rust_decimal::Decimal;
use serde_json::Value;

use super::wire::decimal;
use crate::contracts::Market;

/// Letters of a `cOID`; the broker publishes no limit.
const CLIENT_ORDER_ID_MAX: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderType {
    Limit,
    Market,
    Stop,
    StopLimit,
    MidPrice,
    Trail,
    TrailLimit,
}

impl OrderType {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "LMT" => Self::Limit,
            "MKT" => Self::Market,
            "STP" => Self::Stop,
            "STOP_LIMIT" => Self::StopLimit,
            "MIDPRICE" => Self::MidPrice,
            "TRAIL" => Self::Trail,
            "TRAILLMT" => Self::TrailLimit,
            _ => return None,
        })
    }

    /// As tickets say it.
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Limit => "LMT",
            Self::Market => "MKT",
            Self::Stop => "STP",
            Self::StopLimit => "STOP_LIMIT",
            Self::MidPrice => "MIDPRICE",
            Self::Trail => "TRAIL",
            Self::TrailLimit => "TRAILLMT",
        }
    }

    /// As rows of live orders say it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Limit => "Limit",
            Self::Market => "Market",
            Self::Stop => "Stop",
            Self::StopLimit => "Stop Limit",
            Self::MidPrice => "MidPrice",
            Self::Trail => "TRAIL",
            Self::TrailLimit => "TRAILLMT",
        }
    }

    /// Whether it waits for a stop price.
    pub(crate) fn is_stop(self) -> bool {
        matches!(self, Self::Stop | Self::StopLimit | Self::Trail | Self::TrailLimit)
    }

    fn is_trailing(self) -> bool {
        matches!(self, Self::Trail | Self::TrailLimit)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Buy,
    Sell,
}

impl Side {
    pub(crate) fn wire(self) -> &'static str {
        if self == Self::Buy { "BUY" } else { "SELL" }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trail {
    Amount(Decimal),
    Percent(Decimal),
}

impl Trail {
    /// As tickets say it: the amount and its type.
    pub(crate) fn wire(self) -> (Decimal, String) {
        match self {
            Self::Amount(amount) => (amount, "amt".to_owned()),
            Self::Percent(percent) => (percent, "%".to_owned()),
        }
    }

    /// The distance from `anchor` to the stop.
    pub(crate) fn distance(self, anchor: Decimal) -> Decimal {
        match self {
            Self::Amount(amount) => amount,
            Self::Percent(percent) => anchor * percent / Decimal::ONE_HUNDRED,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the ticket's own fields")]
pub(crate) struct Ticket {
    pub(crate) account: String,
    pub(crate) conid: i64,
    pub(crate) client_order_id: Option<String>,
    /// The `cOID` or the order id of the parent.
    pub(crate) parent: Option<String>,
    pub(crate) order_type: OrderType,
    pub(crate) side: Side,
    /// The limit price; of a stop, and of a trailing stop, the stop price.
    pub(crate) price: Option<Decimal>,
    pub(crate) aux_price: Option<Decimal>,
    pub(crate) trail: Option<Trail>,
    pub(crate) time_in_force: String,
    pub(crate) quantity: Decimal,
    /// The quantity was worked out from a cash quantity.
    pub(crate) is_by_cash: bool,
    pub(crate) outside_regular_hours: bool,
    /// When it was entered, in seconds of the epoch.
    pub(crate) manual_order_time: Option<i64>,
    pub(crate) is_single_group: bool,
    pub(crate) deactivated: bool,
}

impl Ticket {
    /// Reads a ticket; the error is the broker's text.
    pub(crate) fn parse(
        body: &Value,
        path_account: &str,
        accounts: &[String],
        market: &Market,
    ) -> Result<Self, String> {
        let account = text(body, "acctId").unwrap_or(path_account);
        if !accounts.iter().any(|known| known == account) {
            return Err(format!("accountId is not valid: {account}"));
        }
        let conid = conid(body)?;
        if let Some(refusal) = market.refusals.get(&conid) {
            return Err(refusal.clone());
        }
        let order_type =
            text(body, "orderType").and_then(OrderType::parse).ok_or("invalid order attribute : orderType")?;
        let side = match text(body, "side") {
            Some("BUY" | "B") => Side::Buy,
            Some("SELL" | "S") => Side::Sell,
            _ => return Err("invalid order attribute : side".to_owned()),
        };
        let ticket = Self {
            account: account.to_owned(),
            conid,
            client_order_id: text(body, "cOID").map(str::to_owned),
            parent: text(body, "parentId")
                .map(str::to_owned)
                .or_else(|| body.get("parentId")?.as_i64().map(|id| id.to_string())),
            order_type,
            side,
            price: price(body, "price")?,
            aux_price: price(body, "auxPrice")?,
            trail: trail(body)?,
            time_in_force: time_in_force(body)?,
            quantity: quantity(body, market.price(conid))?,
            is_by_cash: body.get("cashQty").is_some_and(|cash| !cash.is_null()),
            outside_regular_hours: flag(body, "outsideRTH"),
            manual_order_time: body.get("manualOrderTime").and_then(Value::as_i64),
            is_single_group: flag(body, "isSingleGroup"),
            deactivated: flag(body, "deactivated"),
        };
        ticket.check()?;
        Ok(ticket)
    }

    /// An account's orders must all say when they were entered, or none may (section 4 of the facts).
    pub(crate) fn check_time(self, must_tell: bool) -> Result<Self, String> {
        match (must_tell, self.manual_order_time) {
            (true, None) => Err("invalid order attribute : manualOrderTime is missing".to_owned()),
            (false, Some(_)) => Err("invalid order attribute : manualOrderTime is not allowed".to_owned()),
            _ => Ok(self),
        }
    }

    /// What its type needs.
    fn check(&self) -> Result<(), String> {
        let needs_price = matches!(
            self.order_type,
            OrderType::Limit | OrderType::Stop | OrderType::StopLimit | OrderType::TrailLimit
        );
        let needs_aux = matches!(self.order_type, OrderType::StopLimit | OrderType::TrailLimit);
        if (needs_price && self.price.is_none()) || (needs_aux && self.aux_price.is_none()) {
            return Err("invalid order price fields".to_owned());
        }
        if self.order_type.is_trailing() && self.trail.is_none() {
            return Err("invalid order attribute : trailingAmt and trailingType".to_owned());
        }
        let inside_only = matches!(self.order_type, OrderType::Market | OrderType::MidPrice);
        if self.outside_regular_hours && (inside_only || self.time_in_force == "OPG") {
            return Err("invalid order attribute : Outside Regular Trading Hours".to_owned());
        }
        if self.client_order_id.as_ref().is_some_and(|id| id.len() > CLIENT_ORDER_ID_MAX) {
            return Err("invalid order attribute : cOID".to_owned());
        }
        if self.client_order_id.is_some() && self.parent.is_some() {
            return Err("invalid order attribute : cOID of a child order".to_owned());
        }
        Ok(())
    }
}

fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field)?.as_str().filter(|text| !text.is_empty())
}

fn flag(body: &Value, field: &str) -> bool {
    body.get(field).and_then(Value::as_bool).unwrap_or(false)
}

fn conid(body: &Value) -> Result<i64, String> {
    let direct = body.get("conid").and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
    let routed = || text(body, "conidex")?.split('@').next()?.parse().ok();
    let typed = || text(body, "secType")?.split(':').next()?.parse().ok();
    let conid = direct.or_else(routed).or_else(typed).ok_or("conid or conidex is missing")?;
    Market::contract(conid).map(|_| conid).ok_or_else(|| format!("Contract {conid} not found"))
}

fn price(body: &Value, field: &str) -> Result<Option<Decimal>, String> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match decimal(value).filter(|price| price.is_sign_positive() && !price.is_zero()) {
            Some(price) => Ok(Some(price)),
            None => Err("invalid order price fields".to_owned()),
        },
    }
}

fn trail(body: &Value) -> Result<Option<Trail>, String> {
    let amount = price(body, "trailingAmt").map_err(|_| "invalid order attribute : trailingAmt")?;
    match (amount, text(body, "trailingType")) {
        (None, None) => Ok(None),
        (Some(amount), Some("amt")) => Ok(Some(Trail::Amount(amount))),
        (Some(amount), Some("%")) => Ok(Some(Trail::Percent(amount))),
        _ => Err("invalid order attribute : trailingAmt and trailingType".to_owned()),
    }
}

fn time_in_force(body: &Value) -> Result<String, String> {
    let known = ["DAY", "GTC", "IOC", "OPG", "PAX", "OVT", "OND"];
    let found = text(body, "tif").filter(|tif| known.contains(tif));
    found.map(str::to_owned).ok_or_else(|| "invalid order attribute : tif".to_owned())
}

/// Whole shares; a cash quantity is rounded down to them.
fn quantity(body: &Value, price: Option<Decimal>) -> Result<Decimal, String> {
    let field = |name: &str| body.get(name).filter(|value| !value.is_null());
    let positive = |value: &Value| decimal(value).filter(|quantity| quantity.is_sign_positive() && !quantity.is_zero());
    match (field("quantity"), field("cashQty")) {
        (Some(value), None) => {
            let quantity = positive(value).ok_or("invalid order attribute : quantity")?;
            if quantity.fract().is_zero() {
                Ok(quantity.normalize())
            } else {
                Err("Fractional-sized orders are not supported.".to_owned())
            }
        }
        (None, Some(value)) => {
            let cash = positive(value).ok_or("invalid order attribute : cashQty")?;
            let price = price.ok_or("Cash quantity cannot be used without market data.")?;
            let shares = (cash / price).floor();
            if shares.is_zero() {
                Err("Cash quantity is less than one share.".to_owned())
            } else {
                Ok(shares.normalize())
            }
        }
        (Some(_), Some(_)) => Err("quantity and cashQty cannot be used together.".to_owned()),
        (None, None) => Err("invalid order attribute : quantity".to_owned()),
    }
}
