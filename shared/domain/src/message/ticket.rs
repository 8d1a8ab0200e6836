//! The ticket's fields of a message.

use crate::amount::Amount;
use crate::exit_sides::on_the_wrong_side;
use crate::fields::{Fields, shortened};
use crate::ids::Conid;
use crate::leg::LegRole;
use crate::ticket::{
    Attached, Contract, OrderType, Side, Size, StopLoss, SymbolContract, TakeProfit, Ticket, TimeInForce, Trail,
};

/// The longest word of a contract in words, in characters.
const CONTRACT_WORD_CHARACTERS_MAX: usize = 32;

pub(super) fn read(fields: &mut Fields<'_>) -> Option<Ticket> {
    let contract = contract(fields);
    let side = fields.required("side", |text| match text {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        other => Err(format!("must be buy or sell, not {:?}", shortened(other))),
    });
    let is_by_cash = fields.has("cash_quantity");
    let how_much = size(fields);
    let order_type = order_type(fields);
    let time_in_force = fields.required("time_in_force", time_in_force);
    let outside_regular_hours = fields.boolean("outside_regular_hours");
    if fields.has("attached") && is_by_cash {
        fields.fault("attached", "needs a quantity: a cash quantity leaves that of the exits open");
    }
    let attached = fields.object("attached", |exits| Some(read_attached(exits)));
    if let (Some(side), Some(entry), Some(attached)) = (side, &order_type, &attached) {
        for (role, fault) in on_the_wrong_side(side, entry, attached) {
            let field = match role {
                LegRole::TakeProfit => "attached.take_profit.limit_price",
                LegRole::StopLoss => "attached.stop_loss.stop_price",
            };
            fields.fault(field, fault);
        }
    }
    Some(Ticket {
        contract: contract?,
        side: side?,
        size: how_much?,
        order_type: order_type?,
        time_in_force: time_in_force?,
        outside_regular_hours,
        attached,
    })
}

pub(super) fn time_in_force(text: &str) -> Result<TimeInForce, String> {
    match text {
        "day" => Ok(TimeInForce::Day),
        "gtc" => Ok(TimeInForce::Gtc),
        "ioc" => Ok(TimeInForce::Ioc),
        "opg" => Ok(TimeInForce::Opg),
        other => Err(format!("must be day, gtc, ioc or opg, not {:?}", shortened(other))),
    }
}

pub(super) fn trail(fields: &mut Fields<'_>) -> Option<Trail> {
    fields.object("trail", |trail| {
        let is_given = (trail.has("amount"), trail.has("percent"));
        let amount = trail.optional("amount", str::parse::<Amount>);
        let percent = trail.optional("percent", percent);
        match is_given {
            (true, false) => amount.map(Trail::Amount),
            (false, true) => percent.map(Trail::Percent),
            (false, false) => {
                trail.fault("", "needs amount or percent");
                None
            }
            (true, true) => {
                trail.fault("", "takes amount or percent, not both");
                None
            }
        }
    })
}

fn percent(text: &str) -> Result<Amount, String> {
    let percent: Amount = text.parse().map_err(|error: crate::InvalidAmount| error.to_string())?;
    if percent.get() >= rust_decimal::Decimal::ONE_HUNDRED {
        return Err("must be less than 100".to_owned());
    }
    Ok(percent)
}

fn contract(fields: &mut Fields<'_>) -> Option<Contract> {
    if !fields.has("contract") {
        fields.fault("contract", "is missing");
    }
    fields.object("contract", |contract| {
        if contract.has("conid") {
            if contract.has("symbol") {
                contract.take("symbol");
                contract.fault("symbol", "stands beside conid: give one of the two");
            }
            let number = contract.whole_number("conid")?;
            return match Conid::try_from(number) {
                Ok(conid) => Some(Contract::Conid { conid }),
                Err(error) => {
                    contract.fault("conid", error.to_string());
                    None
                }
            };
        }
        if !contract.has("symbol") {
            contract.fault("", "needs conid or symbol");
            return None;
        }
        let symbol = contract.optional("symbol", word);
        let exchange = contract.optional("exchange", word);
        let currency = contract.optional("currency", word);
        let security_type = contract.optional("security_type", word);
        Some(Contract::Symbol(SymbolContract { symbol: symbol?, exchange, currency, security_type }))
    })
}

fn word(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= CONTRACT_WORD_CHARACTERS_MAX;
    // Symbols hold spaces and points (`BRK B`), but nothing that could steer a URL's query.
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '/' | '\'' | '_' | '@');
    if fits && text.chars().all(allowed) && text.trim() == text {
        Ok(text.to_owned())
    } else {
        Err(format!("must be 1 to {CONTRACT_WORD_CHARACTERS_MAX} of A-Z a-z 0-9 space . - / ' _ @"))
    }
}

