//! Exits follow their order, whatever the broker shows meanwhile: no part of a position stands without its stop in silence.

use std::time::Duration;

use domain::{LegRole, OrderStatus as Status};
use paper_broker::{Execution, Fault, FaultKind, LedgerEntry, OrderStatus};
use serde_json::{Value, json};
use simulation::{ACCOUNT, World};

use crate::limits::{decimal, send, world};

const AAPL: i64 = 265_598;
const LIVE_ORDERS: &str = "/iserver/account/orders";

fn bracket(time_in_force: &str) -> Value {
    json!({"type": "limit", "limit_price": "187.00", "time_in_force": time_in_force,
        "attached": {"take_profit": {"limit_price": "195.00"}, "stop_loss": {"stop_price": "180.00"}}})
}

/// A world in which a bracket works, and its market stands still.
async fn at_work(time_in_force: &str) -> World {
    let world = world().await;
    assert_eq!(send(&world, "first", bracket(time_in_force)).await, "working");
    world.run_for(Duration::from_secs(20)).await;
    world
}

/// The entry, the take profit and the stop at the broker.
fn tickets(world: &World) -> [LedgerEntry; 3] {
    let ledger = world.broker().ledger();
    let entry = world.tickets("first")[0].clone();
    let of_type = |order_type: &str| {
        let is_it = |row: &&LedgerEntry| row.parent_order_id == Some(entry.order_id) && row.order_type == order_type;
        ledger.iter().find(is_it).unwrap().clone()
    };
    [entry.clone(), of_type("LMT"), of_type("STP")]
}

fn quantities(world: &World) -> [String; 3] {
    tickets(world).map(|ticket| ticket.quantity.normalize().to_string())
}

fn execute(world: &World, order_id: i64, quantity: &str) {
    world.broker().execute_order(Execution { order_id, quantity: decimal(quantity), price: decimal("186.90") });
}

async fn warning(world: &World) -> Option<String> {
    world.order("first").await.warning.map(|warning| warning.code.to_string())
}

