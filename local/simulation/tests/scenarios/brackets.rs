//! Brackets: an entry with its exits, sent as one.

use std::time::Duration;

use domain::OrderStatus;
use paper_broker::{Fault, FaultKind};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use simulation::World;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn bracket() -> Value {
    json!({"type": "limit", "limit_price": "187.00",
        "attached": {"take_profit": {"limit_price": "190.00"}, "stop_loss": {"stop_price": "185.50"}}})
}

#[tokio::test(start_paused = true)]
async fn a_bracket_reaches_the_broker_whole_and_its_exits_follow_the_parent() {
    let world = World::with_a_connected_user().await;
    let attached = json!({"take_profit": {"limit_price": "190.00"}, "stop_loss": {"stop_price": "185.50"}});
    world.place("first", &json!({"type": "limit", "limit_price": "187.00", "attached": attached}));
    world.settle().await;
    assert_eq!(world.status("first").await, "working", "{}", world.reason("first").await);
    let parent = world.tickets("first")[0].order_id;
    let ledger = world.broker().ledger();
    let exits: Vec<_> = ledger.iter().filter(|entry| entry.parent_order_id == Some(parent)).collect();
    assert_eq!(exits.len(), 2);
    assert!(exits.iter().all(|exit| exit.side == "SELL" && exit.quantity == decimal("10")));
    assert_eq!(exits.iter().map(|exit| exit.order_type.as_str()).collect::<Vec<_>>(), ["LMT", "STP"]);
    world.broker().set_price(265_598, Some(decimal("186.90")));
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!((order.status(), order.filled_quantity), (OrderStatus::Filled, decimal("10")));
    assert_eq!(order.broker_order_ids.len(), 3, "the parent and both exits");
}

#[tokio::test(start_paused = true)]
async fn a_bracket_whose_answer_was_lost_is_adopted_with_its_exits_and_never_sent_again() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(paper_broker::QuestionRules::none());
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::DropAfter));
    world.place("first", &bracket());
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!((order.status(), order.broker_order_ids.len()), (OrderStatus::Working, 3));
    assert_eq!(world.calls("POST /iserver/account/DU0000001/orders").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_filled_entry_whose_stop_is_gone_is_told_within_thirty_seconds() {
    let world = World::with_a_connected_user().await;
    world.place("first", &bracket());
    world.settle().await;
    let parent = world.tickets("first")[0].order_id;
    let ledger = world.broker().ledger();
    let stop = ledger.iter().find(|entry| entry.parent_order_id == Some(parent) && entry.order_type == "STP").unwrap();
    assert!(world.broker().reject_order(stop.order_id, paper_broker::OrderStatus::Inactive));
    world.broker().set_price(265_598, Some(decimal("186.90")));
    world.run_for(Duration::from_secs(30)).await;
    let order = world.order("first").await;
    assert_eq!(order.warning.as_ref().map(|warning| warning.code.as_str()), Some("unprotected_position"));
    assert_eq!((order.status(), order.filled_quantity), (OrderStatus::Filled, decimal("10")));
    let shown = world.api("GET /orders/{order_id}", &json!({"path": {"order_id": "first"}})).await.json;
    assert_eq!(shown["warning"]["code"], "unprotected_position");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_names_an_exit_first_is_set_right_by_the_sides_of_nameless_rows() {
    for show_parents in [true, false] {
        let world = World::with_a_connected_user().await;
        world.broker().change_options(|options| {
            (options.exits_answered_first, options.name_live_orders) = (true, false);
            options.show_parents = show_parents;
        });
        world.place("first", &bracket());
        world.run_for(Duration::from_secs(20)).await;
        let entry = world.tickets("first")[0].clone();
        let order = world.order("first").await;
        assert_eq!(order.broker_order_ids[0].get(), u64::try_from(entry.order_id).unwrap(), "{show_parents}");
        let cancel = json!({"schema": "courier.order/1", "command": "cancel", "user_id": simulation::USER,
            "order_id": "first", "algorithm_id": simulation::ALGORITHM, "leg": "stop_loss"});
        world.enqueue(&cancel, simulation::SENDER, simulation::USER);
        world.run_for(Duration::from_secs(20)).await;
        let ended: Vec<_> = world.broker().ledger().into_iter().filter(|row| row.status.is_final()).collect();
        let ended: Vec<&str> = ended.iter().map(|row| row.order_type.as_str()).collect();
        assert_eq!(ended, ["STP"], "{show_parents}");
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_first_look_an_answer_that_names_an_exit_first_ends_and_changes_no_other_part() {
    for message in
        [json!({"command": "cancel", "leg": "stop_loss"}), json!({"command": "cancel", "leg": "take_profit"})]
    {
        let world = World::with_a_connected_user().await;
        world.broker().change_options(|options| options.exits_answered_first = true);
        world.place("first", &bracket());
        let mut cancel = json!({"schema": "courier.order/1", "user_id": simulation::USER, "order_id": "first",
            "algorithm_id": simulation::ALGORITHM});
        for (name, value) in message.as_object().unwrap() {
            cancel[name] = value.clone();
        }
        world.enqueue(&cancel, simulation::SENDER, simulation::USER);
        world.deliver_all().await;
        world.run_for(Duration::from_secs(20)).await;
        let ended: Vec<_> = world.broker().ledger().into_iter().filter(|row| row.status.is_final()).collect();
        let ended: Vec<&str> = ended.iter().map(|row| row.order_type.as_str()).collect();
        assert_eq!(ended, [if message["leg"] == "stop_loss" { "STP" } else { "LMT" }], "{message}");
        assert!(!world.tickets("first")[0].status.is_final(), "the entry works on: {message}");
    }
    let world = World::with_a_connected_user().await;
    world.broker().change_options(|options| options.exits_answered_first = true);
    world.place("first", &bracket());
    world.modify("first", 2, &json!({"limit_price": "186.50"}));
    world.deliver_all().await;
    world.run_for(Duration::from_secs(20)).await;
    assert_eq!(world.tickets("first")[0].price, Some(decimal("186.50")));
}
