//! Ends that were none: what works at the broker after all is open here again, an exit as well, and a position is not left
//! without its stop in silence.

use std::time::Duration;

use domain::{LegRole, Order, OrderStatus};
use embedded_dynamodb::Fault as DatabaseFault;
use paper_broker::{Execution, Fault, FaultKind, LedgerEntry};
use serde_json::{Value, json};
use simulation::{ALGORITHM, CrashPoint, World};

use crate::limits::{decimal, limit_user, put, resting, send, world};

const AAPL: i64 = 265_598;
const PLACING: &str = "/iserver/account/*/orders";

fn bracket(time_in_force: &str) -> Value {
    json!({"type": "limit", "limit_price": "187.00", "time_in_force": time_in_force,
        "attached": {"take_profit": {"limit_price": "190.00"}, "stop_loss": {"stop_price": "185.50"}}})
}

fn with_a_stop() -> Value {
    json!({"type": "limit", "limit_price": "187.00", "attached": {"stop_loss": {"stop_price": "185.50"}}})
}

/// A world in which this bracket is filled, and its exits work.
async fn filled(fields: Value) -> World {
    let world = world().await;
    assert_eq!(send(&world, "first", fields).await, "working");
    world.broker().set_price(AAPL, Some(decimal("186.90")));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "filled");
    world
}

fn exit(world: &World, order_type: &str) -> LedgerEntry {
    let parent = world.broker().ledger()[0].order_id;
    let is_it = |entry: &LedgerEntry| entry.parent_order_id == Some(parent) && entry.order_type == order_type;
    world.broker().ledger().into_iter().find(is_it).unwrap()
}

fn status_of(order: &Order, role: LegRole) -> &'static str {
    order.leg(role).unwrap().status().as_str()
}

fn warned(order: &Order, code: &str) -> bool {
    let told = order.history.iter().filter_map(|entry| entry.reason.as_ref()).any(|reason| reason.code == code);
    // Whoever follows the events hears of it, too.
    order.warning.as_ref().is_some_and(|warning| warning.code == code) && told
}

fn execute(world: &World, order_id: i64, quantity: &str) {
    let price = decimal("190");
    world.broker().execute_order(Execution { order_id, quantity: decimal(quantity), price });
}

async fn cancel_all_by_halt(world: &World) -> Value {
    put(world, "PUT /halt", json!({"halted": true, "reason": "stop", "cancel_working": true})).await["cancels_asked"]
        .clone()
}

