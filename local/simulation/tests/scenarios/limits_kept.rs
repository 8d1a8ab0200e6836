//! What an order holds of the limits while it is sent once more, changed, or proved never to have arrived.

use std::time::Duration;

use paper_broker::{Fault, FaultKind};
use rust_decimal::Decimal;
use serde_json::json;

use crate::limits::{decimal, limit_user, send, send_resting, used, world};

const ORDERS: &str = "/iserver/account/*/orders";

#[tokio::test(start_paused = true)]
async fn an_order_that_is_sent_once_more_counts_once() {
    let world = world().await;
    limit_user(&world, json!({"max_daily_orders": 1, "max_open_orders": 1, "max_daily_notional": "1860"})).await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    assert_eq!(send_resting(&world, "first").await, "unknown: outcome_unknown");
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!((world.status("first").await.as_str(), world.order("first").await.sends), ("working", 2));
    assert_eq!(used(&world).await, (1, 1, decimal("1860")));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_lowered_keeps_a_lost_order_from_being_sent_again() {
    let world = world().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    assert_eq!(send_resting(&world, "first").await, "unknown: outcome_unknown");
    limit_user(&world, json!({"max_order_quantity": "9"})).await;
    world.run_for(Duration::from_mins(10)).await;
    assert_eq!((world.order("first").await.status().as_str(), world.order("first").await.sends), ("not_placed", 1));
    assert_eq!(used(&world).await, (0, 0, Decimal::ZERO));
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_proved_never_to_have_arrived_gives_everything_back() {
    let world = world().await;
    limit_user(&world, json!({"max_daily_orders": 1, "max_open_orders": 1, "max_daily_notional": "1875"})).await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    assert_eq!(send(&world, "first", json!({"type": "market"})).await, "unknown: outcome_unknown");
    assert_eq!(used(&world).await, (1, 1, decimal("1875")));
    world.run_for(Duration::from_mins(10)).await;
    assert_eq!(world.order("first").await.status().as_str(), "not_placed");
    assert_eq!(used(&world).await, (0, 0, Decimal::ZERO));
    assert_eq!(send_resting(&world, "second").await, "working");
}

#[tokio::test(start_paused = true)]
async fn a_change_is_within_the_limits_too_and_counts_what_it_adds() {
    let world = world().await;
    assert_eq!(send_resting(&world, "first").await, "working");
    limit_user(
        &world,
        json!({"max_open_orders": 0, "max_daily_orders": 0, "max_daily_notional": "1870",
        "max_order_quantity": "11"}),
    )
    .await;
    let change = async |revision: u64, fields: serde_json::Value| {
        world.modify("first", revision, &fields);
        world.settle().await;
        let order = world.order("first").await;
        let change = order.change().unwrap();
        (change.stage.as_str(), world.tickets("first")[0].price.unwrap(), used(&world).await)
    };
    // The order is counted already: only its value is new.
    let at = |price: &str, value: &str| (decimal(price), (1, 1, decimal(value)));
    let (stage, price, used) = change(2, json!({"limit_price": "187"})).await;
    assert_eq!((stage, (price, used)), ("applied", at("187", "1870")));
    let (stage, price, used) = change(3, json!({"limit_price": "187.01"})).await;
    assert_eq!((stage, (price, used)), ("refused", at("187", "1870")));
    let (stage, price, used) = change(4, json!({"quantity": "12", "limit_price": "100"})).await;
    assert_eq!((stage, (price, used)), ("refused", at("187", "1870")));
    // A smaller one gives nothing back, and coming up again costs nothing.
    for (revision, price) in [(5, "180"), (6, "187")] {
        let (stage, shown, used) = change(revision, json!({"limit_price": price})).await;
        assert_eq!((stage, (shown, used)), ("applied", at(price, "1870")));
    }
}
