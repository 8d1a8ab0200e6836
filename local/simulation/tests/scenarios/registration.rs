//! An algorithm that the operator never registered, or removed, sends nothing: by the queue, or by its own JWT.

use std::time::Duration;

use serde_json::{Value, json};
use simulation::{ACCOUNT, ALGORITHM, USER, World};

fn claims() -> Value {
    json!({"sub": "service", "algorithm_id": ALGORITHM})
}

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

async fn place_by_jwt(world: &World, order_id: &str) -> simulation::Answered {
    let body = world.place_command(order_id, &limit());
    world.api_as(&claims(), "POST /orders", &json!({"body": body})).await
}

fn at(order_id: &str) -> Value {
    json!({"path": {"order_id": order_id}, "query": {"user_id": USER}})
}

#[tokio::test(start_paused = true)]
async fn the_jwt_of_a_removed_algorithm_places_and_changes_nothing_and_may_still_cancel() {
    let world = World::with_a_connected_user().await;
    assert_eq!(place_by_jwt(&world, "first").await.status, 202);
    world.settle().await;
    assert_eq!(world.status("first").await, "working");
    world.remove_algorithm(ALGORITHM).await;
    let refused = place_by_jwt(&world, "second").await;
    assert_eq!((refused.status, &refused.json["code"]), (403, &json!("algorithm_unknown")), "{}", refused.text);
    let mut change = at("first");
    change["body"] = json!({"revision": 2, "limit_price": "185"});
    let refused = world.api_as(&claims(), "PUT /orders/{order_id}", &change).await;
    assert_eq!((refused.status, &refused.json["code"]), (403, &json!("algorithm_unknown")), "{}", refused.text);
    assert!(world.find_order(USER, "second").await.is_none());
    let cancelled = world.api_as(&claims(), "DELETE /orders/{order_id}", &at("first")).await;
    assert_eq!(cancelled.status, 202, "{}", cancelled.text);
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "cancelled");
    assert_eq!(world.broker().ledger().len(), 1);
    world.register_algorithm(ALGORITHM, "AROAALGORITHM").await;
    assert_eq!(place_by_jwt(&world, "third").await.status, 202);
    world.place("fourth", &limit());
    world.settle().await;
    assert_eq!(world.status("third").await, "working");
    assert_eq!(world.status("fourth").await, "working");
}

#[tokio::test(start_paused = true)]
async fn the_jwt_of_an_algorithm_that_was_never_registered_places_nothing_though_a_user_granted_it() {
    let world = World::with_a_connected_user().await;
    let grant = json!({"path": {"algorithm_id": "unheard-of"}, "body": {"account_ids": [ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    let body = world.place_command("first", &json!({"type": "market", "algorithm_id": "unheard-of"}));
    let unheard_of = json!({"sub": "service", "algorithm_id": "unheard-of"});
    let refused = world.api_as(&unheard_of, "POST /orders", &json!({"body": body})).await;
    assert_eq!((refused.status, &refused.json["code"]), (403, &json!("algorithm_unknown")), "{}", refused.text);
    world.settle().await;
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_removal_stops_what_is_on_record_and_not_sent_whichever_way_it_came() {
    let world = World::with_a_connected_user().await;
    world.network.refuse_connections(40);
    world.place("by-queue", &limit());
    assert_eq!(place_by_jwt(&world, "by-jwt").await.status, 202);
    world.deliver_all().await;
    for order_id in ["by-queue", "by-jwt"] {
        assert!(world.status(order_id).await.starts_with("held"), "{}", world.status(order_id).await);
    }
    world.remove_algorithm(ALGORITHM).await;
    world.network.refuse_connections(0);
    world.run_for(Duration::from_mins(2)).await;
    for order_id in ["by-queue", "by-jwt"] {
        assert_eq!(world.status(order_id).await, "denied: algorithm_unknown");
    }
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_removal_between_the_reading_and_the_intent_is_seen_by_the_intent() {
    let world = World::with_a_connected_user().await;
    let desk = world.desk();
    let message = world.place_command("first", &limit());
    let Ok(domain::Command::Place(place)) = domain::Command::from_value(message) else { panic!("no place") };
    // What was read for the first order says that the algorithm is registered.
    let mut lane = desk.enter(&USER.parse().unwrap(), "by hand", jiff::Timestamp::MAX).await.unwrap().unwrap();
    let trading::Recorded::New(mut order) = desk.intake.record(&desk.lanes, place, None).await.unwrap() else {
        panic!("not new")
    };
    lane.take_on(&mut order).await.unwrap();
    assert_eq!(world.broker().ledger().len(), 1);
    world.remove_algorithm(ALGORITHM).await;
    let message = world.place_command("second", &json!({"type": "limit", "limit_price": "185"}));
    let Ok(domain::Command::Place(place)) = domain::Command::from_value(message) else { panic!("no place") };
    let trading::Recorded::New(mut order) = desk.intake.record(&desk.lanes, place, None).await.unwrap() else {
        panic!("not new")
    };
    lane.take_on(&mut order).await.unwrap();
    lane.leave().await.unwrap();
    assert_eq!(world.status("second").await, "denied: algorithm_unknown");
    assert_eq!(world.broker().ledger().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_on_record_and_not_sent_is_refused_once_its_algorithm_is_removed() {
    let world = World::with_a_connected_user().await;
    world.place("first", &limit());
    world.settle().await;
    // Neither how it stands is told, nor is the change taken.
    world.network.refuse_connections(2);
    world.modify("first", 2, &json!({"limit_price": "185"}));
    world.deliver_all().await;
    world.remove_algorithm(ALGORITHM).await;
    world.run_for(Duration::from_mins(3)).await;
    let order = world.order("first").await;
    assert_eq!(order.change().unwrap().stage.as_str(), "refused");
    assert_eq!(order.change().unwrap().stage.reason().unwrap().code, "algorithm_unknown");
    assert_eq!(world.tickets("first")[0].price.unwrap().normalize().to_string(), "186");
}

#[tokio::test(start_paused = true)]
async fn an_algorithm_sees_and_ends_its_own_orders_whatever_became_of_its_grant() {
    let world = World::with_a_connected_user().await;
    assert_eq!(place_by_jwt(&world, "first").await.status, 202);
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(
        world.api("DELETE /grants/{algorithm_id}", &json!({"path": {"algorithm_id": ALGORITHM}})).await.status,
        204
    );
    assert_eq!(world.api_as(&claims(), "GET /orders/{order_id}", &at("first")).await.json["status"], "working");
    let mut change = at("first");
    change["body"] = json!({"revision": 2, "limit_price": "185"});
    assert_eq!(world.api_as(&claims(), "PUT /orders/{order_id}", &change).await.status, 403);
    assert_eq!(world.api_as(&claims(), "DELETE /orders/{order_id}", &at("first")).await.status, 202);
    world.run_for(Duration::from_mins(1)).await;
    assert!(world.status("first").await.starts_with("cancelled"), "{}", world.status("first").await);
}
