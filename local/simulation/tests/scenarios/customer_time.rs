//! Accounts whose orders must say when they were entered, and all others, whose orders must not.

use std::time::Duration;

use paper_broker::{Fault, FaultKind, QuestionRules};
use serde_json::json;
use simulation::{ACCOUNT, ALGORITHM, World};

use crate::limits::limit_user;

const ORDERS: &str = "/iserver/account/*/orders";

/// A connected user, whose account's orders must say when they were entered.
async fn telling_the_time() -> World {
    let world = World::start().await;
    world.broker().change_options(|options| options.allow_customer_time = true);
    world.broker().set_questions(QuestionRules::none());
    world.connect_user().await;
    let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": {"account_ids": [ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    world
}

fn told(world: &World) -> Vec<Option<i64>> {
    world.tickets("first").iter().map(|ticket| ticket.manual_order_time).collect()
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_sent_again_says_the_same_time_as_before_and_a_change_its_own() {
    let world = telling_the_time().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "working", "{}", world.reason("first").await);
    let order = world.order("first").await;
    assert_eq!((order.sends, told(&world)), (2, vec![Some(order.created_at.as_second())]));

    world.modify("first", 2, &json!({"limit_price": "185"}));
    world.settle().await;
    let order = world.order("first").await;
    let change = order.change().unwrap();
    assert_eq!((change.stage.as_str(), told(&world)), ("applied", vec![Some(change.asked_at.as_second())]));
    assert!(change.asked_at > order.created_at);
}

#[tokio::test(start_paused = true)]
async fn the_exits_of_a_bracket_and_a_preview_say_it_too() {
    let world = telling_the_time().await;
    limit_user(&world, json!({"max_order_notional": "5000"})).await;
    world.place("first", &json!({"type": "market", "attached": {"stop_loss": {"stop_price": "180"}}}));
    world.settle().await;
    assert_eq!(world.status("first").await, "filled", "{}", world.reason("first").await);
    let ledger = world.broker().ledger();
    assert_eq!(ledger.len(), 2);
    assert!(ledger.iter().all(|ticket| ticket.manual_order_time.is_some()), "{ledger:?}");
    let previews = world.calls("POST").into_iter().filter(|call| call.path.ends_with("/whatif"));
    assert_eq!(previews.map(|call| call.problem).collect::<Vec<_>>(), [None]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_opened_by_the_order_itself_knows_it() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.broker().change_options(|options| options.allow_customer_time = true);
    assert!(world.broker().end_session(simulation::USERNAME));
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "working", "{}", world.reason("first").await);
    assert_eq!(told(&world), [Some(world.order("first").await.created_at.as_second())]);
}

#[tokio::test(start_paused = true)]
async fn of_any_other_account_no_order_says_it() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    assert_eq!((world.status("first").await.as_str(), told(&world)), ("working", vec![None]));
}
