//! Least privilege, by what the functions do: in every scenario a call that the function's role in infra/template.yaml
//! would not allow ends the test, and here whole lives are led to find the rights that nobody ever uses.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::INTENT;
use paper_broker::{Fault, FaultKind};
use serde_json::{Value, json};
use simulation::{ACCOUNT, ALGORITHM, CrashPoint, Right, USER, World, rights_that_lambda_lacks, unused_rights};

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

async fn call(world: &World, route: &str, details: Value) {
    let answered = world.api(route, &details).await;
    assert!(answered.status < 300, "{route}: {} {}", answered.status, answered.text);
}

/// Consents that succeed, are cancelled and fail; a session that is renewed, and refused for asking too much.
async fn of_connections() -> BTreeSet<Right> {
    let mut world = World::start().await;
    world.part_the_encryption_key();
    let begun = world.begin().await;
    let back = "https://courier.example/oauth/callback".parse().unwrap();
    assert_eq!(world.come_back(&back, Some(&begun.cookie)).await.status, 303);
    world.broker().change_options(|options| options.live_session_token_life_seconds = 60 * 60);
    let id = world.connect_user().await;
    world.run_for(Duration::from_mins(50)).await;
    world.broker().add_fault(Fault::next("POST", "/oauth/live_session_token", FaultKind::TooManyRequests));
    world.run_for(Duration::from_mins(50)).await;
    call(&world, "GET /connections", json!({})).await;
    call(&world, "GET /contracts", json!({"query": {"symbol": "AAPL"}})).await;
    call(&world, "DELETE /connections/{connection_id}", json!({"path": {"connection_id": id.as_str()}})).await;
    world.tell_changes().await;
    world.rights_used()
}

/// A broker that refuses the address of whoever begins, completes and asks.
async fn of_the_penalty_box() -> BTreeSet<Right> {
    let world = World::start().await;
    let refuse = |method: &str, path: &str| {
        world.broker().add_fault(Fault::next(method, path, FaultKind::TooManyRequests));
    };
    refuse("POST", "/oauth/request_token");
    assert_eq!(world.try_to_begin().await.status, 503);
    world.run_for(Duration::from_mins(11)).await;
    let begun = world.begin().await;
    refuse("POST", "/oauth/live_session_token");
    assert_eq!(world.come_back(&world.consent(&begun), Some(&begun.cookie)).await.status, 503);
    world.run_for(Duration::from_mins(11)).await;
    world.connect_user().await;
    refuse("GET", "/trsrv/stocks");
    assert_eq!(world.api("GET /contracts", &json!({"query": {"symbol": "AAPL"}})).await.status, 503);
    world.rights_used()
}

/// A username that two users connect: the second is refused at once, or with the first session.
async fn of_one_username() -> BTreeSet<Right> {
    let world = World::with_a_connected_user().await;
    for told_late in [false, true] {
        if told_late {
            let fault = FaultKind::Unavailable { executed: false, delay_ms: 0 };
            world.broker().add_fault(Fault::next("GET", "/portfolio/accounts", fault));
        }
        let begun = world.begin_as("u-8").await;
        world.come_back(&world.consent(&begun), Some(&begun.cookie)).await;
        let id = json!({"connection_id": begun.connection_id.as_str()});
        let details = json!({"path": id, "body": {"keep_warm": true}});
        world.api_as(&json!({"sub": "u-8"}), "PUT /connections/{connection_id}", &details).await;
    }
    world.run_for(Duration::from_hours(2)).await;
    world.rights_used()
}

/// Orders that are placed, changed, cancelled, refused, and lost on the way; and every rule.
async fn of_orders() -> BTreeSet<Right> {
    let world = World::with_a_connected_user().await;
    let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": {"account_ids": [ACCOUNT], "limits": {"max_open_orders": 9}}});
    call(&world, "PUT /grants/{algorithm_id}", grant).await;
    call(&world, "PUT /limits", json!({"body": {"max_daily_notional": "100000"}})).await;
    world.place("first", &limit());
    world.enqueue(&json!({"no": "order"}), "AROASTRANGER:x", USER);
    world.settle().await;
    world.modify("first", 2, &json!({"limit_price": "185"}));
    world.settle().await;
    world.cancel("first");
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::DropBefore));
    world.place("lost", &limit());
    let mut own = world.place_command("own", &limit());
    own["algorithm_id"] = json!("self");
    call(&world, "POST /orders", json!({"body": own})).await;
    let path = json!({"order_id": "own"});
    call(&world, "PUT /orders/{order_id}", json!({"path": path, "body": {"revision": 2, "limit_price": "185"}})).await;
    world.run_for(Duration::from_mins(5)).await;
    for route in ["GET /orders", "GET /orders/{order_id}", "GET /grants", "GET /limits", "GET /halt"] {
        call(&world, route, json!({"path": path})).await;
    }
    call(&world, "PUT /halt", json!({"body": {"halted": true, "cancel_working": true}})).await;
    call(&world, "DELETE /orders/{order_id}", json!({"path": path})).await;
    call(&world, "DELETE /grants/{algorithm_id}", json!({"path": {"algorithm_id": ALGORITHM}})).await;
    world.run_for(Duration::from_mins(2)).await;
    world.tell_changes().await;
    world.rights_used()
}