fn size(fields: &mut Fields<'_>) -> Option<Size> {
    let quantity = fields.has("quantity");
    let cash_quantity = fields.has("cash_quantity");
    let by_quantity = fields.optional("quantity", size_amount);
    let by_cash = fields.optional("cash_quantity", size_amount);
    match (quantity, cash_quantity) {
        (true, true) => {
            fields.fault("cash_quantity", "stands beside quantity: give one of the two");
            None
        }
        (false, false) => {
            fields.fault("quantity", "is missing: give quantity or cash_quantity");
            None
        }
        (true, false) => by_quantity.map(Size::Quantity),
        (false, true) => by_cash.map(Size::CashQuantity),
    }
}

/// How much of a contract, or for how much money.
pub(super) fn size_amount(text: &str) -> Result<Amount, String> {
    let is_negative = text.trim().starts_with(['-', '−']);
    let side = if is_negative { ", and the side says whether it is bought or sold" } else { "" };
    text.parse().map_err(|error: crate::InvalidAmount| format!("{error}{side}"))
}

fn order_type(fields: &mut Fields<'_>) -> Option<OrderType> {
    let Some(name) = fields.required("type", |text| Ok::<_, String>(text.to_owned())) else {
        unjudged_prices(fields);
        return None;
    };
    let mut prices = Prices { fields, name: &name };
    match name.as_str() {
        "market" => {
            prices.unused(&["limit_price", "stop_price", "trail"]);
            Some(OrderType::Market)
        }
        "limit" => {
            let limit_price = prices.required("limit_price");
            prices.unused(&["stop_price", "trail"]);
            Some(OrderType::Limit { limit_price: limit_price? })
        }
        "stop" => {
            let stop_price = prices.required("stop_price");
            prices.unused(&["limit_price", "trail"]);
            Some(OrderType::Stop { stop_price: stop_price? })
        }
        "stop_limit" => {
            let (stop_price, limit_price) = (prices.required("stop_price"), prices.required("limit_price"));
            prices.unused(&["trail"]);
            Some(OrderType::StopLimit { stop_price: stop_price?, limit_price: limit_price? })
        }
        "trailing_stop" => {
            let (trail, stop_price) = (prices.trail(), prices.optional("stop_price"));
            prices.unused(&["limit_price"]);
            Some(OrderType::TrailingStop { trail: trail?, stop_price })
        }
        "trailing_stop_limit" => {
            let trail = prices.trail();
            let (stop_price, limit_price) = (prices.required("stop_price"), prices.required("limit_price"));
            Some(OrderType::TrailingStopLimit { trail: trail?, stop_price: stop_price?, limit_price: limit_price? })
        }
        "midprice" => {
            let limit_price = prices.optional("limit_price");
            prices.unused(&["stop_price", "trail"]);
            Some(OrderType::Midprice { limit_price })
        }
        other => {
            let message = format!(
                "must be market, limit, stop, stop_limit, trailing_stop, trailing_stop_limit or midprice, not {:?}",
                shortened(other)
            );
            fields.fault("type", message);
            unjudged_prices(fields);
            None
        }
    }
}

/// Which prices belong to an order whose type cannot be read nobody knows: each is read, and none is too much or missing.
fn unjudged_prices(fields: &mut Fields<'_>) {
    for field in ["limit_price", "stop_price"] {
        fields.optional(field, str::parse::<Amount>);
    }
    trail(fields);
}

/// The prices that go with one type of order.
struct Prices<'a, 'f> {
    fields: &'a mut Fields<'f>,
    name: &'a str,
}

impl Prices<'_, '_> {
    fn required(&mut self, field: &str) -> Option<Amount> {
        self.need(field);
        self.optional(field)
    }

    fn optional(&mut self, field: &str) -> Option<Amount> {
        self.fields.optional(field, str::parse::<Amount>)
    }

    fn trail(&mut self) -> Option<Trail> {
        self.need("trail");
        trail(self.fields)
    }

    fn need(&mut self, field: &str) {
        if !self.fields.has(field) {
            self.fields.fault(field, format!("is missing: a {} order needs it", self.name));
        }
    }

    fn unused(&mut self, unused: &[&str]) {
        for field in unused {
            if self.fields.has(field) {
                self.fields.take(field);
                self.fields.fault(field, format!("has no meaning in a {} order", self.name));
            }
        }
    }
}

fn read_attached(attached: &mut Fields<'_>) -> Attached {
    let has_an_exit = attached.has("take_profit") || attached.has("stop_loss");
    let take_profit = attached.object("take_profit", |exit| {
        let limit_price = exit.required("limit_price", str::parse::<Amount>)?;
        Some(TakeProfit { limit_price })
    });
    let stop_loss = attached.object("stop_loss", |exit| {
        let stop_price = exit.required("stop_price", str::parse::<Amount>);
        let limit_price = exit.optional("limit_price", str::parse::<Amount>);
        Some(StopLoss { stop_price: stop_price?, limit_price })
    });
    if !has_an_exit {
        attached.fault("", "needs take_profit, stop_loss, or both");
    }
    Attached { take_profit, stop_loss }
}
