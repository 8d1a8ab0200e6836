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

impl Contract {
    /// The words, where it is named by them.
    #[must_use]
    pub fn words(&self) -> Option<&SymbolContract> {
        match self {
            Self::Conid { .. } => None,
            Self::Symbol(words) => Some(words),
        }
    }
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

impl Ticket {
    /// The prices that the ticket names, those of its exits too, each with what it is called. Distances are no prices.
    pub fn named_prices(&self) -> impl Iterator<Item = (&'static str, Amount)> {
        let attached = self.attached.as_ref();
        let take_profit = attached.and_then(|attached| attached.take_profit.as_ref());
        let stop_loss = attached.and_then(|attached| attached.stop_loss.as_ref());
        let prices = [
            ("limit price", self.order_type.limit_price()),
            ("stop price", self.order_type.stop_price()),
            ("take profit's limit price", take_profit.map(|exit| exit.limit_price)),
            ("stop loss's stop price", stop_loss.map(|exit| exit.stop_price)),
            ("stop loss's limit price", stop_loss.and_then(|exit| exit.limit_price)),
        ];
        prices.into_iter().filter_map(|(name, price)| Some((name, price?)))
    }
}

impl OrderType {
    /// The worst price, where the type has one.
    #[must_use]
    pub fn limit_price(&self) -> Option<Amount> {
        match self {
            Self::Limit { limit_price }
            | Self::StopLimit { limit_price, .. }
            | Self::TrailingStopLimit { limit_price, .. } => Some(*limit_price),
            Self::Midprice { limit_price } => *limit_price,
            Self::Market | Self::Stop { .. } | Self::TrailingStop { .. } => None,
        }
    }

    /// The price that wakes the order, where one is named.
    #[must_use]
    pub fn stop_price(&self) -> Option<Amount> {
        match self {
            Self::Stop { stop_price }
            | Self::StopLimit { stop_price, .. }
            | Self::TrailingStopLimit { stop_price, .. } => Some(*stop_price),
            Self::TrailingStop { stop_price, .. } => *stop_price,
            Self::Market | Self::Limit { .. } | Self::Midprice { .. } => None,
        }
    }

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
