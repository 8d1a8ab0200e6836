//! A halt that lets only orders pass that reduce a position; and one that cancels what works.

use std::time::Duration;

use domain::{GrantStatus, Halt, HaltMode};
use paper_broker::{Fault, FaultKind, QuestionRules};
use serde_json::{Value, json};
use simulation::{ALGORITHM, USER, World};
use store::HaltScope;

use crate::limits::{decimal, put, resting, send, world};

const AAPL: i64 = 265_598;

fn sell(quantity: &str) -> Value {
    json!({"type": "limit", "limit_price": "190", "side": "sell", "quantity": quantity})
}

fn buy(quantity: &str) -> Value {
    json!({"type": "limit", "limit_price": "186", "quantity": quantity})
}

async fn only_reducing(world: &World) {
    let halt = put(world, "PUT /halt", json!({"halted": true, "mode": "reducing", "reason": "close only"})).await;
    assert_eq!(halt["mode"], "reducing");
    assert_eq!(world.api("GET /halt", &json!({})).await.json["mode"], "reducing");
}

/// A user who holds 10 AAPL, or is short of them.
async fn world_with_a_position(side: &str) -> World {
    let world = world().await;
    assert_eq!(send(&world, "first", json!({"type": "market", "side": side})).await, "working");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "filled");
    world
}

#[tokio::test(start_paused = true)]
async fn what_works_is_counted_though_the_index_of_open_orders_does_not_show_it_yet() {
    let world = world_with_a_position("buy").await;
    only_reducing(&world).await;
    world.set_index_lag(Duration::from_mins(5));
    assert_eq!(send(&world, "six", sell("6")).await, "working");
    assert_eq!(send(&world, "five", sell("5")).await, "denied: only_reducing");
    assert_eq!(send(&world, "four", sell("4")).await, "working");
}

#[tokio::test(start_paused = true)]
async fn a_halt_that_cancels_what_works_finds_what_the_index_does_not_show_yet() {
    let world = world().await;
    world.set_index_lag(Duration::from_mins(5));
    assert_eq!(send(&world, "first", resting()).await, "working");
    let halt = put(&world, "PUT /halt", json!({"halted": true, "reason": "stop", "cancel_working": true})).await;
    assert_eq!(halt["cancels_asked"], 1);
    world.set_index_lag(Duration::ZERO);
    world.run_for(Duration::from_mins(1)).await;
    assert!(world.status("first").await.starts_with("cancelled"), "{}", world.status("first").await);
}

#[tokio::test(start_paused = true)]
async fn only_what_takes_off_the_position_passes_and_never_more_of_it_than_there_is() {
    let world = world_with_a_position("buy").await;
    only_reducing(&world).await;
    assert_eq!(send(&world, "more", buy("1")).await, "denied: only_reducing");
    assert_eq!(send(&world, "too_much", sell("11")).await, "denied: only_reducing");
    let reason = world.reason("too_much").await;
    assert!(reason.contains("the position is 10, other orders may take 0 off it, and this one is for 11"), "{reason}");
    let elsewhere = json!({"type": "limit", "limit_price": "400", "side": "sell", "contract": {"conid": 272_093}});
    assert_eq!(send(&world, "elsewhere", elsewhere).await, "denied: only_reducing");
    assert_eq!(send(&world, "six", sell("6")).await, "working");
    assert_eq!(send(&world, "five", sell("5")).await, "denied: only_reducing");
    assert_eq!(send(&world, "four", sell("4")).await, "working");
    world.cancel("six");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(send(&world, "again", sell("6")).await, "working");
    world.broker().set_price(AAPL, Some(decimal("191")));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!((world.status("four").await, world.status("again").await), ("filled".into(), "filled".into()));
    assert_eq!(send(&world, "flat", sell("1")).await, "denied: only_reducing");
}

#[tokio::test(start_paused = true)]
async fn a_short_position_is_reduced_by_buying() {
    let world = world_with_a_position("sell").await;
    only_reducing(&world).await;
    assert_eq!(send(&world, "more", sell("1")).await, "denied: only_reducing");
    assert_eq!(send(&world, "cover", buy("10")).await, "working");
    assert_eq!(send(&world, "beyond", buy("1")).await, "denied: only_reducing");
}

