//! What the broker knows of contracts.

use domain::{AccountId, Conid};
use rust_decimal::Decimal;

/// A stock (`/trsrv/stocks`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// Its number, for ever.
    pub conid: Conid,
    /// Its symbol, as asked for.
    pub symbol: String,
    /// The company.
    pub name: Option<String>,
    /// Its class, such as `STK`.
    pub asset_class: Option<String>,
    /// Its main exchange.
    pub exchange: Option<String>,
    /// Whether it trades in the United States. The broker shows no currency here.
    pub is_us: Option<bool>,
}

/// A contract found by words (`/iserver/secdef/search`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundContract {
    /// Its number, for ever.
    pub conid: Conid,
    /// Its symbol.
    pub symbol: Option<String>,
    /// The company.
    pub name: Option<String>,
    /// Mostly its main exchange.
    pub description: Option<String>,
    /// The kinds of contracts that exist on it, such as `STK`, `OPT`.
    pub security_types: Vec<String>,
}

/// How a contract may be traded (`/iserver/contract/rules`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractRules {
    /// The steps of its prices, from the lowest price on.
    pub price_steps: Vec<PriceStep>,
    /// The step of its quantities.
    pub size_increment: Option<Decimal>,
    /// The broker's words for the order types that it takes.
    pub order_types: Vec<String>,
    /// The broker's words for how long an order may work.
    pub times_in_force: Vec<String>,
    /// The accounts that may trade it.
    pub accounts: Vec<AccountId>,
    /// Why it may not be traded.
    pub error: Option<String>,
}

/// The step of a contract's prices from one price on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceStep {
    /// The lowest price that it is for.
    pub lower_edge: Decimal,
    /// Prices are a multiple of it; positive.
    pub increment: Decimal,
}
