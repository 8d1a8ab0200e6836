//! The words of a ticket (docs/contract.md, Orders): what is traded, in which way, for how long.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;

/// Buy or sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the word of the contract")]
pub enum Side {
    Buy,
    Sell,
}

/// The type of an order. Which prices each needs, the README tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the word of the contract")]
pub enum OrderType {
    Market,
    Limit,
    Stop,
    StopLimit,
    TrailingStop,
    TrailingStopLimit,
    Midprice,
}

/// How long an order works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the word of the contract")]
pub enum TimeInForce {
    Day,
    Gtc,
    Ioc,
    Opg,
}

/// What is traded: the broker's number, or words that must name exactly one contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Contract {
    /// By the broker's permanent number.
    Conid(Conid),
    /// In words.
    Symbol(Symbol),
}

/// The broker's permanent number of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the type says it")]
pub struct Conid {
    pub conid: u32,
}

/// A contract in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct Symbol {
    pub symbol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_type: Option<String>,
}

impl Contract {
    /// By the broker's permanent number.
    #[must_use]
    pub fn conid(conid: u32) -> Self {
        Self::Conid(Conid { conid })
    }

    /// By symbol and currency.
    #[must_use]
    pub fn symbol(symbol: &str, currency: &str) -> Self {
        Self::Symbol(Symbol { symbol: symbol.to_owned(), currency: Some(currency.to_owned()), ..Symbol::default() })
    }
}

/// The distance at which a trailing stop follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trail {
    /// In money.
    Amount(Amount),
    /// In per cent of the price, less than 100.
    Percent(Amount),
}

/// A bracket's exit at a profit: a limit order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct TakeProfit {
    pub limit_price: Amount,
}

/// A bracket's exit at a loss: a stop, or with a limit price a stop limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct StopLoss {
    pub stop_price: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_price: Option<Amount>,
}

/// Which exit of a bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the word of the contract of the same name")]
pub enum LegRole {
    TakeProfit,
    StopLoss,
}

impl LegRole {
    /// The contract's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TakeProfit => "take_profit",
            Self::StopLoss => "stop_loss",
        }
    }
}

/// The exits that make an order a bracket: at least one of the two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct Attached {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub take_profit: Option<TakeProfit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_loss: Option<StopLoss>,
}
