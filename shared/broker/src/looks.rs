//! What the broker shows when it is asked about orders and trades.

use domain::{AccountId, BrokerOrderId, BrokerStatus, Conid, Side, TimeInForce};
use jiff::Timestamp;
use rust_decimal::Decimal;

/// Rows of a list, and whether the list is known to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The rows that could be read.
    pub rows: Vec<T>,
    /// False if a row could not be read, or the list is at the broker's limit: what is missing then proves nothing.
    pub complete: bool,
}

/// Live orders: those at work, and those that ended in this brokerage session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveOrders {
    /// The broker has not gathered them yet (the first call is a pre-flight): ask again after 5 s.
    NoAnswerYet,
    /// The orders.
    Orders(Listing<LiveOrder>),
}

/// One live order. The broker leaves empty what does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveOrder {
    /// Its number.
    pub order_id: BrokerOrderId,
    /// Of a bracket's exit: the number of its parent.
    pub parent_order_id: Option<BrokerOrderId>,
    /// Our name for it (`order_ref`).
    pub client_order_id: Option<String>,
    /// Whose it is.
    pub account_id: Option<AccountId>,
    /// Of what.
    pub conid: Option<Conid>,
    /// In which direction.
    pub side: Option<Side>,
    /// The broker's word for its type.
    pub order_type: Option<String>,
    /// Where it stands.
    pub status: BrokerStatus,
    /// How much was asked for.
    pub total_quantity: Option<Decimal>,
    /// How much is filled.
    pub filled_quantity: Option<Decimal>,
    /// How much is left.
    pub remaining_quantity: Option<Decimal>,
    /// At what price on average it is filled.
    pub average_price: Option<Decimal>,
    /// Its price; for a stop the stop price.
    pub price: Option<Decimal>,
    /// For how long it works, where that is said in a word that is known: `CLOSE` and `DAY` for the day, `GTC`.
    pub time_in_force: Option<TimeInForce>,
    /// When it last traded.
    pub last_execution_at: Option<Timestamp>,
}

/// One execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// The broker's id of the execution: the same one may be shown many times.
    pub execution_id: String,
    /// The order's number, where it is shown.
    pub order_id: Option<BrokerOrderId>,
    /// Our name for the order (`order_ref`).
    pub client_order_id: Option<String>,
    /// Whose it is.
    pub account_id: Option<AccountId>,
    /// Of what.
    pub conid: Option<Conid>,
    /// In which direction.
    pub side: Option<Side>,
    /// How much.
    pub quantity: Decimal,
    /// At what price.
    pub price: Decimal,
    /// What the broker took for it.
    pub commission: Option<Decimal>,
    /// When.
    pub at: Option<Timestamp>,
}

/// One order, asked for by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDetail {
    /// Its number.
    pub order_id: BrokerOrderId,
    /// Whose it is.
    pub account_id: Option<AccountId>,
    /// Of what.
    pub conid: Option<Conid>,
    /// In which direction.
    pub side: Option<Side>,
    /// Where it stands.
    pub status: BrokerStatus,
    /// The broker's word for its type.
    pub order_type: Option<String>,
    /// How much was asked for.
    pub total_quantity: Option<Decimal>,
    /// How much is filled.
    pub filled_quantity: Option<Decimal>,
    /// At what price on average it is filled.
    pub average_price: Option<Decimal>,
    /// Its limit.
    pub limit_price: Option<Decimal>,
    /// Its stop.
    pub stop_price: Option<Decimal>,
    /// Its price, for a stop the stop price: in an answer as another client recorded it, which has neither of the two.
    pub price: Option<Decimal>,
    /// The broker's word for how long it works.
    pub time_in_force: Option<String>,
    /// Our name for it, where it is told: IBKR's OpenAPI 2.28 has none in this answer.
    pub client_order_id: Option<String>,
    /// When it was submitted, in whole seconds (`order_time`, OpenAPI 2.28; that it is UTC no source says).
    pub submitted_at: Option<Timestamp>,
    /// Whether the broker will not change it any more.
    pub not_editable: Option<bool>,
    /// Whether the broker will not cancel it any more.
    pub not_cancellable: Option<bool>,
}

/// What an order would do (IBKR Web API, preview).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The order's value.
    pub amount: Option<Decimal>,
    /// The commission.
    pub commission: Option<Decimal>,
    /// Both together.
    pub total: Option<Decimal>,
    /// Initial margin of the account after it.
    pub initial_margin_after: Option<Decimal>,
    /// Equity with loan value of the account after it.
    pub equity_after: Option<Decimal>,
    /// What the broker warns of.
    pub warning: Option<String>,
    /// Why it would be refused.
    pub error: Option<String>,
}
