//! A person acts in the broker's own program beside us: what they make of an order stands, and no change of ours puts it back.

use std::time::Duration;

use domain::LegRole;
use paper_broker::{Execution, Fault, FaultKind, LedgerEntry, QuestionRules, Spelling};
use serde_json::{Value, json};
use simulation::World;

use crate::late_looks::{TWO_ACCOUNTS, place_in, world_of_several_accounts};
use crate::limits::{decimal, put, send, world};

fn bracket() -> Value {
    json!({"type": "limit", "limit_price": "187.00", "time_in_force": "gtc",
        "attached": {"take_profit": {"limit_price": "195.00"}, "stop_loss": {"stop_price": "180.00"}}})
}

async fn at_work(order: Value) -> World {
    let world = world().await;
    assert_eq!(send(&world, "first", order).await, "working");
    world.run_for(Duration::from_secs(20)).await;
    world
}

fn entry(world: &World) -> LedgerEntry {
    world.tickets("first")[0].clone()
}

fn exit(world: &World, order_type: &str) -> LedgerEntry {
    let entry = entry(world);
    let is_it = |row: &&LedgerEntry| row.parent_order_id == Some(entry.order_id) && row.order_type == order_type;
    world.broker().ledger().iter().find(is_it).unwrap().clone()
}

fn execute(world: &World, order_id: i64, quantity: &str) {
    world.broker().execute_order(Execution { order_id, quantity: decimal(quantity), price: decimal("186.90") });
}

