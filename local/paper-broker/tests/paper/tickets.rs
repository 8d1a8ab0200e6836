//! Tickets, and what tests do with them all the time.

use paper_broker::OrderStatus;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::{AAPL, ACCOUNT, World};

/// A limit order ticket at the market, with a `cOID`.
pub(crate) fn limit_ticket(client_order_id: &str) -> Value {
    json!({"acctId": ACCOUNT, "conid": AAPL, "cOID": client_order_id, "orderType": "LMT", "side": "BUY", "tif": "DAY",
           "price": 187.00, "quantity": 10})
}

/// Its place in a request.
pub(crate) fn orders(tickets: &[Value]) -> Value {
    json!({"orders": tickets})
}

pub(crate) const ORDERS: &str = "/iserver/account/DU0000001/orders";

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn with(mut ticket: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        ticket[key] = value.clone();
    }
    ticket
}

pub(crate) fn without(mut ticket: Value, field: &str) -> Value {
    ticket.as_object_mut().unwrap().remove(field);
    ticket
}

/// Places, and takes the ids of the acknowledgements.
pub(crate) async fn place(client: &Client, tickets: &[Value]) -> Vec<i64> {
    let answer = client.post(ORDERS, &orders(tickets)).await;
    let acks = answer.json();
    let rows = acks.as_array().unwrap_or_else(|| panic!("{acks}"));
    rows.iter().map(|row| row["order_id"].as_str().unwrap_or_else(|| panic!("{acks}")).parse().unwrap()).collect()
}

pub(crate) async fn refused(client: &Client, ticket: Value) -> String {
    let answer = client.post(ORDERS, &orders(&[ticket])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.error()
}

pub(crate) fn state(world: &World, id: i64) -> OrderStatus {
    world.broker.ledger().into_iter().find(|entry| entry.order_id == id).unwrap().status
}

pub(crate) async fn live(client: &Client) -> Vec<Value> {
    client.get("/iserver/account/orders").await;
    client.get("/iserver/account/orders").await.json()["orders"].as_array().unwrap().clone()
}