#[tokio::test(start_paused = true)]
async fn the_exits_of_an_order_that_was_refused_and_filled_are_open_and_a_halt_ends_them() {
    let world = world().await;
    let body = r#"{"error":"No trading permissions."}"#.to_owned();
    let refused = FaultKind::Answer { executed: true, status: 200, content_type: "application/json".to_owned(), body };
    world.broker().add_fault(Fault::next("POST", PLACING, refused));
    world.place("first", &bracket("day"));
    world.deliver_all().await;
    assert!(world.status("first").await.starts_with("rejected"));
    world.broker().set_price(AAPL, Some(decimal("186.90")));
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!(order.status(), OrderStatus::Filled);
    for role in [LegRole::TakeProfit, LegRole::StopLoss] {
        assert_eq!(status_of(&order, role), "working", "{role}");
    }
    assert!(!order.is_over());
    assert_eq!(cancel_all_by_halt(&world).await, 1);
    world.run_for(Duration::from_mins(1)).await;
    assert!(world.broker().ledger().iter().all(|entry| entry.status.is_final()), "{:?}", world.broker().ledger());
    assert!(world.order("first").await.is_over());
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_was_refused_or_cancelled_and_works_after_all_is_open_counts_and_is_cancelled() {
    for word in ["Inactive", "Cancelled"] {
        let world = filled(with_a_stop()).await;
        let stop = exit(&world, "STP").order_id;
        world.broker().say_of_order(stop, Some(word.to_owned()));
        world.run_for(Duration::from_mins(1)).await;
        let order = world.order("first").await;
        assert!(order.is_over() && warned(&order, "unprotected_position"), "{word}: {order:?}");
        world.broker().say_of_order(stop, None);
        world.run_for(Duration::from_mins(2)).await;
        let order = world.order("first").await;
        assert_eq!((status_of(&order, LegRole::StopLoss), order.is_over()), ("working", false), "{word}");
        // It counts: nothing is left for another order to take off the position.
        put(&world, "PUT /halt", json!({"halted": true, "mode": "reducing", "reason": "careful"})).await;
        let sale = json!({"side": "sell", "type": "market"});
        assert_eq!(send(&world, "sale", sale).await, "denied: only_reducing", "{word}");
        assert_eq!(cancel_all_by_halt(&world).await, 1, "{word}");
        world.run_for(Duration::from_mins(1)).await;
        assert!(exit(&world, "STP").status.is_final(), "{word}");
        assert_eq!(status_of(&world.order("first").await, LegRole::StopLoss), "cancelled", "{word}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_ended_beside_another_and_works_after_all_comes_back_and_its_fill_is_told() {
    let world = filled(bracket("day")).await;
    let stop = exit(&world, "STP").order_id;
    world.broker().say_of_order(stop, Some("Cancelled".to_owned()));
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(status_of(&world.order("first").await, LegRole::StopLoss), "cancelled");
    world.broker().say_of_order(stop, None);
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(status_of(&world.order("first").await, LegRole::StopLoss), "working");
    world.broker().set_price(AAPL, Some(decimal("185.00")));
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!((status_of(&order, LegRole::StopLoss), order.is_over()), ("filled", true));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_order_that_works_after_all_is_open_counts_and_is_cancelled_by_a_halt() {
    let world = world().await;
    world.broker().hold(simulation::ACCOUNT, AAPL, decimal("10"));
    let above = json!({"side": "sell", "type": "limit", "limit_price": "195.00"});
    assert_eq!(send(&world, "first", above).await, "working");
    let order_id = world.tickets("first")[0].order_id;
    world.broker().say_of_order(order_id, Some("Cancelled".to_owned()));
    world.run_for(Duration::from_secs(10)).await;
    assert_eq!(world.status("first").await, "cancelled");
    world.broker().say_of_order(order_id, None);
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "working");
    put(&world, "PUT /halt", json!({"halted": true, "mode": "reducing", "reason": "careful"})).await;
    let sale = json!({"side": "sell", "type": "market"});
    assert_eq!(send(&world, "sale", sale).await, "denied: only_reducing");
    assert_eq!(cancel_all_by_halt(&world).await, 1);
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "cancelled");
    assert!(world.broker().ledger()[0].status.is_final());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_older_than_a_cancel_brings_nothing_back() {
    let world = world().await;
    assert_eq!(send(&world, "first", resting()).await, "working");
    assert_eq!(send(&world, "second", resting()).await, "working");
    world.run_for(Duration::from_secs(6)).await;
    let entry = world.tickets("first")[0].clone();
    let row = json!({"acct": "DU0000001", "conid": AAPL, "orderId": entry.order_id, "order_ref": entry.client_order_id,
        "side": "BUY", "status": "Submitted", "totalSize": 10, "filledQuantity": 0, "remainingQuantity": 10});
    let body = json!({"orders": [row], "snapshot": true}).to_string();
    world.cancel("first");
    world.run_for(Duration::from_secs(10)).await;
    assert_eq!(world.status("first").await, "cancelled");
    let old = FaultKind::Answer { executed: true, status: 200, content_type: "application/json".to_owned(), body };
    world.broker().add_fault(Fault { times: 3, ..Fault::next("GET", "/iserver/account/orders", old) });
    world.run_for(Duration::from_secs(50)).await;
    assert_eq!(world.status("first").await, "cancelled");
    assert!(world.order("first").await.late_facts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_to_be_refused_and_traded_is_found_in_the_trades_where_live_orders_carry_no_names() {
    let world = world().await;
    world.broker().change_options(|options| options.name_live_orders = false);
    let body = r#"{"error":"Order couldn't be submitted."}"#.to_owned();
    let refused = FaultKind::Answer { executed: true, status: 200, content_type: "application/json".to_owned(), body };
    world.broker().add_fault(Fault::next("POST", PLACING, refused));
    world.place("first", &resting());
    world.deliver_all().await;
    assert!(world.status("first").await.starts_with("rejected"));
    world.broker().set_price(AAPL, Some(decimal("185")));
    world.run_for(Duration::from_mins(1)).await;
    let order = world.order("first").await;
    assert_eq!(order.filled_quantity, decimal("10"), "{order:?}");
    assert!(["filled", "partially_filled"].contains(&order.status().as_str()));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "filled");
}

#[tokio::test(start_paused = true)]
async fn no_limit_and_no_registration_keeps_an_exit_larger_than_what_is_left() {
    for rule in ["collar", "no price", "registration"] {
        let world = filled(bracket("gtc")).await;
        world.broker().change_options(|options| options.exits_stand_alone = true);
        match rule {
            "collar" => limit_user(&world, json!({"price_collar_percent": "0.5"})).await,
            "no price" => {
                limit_user(&world, json!({"price_collar_percent": "50"})).await;
                world.broker().change_options(|options| options.quotes = paper_broker::Quotes::Halted);
            }
            _ => world.store().rules.remove_algorithm(&ALGORITHM.parse().unwrap()).await.unwrap(),
        }
        execute(&world, exit(&world, "LMT").order_id, "6");
        world.run_for(Duration::from_mins(2)).await;
        assert_eq!(exit(&world, "STP").quantity, decimal("4"), "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exit_with_nothing_left_to_close_is_cancelled() {
    let world = filled(bracket("gtc")).await;
    world.broker().change_options(|options| options.exits_stand_alone = true);
    execute(&world, exit(&world, "LMT").order_id, "10");
    world.run_for(Duration::from_mins(1)).await;
    assert!(exit(&world, "STP").status.is_final());
    let order = world.order("first").await;
    assert!(warned(&order, "exit_too_large") && order.is_over(), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn a_position_without_its_stop_is_told_of_whatever_else_happened() {
    // The take profit took a part, and the stop ended.
    let world = filled(bracket("gtc")).await;
    execute(&world, exit(&world, "LMT").order_id, "1");
    world.run_for(Duration::from_secs(20)).await;
    assert!(world.broker().reject_order(exit(&world, "STP").order_id, paper_broker::OrderStatus::Cancelled));
    world.run_for(Duration::from_secs(40)).await;
    assert!(warned(&world.order("first").await, "unprotected_position"));
    // Long after the fill.
    let world = filled(bracket("gtc")).await;
    world.run_for(Duration::from_mins(30)).await;
    assert!(world.broker().reject_order(exit(&world, "STP").order_id, paper_broker::OrderStatus::Cancelled));
    world.run_for(Duration::from_mins(2)).await;
    assert!(warned(&world.order("first").await, "unprotected_position"));
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_fills_while_its_end_is_asked_for_is_no_silent_position() {
    let world = world().await;
    world.broker().change_options(|options| options.cancel_delay_ms = 20_000);
    assert_eq!(send(&world, "first", bracket("day")).await, "working");
    world.run_for(Duration::from_secs(6)).await;
    world.cancel("first");
    world.deliver_all().await;
    world.broker().set_price(AAPL, Some(decimal("186.90")));
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!((order.status(), order.filled_quantity), (OrderStatus::Filled, decimal("10")));
    assert!(order.is_over() && warned(&order, "unprotected_position"), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn nor_is_one_whose_exits_end_before_a_change_that_waits() {
    for fills_before_the_messages in [true, false] {
        let world = world().await;
        assert_eq!(send(&world, "first", bracket("day")).await, "working");
        world.run_for(Duration::from_secs(6)).await;
        let fill = || world.broker().set_price(AAPL, Some(decimal("186.90")));
        if fills_before_the_messages {
            // On record at once, as by HTTP: nobody has seen the fill.
            fill();
            let change = json!({"path": {"order_id": "first"}, "query": {"leg": "take_profit"},
                "body": {"revision": 2, "limit_price": "189.50"}});
            assert_eq!(world.api("PUT /orders/{order_id}", &change).await.status, 202);
            let end = json!({"path": {"order_id": "first"}});
            assert_eq!(world.api("DELETE /orders/{order_id}", &end).await.status, 202);
        } else {
            world.modify("first", 2, &json!({"leg": "take_profit", "limit_price": "189.50"}));
            world.cancel("first");
            fill();
        }
        world.run_for(Duration::from_mins(2)).await;
        let order = world.order("first").await;
        assert_eq!((order.status(), order.filled_quantity), (OrderStatus::Filled, decimal("10")));
        assert!(order.is_over() && warned(&order, "unprotected_position"), "{fills_before_the_messages} {order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_a_filled_bracket_is_a_wish_and_needs_no_warning() {
    let world = filled(bracket("day")).await;
    world.cancel("first");
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert!(order.is_over() && order.warning.is_none(), "{:?}", order.warning);
}

#[tokio::test(start_paused = true)]
async fn a_stop_beside_a_limit_that_the_broker_does_not_carry_out_goes_out_again() {
    let stop_limit = json!({"type": "limit", "limit_price": "187.00",
        "attached": {"stop_loss": {"stop_price": "185.50", "limit_price": "185.00"}}});
    let world = filled(stop_limit).await;
    let stop = || world.broker().ledger().into_iter().find(|entry| entry.parent_order_id.is_some()).unwrap();
    let changing = format!("/iserver/account/*/order/{}", stop().order_id);
    world.broker().add_fault(Fault::next("POST", &changing, FaultKind::NotCarriedOut));
    world.modify("first", 2, &json!({"leg": "stop_loss", "stop_price": "185.20"}));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.calls(&format!("POST /iserver/account/DU0000001/order/{}", stop().order_id)).len(), 2);
    assert_eq!(stop().aux_price, Some(decimal("185.20")));
    assert!(world.order("first").await.warning.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_ended_an_exit_is_told_as_it_was_then_whatever_is_asked_for_later() {
    let world = filled(bracket("day")).await;
    world.broker().say_of_order(exit(&world, "STP").order_id, Some("Cancelled".to_owned()));
    world.run_for(Duration::from_secs(30)).await;
    world.cancel("first");
    world.run_for(Duration::from_secs(30)).await;
    let shown = serde_json::to_value(world.order("first").await.view()).unwrap();
    let reasons: Vec<_> = shown["legs"].as_array().unwrap().iter().map(|leg| &leg["reason"]["code"]).collect();
    assert_eq!(reasons, ["asked", "by_broker"], "{shown}");
}

/// What befalls the write of an end, or the worker that made it.
#[derive(Debug, Clone, Copy)]
enum Lost {
    Answer,
    Worker,
    Lease,
    BookOfTheLane,
}

#[tokio::test(start_paused = true)]
async fn an_end_that_its_writer_never_heard_of_is_looked_after_all_the_same() {
    for lost in [Lost::Answer, Lost::Worker, Lost::Lease, Lost::BookOfTheLane] {
        let world = world().await;
        assert_eq!(send(&world, "first", resting()).await, "working");
        world.run_for(Duration::from_secs(20)).await;
        let end = CrashPoint::AfterWrite { with: r#""S":"cancelled""# };
        match lost {
            Lost::Answer => world.set_database_faults(|call| {
                let is_end = call.operation == "TransactWriteItems" && call.body.contains(r#""S":"cancelled""#);
                if is_end { DatabaseFault::AnswerLost } else { DatabaseFault::None }
            }),
            Lost::Worker => world.crash_at(end),
            Lost::Lease => world.freeze_at(end, Duration::from_secs(90)),
            Lost::BookOfTheLane => world.crash_at(CrashPoint::BeforeWrite { with: "REMOVE leased_until" }),
        }
        let order_id = world.tickets("first")[0].order_id;
        world.broker().say_of_order(order_id, Some("Cancelled".to_owned()));
        world.run_for(Duration::from_secs(70)).await;
        assert_eq!(world.status("first").await, "cancelled", "{lost:?}");
        world.set_database_faults(|_| DatabaseFault::None);
        world.broker().say_of_order(order_id, None);
        // Nothing else is open: the message of the look that was lost comes again.
        world.run_for(Duration::from_mins(8)).await;
        assert_eq!(world.status("first").await, "working", "{lost:?}");
    }
}