#[tokio::test(start_paused = true)]
async fn every_level_can_let_only_reducing_orders_pass() {
    for level in ["everything", "the user", "the algorithm", "the grant"] {
        let world = world_with_a_position("buy").await;
        let rules = &world.store().rules;
        let on = Halt { halted: true, mode: HaltMode::Reducing, ..Halt::default() };
        let (user_id, algorithm_id): (domain::UserId, domain::AlgorithmId) =
            (USER.parse().unwrap(), ALGORITHM.parse().unwrap());
        match level {
            "everything" => rules.put_halt(&HaltScope::Global, &on).await.unwrap(),
            "the user" => rules.put_halt(&HaltScope::User(user_id), &on).await.unwrap(),
            "the algorithm" => rules.put_halt(&HaltScope::Algorithm(algorithm_id), &on).await.unwrap(),
            _ => {
                let mut grant = rules.grant(&user_id, &algorithm_id).await.unwrap().unwrap();
                grant.status = GrantStatus::Reducing;
                rules.put_grant(&grant).await.unwrap();
            }
        }
        assert_eq!(send(&world, "more", buy("1")).await, "denied: only_reducing", "{level}");
        assert_eq!(send(&world, "less", sell("9")).await, "working", "{level}: {}", world.reason("less").await);
        // A halt over all new orders is stronger.
        put(&world, "PUT /halt", json!({"halted": true})).await;
        assert_eq!(send(&world, "stopped", sell("1")).await, "denied: halted", "{level}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_to_reduce_is_not_sent() {
    let world = world_with_a_position("buy").await;
    only_reducing(&world).await;
    let exits = json!({"take_profit": {"limit_price": "180"}});
    let mut bracket = sell("5");
    bracket["attached"] = exits;
    assert_eq!(send(&world, "bracket", bracket).await, "denied: only_reducing");
    let cash = json!({"type": "market", "side": "sell", "quantity": null, "cash_quantity": "100"});
    assert_eq!(send(&world, "cash", cash).await, "denied: only_reducing");
    for (number, fault) in [FaultKind::Garbled, FaultKind::DropBefore, FaultKind::AccessDenied].into_iter().enumerate()
    {
        world.broker().add_fault(Fault { times: 9, ..Fault::next("GET", "/portfolio/*/positions/*", fault) });
        let status = send(&world, &format!("unknown-{number}"), sell("5")).await;
        assert!(status.starts_with("held") || status == "denied: only_reducing", "{status}");
        world.broker().clear_faults();
        world.cancel(&format!("unknown-{number}"));
        world.deliver_all().await;
    }
    assert_eq!(world.broker().ledger().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn beside_an_order_by_cash_nothing_is_known_to_reduce_and_everything_else_goes_on() {
    let world = world_with_a_position("buy").await;
    let cash = json!({"type": "limit", "limit_price": "150", "quantity": null, "cash_quantity": "1000"});
    assert_eq!(send(&world, "cash", cash).await, "working");
    only_reducing(&world).await;
    assert_eq!(send(&world, "buys", buy("1")).await, "denied: only_reducing");
    let told = world.reason("buys").await;
    assert!(told.contains("a buy does not reduce a long position of 10"), "{told}");
    assert_eq!(send(&world, "sells", sell("10")).await, "working");
    world.cancel("cash");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.order("cash").await.status().as_str(), "cancelled");
}

#[tokio::test(start_paused = true)]
async fn orders_that_come_at_once_take_no_more_off_than_there_is() {
    let world = world_with_a_position("buy").await;
    only_reducing(&world).await;
    let commands: Vec<[Value; 1]> =
        (0..6).map(|number| [world.place_command(&format!("part-{number}"), &sell("3"))]).collect();
    tokio::join!(
        world.submit_now(&commands[0]),
        world.submit_now(&commands[1]),
        world.submit_now(&commands[2]),
        world.submit_now(&commands[3]),
        world.submit_now(&commands[4]),
        world.submit_now(&commands[5])
    );
    world.settle().await;
    let mut statuses = Vec::new();
    for number in 0..6 {
        statuses.push(world.status(&format!("part-{number}")).await);
    }
    statuses.sort();
    assert_eq!(statuses.iter().filter(|status| *status == "working").count(), 3, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "denied: only_reducing").count(), 3, "{statuses:?}");
}

#[tokio::test(start_paused = true)]
async fn of_changes_only_one_that_makes_its_order_smaller_passes_while_only_reducing_orders_do() {
    let world = world().await;
    assert_eq!(send(&world, "opens", buy("10")).await, "working");
    only_reducing(&world).await;
    let cases = [
        (json!({"quantity": "11"}), "it does not lower the quantity"),
        (json!({"quantity": "5", "limit_price": "186.50"}), "it changes more than the quantity"),
        (json!({"limit_price": "185"}), "it does not lower the quantity"),
    ];
    for (revision, (fields, why)) in (2..).zip(cases) {
        world.modify("opens", revision, &fields);
        world.settle().await;
        let order = world.order("opens").await;
        let stage = &order.change().unwrap().stage;
        let reason = stage.reason().unwrap();
        assert_eq!((stage.as_str(), reason.code.as_str()), ("refused", "only_reducing"), "{fields}");
        assert!(reason.message.contains(why), "{}", reason.message);
    }
    assert_eq!(world.tickets("opens")[0].quantity, decimal("10"));
    world.modify("opens", 5, &json!({"quantity": "4"}));
    world.settle().await;
    assert_eq!(world.order("opens").await.change().unwrap().stage.as_str(), "applied");
    assert_eq!(world.tickets("opens")[0].quantity, decimal("4"));
    put(&world, "PUT /halt", json!({"halted": true})).await;
    world.modify("opens", 6, &json!({"quantity": "3"}));
    world.settle().await;
    assert_eq!(world.order("opens").await.change().unwrap().stage.reason().unwrap().code, "halted");
}

#[tokio::test(start_paused = true)]
async fn a_question_about_a_change_that_makes_its_order_smaller_is_answered_while_only_reducing_orders_pass() {
    let world = world().await;
    assert_eq!(send(&world, "opens", buy("10")).await, "working");
    only_reducing(&world).await;
    world.broker().set_questions(QuestionRules { always: vec!["o403".to_owned()], ..QuestionRules::none() });
    world.modify("opens", 2, &json!({"quantity": "4"}));
    world.settle().await;
    let order = world.order("opens").await;
    let change = order.change().unwrap();
    assert_eq!(change.stage.as_str(), "applied", "{:?}", change.stage);
    assert_eq!(world.calls("POST /iserver/reply").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_halt_can_cancel_what_works_of_its_user() {
    let world = world().await;
    let mut own = world.place_command("own", &resting());
    own["algorithm_id"] = json!("self");
    assert_eq!(world.api("POST /orders", &json!({"body": own})).await.status, 202);
    assert_eq!(send(&world, "algorithms", resting()).await, "working");
    world
        .broker()
        .add_fault(Fault { times: 1_000, ..Fault::next("POST", "/iserver/account/*/orders", FaultKind::AccessDenied) });
    let other = json!({"type": "limit", "limit_price": "400", "contract": {"conid": 272_093}});
    assert!(send(&world, "waits", other).await.starts_with("held"));
    let halt = put(&world, "PUT /halt", json!({"halted": true, "cancel_working": true, "reason": "stop"})).await;
    assert_eq!((&halt["halted"], &halt["cancels_asked"]), (&json!(true), &json!(2)));
    assert_eq!(world.status("waits").await, "cancelled: cancelled_before_sending");
    world.run_for(Duration::from_mins(1)).await;
    for order_id in ["own", "algorithms"] {
        assert_eq!(world.order(order_id).await.status().as_str(), "cancelled", "{order_id}");
    }
    assert_eq!(world.calls("DELETE /iserver/account").len(), 2);
    let again = world.api("PUT /halt", &json!({"body": {"halted": false, "cancel_working": true}})).await;
    assert_eq!(again.status, 400, "{}", again.text);
}

#[tokio::test(start_paused = true)]
async fn a_lost_order_that_would_reduce_no_more_is_not_sent_again() {
    let world = world_with_a_position("buy").await;
    only_reducing(&world).await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::DropBefore));
    world.place("lost", &sell("9"));
    world.run_for(Duration::from_secs(5)).await;
    // The user sells elsewhere meanwhile.
    world.broker().hold(simulation::ACCOUNT, AAPL, decimal("-10"));
    world.run_for(Duration::from_mins(8)).await;
    assert!(world.tickets("lost").is_empty(), "{}", world.status("lost").await);
    assert!(world.status("lost").await.starts_with("not_placed"), "{}", world.status("lost").await);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_does_not_show_the_last_trade_yet_lets_nothing_pass() {
    let world = world_with_a_position("buy").await;
    only_reducing(&world).await;
    let sale = json!({"type": "market", "side": "sell", "quantity": "10"});
    assert_eq!(send(&world, "first-sale", sale.clone()).await, "working");
    world.run_for(Duration::from_secs(8)).await;
    assert_eq!(world.status("first-sale").await, "filled");
    // The list of positions shows the ten of before.
    let list = format!(r#"[{{"acctId":"{}","conid":{AAPL},"position":10,"currency":"USD"}}]"#, simulation::ACCOUNT);
    let answer = FaultKind::Answer { executed: true, status: 200, content_type: "application/json".into(), body: list };
    world.broker().add_fault(Fault { times: 1, ..Fault::next("GET", "/portfolio/*/positions/*", answer) });
    let held = send(&world, "second-sale", sale).await;
    assert_eq!(held, "held: position_settles");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("second-sale").await, "denied: only_reducing");
}
