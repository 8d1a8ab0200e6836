//! What becomes of orders before they reach the broker: too late, the same again, other content, over the API.

use std::time::Duration;

use serde_json::json;
use simulation::{CrashPoint, World};

#[tokio::test(start_paused = true)]
async fn an_order_whose_time_is_over_is_never_sent() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "market", "good_until": "2026-11-24T14:59:59Z"}));
    world.settle().await;
    assert_eq!(world.status("first").await, "expired: expired");
    assert!(world.broker().ledger().is_empty());
    assert!(world.calls("POST /iserver/account").is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_good_until_a_market_order_has_two_minutes_and_others_fifteen() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "market"}));
    world.place("second", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    for (name, minutes) in [("first", 2), ("second", 15)] {
        let order = world.order(name).await;
        // It counts from the sending, a moment before.
        let good_for = order.good_until.duration_since(order.created_at);
        let on_its_way = jiff::SignedDuration::from_mins(minutes) - good_for;
        assert!((0..10).contains(&on_its_way.as_millis()), "{name}: {on_its_way:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_message_five_times_is_one_ticket() {
    let world = World::with_a_connected_user().await;
    for spelled in ["186", "186.0", "186.00", "186", "186"] {
        world.place("first", &json!({"type": "limit", "limit_price": spelled}));
    }
    world.settle().await;
    assert_eq!(world.status("first").await, "working");
    assert_eq!(world.broker().ledger().len(), 1);
    assert_eq!(world.calls("POST /iserver/account/DU0000001/orders").len(), 1);
    assert_eq!(world.refusals().await, []);
}

#[tokio::test(start_paused = true)]
async fn another_order_under_a_taken_id_is_a_recorded_refusal_and_the_first_is_untouched() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    let before = world.order("first").await;
    world.place("first", &json!({"type": "limit", "limit_price": "186", "quantity": "11"}));
    world.place("after", &json!({"type": "limit", "limit_price": "186"}));
    world.deliver_all().await;
    let refusals = world.refusals().await;
    assert_eq!((refusals.len(), refusals[0].reason.code.as_str()), (1, "order_differs"));
    let told = &refusals[0].reason.message;
    assert!(told.contains("This one differs from it in: quantity."), "{told}");
    assert_eq!(world.order("first").await.request, before.request);
    assert_eq!(world.status("after").await, "working");
    assert_eq!(world.broker().ledger().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_order_of_the_users_own_hand_comes_through_the_api() {
    let world = World::with_a_connected_user().await;
    let mut body = world.place_command("own", &json!({"type": "limit", "limit_price": "186", "algorithm_id": "self"}));
    let first = world.api("POST /orders", &json!({"body": body})).await;
    assert_eq!((first.status, &first.json["status"]), (202, &json!("received")));
    assert_eq!(world.api("POST /orders", &json!({"body": body})).await.status, 202);
    body["quantity"] = json!("11");
    assert_eq!(world.api("POST /orders", &json!({"body": body})).await.status, 409);
    world.settle().await;
    assert_eq!(world.status("own").await, "working");
    assert_eq!(world.broker().ledger().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_wake_of_the_api_costs_time_and_not_the_order() {
    let world = World::with_a_connected_user().await;
    let body = world.place_command("own", &json!({"type": "limit", "limit_price": "186", "algorithm_id": "self"}));
    assert_eq!(world.api("POST /orders", &json!({"body": body})).await.status, 202);
    world.crash_at(CrashPoint::BeforeWrite { with: "UpdateItem" });
    world.deliver_all().await;
    assert_eq!(world.status("own").await, "received");
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("own").await, "working");
    assert_eq!(world.broker().ledger().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_only_informs_is_not_asked_and_a_guard_of_the_brokers_is() {
    let world = World::with_a_connected_user().await;
    world.place("market", &json!({"type": "market"}));
    world.place("mistyped", &json!({"type": "limit", "limit_price": "150.00"}));
    world.settle().await;
    assert_eq!(world.status("market").await, "filled");
    assert_eq!(world.status("mistyped").await, "rejected: question_declined");
    assert_eq!(world.calls("POST /iserver/reply/").len(), 1);
}