async fn warning(world: &World) -> Option<String> {
    world.order("first").await.warning.map(|warning| warning.code.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_price_that_a_person_sets_after_a_change_of_ours_is_not_overwritten() {
    for spelling in [Spelling::Described, Spelling::Recorded] {
        let world = at_work(json!({"type": "limit", "limit_price": "185.00", "time_in_force": "gtc"})).await;
        world.broker().change_options(|options| options.spelling = spelling);
        world.modify("first", 2, &json!({"limit_price": "184.00"}));
        world.run_for(Duration::from_secs(3)).await;
        world.broker().reprice_order(entry(&world).order_id, decimal("180"));
        world.run_for(Duration::from_mins(3)).await;
        assert_eq!(entry(&world).price, Some(decimal("180")));
        assert_eq!(warning(&world).await.as_deref(), Some("changed_at_broker"));
        let shown = serde_json::to_value(world.order("first").await.view()).unwrap();
        assert_eq!((&shown["ticket"]["limit_price"], &shown["revision"]), (&json!("180"), &json!(2)), "{shown}");
        world.modify("first", 3, &json!({"quantity": "9"}));
        world.run_for(Duration::from_secs(30)).await;
        assert_eq!((entry(&world).price, entry(&world).quantity), (Some(decimal("180")), decimal("9")), "{spelling:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_stop_of_a_stop_limit_order_that_a_person_moved_is_not_put_back() {
    let world = at_work(json!({"type": "stop_limit", "stop_price": "195.00", "limit_price": "196.00"})).await;
    let number = entry(&world).order_id;
    world.broker().move_stop_beside_limit(number, decimal("193"));
    world.run_for(Duration::from_mins(1)).await;
    world.modify("first", 2, &json!({"quantity": "9"}));
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(
        (world.broker().stop_beside_limit(number), entry(&world).quantity),
        (Some(decimal("193")), decimal("9"))
    );
    assert_eq!(warning(&world).await.as_deref(), Some("changed_at_broker"));
    // Where somebody asks for another, that counts.
    world.modify("first", 3, &json!({"stop_price": "194.00"}));
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(world.broker().stop_beside_limit(number), Some(decimal("194")));
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_a_person_moved_stays_where_it_is_when_its_entry_becomes_smaller_at_once() {
    let world = at_work(bracket()).await;
    world.broker().reprice_order(exit(&world, "STP").order_id, decimal("184"));
    world.modify("first", 2, &json!({"quantity": "8"}));
    world.run_for(Duration::from_mins(1)).await;
    let stop = exit(&world, "STP");
    assert_eq!((stop.price, stop.quantity), (Some(decimal("184")), decimal("8")));
    assert_eq!(warning(&world).await.as_deref(), Some("changed_at_broker"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_a_person_moved_keeps_its_price_when_it_is_made_smaller_after_the_other_exit_traded() {
    let world = at_work(bracket()).await;
    world.broker().change_options(|options| options.exits_stand_alone = true);
    execute(&world, entry(&world).order_id, "10");
    world.run_for(Duration::from_secs(30)).await;
    world.broker().reprice_order(exit(&world, "STP").order_id, decimal("184"));
    world.run_for(Duration::from_secs(40)).await;
    execute(&world, exit(&world, "LMT").order_id, "4");
    world.run_for(Duration::from_mins(1)).await;
    let stop = exit(&world, "STP");
    assert_eq!((stop.price, stop.quantity), (Some(decimal("184")), decimal("6")));
}

#[tokio::test(start_paused = true)]
async fn exits_follow_an_entry_that_a_person_made_smaller_before_it_fills() {
    let world = at_work(bracket()).await;
    world.broker().resize_order(entry(&world).order_id, decimal("6"));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!((exit(&world, "LMT").quantity, exit(&world, "STP").quantity), (decimal("6"), decimal("6")));
    execute(&world, entry(&world).order_id, "6");
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(world.status("first").await, "filled");
    assert_eq!(warning(&world).await.as_deref(), Some("changed_at_broker"));
}

#[tokio::test(start_paused = true)]
async fn under_a_reducing_halt_a_sale_that_a_person_made_larger_counts_as_it_stands() {
    let world = world().await;
    world.broker().hold(simulation::ACCOUNT, 265_598, decimal("20"));
    let sale = json!({"type": "limit", "side": "sell", "quantity": "10", "limit_price": "190.00"});
    assert_eq!(send(&world, "first", sale.clone()).await, "working");
    world.run_for(Duration::from_secs(20)).await;
    world.broker().resize_order(entry(&world).order_id, decimal("20"));
    world.run_for(Duration::from_mins(1)).await;
    put(&world, "PUT /halt", json!({"halted": true, "mode": "reducing", "reason": "close only"})).await;
    assert_eq!(send(&world, "second", sale).await, "denied: only_reducing");
    let why = world.reason("second").await;
    assert!(why.contains("close only") && why.contains("new id"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_take_profit_that_a_person_cancels_is_no_call_for_a_second_stop() {
    let world = at_work(bracket()).await;
    execute(&world, entry(&world).order_id, "10");
    world.run_for(Duration::from_secs(30)).await;
    world.broker().reject_order(exit(&world, "LMT").order_id, paper_broker::OrderStatus::Cancelled);
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(warning(&world).await, None, "its stop works");
    let order = world.order("first").await;
    let shown = serde_json::to_value(order.view()).unwrap();
    assert_eq!(shown["legs"][0]["reason"]["code"], "by_broker", "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_fill_after_the_cancel_is_told_unprotected_also_where_a_part_had_filled_before() {
    let world = at_work(bracket()).await;
    execute(&world, entry(&world).order_id, "4");
    world.run_for(Duration::from_secs(20)).await;
    world.broker().change_options(|options| options.cancel_delay_ms = 30_000);
    world.cancel("first");
    world.run_for(Duration::from_secs(10)).await;
    execute(&world, entry(&world).order_id, "3");
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.filled_quantity), ("cancelled", decimal("7")));
    assert_eq!(warning(&world).await.as_deref(), Some("unprotected_position"));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_no_look_saw_without_effect_is_not_called_so() {
    let world = at_work(bracket()).await;
    execute(&world, entry(&world).order_id, "10");
    world.run_for(Duration::from_secs(30)).await;
    let away = Fault::next("GET", "/iserver/account/orders", FaultKind::Unavailable { executed: false, delay_ms: 0 });
    world.broker().add_fault(Fault { times: 12, ..away });
    let cancel = json!({"schema": "courier.order/1", "command": "cancel", "user_id": simulation::USER,
        "order_id": "first", "algorithm_id": simulation::ALGORITHM, "leg": "take_profit"});
    world.enqueue(&cancel, simulation::SENDER, simulation::USER);
    world.run_for(Duration::from_mins(3)).await;
    let order = world.order("first").await;
    assert_eq!(order.leg(LegRole::TakeProfit).unwrap().status().as_str(), "cancelled");
    let told = order.history.iter().filter_map(|entry| entry.reason.as_ref()).map(|reason| reason.code.to_string());
    assert!(!told.collect::<Vec<_>>().contains(&"cancel_not_carried_out".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn no_question_of_the_broker_keeps_an_exit_larger_than_what_is_left() {
    let world = at_work(bracket()).await;
    world.broker().change_options(|options| options.exits_stand_alone = true);
    execute(&world, entry(&world).order_id, "10");
    world.run_for(Duration::from_secs(30)).await;
    let asked = QuestionRules { always: vec!["o163".to_owned()], ..QuestionRules::default() };
    world.broker().set_questions(asked);
    execute(&world, exit(&world, "STP").order_id, "4");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(exit(&world, "LMT").quantity, decimal("6"));
}

#[tokio::test(start_paused = true)]
async fn what_a_person_changes_of_an_order_of_an_earlier_day_is_not_overwritten() {
    // How long after it a change of ours is asked for.
    for later in [Duration::from_millis(500), Duration::from_mins(2)] {
        let world = at_work(bracket()).await;
        execute(&world, entry(&world).order_id, "10");
        assert_eq!(
            send(&world, "resting", json!({"type": "limit", "limit_price": "170", "time_in_force": "gtc"})).await,
            "working"
        );
        let resting = || world.tickets("resting")[0].clone();
        world.run_for(Duration::from_mins(1)).await;
        world.broker().reset_day();
        world.run_for(Duration::from_mins(2)).await;
        world.broker().reprice_order(exit(&world, "STP").order_id, decimal("184"));
        world.broker().reprice_order(resting().order_id, decimal("168"));
        world.run_for(later).await;
        world.modify("first", 2, &json!({"leg": "stop_loss", "quantity": "8"}));
        world.modify("resting", 2, &json!({"quantity": "9"}));
        world.run_for(Duration::from_mins(3)).await;
        let stop = exit(&world, "STP");
        assert_eq!((stop.price, stop.quantity), (Some(decimal("184")), decimal("8")), "{later:?}");
        assert_eq!((resting().price, resting().quantity), (Some(decimal("168")), decimal("9")), "{later:?}");
        assert_eq!(warning(&world).await.as_deref(), Some("changed_at_broker"), "{later:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_person_changes_in_one_of_several_accounts_is_not_overwritten() {
    let world = world_of_several_accounts().await;
    for (order_id, account_id) in [("one", TWO_ACCOUNTS[0]), ("other", TWO_ACCOUNTS[1])] {
        place_in(&world, order_id, account_id);
    }
    world.run_for(Duration::from_secs(30)).await;
    for order_id in ["one", "other"] {
        let name = world.find_order("u-8", order_id).await.unwrap().client_order_id.to_string();
        let is_it = |row: &&LedgerEntry| row.client_order_id.as_ref() == Some(&name);
        let ticket = || world.broker().ledger().iter().find(is_it).unwrap().clone();
        world.broker().reprice_order(ticket().order_id, decimal("170"));
        world.run_for(Duration::from_millis(500)).await;
        let modify = json!({"schema": "courier.order/1", "command": "modify", "user_id": "u-8", "order_id": order_id,
            "algorithm_id": simulation::ALGORITHM, "revision": 2, "quantity": "4"});
        world.enqueue(&modify, simulation::SENDER, "u-8");
        world.run_for(Duration::from_secs(20)).await;
        assert_eq!((ticket().price, ticket().quantity), (Some(decimal("170")), decimal("4")), "{order_id}");
    }
}
