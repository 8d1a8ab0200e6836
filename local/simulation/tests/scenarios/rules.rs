//! Halts, limits, and cancels.

use std::time::Duration;

use serde_json::{Value, json};
use simulation::{ACCOUNT, ALGORITHM, World};

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

async fn put(world: &World, route: &str, body: Value) {
    let answered = world.api(route, &json!({"path": {"algorithm_id": ALGORITHM}, "body": body})).await;
    assert_eq!(answered.status, 200, "{}", answered.text);
}

#[tokio::test(start_paused = true)]
async fn a_users_halt_denies_new_orders_until_it_is_lifted() {
    let world = World::with_a_connected_user().await;
    put(&world, "PUT /halt", json!({"halted": true, "reason": "holiday"})).await;
    world.place("first", &limit());
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "denied: halted");
    put(&world, "PUT /halt", json!({"halted": false})).await;
    world.place("second", &limit());
    world.deliver_all().await;
    assert_eq!(world.status("second").await, "working");
    assert_eq!(world.broker().ledger().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_halt_that_comes_while_an_order_waits_stops_it() {
    let world = World::with_a_connected_user().await;
    world.network.refuse_connections(1);
    world.place("first", &limit());
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "held: broker_unreachable");
    put(&world, "PUT /halt", json!({"halted": true})).await;
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "denied: halted");
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_halted_or_deleted_grant_denies_the_algorithms_orders() {
    let world = World::with_a_connected_user().await;
    put(&world, "PUT /grants/{algorithm_id}", json!({"account_ids": [ACCOUNT], "status": "halted"})).await;
    world.place("first", &limit());
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "denied: no_grant");
    let path = json!({"path": {"algorithm_id": ALGORITHM}});
    assert_eq!(world.api("DELETE /grants/{algorithm_id}", &path).await.status, 204);
    world.place("second", &limit());
    world.deliver_all().await;
    assert_eq!(world.refusals().await[0].reason.code, "no_grant");
    assert!(world.broker().ledger().is_empty());
    // There is none any more: whoever mistypes a name hears of it.
    assert_eq!(world.api("DELETE /grants/{algorithm_id}", &path).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn what_a_grants_body_leaves_out_lifts_neither_its_limits_nor_its_halt() {
    let world = World::with_a_connected_user().await;
    let limits = json!({"max_order_quantity": "5"});
    let path = "PUT /grants/{algorithm_id}";
    put(&world, path, json!({"account_ids": [ACCOUNT], "limits": limits, "status": "halted"})).await;
    put(&world, path, json!({"account_ids": [ACCOUNT]})).await;
    let grant = |listed: &serde_json::Value| {
        let grants = listed["grants"].as_array().unwrap();
        let grant = grants.iter().find(|grant| grant["algorithm_id"] == ALGORITHM).unwrap();
        (grant["status"].clone(), grant["limits"].clone())
    };
    let read = world.api("GET /grants", &json!({})).await.json;
    assert_eq!(grant(&read), (json!("halted"), limits));
    for nothing in [json!({"status": null}), json!({"limits": null})] {
        let mut body = json!({"account_ids": [ACCOUNT]});
        body.as_object_mut().unwrap().extend(nothing.as_object().unwrap().clone());
        let details = json!({"path": {"algorithm_id": ALGORITHM}, "body": body});
        assert_eq!(world.api(path, &details).await.status, 400, "{nothing}");
    }
    put(&world, path, json!({"account_ids": [ACCOUNT], "limits": {}, "status": "active"})).await;
    let read = world.api("GET /grants", &json!({})).await.json;
    assert_eq!(grant(&read), (json!("active"), json!({})));
}

#[tokio::test(start_paused = true)]
async fn limits_of_the_user_and_of_the_grant_deny_what_is_beyond_them() {
    let cases = [
        (
            "PUT /limits",
            json!({"max_order_quantity": "9"}),
            "the user's own limits (max_order_quantity): 10 is more than 9",
        ),
        ("PUT /limits", json!({"max_order_notional": "1859.99"}), "(max_order_notional): 1860 is more than 1859.99"),
        (
            "PUT /limits",
            json!({"allowed_conids": [272_093]}),
            "(allowed_conids): the contract 265598 is not on the list",
        ),
        (
            "PUT /grants/{algorithm_id}",
            json!({"account_ids": [ACCOUNT], "limits": {"max_order_quantity": "9"}}),
            "the grant's limits (max_order_quantity)",
        ),
    ];
    for (route, body, told) in cases {
        let world = World::with_a_connected_user().await;
        put(&world, route, body.clone()).await;
        world.place("first", &limit());
        world.place(
            "within",
            &json!({"type": "limit", "limit_price": "415", "quantity": "4", "contract": {"conid": 272_093}}),
        );
        world.deliver_all().await;
        assert_eq!(world.status("first").await, "denied: beyond_limits", "{body}");
        let reason = world.reason("first").await;
        assert!(reason.contains(told), "{reason}");
        assert_eq!(world.status("within").await, "working", "{body}");
        assert_eq!(world.broker().ledger().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_an_order_that_was_not_sent_ends_it_here() {
    let world = World::with_a_connected_user().await;
    world.network.refuse_connections(1);
    world.place("first", &limit());
    world.deliver_all().await;
    world.cancel("first");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "cancelled: cancelled_before_sending");
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_an_order_that_nobody_took_up_yet_ends_it_here() {
    let world = World::with_a_connected_user().await;
    let body = world.place_command("own", &json!({"type": "limit", "limit_price": "186", "algorithm_id": "self"}));
    assert_eq!(world.api("POST /orders", &json!({"body": body})).await.status, 202);
    let cancelled = world.api("DELETE /orders/{order_id}", &json!({"path": {"order_id": "own"}})).await;
    assert_eq!((cancelled.status, &cancelled.json["status"]), (202, &json!("cancelled")));
    world.settle().await;
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_a_working_order_is_cancelling_until_the_broker_says_how_it_ended_and_twice_is_once() {
    let world = World::with_a_connected_user().await;
    world.broker().change_options(|options| options.cancel_delay_ms = 3_000);
    world.place("first", &limit());
    world.deliver_all().await;
    world.cancel("first");
    world.cancel("first");
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "cancelling");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "cancelled");
    assert_eq!(world.calls("DELETE /iserver/account").len(), 2, "each request makes a call, and none is made besides");
    world.cancel("first");
    world.settle().await;
    assert_eq!(world.refusals().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_was_not_taken_is_asked_for_again() {
    use paper_broker::{Fault, FaultKind};
    let world = World::with_a_connected_user().await;
    world.place("first", &limit());
    world.deliver_all().await;
    world.broker().add_fault(Fault::next("DELETE", "/iserver/account/*/order/*", FaultKind::DropBefore));
    world.cancel("first");
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_an_unknown_order_waits_until_it_is_found_and_ends_it_then() {
    use paper_broker::{Fault, FaultKind};
    let world = World::with_a_connected_user().await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::DropAfter));
    world.place("first", &limit());
    world.cancel("first");
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "unknown: outcome_unknown");
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "cancelled");
    assert_eq!(world.tickets("first").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_no_order_or_of_anothers_is_a_recorded_refusal() {
    let world = World::with_a_connected_user().await;
    world.cancel("nothing");
    world.deliver_all().await;
    assert_eq!(world.refusals().await[0].reason.code, "no_such_order");
    world.register_algorithm("another", "AROAANOTHER").await;
    world.place("first", &limit());
    world.deliver_all().await;
    let command = json!({"schema": "courier.order/1", "command": "cancel", "user_id": simulation::USER, "order_id": "first",
        "algorithm_id": "another"});
    world.enqueue(&command, "AROAANOTHER:x", simulation::USER);
    world.settle().await;
    assert!(world.refusals().await.iter().any(|refusal| refusal.reason.code == "not_its_order"));
    assert_eq!(world.status("first").await, "working");
    let mut own = world.place_command("own", &limit());
    own["algorithm_id"] = json!("self");
    assert_eq!(world.api("POST /orders", &json!({"body": own})).await.status, 202);
    world.cancel("own");
    world.settle().await;
    let refusals = world.refusals().await;
    let told = refusals.iter().map(|refusal| refusal.reason.message.as_str());
    let expected = "The order own is the user's own. The user alone changes and cancels it.";
    assert!(told.clone().any(|told| told == expected), "{:?}", told.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn every_route_of_the_api_leads_to_its_answer() {
    let world = World::start().await;
    for route in api::route_keys() {
        let answered = world.api_as(&Value::Null, &route, &json!({})).await;
        let open = ["GET /", "GET /openapi.json"].contains(&route.as_str());
        assert_eq!(answered.status, if open { 200 } else { 401 }, "{route}: {}", answered.text);
    }
    assert_eq!(world.api_as(&Value::Null, "GET /nothing", &json!({})).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn orders_are_listed_newest_first_and_as_asked_for() {
    let world = World::with_a_connected_user().await;
    for order_id in ["z", "y", "x"] {
        let contract = json!({"symbol": "AAPL", "currency": "USD"});
        world.place(order_id, &json!({"type": "limit", "limit_price": "186", "contract": contract}));
        world.deliver_all().await;
        world.run_for(Duration::from_secs(1)).await;
    }
    assert_eq!(world.api("DELETE /orders/{order_id}", &json!({"path": {"order_id": "y"}})).await.status, 202);
    world.settle().await;
    let listed = async |query: Value| {
        let answered = world.api("GET /orders", &json!({"query": query})).await;
        assert_eq!(answered.status, 200, "{}", answered.text);
        let orders = answered.json["orders"].as_array().unwrap().clone();
        orders.iter().map(|order| order["order_id"].as_str().unwrap().to_owned()).collect::<String>()
    };
    assert_eq!(listed(json!({})).await, "xyz");
    assert_eq!(listed(json!({"limit": "1"})).await, "x");
    assert_eq!(listed(json!({"open": "true"})).await, "xz");
    assert_eq!(listed(json!({"status": "cancelled,filled"})).await, "y");
    assert_eq!(listed(json!({"algorithm_id": "self"})).await, "");
    assert_eq!(listed(json!({"algorithm_id": ALGORITHM})).await, "xyz");
    let shown = world.api("GET /orders", &json!({})).await.json["orders"][0].clone();
    assert_eq!(shown["symbol"], "AAPL");
    let claims = json!({"sub": "service", "algorithm_id": ALGORITHM});
    let query = json!({"query": {"user_id": simulation::USER, "algorithm_id": "self"}});
    assert_eq!(world.api_as(&claims, "GET /orders", &query).await.json["orders"], json!([]));
    assert_eq!(world.api("GET /orders", &json!({"query": {"stauts": "filled"}})).await.status, 400);
}
