//! Prices between two steps of the contract: refused before anything is sent, never moved in silence.

use std::time::Duration;

use paper_broker::{Fault, FaultKind, QuestionRules};
use serde_json::json;
use simulation::World;

use crate::limits::send;

const RULES: &str = "POST /iserver/contract/rules";

async fn world() -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world
}

#[tokio::test(start_paused = true)]
async fn a_price_between_two_steps_is_denied_with_both_neighbours_and_nothing_is_sent() {
    let world = world().await;
    let fields = json!({"type": "limit", "limit_price": "186.005"});
    assert_eq!(send(&world, "between", fields).await, "denied: price_between_steps");
    let reason = world.reason("between").await;
    assert!(reason.contains("steps of 0.01: 186 and 186.01"), "{reason}");
    let exits = json!({"type": "market", "attached": {"stop_loss": {"stop_price": "170.1234"}}});
    assert_eq!(send(&world, "exit_between", exits).await, "denied: price_between_steps");
    assert_eq!(world.calls("POST /iserver/account/DU0000001/orders").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_steps_of_a_contract_are_asked_for_once_and_never_for_an_order_without_a_price() {
    let world = world().await;
    assert_eq!(send(&world, "market", json!({"type": "market"})).await, "working");
    assert_eq!(world.calls(RULES).len(), 0);
    for order_id in ["one", "two", "three"] {
        assert_eq!(send(&world, order_id, json!({"type": "limit", "limit_price": "186.01"})).await, "working");
    }
    assert_eq!(world.calls(RULES).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_to_a_price_between_two_steps_is_refused_and_the_order_stays_as_it_was() {
    let world = world().await;
    assert_eq!(send(&world, "order", json!({"type": "limit", "limit_price": "186"})).await, "working");
    world.modify("order", 2, &json!({"limit_price": "185.555"}));
    world.settle().await;
    let order = world.order("order").await;
    assert_eq!(order.change().unwrap().stage.as_str(), "refused");
    assert_eq!(world.tickets("order")[0].price.unwrap().normalize().to_string(), "186");
}

#[tokio::test(start_paused = true)]
async fn rules_that_cannot_be_read_hold_no_order_up() {
    let world = world().await;
    let unreadable = Fault { times: 1, ..Fault::next("POST", "/iserver/contract/rules", FaultKind::DropAfter) };
    world.broker().add_fault(unreadable);
    assert_eq!(send(&world, "order", json!({"type": "limit", "limit_price": "186"})).await, "working");
    world.run_for(Duration::from_secs(10)).await;
    assert_eq!(world.tickets("order").len(), 1);
}
