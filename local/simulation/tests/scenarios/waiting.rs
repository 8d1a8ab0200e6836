//! Orders that wait: how many may, what they cost, and whom they hold up.

use std::time::Duration;

use jiff::SignedDuration;
use paper_broker::{Fault, FaultKind};
use serde_json::{Value, json};
use simulation::{ACCOUNT, ALGORITHM, USER, World};

/// Orders that one user may have on record and not sent.
const MOST: usize = trading::PENDING_MAX;

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

async fn place_by_http(world: &World, user_id: &str, order_id: &str, fields: &Value) -> Value {
    let mut body = world.place_command(order_id, &limit());
    body["user_id"] = json!(user_id);
    body["algorithm_id"] = json!("self");
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    let answered = world.api_as(&json!({"sub": user_id}), "POST /orders", &json!({"body": body})).await;
    assert_eq!(answered.status, 202, "{}", answered.text);
    answered.json
}

#[tokio::test(start_paused = true)]
async fn who_sends_more_than_may_wait_hears_it_at_once_and_holds_up_nobody() {
    let world = World::with_a_connected_user().await;
    let far = json!({"account_id": "DU7777777", "good_until": "2099-01-01T00:00:00Z"});
    let mut denied = 0;
    for number in 0..1_500 {
        let order = place_by_http(&world, "unconnected", &format!("order-{number}"), &far).await;
        if order["status"] == "denied" {
            assert_eq!(order["reason"]["code"], "too_many_waiting");
            denied += 1;
        }
    }
    assert_eq!(denied, 1_500 - MOST);
    // Another user's order is at the broker as soon as ever.
    world.place("first", &limit());
    world.deliver_all().await;
    let order = world.order("first").await;
    assert_eq!(order.status().as_str(), "working");
    assert!(order.updated_at.duration_since(order.created_at) < SignedDuration::from_secs(3));
    let waiting = world.find_order("unconnected", "order-0").await.unwrap();
    assert_eq!(waiting.state().reason().unwrap().code, "no_connection");
    world.run_for(Duration::from_mins(5)).await;
    // The whole line waits on one look. Each of its orders is read and written every two minutes, and not at each look.
    let before = world.database_calls();
    world.run_for(Duration::from_mins(4)).await;
    let calls = world.database_calls() - before;
    assert!(calls < 1_600, "{calls} calls in four minutes");
    // The kill switch answers at once, and ends them all.
    let begun = tokio::time::Instant::now();
    for cancel_working in [false, true] {
        let body = json!({"body": {"halted": true, "cancel_working": cancel_working}});
        let answered = world.api_as(&json!({"sub": "unconnected"}), "PUT /halt", &body).await;
        assert_eq!(answered.status, 200, "{}", answered.text);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    for number in [0, MOST - 1] {
        let order = world.find_order("unconnected", &format!("order-{number}")).await.unwrap();
        assert_eq!(order.status().as_str(), "cancelled", "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn orders_that_wait_for_a_connection_go_in_their_order_once_there_is_one() {
    let world = World::start().await;
    for number in 0..30 {
        place_by_http(&world, USER, &format!("order-{number}"), &json!({})).await;
    }
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("order-0").await, "held: no_connection");
    assert_eq!(world.status("order-29").await, "held: behind_another");
    world.connect_user().await;
    world.run_for(Duration::from_mins(1)).await;
    let names: Vec<_> = world.broker().ledger().into_iter().map(|entry| entry.client_order_id.unwrap()).collect();
    let mut expected = Vec::new();
    for number in 0..30 {
        expected.push(world.order(&format!("order-{number}")).await.client_order_id.to_string());
    }
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn orders_that_wait_end_in_time_though_nobody_looks_at_each() {
    let world = World::start().await;
    for number in 0..5 {
        place_by_http(&world, USER, &format!("order-{number}"), &json!({})).await;
    }
    world.run_for(Duration::from_mins(16)).await;
    for number in 0..5 {
        assert_eq!(world.status(&format!("order-{number}")).await, "expired: expired");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_wake_lets_no_later_order_of_the_same_contract_pass() {
    let world = World::with_a_connected_user().await;
    world.queues.lose_sends(3);
    place_by_http(&world, USER, "first", &json!({})).await;
    world.queues.lose_sends(0);
    place_by_http(&world, USER, "second", &json!({})).await;
    world.deliver_all().await;
    for order_id in ["first", "second"] {
        assert_eq!(world.status(order_id).await, "working");
    }
    let number = |order_id: &str| world.tickets(order_id)[0].order_id;
    assert!(number("first") < number("second"));
}

#[tokio::test(start_paused = true)]
async fn an_algorithms_waiting_order_does_not_hold_up_the_users_own_hand() {
    let world = World::with_a_connected_user().await;
    let collar = json!({"account_ids": [ACCOUNT], "limits": {"price_collar_percent": "5"}});
    let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": collar});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    let no_price = Fault { times: 100, ..Fault::next("GET", "/iserver/marketdata/snapshot", FaultKind::DropBefore) };
    world.broker().add_fault(no_price);
    world.place("algorithms", &limit());
    world.deliver_all().await;
    assert_eq!(world.order("algorithms").await.status().as_str(), "held");
    place_by_http(&world, USER, "own", &json!({})).await;
    world.deliver_all().await;
    assert_eq!(world.status("own").await, "working");
    assert_eq!(world.order("algorithms").await.status().as_str(), "held");
    // Another of the same algorithm still waits behind it.
    world.place("behind", &limit());
    world.deliver_all().await;
    assert_eq!(world.status("behind").await, "held: behind_another");
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_outcome_is_unknown_holds_up_the_users_own_hand_too() {
    let world = World::with_a_connected_user().await;
    world.place("zeroth", &limit());
    world.settle().await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::DropBefore));
    world.place("algorithms", &limit());
    world.deliver_all().await;
    assert_eq!(world.order("algorithms").await.status().as_str(), "unknown");
    place_by_http(&world, USER, "own", &json!({})).await;
    world.deliver_all().await;
    assert_eq!(world.status("own").await, "held: behind_another");
}