/// Sessions that end under an order or under a look, and a broker that was asked too much.
async fn of_sessions() -> BTreeSet<Right> {
    let world = World::with_a_connected_user().await;
    let fault = |method, path, kind| world.broker().add_fault(Fault::next(method, path, kind));
    for (number, kind) in [FaultKind::Unauthorized, FaultKind::Gone].into_iter().enumerate() {
        fault("POST", "/iserver/account/*/orders", kind.clone());
        world.place(&format!("first-{number}"), &limit());
        world.run_for(Duration::from_secs(40)).await;
        fault("GET", "/iserver/account/orders", kind);
        world.run_for(Duration::from_secs(40)).await;
    }
    fault("GET", "/iserver/account/orders", FaultKind::TooManyRequests);
    world.run_for(Duration::from_mins(11)).await;
    fault("POST", "/iserver/account/*/orders", FaultKind::TooManyRequests);
    world.place("last", &limit());
    world.settle().await;
    world.rights_used()
}

/// A dead letter that cannot be put on record now either: it is shown again within seconds.
async fn of_a_dead_letter_that_goes_back() -> BTreeSet<Right> {
    let world = World::with_a_connected_user().await;
    world.set_database_faults(|call| match call.operation {
        "BatchGetItem" | "GetItem" => embedded_dynamodb::Fault::InternalError,
        _ => embedded_dynamodb::Fault::None,
    });
    let failed = world.submit_dead_letters(&[world.place_command("dead", &limit())]).await;
    assert_eq!(failed.map(|failed| failed.len()), Some(1));
    world.rights_used()
}

/// Orders that the index does not show yet: what must be complete is read from the table itself, by whoever needs it.
async fn behind_a_lagging_index() -> BTreeSet<Right> {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(paper_broker::QuestionRules::none());
    world.place("first", &json!({"type": "market"}));
    world.run_for(Duration::from_mins(1)).await;
    call(&world, "PUT /halt", json!({"body": {"halted": true, "mode": "reducing"}})).await;
    world.set_index_lag(Duration::from_mins(20));
    let sell = json!({"type": "limit", "limit_price": "190", "side": "sell", "quantity": "3"});
    world.place("one", &sell);
    world.deliver_all().await;
    world.place("two", &sell);
    world.deliver_all().await;
    let away = FaultKind::Unavailable { executed: false, delay_ms: 0 };
    world.broker().add_fault(Fault::next("GET", "/portfolio/*/positions/*", away));
    world.place("three", &sell);
    world.run_for(Duration::from_mins(2)).await;
    call(&world, "PUT /halt", json!({"body": {"halted": true, "cancel_working": true}})).await;
    world.rights_used()
}

/// A lane whose holder vanished, and that a worker takes over before the tracker comes.
async fn of_a_vanished_worker() -> BTreeSet<Right> {
    let world = World::with_a_connected_user().await;
    world.crash_at(CrashPoint::AfterWrite { with: INTENT });
    world.place("vanished", &limit());
    world.deliver_all().await;
    tokio::time::sleep(Duration::from_secs(70)).await;
    assert_eq!(world.submit_now(&[world.place_command("next", &limit())]).await, Some(Vec::new()));
    world.rights_used()
}

/// Messages of every queue that go back to it, one of them until it is a dead letter: no lane is had, and no end is written down.
async fn of_messages_that_go_back() -> BTreeSet<Right> {
    let world = World::with_a_connected_user().await;
    world.place("first", &limit());
    world.settle().await;
    world.set_database_faults(|call| {
        let ends = call.operation == "PutItem" && call.body.contains(r#""TableName":"orders""#);
        let fails = call.operation == "UpdateItem" || ends;
        if fails { embedded_dynamodb::Fault::InternalError } else { embedded_dynamodb::Fault::None }
    });
    world.place("second", &limit());
    world.run_for(Duration::from_mins(20)).await;
    world.rights_used()
}

#[tokio::test(start_paused = true)]
async fn no_right_of_the_template_goes_unused() {
    let mut used = Box::pin(of_connections()).await;
    used.extend(Box::pin(of_one_username()).await);
    used.extend(Box::pin(of_the_penalty_box()).await);
    used.extend(Box::pin(of_orders()).await);
    used.extend(Box::pin(of_sessions()).await);
    used.extend(Box::pin(of_a_vanished_worker()).await);
    used.extend(Box::pin(of_messages_that_go_back()).await);
    used.extend(Box::pin(behind_a_lagging_index()).await);
    used.extend(Box::pin(of_a_dead_letter_that_goes_back()).await);
    assert_eq!(unused_rights(&used), []);
}

#[test]
fn what_lambda_does_for_the_functions_is_allowed() {
    assert_eq!(rights_that_lambda_lacks(), []);
}
