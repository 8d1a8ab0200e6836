#![doc = include_str!("../README.md")]

mod amount;
mod api;
mod checks;
mod client;
mod error;
mod event_queue;
mod events;
mod messages;
mod order_queue;
mod reasons;
mod sent;
mod ticket;
mod views;

pub use amount::Amount;
pub use api::{Api, Token};
pub use client::{Client, OrdersWanted};
pub use error::{
    ChangeRefused, Error, FieldFault, IdAlreadyUsed, InvalidMessage, OrderEnded, OrderRefused, Problem, WaitTimeout,
};
pub use event_queue::EventQueue;
pub use events::{Change, ConnectionChange, EventReader, OrderChange};
pub use messages::{ModifyOrder, PlaceOrder};
pub use order_queue::OrderQueue;
pub use reasons::{ReasonCode, Remedy};
pub use ticket::{
    Attached, Conid, Contract, LegRole, OrderType, Side, StopLoss, Symbol, TakeProfit, TimeInForce, Trail,
};
pub use views::{
    ChangeView, ConnectionStatus, ConnectionView, HistoryEntry, LegNews, LegView, OrderStatus, OrderView, Reason,
    Refusal,
};