fn change_of(order_id: i64, kind: FaultKind) -> Fault {
    Fault::next("POST", &format!("/iserver/account/*/order/{order_id}"), kind)
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_entry_that_waits_ends_with_it_and_holds_up_no_exits() {
    let world = at_work("gtc").await;
    let [entry, _, stop] = tickets(&world);
    world.broker().add_fault(change_of(stop.order_id, FaultKind::DropAfter));
    world.modify("first", 2, &json!({"leg": "stop_loss", "stop_price": "181.00"}));
    world.run_for(Duration::from_secs(1)).await;
    world.modify("first", 3, &json!({"quantity": "12"}));
    world.run_for(Duration::from_secs(1)).await;
    world.broker().add_fault(change_of(entry.order_id, FaultKind::DropBefore));
    execute(&world, entry.order_id, "10");
    world.run_for(Duration::from_secs(40)).await;
    assert_eq!(world.status("first").await, "filled");
    world.modify("first", 4, &json!({"leg": "take_profit", "limit_price": "192.00"}));
    world.run_for(Duration::from_secs(30)).await;
    let [_, take_profit, stop] = tickets(&world);
    assert_eq!((take_profit.price, stop.price), (Some(decimal("192")), Some(decimal("181"))));
    let shown = serde_json::to_value(world.order("first").await.view()).unwrap()["change"].clone();
    assert_eq!((&shown["revision"], &shown["status"]), (&json!(4), &json!("applied")), "{shown}");
    assert_eq!(quantities(&world), ["10", "10", "10"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_entry_that_was_lost_after_its_end_holds_up_no_exits() {
    let world = at_work("gtc").await;
    let [entry, ..] = tickets(&world);
    world.broker().add_fault(change_of(entry.order_id, FaultKind::DropBefore));
    execute(&world, entry.order_id, "10");
    world.modify("first", 2, &json!({"quantity": "12"}));
    world.run_for(Duration::from_mins(1)).await;
    world.modify("first", 3, &json!({"leg": "take_profit", "limit_price": "192.00"}));
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(tickets(&world)[1].price, Some(decimal("192")));
    assert_eq!(quantities(&world), ["10", "10", "10"]);
}

fn answer(body: String) -> FaultKind {
    FaultKind::Answer { executed: true, status: 200, content_type: "application/json".to_owned(), body }
}

/// The broker's list of live orders as it may be: the entry filled, of which so much is told so far.
fn filled_and_told(world: &World, told: &Value) -> String {
    let [entry, take_profit, stop] = tickets(world);
    let row = |ticket: &LedgerEntry, status: &str, filled: &Value| {
        json!({"orderId": ticket.order_id, "parentId": ticket.parent_order_id, "order_ref": ticket.client_order_id,
            "acct": ACCOUNT, "conid": AAPL, "side": ticket.side, "orderType": ticket.order_type, "status": status,
            "totalSize": 10, "filledQuantity": filled, "price": ticket.price.map(|price| price.to_string())})
    };
    let rows =
        [row(&entry, "Filled", told), row(&take_profit, "Submitted", &json!(0)), row(&stop, "PreSubmitted", &json!(0))];
    json!({"orders": rows, "snapshot": true}).to_string()
}

#[tokio::test(start_paused = true)]
async fn filled_with_less_than_the_whole_cuts_no_exits_and_is_told_with_what_it_filled() {
    for told in [json!(0), json!(null), json!(4)] {
        let world = at_work("gtc").await;
        let [entry, ..] = tickets(&world);
        let stale = Fault::next("GET", LIVE_ORDERS, answer(filled_and_told(&world, &told)));
        world.broker().add_fault(Fault { times: 4, ..stale });
        let none = Fault::next("GET", "/iserver/account/trades", answer("[]".to_owned()));
        world.broker().add_fault(Fault { times: 4, ..none });
        execute(&world, entry.order_id, "10");
        world.run_for(Duration::from_mins(1)).await;
        let order = world.order("first").await;
        assert_eq!((order.status().as_str(), order.filled_quantity), ("filled", decimal("10")), "{told}");
        let first_told = order.history.iter().find(|entry| entry.status.as_str() == "filled").unwrap();
        assert!(first_told.reason.is_none(), "{told}: {first_told:?}");
        assert_eq!(quantities(&world), ["10", "10", "10"], "{told}");
        assert!(tickets(&world)[1..].iter().all(|exit| !exit.status.is_final()), "{told}");
        assert_eq!(warning(&world).await, None, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_fell_behind_follows_the_next_change_of_its_entry() {
    let world = at_work("gtc").await;
    let [entry, _, stop] = tickets(&world);
    world.broker().add_fault(change_of(stop.order_id, FaultKind::NotCarriedOut));
    world.modify("first", 2, &json!({"quantity": "12"}));
    world.run_for(Duration::from_secs(2)).await;
    execute(&world, entry.order_id, "1");
    world.run_for(Duration::from_secs(6)).await;
    world.modify("first", 3, &json!({"quantity": "14"}));
    world.run_for(Duration::from_secs(2)).await;
    execute(&world, entry.order_id, "13");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(quantities(&world), ["14", "14", "14"]);
}

#[tokio::test(start_paused = true)]
async fn a_position_whose_stop_came_back_and_went_is_told_of_twice() {
    let world = at_work("gtc").await;
    let [entry, _, stop] = tickets(&world);
    execute(&world, entry.order_id, "10");
    world.run_for(Duration::from_secs(20)).await;
    world.broker().say_of_order(stop.order_id, Some("Inactive".to_owned()));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(warning(&world).await.as_deref(), Some("unprotected_position"));
    world.broker().say_of_order(stop.order_id, None);
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(warning(&world).await, None, "its stop works");
    assert!(world.broker().reject_order(stop.order_id, OrderStatus::Cancelled));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(warning(&world).await.as_deref(), Some("unprotected_position"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_for_the_day_that_goes_in_the_middle_of_it_is_missed() {
    for word in [OrderStatus::Cancelled, OrderStatus::Inactive] {
        let world = at_work("day").await;
        let [entry, _, stop] = tickets(&world);
        execute(&world, entry.order_id, "10");
        world.run_for(Duration::from_secs(320)).await;
        assert!(world.broker().reject_order(stop.order_id, word));
        world.run_for(Duration::from_mins(2)).await;
        assert_eq!(warning(&world).await.as_deref(), Some("unprotected_position"), "{word:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_time_in_force_that_is_not_carried_out_goes_out_again() {
    for (before, after) in [("day", "GTC"), ("gtc", "DAY")] {
        let world = at_work(before).await;
        let [entry, ..] = tickets(&world);
        world.broker().add_fault(change_of(entry.order_id, FaultKind::NotCarriedOut));
        world.modify("first", 2, &json!({"time_in_force": after.to_lowercase()}));
        world.run_for(Duration::from_mins(1)).await;
        assert_eq!(tickets(&world)[0].time_in_force, after);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_was_made_smaller_at_the_broker_is_told_of() {
    let world = at_work("gtc").await;
    let [entry, _, stop] = tickets(&world);
    execute(&world, entry.order_id, "10");
    world.run_for(Duration::from_secs(30)).await;
    world.broker().resize_order(stop.order_id, decimal("2"));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(warning(&world).await.as_deref(), Some("exit_does_not_follow"));
    assert_eq!(quantities(&world), ["10", "10", "2"], "who made it smaller may have wanted it so");
    world.modify("first", 2, &json!({"leg": "stop_loss", "stop_price": "171"}));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(quantities(&world), ["10", "10", "2"], "its price alone was changed");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_the_entry_though_the_brokers_answer_named_an_exit_first() {
    let world = world().await;
    // The broker counts its orders up.
    let resting = json!({"type": "limit", "limit_price": "100.00", "contract": {"conid": 272_093}});
    assert_eq!(send(&world, "before", resting).await, "working");
    let first = world.tickets("before")[0].order_id + 1;
    let numbers: Vec<Value> = (0..3_i64)
        .rev()
        .map(|behind| json!({"order_id": (first + behind).to_string(), "order_status": "Submitted"}))
        .collect();
    let reversed = answer(Value::from(numbers).to_string());
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", reversed));
    world.place("first", &bracket("gtc"));
    world.deliver_all().await;
    world.run_for(Duration::from_secs(20)).await;
    let [entry, take_profit, stop] = tickets(&world);
    let order = world.order("first").await;
    let number = |role| order.leg(role).unwrap().broker_order_id.unwrap().get();
    assert_eq!(order.broker_order_ids[0].get(), u64::try_from(entry.order_id).unwrap());
    assert_eq!(number(LegRole::TakeProfit), u64::try_from(take_profit.order_id).unwrap());
    assert_eq!(number(LegRole::StopLoss), u64::try_from(stop.order_id).unwrap());
    world.cancel("first");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "cancelled");
    assert!(tickets(&world).iter().all(|ticket| ticket.status.is_final()));
}

/// The next day's session neither lists what was placed before, nor finds it by its number.
async fn until_tomorrow(world: &World) {
    tokio::time::sleep(Duration::from_hours(25)).await;
    world.broker().change_options(|options| {
        (options.list_earlier_sessions, options.find_earlier_sessions) = (false, false);
    });
    world.broker().reset_day();
    world.run_for(Duration::from_mins(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_finds_no_order_of_an_earlier_day_is_left_to_a_person_and_goes_on() {
    // What is filled in part, the trades go on showing.
    for (filled, status) in [(None, "working"), (Some("4"), "partially_filled")] {
        let world = at_work("gtc").await;
        let [entry, ..] = tickets(&world);
        if let Some(filled) = filled {
            execute(&world, entry.order_id, filled);
            world.run_for(Duration::from_secs(20)).await;
        }
        until_tomorrow(&world).await;
        assert_eq!(world.status("first").await, status);
        world.cancel("first");
        world.run_for(Duration::from_mins(15)).await;
        let order = world.order("first").await;
        assert_eq!(order.status(), Status::NeedsReview, "it may work there: {status}");
        assert!(!world.broker().ledger().iter().find(|row| row.order_id == entry.order_id).unwrap().status.is_final());
        world.broker().change_options(|options| options.find_earlier_sessions = true);
        world.run_for(Duration::from_mins(40)).await;
        let entry = world.broker().ledger().into_iter().find(|row| row.order_id == entry.order_id).unwrap();
        assert!(entry.status.is_final(), "the broker goes on being asked: {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_an_order_of_an_earlier_day_that_was_carried_out_is_told() {
    // What ends on a later day than its own may be in no list, be it that the list showed it before or did not.
    for (is_listed, filled) in [(true, None), (true, Some("4")), (false, None), (false, Some("4"))] {
        let world = at_work("gtc").await;
        let [entry, ..] = tickets(&world);
        if let Some(filled) = filled {
            execute(&world, entry.order_id, filled);
            world.run_for(Duration::from_secs(20)).await;
        }
        tokio::time::sleep(Duration::from_hours(25)).await;
        world.broker().change_options(|options| options.list_earlier_sessions = is_listed);
        world.broker().reset_day();
        world.run_for(Duration::from_mins(3)).await;
        world.cancel("first");
        world.run_for(Duration::from_mins(2)).await;
        assert!(tickets(&world)[0].status.is_final());
        let order = world.order("first").await;
        let expected = (Status::Cancelled, decimal(filled.unwrap_or("0")));
        assert_eq!((order.status(), order.filled_quantity), expected, "listed {is_listed}: {:?}", order.history);
        if filled.is_none() {
            assert!(order.is_over(), "its exits have ended with it: {:?}", order.legs());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_is_taken_and_found_no_more_on_the_next_day_is_left_to_a_person() {
    let world = at_work("gtc").await;
    let not_carried_out = Fault::next("DELETE", "/iserver/account/*/order/*", FaultKind::NotCarriedOut);
    world.broker().add_fault(Fault { times: 1_000, ..not_carried_out });
    world.cancel("first");
    world.run_for(Duration::from_mins(1)).await;
    until_tomorrow(&world).await;
    world.broker().clear_faults();
    world.run_for(Duration::from_mins(15)).await;
    assert!(!tickets(&world)[0].status.is_final(), "the broker finds it no more, and it works");
    assert_eq!(world.order("first").await.status(), Status::NeedsReview);
}

#[tokio::test(start_paused = true)]
async fn an_order_filled_in_part_that_no_list_shows_is_left_to_a_person() {
    let world = world().await;
    let order = json!({"type": "limit", "limit_price": "186", "quantity": "10", "time_in_force": "gtc"});
    assert_eq!(send(&world, "first", order).await, "working");
    execute(&world, world.tickets("first")[0].order_id, "4");
    world.run_for(Duration::from_secs(20)).await;
    until_tomorrow(&world).await;
    tokio::time::sleep(Duration::from_hours(20)).await;
    world.run_for(Duration::from_mins(10)).await;
    let order = world.order("first").await;
    assert_eq!((order.status(), order.filled_quantity), (Status::NeedsReview, decimal("4")));
    assert_eq!(order.state().reason().unwrap().code.as_str(), "missing_at_broker");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_finds_no_exit_of_an_earlier_day_does_not_conclude_its_end() {
    for filled in [None, Some("3")] {
        let world = at_work("gtc").await;
        let [entry, _, stop] = tickets(&world);
        execute(&world, entry.order_id, "10");
        world.run_for(Duration::from_mins(1)).await;
        if let Some(filled) = filled {
            execute(&world, stop.order_id, filled);
            world.run_for(Duration::from_secs(20)).await;
        }
        until_tomorrow(&world).await;
        let cancel = json!({"schema": "courier.order/1", "command": "cancel", "user_id": simulation::USER,
            "order_id": "first", "algorithm_id": simulation::ALGORITHM, "leg": "stop_loss"});
        world.enqueue(&cancel, simulation::SENDER, simulation::USER);
        world.run_for(Duration::from_mins(15)).await;
        let leg = world.order("first").await.leg(LegRole::StopLoss).unwrap().clone();
        assert_eq!(leg.status(), Status::NeedsReview, "{filled:?}");
        assert_eq!(leg.reason().unwrap().code.as_str(), "missing_at_broker");
        world.broker().change_options(|options| {
            (options.list_earlier_sessions, options.find_earlier_sessions) = (true, true);
        });
        world.run_for(Duration::from_mins(40)).await;
        let stopped = world.broker().ledger().into_iter().find(|row| row.order_id == stop.order_id).unwrap();
        assert!(stopped.status.is_final(), "the broker goes on being asked: {filled:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_made_smaller_at_the_broker_and_filled_is_told_within_seconds() {
    let world = at_work("day").await;
    let [entry, ..] = tickets(&world);
    world.broker().resize_order(entry.order_id, decimal("4"));
    execute(&world, entry.order_id, "4");
    world.run_for(Duration::from_secs(25)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.filled_quantity), ("filled", decimal("4")));
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_comes_to_work_on_while_its_exits_end_with_the_day_is_told() {
    let world = at_work("day").await;
    world.modify("first", 2, &json!({"time_in_force": "gtc"}));
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(warning(&world).await.as_deref(), Some("exit_does_not_follow"));
    let world = at_work("gtc").await;
    world.modify("first", 2, &json!({"limit_price": "186.00"}));
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(warning(&world).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_refused_change_of_an_exit_keeps_it_from_following_its_entry_no_longer() {
    for (quantity, price) in [("4", "181.005"), ("20", "181.005"), ("4", "186.90"), ("20", "186.90")] {
        let world = at_work("gtc").await;
        // The second one is refused: by its price's step, or by the broker.
        if price == "186.90" {
            let body = r#"{"error":"The price is not allowed."}"#.to_owned();
            let refused =
                FaultKind::Answer { executed: false, status: 200, content_type: "application/json".to_owned(), body };
            let stop = format!("/iserver/account/*/order/{}", tickets(&world)[2].order_id);
            world.broker().add_fault(Fault::next("POST", &stop, refused));
        }
        // Both are on record before either is sent.
        for (revision, leg, change) in [
            (2, json!({}), json!({"quantity": quantity})),
            (3, json!({"leg": "stop_loss"}), json!({"stop_price": price})),
        ] {
            let mut body = change;
            body["revision"] = json!(revision);
            let details = json!({"path": {"order_id": "first"}, "query": leg, "body": body});
            assert_eq!(world.api("PUT /orders/{order_id}", &details).await.status, 202);
        }
        world.run_for(Duration::from_secs(20)).await;
        assert_eq!(quantities(&world), [quantity; 3], "{price}");
        let order = world.order("first").await;
        assert_eq!(order.change().map(|change| change.revision), Some(3));
        assert_eq!(order.warning, None, "{quantity} {price}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quantity_that_somebody_chose_for_an_exit_stays_though_the_answer_was_lost() {
    for lost in [false, true] {
        let world = at_work("gtc").await;
        if lost {
            let stop = format!("/iserver/account/*/order/{}", tickets(&world)[1].order_id);
            world.broker().add_fault(Fault::next("POST", &stop, FaultKind::DropAfter));
        }
        world.modify("first", 2, &json!({"leg": "take_profit", "quantity": "8"}));
        world.run_for(Duration::from_secs(40)).await;
        world.modify("first", 3, &json!({"quantity": "12"}));
        world.run_for(Duration::from_secs(40)).await;
        assert_eq!(quantities(&world), ["12", "8", "12"], "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_ends_beside_an_exit_at_work_is_missed_at_any_hour() {
    let world = world().await;
    // The market of the worlds opens at 15:00 UTC; it is 21:30 in New York then.
    world.run_for(Duration::from_hours(11)).await;
    assert_eq!(send(&world, "first", bracket("day")).await, "working");
    let [entry, _, stop] = tickets(&world).map(|ticket| ticket.order_id);
    world.broker().execute_order(Execution { order_id: entry, quantity: decimal("10"), price: decimal("187") });
    world.run_for(Duration::from_mins(7)).await;
    assert_eq!(warning(&world).await, None);
    world.broker().say_of_order(stop, Some("Cancelled".to_owned()));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(warning(&world).await.as_deref(), Some("unprotected_position"));
}

#[tokio::test(start_paused = true)]
async fn a_position_whose_exits_for_the_day_ended_is_told_of_at_any_hour() {
    let world = world().await;
    world.run_for(Duration::from_hours(11)).await;
    assert_eq!(send(&world, "first", bracket("day")).await, "working");
    let [entry, exits @ ..] = tickets(&world).map(|ticket| ticket.order_id);
    world.broker().execute_order(Execution { order_id: entry, quantity: decimal("10"), price: decimal("187") });
    world.run_for(Duration::from_mins(7)).await;
    for exit in exits {
        assert!(world.broker().reject_order(exit, OrderStatus::Cancelled));
    }
    world.run_for(Duration::from_mins(3)).await;
    let order = world.order("first").await;
    assert!(order.is_over(), "{order:?}");
    assert_eq!(warning(&world).await.as_deref(), Some("unprotected_position"));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_an_exit_stands_that_the_other_ones_fill_made_smaller_before_any_look() {
    let world = at_work("gtc").await;
    let [entry, take_profit, stop] = tickets(&world).map(|ticket| ticket.order_id);
    execute(&world, entry, "10");
    world.run_for(Duration::from_secs(30)).await;
    world.modify("first", 2, &json!({"leg": "take_profit", "limit_price": "192.00"}));
    world.run_for(Duration::from_secs(1)).await;
    assert_eq!(tickets(&world)[1].price, Some(decimal("192")));
    execute(&world, stop, "3");
    execute(&world, take_profit, "7");
    world.run_for(Duration::from_mins(1)).await;
    let order = world.order("first").await;
    assert!(order.is_over(), "{order:?}");
    assert_eq!((warning(&world).await, order.revision()), (None, 2));
}
