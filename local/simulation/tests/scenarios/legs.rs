//! The exits of a bracket: watched, told, cancelled and changed until each ended, and counted by whatever counts.

use std::time::Duration;

use domain::{LegRole, Order, OrderStatus};
use paper_broker::{Execution, Fault, FaultKind, LedgerEntry};
use serde_json::{Value, json};
use simulation::{ACCOUNT, USER, World};

use crate::limits::{decimal, limit_user, put, resting, send, world};

const AAPL: i64 = 265_598;
const DELETES: &str = "DELETE /iserver/account";

fn bracket() -> Value {
    json!({"type": "limit", "limit_price": "187.00",
        "attached": {"take_profit": {"limit_price": "190.00"}, "stop_loss": {"stop_price": "185.50"}}})
}

/// A world in which the bracket `first` is filled, and its exits work.
async fn with_a_filled_bracket() -> World {
    let world = world().await;
    assert_eq!(send(&world, "first", bracket()).await, "working");
    world.broker().set_price(AAPL, Some(decimal("186.90")));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "filled");
    world
}

fn exit(world: &World, order_type: &str) -> LedgerEntry {
    let parent = world.tickets("first")[0].order_id;
    let is_it = |entry: &LedgerEntry| entry.parent_order_id == Some(parent) && entry.order_type == order_type;
    world.broker().ledger().into_iter().find(is_it).unwrap()
}

fn statuses(order: &Order) -> [&'static str; 2] {
    [LegRole::TakeProfit, LegRole::StopLoss].map(|role| order.leg(role).unwrap().status().as_str())
}

