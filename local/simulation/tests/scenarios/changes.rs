//! Modify by revision, from the queue and by the API, and what becomes of it when answers are lost.

use std::time::Duration;

use paper_broker::{Execution, Fault, FaultKind, QuestionRules};
use serde_json::{Value, json};
use simulation::{CrashPoint, World};

const MODIFYING: &str = "POST /iserver/account/DU0000001/order/";

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

async fn with_a_working_order() -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.place("first", &limit());
    world.settle().await;
    assert_eq!(world.status("first").await, "working");
    world
}

async fn change_of(world: &World) -> (u64, &'static str) {
    let order = world.order("first").await;
    (order.revision(), order.change().unwrap().stage.as_str())
}

fn at_the_broker(world: &World) -> (String, String) {
    let ticket = &world.tickets("first")[0];
    (ticket.quantity.normalize().to_string(), ticket.price.unwrap().normalize().to_string())
}

#[tokio::test(start_paused = true)]
async fn a_change_reaches_the_broker_as_the_whole_ticket_and_the_order_shows_it() {
    let world = with_a_working_order().await;
    world.modify("first", 2, &json!({"limit_price": "185.50"}));
    world.modify("first", 3, &json!({"quantity": "7"}));
    world.settle().await;
    assert_eq!(at_the_broker(&world), ("7".into(), "185.5".into()));
    assert_eq!(change_of(&world).await, (3, "applied"));
    let shown = world.api("GET /orders/{order_id}", &json!({"path": {"order_id": "first"}})).await.json;
    assert_eq!((&shown["quantity"], &shown["revision"], &shown["status"]), (&json!("7"), &json!(3), &json!("working")));
    assert_eq!(world.tickets("first").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_an_unread_change_may_have_made_larger_is_not_filled_by_its_trades() {
    let world = with_a_working_order().await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/order/*", FaultKind::DropAfter));
    // It shows in no list, and nor by its number.
    let body = r#"{"orders":[],"snapshot":true}"#.to_owned();
    let none = FaultKind::Answer { executed: true, status: 200, content_type: "application/json".to_owned(), body };
    world.broker().add_fault(Fault { times: 1_000, ..Fault::next("GET", "/iserver/account/orders", none) });
    world.modify("first", 2, &json!({"quantity": "30"}));
    world.deliver_all().await;
    assert_eq!(change_of(&world).await, (1, "unknown"));
    let unseen = FaultKind::Unavailable { executed: false, delay_ms: 0 };
    world.broker().add_fault(Fault { times: 1_000, ..Fault::next("GET", "/iserver/account/order/status/*", unseen) });
    let number = world.tickets("first")[0].order_id;
    let execution = Execution { order_id: number, quantity: "25".parse().unwrap(), price: "186".parse().unwrap() };
    assert!(world.broker().execute_order(execution));
    world.run_for(Duration::from_secs(30)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.filled_quantity.to_string().as_str()), ("partially_filled", "25"));
    world.broker().clear_faults();
    world.cancel("first");
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(world.status("first").await, "cancelled");
    assert!(world.tickets("first")[0].status.is_final());
}

#[tokio::test(start_paused = true)]
async fn the_same_revision_again_changes_nothing_and_a_skipped_one_is_refused() {
    let world = with_a_working_order().await;
    world.modify("first", 2, &json!({"limit_price": "185.50"}));
    world.modify("first", 2, &json!({"limit_price": "185.500"}));
    world.modify("first", 4, &json!({"limit_price": "185"}));
    world.modify("first", 2, &json!({"limit_price": "184"}));
    world.settle().await;
    assert_eq!((at_the_broker(&world).1.as_str(), world.calls(MODIFYING).len()), ("185.5", 1));
    let codes: Vec<_> = world.refusals().await.into_iter().map(|refusal| refusal.reason.code.to_string()).collect();
    assert_eq!(codes.len(), 2);
    assert!(codes.contains(&"revision_skipped".to_owned()) && codes.contains(&"revision_differs".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_answer_was_lost_is_settled_by_looking() {
    for (fault, sends) in [(FaultKind::DropAfter, 1), (FaultKind::DropBefore, 2)] {
        let world = with_a_working_order().await;
        world.broker().add_fault(Fault::next("POST", "/iserver/account/*/order/*", fault.clone()));
        world.modify("first", 2, &json!({"limit_price": "185.50"}));
        world.deliver_all().await;
        assert_eq!(change_of(&world).await, (1, "unknown"), "{fault:?}");
        world.run_for(Duration::from_mins(1)).await;
        assert_eq!(change_of(&world).await, (2, "applied"), "{fault:?}");
        assert_eq!((at_the_broker(&world).1.as_str(), world.calls(MODIFYING).len()), ("185.5", sends), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_around_a_change_leaves_it_to_the_next_holder() {
    for point in [
        CrashPoint::BeforeCall { with: "POST /v1/api/iserver/account/DU0000001/order/" },
        CrashPoint::AfterCall { with: "POST /v1/api/iserver/account/DU0000001/order/" },
        CrashPoint::AfterWrite { with: "TransactWriteItems" },
    ] {
        let world = with_a_working_order().await;
        world.crash_at(point.clone());
        world.modify("first", 2, &json!({"limit_price": "185.50"}));
        world.deliver_all().await;
        assert_eq!(world.crashes_to_come(), []);
        world.run_for(Duration::from_mins(9)).await;
        assert_eq!(change_of(&world).await, (2, "applied"), "{point:?}");
        assert_eq!(at_the_broker(&world).1, "185.5", "{point:?}");
        assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_an_order_that_was_not_sent_is_in_the_ticket_that_is() {
    let world = World::start().await;
    let grant =
        json!({"path": {"algorithm_id": simulation::ALGORITHM}, "body": {"account_ids": [simulation::ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    world.place("first", &limit());
    world.modify("first", 2, &json!({"limit_price": "185"}));
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "held: no_connection");
    assert_eq!(change_of(&world).await, (2, "applied"));
    world.connect_user().await;
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "working", "{}", world.reason("first").await);
    assert_eq!((at_the_broker(&world).1.as_str(), world.calls(MODIFYING).len()), ("185", 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_by_the_api_is_taken_once_and_a_foreign_field_is_named() {
    let world = with_a_working_order().await;
    let put = |body: Value| json!({"path": {"order_id": "first"}, "body": body});
    let route = "PUT /orders/{order_id}";
    let taken = world.api(route, &put(json!({"revision": 2, "limit_price": "185.5"}))).await;
    assert_eq!((taken.status, &taken.json["change"]["status"]), (202, &json!("asked")));
    world.settle().await;
    assert_eq!((change_of(&world).await, at_the_broker(&world).1.as_str()), ((2, "applied"), "185.5"));
    assert_eq!(world.api(route, &put(json!({"revision": 2, "limit_price": "184"}))).await.status, 409);
    let wrong = world.api(route, &put(json!({"revision": 3, "limit_price": 185, "user_id": "another"}))).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    assert!(wrong.text.contains("limit_price"), "{}", wrong.text);
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_says_no_to_leaves_the_order_as_it_was() {
    let world = with_a_working_order().await;
    // The policy declines the question about a price between two ticks.
    world.broker().set_questions(QuestionRules::default());
    world.modify("first", 2, &json!({"limit_price": "186.001"}));
    world.settle().await;
    let order = world.order("first").await;
    let change = order.change().unwrap();
    assert_eq!((order.revision(), change.stage.as_str()), (1, "refused"), "{change:?}");
    assert_eq!((world.status("first").await.as_str(), at_the_broker(&world).1.as_str()), ("working", "186"));
    world.modify("first", 3, &json!({"limit_price": "185"}));
    world.settle().await;
    assert_eq!((change_of(&world).await, at_the_broker(&world).1.as_str()), ((3, "applied"), "185"));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_a_rule_keeps_back_says_that_the_order_works_on() {
    let grant = |body: Value| json!({"path": {"algorithm_id": simulation::ALGORITHM}, "body": body});
    let halt = json!({"body": {"halted": true, "reason": "a walk"}});
    let limits = json!({"body": {"max_order_quantity": "5"}});
    let halted = grant(json!({"account_ids": [simulation::ACCOUNT], "status": "halted"}));
    let listed = grant(json!({"account_ids": ["DU9999999"]}));
    for (route, body, begins) in [
        ("PUT /halt", halt, "has halted their own trading. The reason given: \"a walk\"."),
        ("PUT /limits", limits, "would be beyond the user's own limits (max_order_quantity): 10 is more than 5."),
        ("PUT /grants/{algorithm_id}", halted, "The user has halted the grant to the algorithm"),
        ("PUT /grants/{algorithm_id}", listed, "does not list the account DU0000001."),
    ] {
        let world = with_a_working_order().await;
        assert_eq!(world.api(route, &body).await.status, 200);
        world.modify("first", 2, &json!({"limit_price": "185"}));
        world.run_for(Duration::from_mins(2)).await;
        let order = world.order("first").await;
        let stage = &order.change().unwrap().stage;
        let told = &stage.reason().unwrap().message;
        assert_eq!((stage.as_str(), at_the_broker(&world).1.as_str()), ("refused", "186"), "{told}");
        assert!(told.contains(begins), "{told}");
        assert!(told.contains("The change was not sent; the order is as it was, and works on."), "{told}");
        assert!(!told.contains("under a new id"), "{told}");
        if !route.contains("limits") {
            assert!(told.ends_with("send the change as revision 3."), "{told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_goes_before_a_change_that_waits() {
    let world = with_a_working_order().await;
    world.network.refuse_connections(1);
    world.modify("first", 2, &json!({"limit_price": "185"}));
    world.cancel("first");
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.change().unwrap().stage.as_str()), ("cancelled", "refused"));
}

fn parked_for(seconds: i64) -> Fault {
    Fault::next("POST", "/iserver/account/*/order/*", FaultKind::Park { release_after_ms: Some(seconds * 1000) })
}

/// A change to 54 is parked at the broker for so long, and one to 14 is in force.
async fn with_a_change_passed_over(seconds: i64) -> World {
    let world = with_a_working_order().await;
    world.broker().add_fault(parked_for(seconds));
    world.modify("first", 2, &json!({"quantity": "54"}));
    world.deliver_all().await;
    world.modify("first", 3, &json!({"quantity": "14"}));
    world.run_for(Duration::from_secs(35)).await;
    assert_eq!((at_the_broker(&world).0.as_str(), change_of(&world).await), ("14", (3, "applied")));
    world
}

#[tokio::test(start_paused = true)]
async fn a_change_that_comes_late_does_not_undo_the_one_after_it() {
    let world = with_a_change_passed_over(40).await;
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.tickets("first")[0].modifications, 3, "the parked one was carried out, and overwritten");
    assert_eq!((at_the_broker(&world).0.as_str(), change_of(&world).await), ("14", (3, "applied")));
    assert_eq!(world.order("first").await.warning, None);
    world.run_for(Duration::from_mins(4)).await;
    assert_eq!(world.order("first").await.changes_astray().count(), 0, "in the end it is forgotten");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_ended_with_a_change_that_came_late_says_so() {
    let world = with_a_change_passed_over(3_000).await;
    // It comes, and the order ends before anybody looks.
    assert_eq!(world.broker().release_parked(), 1);
    let entry = &world.tickets("first")[0];
    assert_eq!(entry.quantity.normalize().to_string(), "54");
    world.broker().reject_order(entry.order_id, paper_broker::OrderStatus::Cancelled);
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!(order.status().as_str(), "cancelled");
    assert_eq!(order.warning.map(|warning| warning.code.to_string()), Some("change_came_late".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_refused_the_second_time_is_in_force_where_the_first_try_shows() {
    for (first, ends) in [(parked_for(25), (2, "applied")), (parked_for(3_000), (1, "refused"))] {
        let world = with_a_working_order().await;
        world.broker().add_fault(first);
        world.modify("first", 2, &json!({"quantity": "54"}));
        world.deliver_all().await;
        let refusal = FaultKind::Answer {
            executed: false,
            status: 200,
            content_type: "application/json".to_owned(),
            body: json!({"error": "Order cannot be changed now"}).to_string(),
        };
        world.broker().add_fault(Fault::next("POST", "/iserver/account/*/order/*", refusal));
        world.run_for(Duration::from_secs(15)).await;
        assert_eq!((change_of(&world).await, world.calls(MODIFYING).len()), ((1, "unknown"), 2));
        world.run_for(Duration::from_mins(1)).await;
        assert_eq!((change_of(&world).await, world.calls(MODIFYING).len()), (ends, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_what_the_broker_does_not_show_is_never_taken_for_in_force_unseen() {
    let world = with_a_working_order().await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/order/*", FaultKind::DropBefore));
    world.modify("first", 2, &json!({"time_in_force": "gtc"}));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!((change_of(&world).await, world.calls(MODIFYING).len()), ((2, "applied"), 2));
    assert_eq!(world.tickets("first")[0].time_in_force, "GTC");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_could_not_be_sent_for_a_quarter_of_an_hour_is_not_sent_any_more() {
    for (minutes, code) in [(10, None), (20, Some("expired"))] {
        let world = with_a_working_order().await;
        let down = FaultKind::AccessDenied;
        world.broker().add_fault(Fault { times: 1_000, ..Fault::next("POST", "/iserver/account/*/order/*", down) });
        world.modify("first", 2, &json!({"limit_price": "186.00"}));
        world.run_for(Duration::from_mins(minutes)).await;
        world.broker().clear_faults();
        world.run_for(Duration::from_mins(3)).await;
        let order = world.order("first").await;
        let refused = order.history.iter().find(|entry| entry.revision == Some(2));
        let told = refused.and_then(|entry| entry.reason.as_ref()).map(|reason| reason.code.as_str());
        assert_eq!(told, code, "{minutes}: {:?}", order.change());
        assert_eq!(order.revision(), if code.is_none() { 2 } else { 1 });
    }
}
