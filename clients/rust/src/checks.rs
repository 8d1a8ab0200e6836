//! Checks of a message's fields before it is sent: the server's own (schemas/order-message.schema.json).

use crate::amount::Amount;
use crate::error::{FieldFault, InvalidMessage};
use crate::ticket::{Attached, Conid, Contract, OrderType, Side, Symbol, Trail};

/// Collects every fault of a message, so that one reading names them all.
#[derive(Default)]
pub(crate) struct Faults(Vec<FieldFault>);

impl Faults {
    pub(crate) fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldFault { field: field.to_owned(), message: message.into() });
    }

    pub(crate) fn into_result(self) -> Result<(), InvalidMessage> {
        if self.0.is_empty() { Ok(()) } else { Err(InvalidMessage { faults: self.0 }) }
    }

    pub(crate) fn user_id(&mut self, text: &str) {
        self.text("user_id", text, 128, |byte| byte.is_ascii_graphic(), "visible ASCII characters, without spaces");
    }

    pub(crate) fn algorithm_id(&mut self, text: &str) {
        self.text("algorithm_id", text, 64, |byte| is_word(byte) || byte == b'.', "of A-Z a-z 0-9 _ - .");
    }

    pub(crate) fn order_id(&mut self, text: &str) {
        self.text("order_id", text, 36, is_word, "of A-Z a-z 0-9 _ -");
    }

    pub(crate) fn account_id(&mut self, text: &str) {
        self.text("account_id", text, 24, is_word, "of A-Z a-z 0-9 _ -");
    }

    pub(crate) fn contract(&mut self, contract: &Contract, conid_max: u32) {
        match contract {
            Contract::Conid(Conid { conid }) if (1..=conid_max).contains(conid) => {}
            Contract::Conid(_) => {
                self.add("contract.conid", format!("must be a whole number from 1 to {conid_max}"));
            }
            Contract::Symbol(Symbol { symbol, exchange, currency, security_type }) => {
                let words = [("exchange", exchange), ("currency", currency), ("security_type", security_type)];
                self.symbol(symbol);
                for (field, word) in words {
                    if let Some(word) = word {
                        self.word(field, word);
                    }
                }
            }
        }
    }

    /// What the type needs must be given, and what has no meaning in it must not.
    pub(crate) fn prices_of(&mut self, order_type: OrderType, given: [(&'static str, bool); 3]) {
        let (needed, allowed) = prices(order_type);
        for (field, is_given) in given {
            if needed.contains(&field) && !is_given {
                self.add(field, "is missing: an order of this type needs it");
            }
            if is_given && !needed.contains(&field) && !allowed.contains(&field) {
                self.add(field, "has no meaning in an order of this type");
            }
        }
    }

    pub(crate) fn trail(&mut self, trail: Option<Trail>) {
        if let Some(Trail::Percent(percent)) = trail
            && percent.get() >= rust_decimal::Decimal::ONE_HUNDRED
        {
            self.add("trail.percent", format!("must be less than 100, not {}", Amount::to_string(&percent)));
        }
    }

    /// An exit on the wrong side would trade as soon as the entry is filled. The market's price is nobody's to know.
    pub(crate) fn sides(&mut self, side: Side, prices: &[Amount], attached: Attached) {
        const SOON: &str = "would trade as soon as the entry is filled";
        let (profit_side, loss_side) = if side == Side::Buy { ("above", "below") } else { ("below", "above") };
        let is_beyond = |one: Amount, other: Amount| match side {
            Side::Buy => one.get() > other.get(),
            Side::Sell => one.get() < other.get(),
        };
        let entry = prices.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        let profit = attached.take_profit.map(|exit| exit.limit_price);
        let stop = attached.stop_loss.map(|exit| exit.stop_price);
        if profit.is_some_and(|profit| !prices.is_empty() && !prices.iter().any(|price| is_beyond(profit, *price))) {
            let message = format!("must be {profit_side} the entry's {entry}: this exit {SOON}");
            self.add("attached.take_profit.limit_price", message);
        }
        if stop.is_some_and(|stop| !prices.is_empty() && !prices.iter().any(|price| is_beyond(*price, stop))) {
            let message = format!("must be {loss_side} the entry's {entry}: this exit {SOON}");
            self.add("attached.stop_loss.stop_price", message);
        }
        if let (Some(profit), Some(stop), []) = (profit, stop, prices)
            && !is_beyond(profit, stop)
        {
            let message = format!("must be {loss_side} the take profit's {profit}: one of the exits {SOON}");
            self.add("attached.stop_loss.stop_price", message);
        }
    }

    /// The broker finds no stock by another spelling.
    fn symbol(&mut self, symbol: &str) {
        self.word("symbol", symbol);
        let capitals = symbol.to_ascii_uppercase();
        if capitals != symbol {
            self.add("contract.symbol", format!("must be written in capitals: {capitals:?}, not {symbol:?}"));
        }
    }

    fn word(&mut self, field: &str, word: &str) {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b" ./'_@-".contains(&byte);
        let field = format!("contract.{field}");
        self.text(&field, word, 32, fits, "of A-Z a-z 0-9 space . - / ' _ @");
        if word.trim() != word {
            self.add(&field, "must not begin or end with a space");
        }
    }

    fn text(&mut self, field: &str, text: &str, most: usize, allowed: impl Fn(u8) -> bool, words: &str) {
        if text.is_empty() || text.len() > most || !text.bytes().all(allowed) {
            self.add(field, format!("must be 1 to {most} {words}"));
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The prices that go with a type: those it needs, and those it may have.
fn prices(order_type: OrderType) -> (&'static [&'static str], &'static [&'static str]) {
    match order_type {
        OrderType::Market => (&[], &[]),
        OrderType::Limit => (&["limit_price"], &[]),
        OrderType::Stop => (&["stop_price"], &[]),
        OrderType::StopLimit => (&["stop_price", "limit_price"], &[]),
        OrderType::TrailingStop => (&["trail"], &["stop_price"]),
        OrderType::TrailingStopLimit => (&["trail", "stop_price", "limit_price"], &[]),
        OrderType::Midprice => (&[], &["limit_price"]),
    }
}