async fn open_ids(world: &World) -> Vec<String> {
    let listed = world.api("GET /orders", &json!({"query": {"open": "true"}})).await;
    listed.json["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order["order_id"].as_str().unwrap().to_owned())
        .collect()
}

fn position(world: &World) -> String {
    let signed = world
        .broker()
        .ledger()
        .into_iter()
        .map(|entry| if entry.side == "BUY" { entry.filled_quantity } else { -entry.filled_quantity });
    signed.sum::<rust_decimal::Decimal>().normalize().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_filled_brackets_exits_are_open_shown_and_told_until_each_ended() {
    let world = with_a_filled_bracket().await;
    let shown = world.api("GET /orders/{order_id}", &json!({"path": {"order_id": "first"}})).await.json;
    let legs = shown["legs"].as_array().unwrap();
    let role_and_status: Vec<_> = legs.iter().map(|leg| (leg["role"].as_str(), leg["status"].as_str())).collect();
    assert_eq!(role_and_status, [(Some("take_profit"), Some("working")), (Some("stop_loss"), Some("working"))]);
    assert_eq!(legs[0]["broker_order_id"], exit(&world, "LMT").order_id.to_string());
    assert_eq!((&legs[0]["quantity"], &legs[0]["filled_quantity"]), (&json!("10"), &json!("0")));
    assert_eq!(open_ids(&world).await, ["first"]);
    // Long after the entry.
    world.run_for(Duration::from_mins(20)).await;
    let before = world.order("first").await.sequence;
    world.broker().set_price(AAPL, Some(decimal("190.50")));
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!((order.status(), statuses(&order)), (OrderStatus::Filled, ["filled", "cancelled"]));
    let take_profit = order.leg(LegRole::TakeProfit).unwrap();
    assert_eq!((take_profit.filled_quantity, take_profit.average_price), (decimal("10"), Some(decimal("190.5"))));
    assert!(order.is_over() && order.next_check_at.is_none() && open_ids(&world).await.is_empty());
    let is_new =
        |detail: &Value| detail["order_id"] == "first" && detail["sequence"].as_u64().is_some_and(|at| at > before);
    let details = world.tell_changes().await;
    let details = details.iter().map(|entry| serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap());
    let of_exits: Vec<Value> = details.filter(is_new).collect();
    assert!(of_exits.len() >= 2, "{of_exits:?}");
    assert!(of_exits.iter().all(|detail| detail["status"] == "filled" && detail["previous_status"] == "filled"));
    let sequences: Vec<_> = of_exits.iter().map(|detail| detail["sequence"].as_u64().unwrap()).collect();
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
    assert_eq!(sequences.last(), Some(&order.sequence));
    assert_eq!(of_exits.last().unwrap()["legs"][0]["status"], "filled");
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_fills_in_part_is_told_and_makes_the_other_smaller() {
    let world = with_a_filled_bracket().await;
    let (take_profit, price) = (exit(&world, "LMT").order_id, decimal("190"));
    world.broker().execute_order(Execution { order_id: take_profit, quantity: decimal("4"), price });
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!(statuses(&order), ["partially_filled", "working"]);
    assert_eq!(order.leg(LegRole::TakeProfit).unwrap().filled_quantity, decimal("4"));
    assert_eq!(order.leg(LegRole::StopLoss).unwrap().quantity(), decimal("6"));
    world.broker().set_price(AAPL, Some(decimal("185")));
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!(order.leg(LegRole::StopLoss).unwrap().status(), OrderStatus::Filled);
    assert!(order.is_over());
    assert_eq!(position(&world), "0");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_an_exits_price_is_for_no_more_than_the_other_one_left_since_the_last_look() {
    for shown_by_number in [true, false] {
        let world = with_a_filled_bracket().await;
        world.run_for(Duration::from_mins(20)).await;
        let (take_profit, price) = (exit(&world, "LMT").order_id, decimal("190"));
        world.broker().execute_order(Execution { order_id: take_profit, quantity: decimal("4"), price });
        if !shown_by_number {
            let away = FaultKind::Unavailable { executed: false, delay_ms: 0 };
            world
                .broker()
                .add_fault(Fault { times: 20, ..Fault::next("GET", "/iserver/account/order/status/*", away) });
        }
        world.modify("first", 2, &json!({"leg": "stop_loss", "stop_price": "185.00"}));
        world.run_for(Duration::from_mins(1)).await;
        let stop = exit(&world, "STP");
        assert_eq!((stop.quantity, stop.price), (decimal("6"), Some(decimal("185"))), "{shown_by_number}");
        world.broker().set_price(AAPL, Some(decimal("184")));
        world.run_for(Duration::from_mins(2)).await;
        assert_eq!(position(&world), "0");
        assert!(world.order("first").await.is_over());
    }
}

#[tokio::test(start_paused = true)]
async fn the_exits_follow_the_quantity_of_their_entry() {
    for quantity in ["4", "14"] {
        let world = world().await;
        assert_eq!(send(&world, "first", bracket()).await, "working");
        world.run_for(Duration::from_secs(20)).await;
        world.modify("first", 2, &json!({"quantity": quantity}));
        world.run_for(Duration::from_secs(30)).await;
        let exits = ["LMT", "STP"].map(|order_type| exit(&world, order_type).quantity);
        assert_eq!((world.tickets("first")[0].quantity, exits), (decimal(quantity), [decimal(quantity); 2]));
        let order = world.order("first").await;
        assert_eq!((order.revision(), order.change().unwrap().stage.as_str()), (2, "applied"));
        let shown = serde_json::to_value(order.view()).unwrap()["change"].clone();
        assert_eq!((&shown["leg"], &shown["status"]), (&Value::Null, &json!("applied")), "what was asked for");
        assert_eq!((&shown["revision"], &shown["ticket"]["quantity"]), (&json!(2), &json!(quantity)));
        world.modify("first", 3, &json!({"leg": "stop_loss", "stop_price": "185.00"}));
        world.run_for(Duration::from_secs(30)).await;
        assert_eq!(world.order("first").await.revision(), 3);
        for price in ["186.90", "184.00"] {
            world.broker().set_price(AAPL, Some(decimal(price)));
            world.run_for(Duration::from_mins(1)).await;
        }
        assert_eq!(position(&world), "0");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_did_not_grow_with_its_entry_is_changed_again() {
    for lost in
        [FaultKind::NotCarriedOut, FaultKind::DropBefore, FaultKind::Unavailable { executed: false, delay_ms: 0 }]
    {
        let world = world().await;
        assert_eq!(send(&world, "first", bracket()).await, "working");
        world.run_for(Duration::from_secs(20)).await;
        let change_of_the_stop = format!("/iserver/account/*/order/{}", exit(&world, "STP").order_id);
        world.broker().add_fault(Fault::next("POST", &change_of_the_stop, lost.clone()));
        world.modify("first", 2, &json!({"quantity": "14"}));
        world.run_for(Duration::from_mins(2)).await;
        assert_eq!(exit(&world, "STP").quantity, decimal("14"), "{lost:?}");
        let order = world.order("first").await;
        assert_eq!(order.leg(LegRole::StopLoss).unwrap().quantity(), decimal("14"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_stays_too_large_is_made_smaller_and_a_person_is_told() {
    let world = with_a_filled_bracket().await;
    world.run_for(Duration::from_mins(20)).await;
    // The take profit fills between the question how much it has filled and the change of the stop.
    let held_up = FaultKind::Delay { before_ms: 8_000, after_ms: 0 };
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/order/*", held_up));
    world.modify("first", 2, &json!({"leg": "stop_loss", "stop_price": "185.00"}));
    let (take_profit, price) = (exit(&world, "LMT").order_id, decimal("190"));
    tokio::join!(world.run_for(Duration::from_secs(9)), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        world.broker().execute_order(Execution { order_id: take_profit, quantity: decimal("4"), price });
    });
    assert_eq!(exit(&world, "STP").quantity, decimal("10"));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(exit(&world, "STP").quantity, decimal("6"));
    let order = world.order("first").await;
    assert_eq!(order.warning.as_ref().map(|warning| warning.code.as_str()), Some("exit_too_large"));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_an_exit_that_the_broker_takes_and_does_not_carry_out_goes_out_again() {
    for (ignored, price, stage) in [(1, "185", "applied"), (1000, "185.5", "refused")] {
        let world = with_a_filled_bracket().await;
        let fault = Fault::next("POST", "/iserver/account/*/order/*", FaultKind::NotCarriedOut);
        world.broker().add_fault(Fault { times: ignored, ..fault });
        world.modify("first", 2, &json!({"leg": "stop_loss", "stop_price": "185.00"}));
        world.run_for(Duration::from_mins(5)).await;
        let order = world.order("first").await;
        assert_eq!(order.change().unwrap().stage.as_str(), stage, "{:?}", order.change());
        let in_force = serde_json::to_value(order.leg(LegRole::StopLoss).unwrap()).unwrap();
        assert_eq!(in_force["ticket"]["stop_price"], price, "what the order says is what the broker has");
        assert_eq!(exit(&world, "STP").price, Some(decimal(price)));
        assert_eq!(order.warning.is_some(), stage == "refused");
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_whose_entry_and_stop_end_in_one_look_is_told_to_be_unprotected() {
    let world = world().await;
    assert_eq!(send(&world, "first", bracket()).await, "working");
    let entry = world.tickets("first")[0].order_id;
    world.broker().execute_order(Execution { order_id: entry, quantity: decimal("4"), price: decimal("187") });
    world.broker().reject_order(entry, paper_broker::OrderStatus::Cancelled);
    world.run_for(Duration::from_mins(1)).await;
    let order = world.order("first").await;
    assert_eq!((order.status(), order.is_over()), (OrderStatus::Cancelled, true));
    assert_eq!(order.warning.as_ref().map(|warning| warning.code.as_str()), Some("unprotected_position"));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_a_filled_bracket_ends_its_exits() {
    let world = with_a_filled_bracket().await;
    world.cancel("first");
    world.run_for(Duration::from_mins(1)).await;
    let order = world.order("first").await;
    assert_eq!((order.status(), statuses(&order)), (OrderStatus::Filled, ["cancelled", "cancelled"]));
    assert!(world.broker().ledger().iter().all(|entry| entry.status.is_final()));
    assert!(order.is_over());
}

#[tokio::test(start_paused = true)]
async fn a_halt_that_cancels_what_works_ends_the_exits_of_filled_brackets() {
    let world = with_a_filled_bracket().await;
    let halt = put(&world, "PUT /halt", json!({"halted": true, "cancel_working": true, "reason": "stop"})).await;
    assert_eq!(halt["cancels_asked"], 1);
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(statuses(&world.order("first").await), ["cancelled", "cancelled"]);
    assert!(world.broker().ledger().iter().all(|entry| entry.status.is_final()));
}

#[tokio::test(start_paused = true)]
async fn one_exit_is_cancelled_by_its_name_over_the_queue_and_by_http() {
    let world = with_a_filled_bracket().await;
    let mut cancel = json!({"schema": "courier.order/1", "command": "cancel", "user_id": USER, "order_id": "first",
        "algorithm_id": simulation::ALGORITHM, "leg": "take_profit"});
    world.enqueue(&cancel, simulation::SENDER, USER);
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(statuses(&world.order("first").await), ["cancelled", "working"]);
    assert_eq!(open_ids(&world).await, ["first"]);
    let wrong = json!({"path": {"order_id": "first"}, "query": {"leg": "entry"}});
    assert_eq!(world.api("DELETE /orders/{order_id}", &wrong).await.status, 400);
    for misspelt in [
        json!({"path": {"order_id": "first"}, "query": {"legs": "stop_loss"}}),
        json!({"path": {"order_id": "first"}, "body": {"leg": "stop_loss"}}),
    ] {
        assert_eq!(world.api("DELETE /orders/{order_id}", &misspelt).await.status, 400, "{misspelt}");
    }
    assert_eq!(statuses(&world.order("first").await), ["cancelled", "working"]);
    let stop = json!({"path": {"order_id": "first"}, "query": {"leg": "stop_loss"}});
    assert_eq!(world.api("DELETE /orders/{order_id}", &stop).await.status, 202);
    world.run_for(Duration::from_mins(1)).await;
    let order = world.order("first").await;
    assert_eq!(statuses(&order), ["cancelled", "cancelled"]);
    assert!(order.is_over() && order.warning.is_none(), "{:?}", order.warning);
    assert_eq!(send(&world, "plain", resting()).await, "working");
    let none = json!({"path": {"order_id": "plain"}, "query": {"leg": "stop_loss"}});
    let refused = world.api("DELETE /orders/{order_id}", &none).await;
    assert_eq!((refused.status, &refused.json["code"]), (409, &json!("no_such_leg")), "{}", refused.text);
    cancel["order_id"] = json!("plain");
    world.enqueue(&cancel, simulation::SENDER, USER);
    world.deliver_all().await;
    assert_eq!(world.refusals().await.iter().filter(|refusal| refusal.reason.code == "no_such_leg").count(), 1);
    assert_eq!(world.status("plain").await, "working");
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_is_cancelled_before_its_order_is_sent_never_reaches_the_broker() {
    let world = world().await;
    let down = FaultKind::AccessDenied;
    world.broker().add_fault(Fault { times: 1_000, ..Fault::next("POST", "/iserver/account/*/orders", down) });
    assert!(send(&world, "first", bracket()).await.starts_with("held"));
    let stop = json!({"path": {"order_id": "first"}, "query": {"leg": "take_profit"}});
    assert_eq!(world.api("DELETE /orders/{order_id}", &stop).await.status, 202);
    world.broker().clear_faults();
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "working");
    assert_eq!(world.broker().ledger().len(), 2, "the entry and its stop");
    assert_eq!(statuses(&world.order("first").await), ["cancelled", "working"]);
}

#[tokio::test(start_paused = true)]
async fn an_exit_is_changed_by_its_name_for_no_more_than_is_left() {
    let world = with_a_filled_bracket().await;
    world.modify("first", 2, &json!({"leg": "stop_loss", "stop_price": "186.00"}));
    world.run_for(Duration::from_secs(30)).await;
    let order = world.order("first").await;
    assert_eq!(order.change().unwrap().stage.as_str(), "applied", "{:?}", order.change());
    assert_eq!((order.revision(), order.revision_of(None)), (2, 1));
    assert_eq!(exit(&world, "STP").price, Some(decimal("186")));
    let shown = world.api("GET /orders/{order_id}", &json!({"path": {"order_id": "first"}})).await.json;
    assert_eq!(shown["ticket"]["attached"]["stop_loss"]["stop_price"], "186");
    assert_eq!(shown["change"]["leg"], "stop_loss");
    let change =
        |fields: Value| json!({"path": {"order_id": "first"}, "query": {"leg": "take_profit"}, "body": fields});
    let price = world.api("PUT /orders/{order_id}", &change(json!({"revision": 3, "limit_price": "189.00"}))).await;
    assert_eq!(price.status, 202, "{}", price.text);
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(exit(&world, "LMT").price, Some(decimal("189")));
    for (fields, code) in [
        (json!({"revision": 4, "quantity": "11"}), "leg_quantity"),
        (json!({"revision": 4, "stop_price": "180"}), "change_has_no_place"),
        (json!({"revision": 4, "time_in_force": "gtc"}), "change_has_no_place"),
    ] {
        let refused = world.api("PUT /orders/{order_id}", &change(fields.clone())).await;
        assert_eq!((refused.status, &refused.json["code"]), (409, &json!(code)), "{fields}: {}", refused.text);
    }
    // The stop goes out for what the take profit left of it.
    let (take_profit, price) = (exit(&world, "LMT").order_id, decimal("189"));
    world.broker().execute_order(Execution { order_id: take_profit, quantity: decimal("4"), price });
    world.run_for(Duration::from_secs(30)).await;
    world.modify("first", 4, &json!({"leg": "stop_loss", "stop_price": "186.20"}));
    world.run_for(Duration::from_secs(30)).await;
    let stop = exit(&world, "STP");
    assert_eq!((stop.price, stop.quantity), (Some(decimal("186.2")), decimal("6")));
}

#[tokio::test(start_paused = true)]
async fn under_a_halt_an_exit_is_not_changed_and_one_that_reduces_lets_it_only_become_smaller() {
    let world = with_a_filled_bracket().await;
    put(&world, "PUT /halt", json!({"halted": true, "mode": "reducing", "reason": "close only"})).await;
    world.modify("first", 2, &json!({"leg": "stop_loss", "stop_price": "186.00"}));
    world.settle().await;
    assert_eq!(world.order("first").await.change().unwrap().stage.reason().unwrap().code, "only_reducing");
    world.modify("first", 3, &json!({"leg": "take_profit", "quantity": "6"}));
    world.settle().await;
    assert_eq!(world.order("first").await.change().unwrap().stage.as_str(), "applied");
    put(&world, "PUT /halt", json!({"halted": true, "reason": "stop"})).await;
    world.modify("first", 4, &json!({"leg": "take_profit", "quantity": "5"}));
    world.settle().await;
    assert_eq!(world.order("first").await.change().unwrap().stage.reason().unwrap().code, "halted");
    assert_eq!((exit(&world, "STP").price, exit(&world, "LMT").quantity), (Some(decimal("185.5")), decimal("6")));
}

#[tokio::test(start_paused = true)]
async fn a_sale_of_the_whole_position_beside_working_exits_does_not_pass_as_reducing() {
    let world = with_a_filled_bracket().await;
    put(&world, "PUT /halt", json!({"halted": true, "mode": "reducing", "reason": "close only"})).await;
    let sale = |quantity: &str| json!({"type": "limit", "limit_price": "186", "side": "sell", "quantity": quantity});
    assert_eq!(send(&world, "whole", sale("10")).await, "denied: only_reducing");
    assert_eq!(send(&world, "one", sale("1")).await, "denied: only_reducing");
    world.cancel("first");
    world.run_for(Duration::from_mins(1)).await;
    assert!(matches!(send(&world, "again", sale("10")).await.as_str(), "working" | "filled"));
    world.run_for(Duration::from_mins(1)).await;
    world.broker().set_price(AAPL, Some(decimal("180")));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(position(&world), "0");
}

#[tokio::test(start_paused = true)]
async fn a_bracket_whose_exits_work_holds_its_place_among_the_open_orders() {
    let world = world().await;
    limit_user(&world, json!({"max_open_orders": 1})).await;
    assert_eq!(send(&world, "first", bracket()).await, "working");
    world.broker().set_price(AAPL, Some(decimal("186.90")));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "filled");
    assert_eq!(send(&world, "second", resting()).await, "denied: beyond_limits");
    world.broker().set_price(AAPL, Some(decimal("190.50")));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(send(&world, "third", resting()).await, "working");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_an_exit_that_the_broker_does_not_carry_out_is_asked_for_again() {
    let world = with_a_filled_bracket().await;
    world.broker().change_options(|options| options.cancel_delay_ms = 3_600_000);
    let stop = json!({"path": {"order_id": "first"}, "query": {"leg": "stop_loss"}});
    assert_eq!(world.api("DELETE /orders/{order_id}", &stop).await.status, 202);
    world.run_for(Duration::from_mins(5)).await;
    let calls = world.calls(DELETES).len();
    assert!((4..=9).contains(&calls), "{calls} calls");
    let order = world.order("first").await;
    assert_eq!(statuses(&order), ["working", "cancelling"]);
    assert_eq!(order.warning.as_ref().map(|warning| warning.code.as_str()), Some("cancel_not_carried_out"));
    assert_eq!(world.api("DELETE /orders/{order_id}", &stop).await.status, 202);
    world.run_for(Duration::from_secs(5)).await;
    assert!(world.calls(DELETES).len() > calls, "a new request makes a call");
}

#[tokio::test(start_paused = true)]
async fn exits_of_a_bracket_whose_answer_was_lost_are_found_with_a_parents_number_or_without() {
    for shows_parents in [true, false] {
        let world = world().await;
        world.broker().change_options(|options| options.show_parents = shows_parents);
        world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::DropAfter));
        world.place("first", &bracket());
        world.run_for(Duration::from_mins(2)).await;
        let order = world.order("first").await;
        assert_eq!(
            (order.status(), statuses(&order)),
            (OrderStatus::Working, ["working", "working"]),
            "{shows_parents}"
        );
        assert_eq!(order.broker_order_ids.len(), 3);
        world.broker().set_price(AAPL, Some(decimal("186.90")));
        world.run_for(Duration::from_mins(1)).await;
        world.cancel("first");
        world.run_for(Duration::from_mins(1)).await;
        assert!(world.order("first").await.is_over(), "{shows_parents}");
        assert!(world.broker().ledger().iter().all(|entry| entry.status.is_final()));
    }
}

#[tokio::test(start_paused = true)]
async fn exits_end_with_an_entry_that_is_cancelled() {
    let world = world().await;
    assert_eq!(send(&world, "first", bracket()).await, "working");
    world.cancel("first");
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!((order.status(), statuses(&order)), (OrderStatus::Cancelled, ["cancelled", "cancelled"]));
    assert!(order.is_over());
    assert_eq!(world.calls(DELETES).len(), 1, "the broker ends them with their parent");
}

#[tokio::test(start_paused = true)]
async fn exits_of_an_order_that_was_never_sent_end_with_it() {
    let world = world().await;
    put(&world, "PUT /halt", json!({"halted": true, "reason": "stop"})).await;
    assert_eq!(send(&world, "first", bracket()).await, "denied: halted");
    let order = world.order("first").await;
    assert_eq!(statuses(&order), ["denied", "denied"]);
    assert!(order.is_over() && order.next_check_at.is_none());
}

#[tokio::test(start_paused = true)]
async fn exits_that_no_list_shows_after_the_daily_reset_stay_open_and_are_ended() {
    let world = world().await;
    let mut order = bracket();
    order["time_in_force"] = json!("gtc");
    assert_eq!(send(&world, "first", order).await, "working");
    world.broker().set_price(AAPL, Some(decimal("186.90")));
    world.run_for(Duration::from_mins(1)).await;
    world.broker().change_options(|options| options.list_earlier_sessions = false);
    world.broker().reset_day();
    world.run_for(Duration::from_mins(10)).await;
    assert_eq!(open_ids(&world).await, ["first"]);
    world.cancel("first");
    world.run_for(Duration::from_mins(10)).await;
    let order = world.order("first").await;
    assert!(order.is_over(), "{:?}", order.legs());
    assert!(world.broker().ledger().iter().all(|entry| entry.status.is_final()));
    assert_eq!(order.account_id().unwrap().as_str(), ACCOUNT);
}

/// A position of 10 with working exits, while only reducing orders pass: whatever is sold, cancelled, and traded in part, it
/// is never turned.
#[tokio::test(start_paused = true)]
async fn whatever_is_sold_beside_exits_reducing_never_turns_a_position() {
    for seed in 1..=6_u64 {
        let world = with_a_filled_bracket().await;
        put(&world, "PUT /halt", json!({"halted": true, "mode": "reducing", "reason": "close only"})).await;
        let mut state = seed;
        let mut below = |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % end
        };
        for step in 0..14 {
            match below(6) {
                0 | 1 => {
                    let fields = json!({"type": "limit", "side": "sell", "quantity": (1 + below(10)).to_string(),
                        "limit_price": format!("18{}", 6 + below(4))});
                    send(&world, &format!("sale-{step}"), fields).await;
                }
                2 => world.broker().set_price(AAPL, Some(decimal(&format!("18{}.{}", 5 + below(4), 6 + below(4))))),
                3 => {
                    let (order_id, price) = (exit(&world, "LMT").order_id, decimal("190"));
                    let quantity = (1 + below(3)).into();
                    world.broker().execute_order(Execution { order_id, quantity, price });
                }
                4 => world.cancel(if below(2) == 0 { "first" } else { "sale-3" }),
                _ => world.run_for(Duration::from_secs(20)).await,
            }
            world.deliver_all().await;
            let held: rust_decimal::Decimal = position(&world).parse().unwrap();
            assert!(!held.is_sign_negative(), "seed {seed}, step {step}: {held}");
        }
        world.broker().set_price(AAPL, Some(decimal("170")));
        world.broker().set_price(AAPL, Some(decimal("200")));
        world.run_for(Duration::from_mins(2)).await;
        let held: rust_decimal::Decimal = position(&world).parse().unwrap();
        assert!(!held.is_sign_negative(), "seed {seed}: {held}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_an_exit_hides_no_change_of_the_entry_that_was_not_carried_out() {
    let world = world().await;
    assert_eq!(send(&world, "first", bracket()).await, "working");
    world.run_for(Duration::from_secs(20)).await;
    world.broker().set_price(AAPL, Some(decimal("188")));
    let fault = Fault::next("POST", "/iserver/account/*/order/*", FaultKind::NotCarriedOut);
    world.broker().add_fault(fault);
    world.modify("first", 2, &json!({"limit_price": "186.50"}));
    world.run_for(Duration::from_secs(2)).await;
    world.modify("first", 3, &json!({"leg": "take_profit", "limit_price": "191.00"}));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.tickets("first")[0].price, Some(decimal("186.5")), "it went out again");
    assert_eq!(exit(&world, "LMT").price, Some(decimal("191")));
    assert_eq!(world.order("first").await.next_revision(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_exits_are_for_what_the_entry_filled_where_the_broker_took_its_change_and_filled_the_old_quantity() {
    for (quantity, in_vain, fills_after) in [("14", 1, 3), ("4", 1, 3), ("14", 4, 120), ("4", 4, 120)] {
        let world = world().await;
        assert_eq!(send(&world, "first", bracket()).await, "working");
        world.run_for(Duration::from_secs(20)).await;
        let entry = world.tickets("first")[0].order_id;
        let fault = Fault::next("POST", &format!("/iserver/account/*/order/{entry}"), FaultKind::NotCarriedOut);
        world.broker().add_fault(Fault { times: in_vain, ..fault });
        world.modify("first", 2, &json!({"quantity": quantity}));
        world.run_for(Duration::from_secs(fills_after)).await;
        world.broker().set_price(AAPL, Some(decimal("186.90")));
        world.run_for(Duration::from_mins(4)).await;
        let filled = world.tickets("first")[0].filled_quantity;
        let exits = ["LMT", "STP"].map(|order_type| exit(&world, order_type).quantity);
        assert_eq!(exits, [filled; 2], "to {quantity}, in vain {in_vain} times");
        world.broker().set_price(AAPL, Some(decimal("184.00")));
        world.run_for(Duration::from_mins(1)).await;
        assert_eq!(position(&world), "0");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_the_broker_does_not_let_go_back_is_told_and_tried_again() {
    let world = world().await;
    assert_eq!(send(&world, "first", bracket()).await, "working");
    world.run_for(Duration::from_secs(20)).await;
    let entry = world.tickets("first")[0].order_id;
    let fault = Fault::next("POST", &format!("/iserver/account/*/order/{entry}"), FaultKind::NotCarriedOut);
    world.broker().add_fault(Fault { times: 4, ..fault });
    world.modify("first", 2, &json!({"quantity": "14"}));
    world.run_for(Duration::from_secs(2)).await;
    assert_eq!(exit(&world, "LMT").quantity, decimal("14"));
    for order_type in ["LMT", "STP"] {
        let refused = FaultKind::Answer {
            executed: false,
            status: 200,
            content_type: "application/json".to_owned(),
            body: json!({"error": "Order couldn't be modified now."}).to_string(),
        };
        let change = format!("/iserver/account/*/order/{}", exit(&world, order_type).order_id);
        world.broker().add_fault(Fault { times: 40, ..Fault::next("POST", &change, refused) });
    }
    world.broker().set_price(AAPL, Some(decimal("186.90")));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.tickets("first")[0].filled_quantity, decimal("10"));
    assert!(world.order("first").await.has_warned(&domain::ReasonCode::ExitDoesNotFollow));
    world.broker().clear_faults();
    world.run_for(Duration::from_mins(2)).await;
    let exits = ["LMT", "STP"].map(|order_type| exit(&world, order_type).quantity);
    assert_eq!(exits, [decimal("10"); 2]);
}

#[tokio::test(start_paused = true)]
async fn a_halt_keeps_no_exit_larger_than_its_order() {
    for (lifted, quantity) in [(false, "4"), (true, "14")] {
        let world = world().await;
        assert_eq!(send(&world, "first", bracket()).await, "working");
        world.run_for(Duration::from_secs(20)).await;
        let slow = FaultKind::Delay { before_ms: 0, after_ms: 4_000 };
        for order_type in ["LMT", "STP"] {
            let status = format!("/iserver/account/order/status/{}", exit(&world, order_type).order_id);
            world.broker().add_fault(Fault::next("GET", &status, slow.clone()));
        }
        world.modify("first", 2, &json!({"quantity": quantity}));
        tokio::join!(world.run_for(Duration::from_secs(30)), async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            put(&world, "PUT /halt", json!({"halted": true})).await;
        });
        assert_eq!(world.tickets("first")[0].quantity, decimal(quantity));
        if lifted {
            // To make it larger waits for the halt's end.
            assert_eq!(exit(&world, "STP").quantity, decimal("10"));
            let warning = world.order("first").await.warning.map(|warning| warning.code.to_string());
            assert_eq!(warning.as_deref(), Some("exit_does_not_follow"));
            put(&world, "PUT /halt", json!({"halted": false})).await;
            world.run_for(Duration::from_mins(1)).await;
        }
        let exits = ["LMT", "STP"].map(|order_type| exit(&world, order_type).quantity);
        assert_eq!(exits, [decimal(quantity); 2]);
        let shown = serde_json::to_value(world.order("first").await.view()).unwrap()["change"].clone();
        assert_eq!((&shown["revision"], &shown["status"], &shown["leg"]), (&json!(2), &json!("applied"), &Value::Null));
    }
}

#[tokio::test(start_paused = true)]
async fn an_exit_of_an_earlier_day_is_changed_though_the_broker_is_slow_to_say_that_it_does_not_know_it() {
    let world = world().await;
    let mut order = bracket();
    order["time_in_force"] = json!("gtc");
    assert_eq!(send(&world, "first", order).await, "working");
    world.broker().set_price(AAPL, Some(decimal("186.90")));
    world.run_for(Duration::from_mins(1)).await;
    world.broker().reset_day();
    world.run_for(Duration::from_mins(10)).await;
    let slow = FaultKind::Delay { before_ms: 0, after_ms: 9_000 };
    world.broker().add_fault(Fault { times: 1000, ..Fault::next("GET", "/iserver/account/order/status/*", slow) });
    world.modify("first", 2, &json!({"leg": "stop_loss", "stop_price": "185.00"}));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(exit(&world, "STP").price, Some(decimal("185")));
}
