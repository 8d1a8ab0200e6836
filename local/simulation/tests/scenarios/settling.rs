//! How an unknown outcome ends: found, sent once more, proved never placed, or a person's.

use std::time::Duration;

use paper_broker::{Fault, FaultKind, QuestionRules};
use serde_json::{Value, json};
use simulation::{USERNAME, World};

const ORDERS: &str = "/iserver/account/*/orders";
const PLACING: &str = "POST /iserver/account/DU0000001/orders";

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

async fn without_questions() -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world
}

fn history(order: &domain::Order) -> Vec<&'static str> {
    order.history.iter().map(|entry| entry.status.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_market_order_that_never_arrived_is_not_sent_again_and_is_proved_never_placed() {
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    world.place("first", &json!({"type": "market"}));
    world.run_for(Duration::from_mins(4)).await;
    assert_eq!(world.status("first").await, "unknown: outcome_unknown");
    world.run_for(Duration::from_mins(3)).await;
    let order = world.order("first").await;
    assert_eq!(history(&order), ["received", "sending", "unknown", "not_placed"]);
    assert_eq!((world.calls(PLACING).len(), world.broker().ledger().len()), (1, 0));
    assert!(world.reason("first").await.contains("complete looks"), "{}", world.reason("first").await);
}

#[tokio::test(start_paused = true)]
async fn what_waits_behind_an_unknown_order_goes_on_once_it_is_settled() {
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    world.place("first", &limit());
    world.place("second", &limit());
    world.deliver_all().await;
    assert_eq!(world.status("second").await, "held: behind_another");
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!((world.status("first").await, world.status("second").await), ("working".into(), "working".into()));
    let ledger = world.broker().ledger();
    assert_eq!(ledger[0].order_id, world.tickets("first")[0].order_id, "in the order of the queue");
}

fn by(symbol: &str) -> Value {
    json!({"type": "market", "contract": {"symbol": symbol}})
}

#[tokio::test(start_paused = true)]
async fn an_order_by_symbol_waits_only_for_orders_of_its_own_contract() {
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    world.place("lost", &json!({"type": "market"}));
    world.deliver_all().await;
    for (order_id, fields, status) in [
        ("other", by("MSFT"), "filled"),
        ("another", by("SPY"), "filled"),
        ("by-number", json!({"type": "market", "contract": {"conid": 272_093}}), "filled"),
        ("same", by("AAPL"), "held: behind_another"),
        (
            "same-with-its-exchange",
            json!({"type": "market", "contract": {"symbol": "AAPL", "exchange": "NASDAQ"}}),
            "held: behind_another",
        ),
        ("other-again", by("MSFT"), "filled"),
        ("no-contract", by("NOSUCH"), "denied: contract_unknown"),
    ] {
        world.place(order_id, &fields);
        world.deliver_all().await;
        world.run_for(Duration::from_secs(7)).await;
        assert_eq!(world.status(order_id).await, status, "{order_id}");
    }
    assert_eq!(world.status("lost").await, "unknown: outcome_unknown");
    let reason = world.reason("same").await;
    assert!(reason.ends_with("before it for the same account and contract."), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_waits_for_what_may_be_its_contract_says_so() {
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    world.place("lost", &json!({"type": "market"}));
    world.deliver_all().await;
    let away = FaultKind::Unavailable { executed: false, delay_ms: 0 };
    world.broker().add_fault(Fault { times: u32::MAX, ..Fault::next("GET", "/trsrv/stocks", away) });
    world.place("by-symbol", &by("MSFT"));
    world.deliver_all().await;
    assert_eq!(world.status("by-symbol").await, "held: behind_another");
    let reason = world.reason("by-symbol").await;
    assert!(reason.contains("perhaps the same contract") && reason.contains("conid"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn looks_that_do_not_show_the_trades_prove_no_order_absent() {
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    let away = FaultKind::Unavailable { executed: false, delay_ms: 0 };
    world.broker().add_fault(Fault { times: u32::MAX, ..Fault::next("GET", "/iserver/account/trades", away) });
    world.place("first", &limit());
    world.run_for(Duration::from_mins(4)).await;
    assert!(world.calls("GET /iserver/account/orders").len() > 4);
    assert_eq!(world.status("first").await, "unknown: outcome_unknown");
    assert_eq!(world.calls(PLACING).len(), 1);
    world.broker().clear_faults();
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!((world.status("first").await.as_str(), world.calls(PLACING).len()), ("working", 2));
}

#[tokio::test(start_paused = true)]
async fn a_halt_keeps_a_lost_order_from_being_sent_again() {
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    world.place("first", &limit());
    world.deliver_all().await;
    let halt = json!({"body": {"halted": true, "reason": "a test"}});
    assert_eq!(world.api("PUT /halt", &halt).await.status, 200);
    world.run_for(Duration::from_mins(7)).await;
    assert_eq!(world.order("first").await.status().as_str(), "not_placed");
    assert_eq!(world.calls(PLACING).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_end_is_asked_for_while_it_does_not_get_through_is_not_tried_again() {
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::Delay { before_ms: 3_000, after_ms: 0 }));
    world.place("first", &limit());
    let meanwhile = async {
        while world.calls(PLACING).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(world.broker().end_session(USERNAME), "the ticket will find no session");
        let cancel = json!({"path": {"order_id": "first"}});
        assert_eq!(world.api("DELETE /orders/{order_id}", &cancel).await.status, 202);
        assert_eq!(world.status("first").await, "sending");
    };
    tokio::join!(world.deliver_all(), meanwhile);
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "cancelled: cancelled_before_sending");
    assert_eq!((world.calls(PLACING).len(), world.broker().ledger().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_a_lost_order_keeps_it_from_being_sent_again() {
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    world.place("first", &limit());
    world.deliver_all().await;
    world.cancel("first");
    world.run_for(Duration::from_mins(7)).await;
    assert_eq!(world.order("first").await.status().as_str(), "not_placed");
    assert_eq!(world.calls(PLACING).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_that_meets_a_parked_first_is_one_order() {
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::Park { release_after_ms: None }));
    world.place("first", &limit());
    world.run_for(Duration::from_secs(45)).await;
    assert_eq!(world.order("first").await.sends, 2);
    assert_eq!(world.broker().release_parked(), 1);
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_was_killed_is_asked_anew_even_for_a_market_order() {
    let world = crate::with_every_question_asked().await;
    let gone = FaultKind::Answer {
        executed: false,
        status: 400,
        content_type: "application/json".into(),
        body: r#"{"error":"reply id not found: 'x'"}"#.into(),
    };
    world.broker().add_fault(Fault::next("POST", "/iserver/reply/*", gone));
    world.place("first", &json!({"type": "market"}));
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "unknown: question_gone");
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!(history(&order), ["received", "sending", "unknown", "sending", "working", "filled"]);
    assert_eq!(world.tickets("first").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_shows_after_it_was_called_never_placed_is_a_late_fact_and_its_fill_is_told() {
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::Park { release_after_ms: None }));
    world.place("first", &json!({"type": "market"}));
    world.run_for(Duration::from_mins(7)).await;
    assert_eq!(world.order("first").await.status().as_str(), "not_placed");
    assert_eq!(world.broker().release_parked(), 1);
    world.run_for(Duration::from_mins(10)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.late_facts.len()), ("filled", 1), "the broker has it after all");
    assert_eq!(order.filled_quantity, "10".parse().unwrap());
    assert_eq!(order.late_facts[0].filled_quantity, Some("10".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_left_the_live_list_is_asked_for_by_its_number() {
    let world = without_questions().await;
    world.place("first", &limit());
    world.settle().await;
    let empty = FaultKind::Answer {
        executed: false,
        status: 200,
        content_type: "application/json".into(),
        body: r#"{"orders":[],"snapshot":true}"#.into(),
    };
    let mut missing = Fault::next("GET", "/iserver/account/orders", empty);
    missing.times = 1000;
    world.broker().add_fault(missing);
    let order_id = world.tickets("first")[0].order_id;
    assert!(world.broker().reject_order(order_id, paper_broker::OrderStatus::Cancelled));
    world.run_for(Duration::from_mins(3)).await;
    assert_eq!(world.order("first").await.status().as_str(), "cancelled");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_around_the_daily_reset_and_an_order_waits_or_expires() {
    let world = without_questions().await;
    // From 15:00 to 05:59 UTC: a minute before New York's 01:00.
    tokio::time::sleep(Duration::from_mins(14 * 60 + 59)).await;
    world.place("day", &limit());
    world.place("market", &json!({"type": "market", "contract": {"conid": 272_093}}));
    world.settle().await;
    assert_eq!(world.status("day").await, "held: quiet_window");
    assert_eq!(world.status("market").await, "held: quiet_window");
    world.run_for(Duration::from_mins(13)).await;
    assert_eq!(world.status("day").await, "working", "{}", world.reason("day").await);
    assert_eq!(world.order("market").await.status().as_str(), "expired");
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_placed_only_if_it_says_itself_that_it_is_still_good() {
    let world = without_questions().await;
    let good = world
        .place_command("good", &json!({"type": "limit", "limit_price": "186", "good_until": "2026-11-24T18:00:00Z"}));
    let ageless = world.place_command("ageless", &limit());
    let late = world
        .place_command("late", &json!({"type": "limit", "limit_price": "186", "good_until": "2026-11-24T14:00:00Z"}));
    let nonsense = json!({"schema": "courier.order/1", "colour": "blue"});
    let given_back = world.submit_dead_letters(&[good, ageless, late, nonsense]).await;
    assert_eq!(given_back, Some(vec![]));
    world.settle().await;
    assert_eq!(world.status("good").await, "working");
    assert_eq!(world.status("ageless").await, "expired: dead_letter");
    assert_eq!(world.status("late").await, "expired: dead_letter");
    assert_eq!(world.refusals().await.len(), 1);
    assert_eq!(world.broker().ledger().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn orders_that_come_while_another_invocation_has_the_lane_keep_their_order() {
    let world = without_questions().await;
    let now = domain::Clock::now(&world.clock);
    let until = now + jiff::SignedDuration::from_secs(40);
    let held = world.desk().enter(&simulation::USER.parse().unwrap(), "another", until).await.unwrap().unwrap();
    let bodies: Vec<_> = ["b", "a"].iter().map(|name| world.place_command(name, &limit())).collect();
    assert_eq!(world.submit_now(&bodies).await, Some(vec![]), "they are on record, so the messages are done with");
    assert_eq!((world.status("a").await, world.status("b").await), ("received".into(), "received".into()));
    held.leave().await.unwrap();
    assert_eq!(world.submit_now(&[world.place_command("c", &limit())]).await, Some(vec![]));
    let numbers = ["b", "a", "c"].map(|name| world.tickets(name)[0].order_id);
    assert!(numbers.is_sorted(), "{numbers:?}");
}
