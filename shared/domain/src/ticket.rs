//! The ticket: what is to be bought or sold, and how.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::ids::Conid;

/// The whole of what the broker is asked to do, in the contract's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// What is traded.
    pub contract: Contract,
    /// In which direction.
    pub side: Side,
    /// How much.
    #[serde(flatten)]
    pub size: Size,
    /// The type of the order, with the prices that it needs.
    #[serde(flatten)]
    pub order_type: OrderType,
    /// How long the order works.
    pub time_in_force: TimeInForce,
    /// Whether it may trade outside regular hours; left out, the broker decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_regular_hours: Option<bool>,
    /// The exits that make this order a bracket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<Attached>,
}

/// What is traded: the broker's number, or words that must name exactly one contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Contract {
    /// By the broker's permanent number.
    Conid {
        /// The number.
        conid: Conid,
    },
    /// By symbol.
    Symbol(SymbolContract),
}

/// A contract in words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SymbolContract {
    /// Such as `AAPL`.
    pub symbol: String,
    /// Such as `NASDAQ`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<String>,
    /// Such as `USD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Such as `STK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_type: Option<String>,
}

/// Buy or sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Buy.
    Buy,
    /// Sell.
    Sell,
}

impl Side {
    /// The other side: that of a bracket's exits.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// How much, in one of two measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// In units of the contract (shares, coins, lots).
    Quantity(Amount),
    /// In money of the contract's currency.
    CashQuantity(Amount),
}

/// The type of an order with exactly the prices that it needs (contract: Orders).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OrderType {
    /// At the market's price.
    Market,
    /// At this price or better.
    Limit {
        /// The worst price.
        limit_price: Amount,
    },
    /// A market order once the stop price trades.
    Stop {
        /// The price that wakes it.
        stop_price: Amount,
    },
    /// A limit order once the stop price trades.
    StopLimit {
        /// The price that wakes it.
        stop_price: Amount,
        /// The worst price.
        limit_price: Amount,
    },
    /// A stop that follows the market at a distance.
    TrailingStop {
        /// The distance.
        trail: Trail,
        /// Where the stop starts; left out, the broker takes the market's price less the distance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop_price: Option<Amount>,
    },
    /// A stop limit that follows the market at a distance.
    TrailingStopLimit {
        /// The distance.
        trail: Trail,
        /// Where the stop starts.
        stop_price: Amount,
        /// The worst price.
        limit_price: Amount,
    },
    /// At the middle between bid and ask.
    Midprice {
        /// A cap; left out, there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_price: Option<Amount>,
    },
}

impl OrderType {
    /// The contract's word for this type.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit { .. } => "limit",
            Self::Stop { .. } => "stop",
            Self::StopLimit { .. } => "stop_limit",
            Self::TrailingStop { .. } => "trailing_stop",
            Self::TrailingStopLimit { .. } => "trailing_stop_limit",
            Self::Midprice { .. } => "midprice",
        }
    }
}

/// The distance at which a trailing stop follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trail {
    /// In money.
    Amount(Amount),
    /// In per cent of the price.
    Percent(Amount),
}

/// How long an order works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForce {
    /// Until the day's close.
    Day,
    /// Good till cancelled.
    Gtc,
    /// Immediate or cancel.
    Ioc,
    /// At the opening.
    Opg,
}

/// A bracket's exits: at least one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Leaves with a profit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_profit: Option<TakeProfit>,
    /// Leaves with a bounded loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_loss: Option<StopLoss>,
}

/// The exit at a profit: a limit order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeProfit {
    /// The worst price.
    pub limit_price: Amount,
}

/// The exit at a loss: a stop, or a stop limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopLoss {
    /// The price that wakes it.
    pub stop_price: Amount,
    /// The worst price; left out, it becomes a market order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_price: Option<Amount>,
}
