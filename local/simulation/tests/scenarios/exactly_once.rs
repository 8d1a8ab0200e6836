//! Never a second ticket, whatever is lost on the way.

use std::time::Duration;

use crate::{INTENT, RECORDING};
use paper_broker::{Fault, FaultKind};
use serde_json::{Value, json};
use simulation::{CrashPoint, World};

const ORDERS: &str = "/iserver/account/*/orders";
const PLACING: &str = "POST /iserver/account/DU0000001/orders";

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

async fn with_a_fault(fault: FaultKind) -> World {
    let world = World::with_a_connected_user().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, fault));
    world.place("first", &limit());
    world.deliver_all().await;
    world
}

fn history(order: &domain::Order) -> Vec<&'static str> {
    order.history.iter().map(|entry| entry.status.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_unknown_then_found_by_asking_and_works() {
    for fault in [
        FaultKind::DropAfter,
        FaultKind::Unavailable { executed: true, delay_ms: 10_000 },
        FaultKind::Garbled,
        FaultKind::Truncated,
    ] {
        let world = with_a_fault(fault.clone()).await;
        assert_eq!(world.status("first").await, "unknown: outcome_unknown", "{fault:?}");
        world.run_for(Duration::from_mins(3)).await;
        let order = world.order("first").await;
        assert_eq!(history(&order), ["received", "sending", "unknown", "working"], "{fault:?}");
        assert_eq!(world.tickets("first").len(), 1);
        assert_eq!(world.calls(PLACING).len(), 1, "{fault:?}");
        assert_eq!(order.broker_order_ids.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_never_arrived_is_sent_once_more_after_two_complete_looks_and_works() {
    for fault in [FaultKind::DropBefore, FaultKind::Unavailable { executed: false, delay_ms: 0 }] {
        let world = with_a_fault(fault.clone()).await;
        assert_eq!(world.status("first").await, "unknown: outcome_unknown", "{fault:?}");
        world.run_for(Duration::from_secs(30)).await;
        assert_eq!(world.order("first").await.status().as_str(), "unknown", "not before 30 s have passed");
        assert_eq!(world.calls(PLACING).len(), 1);
        world.run_for(Duration::from_secs(30)).await;
        let order = world.order("first").await;
        assert_eq!(history(&order), ["received", "sending", "unknown", "sending", "working"], "{fault:?}");
        assert_eq!((order.sends, world.calls(PLACING).len(), world.tickets("first").len()), (2, 2, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_broker_carries_out_late_is_found_when_it_is() {
    let world = with_a_fault(FaultKind::Park { release_after_ms: Some(90_000) }).await;
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(world.order("first").await.status().as_str(), "unknown");
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "working");
    // The second copy came first; the client order id kept the late one out.
    assert_eq!((world.tickets("first").len(), world.calls(PLACING).len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_connection_refused_before_the_first_byte_holds_the_order_and_it_is_sent_once() {
    let world = World::with_a_connected_user().await;
    world.network.refuse_connections(1);
    world.place("first", &limit());
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "held: broker_unreachable");
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "working");
    assert_eq!((world.tickets("first").len(), world.calls(PLACING).len()), (1, 1));
}

/// An invocation crashes at this point; the next ones must end the order right.
async fn after_a_crash(point: CrashPoint) -> World {
    let world = World::with_a_connected_user().await;
    world.crash_at(point);
    world.place("first", &limit());
    world.deliver_all().await;
    assert_eq!(world.crashes_to_come(), [], "the crash happened");
    assert!(world.broker().ledger().len() <= 1);
    world.run_for(Duration::from_mins(9)).await;
    assert!(world.tickets("first").len() <= 1);
    world
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_intent_sends_nothing_and_the_order_is_sent_later() {
    for point in [
        CrashPoint::BeforeWrite { with: RECORDING },
        CrashPoint::AfterWrite { with: RECORDING },
        CrashPoint::BeforeWrite { with: INTENT },
    ] {
        let world = after_a_crash(point.clone()).await;
        assert_eq!(world.status("first").await, "working", "{point:?}");
        assert_eq!(world.tickets("first").len(), 1, "{point:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_intent_and_send_is_settled_by_asking_before_a_second_try() {
    for point in [CrashPoint::AfterWrite { with: INTENT }, CrashPoint::BeforeCall { with: PLACING_PATH }] {
        let world = after_a_crash(point.clone()).await;
        let order = world.order("first").await;
        assert_eq!(history(&order), ["received", "sending", "unknown", "sending", "working"], "{point:?}");
        assert_eq!((world.tickets("first").len(), world.calls(PLACING).len()), (1, 1), "{point:?}");
        assert!(world.calls("GET /iserver/account/orders").len() >= 2, "{point:?}");
    }
}

const PLACING_PATH: &str = "POST /v1/api/iserver/account/DU0000001/orders";

#[tokio::test(start_paused = true)]
async fn a_crash_after_the_send_is_found_by_asking_and_works() {
    let world = after_a_crash(CrashPoint::AfterCall { with: PLACING_PATH }).await;
    assert_eq!(world.status("first").await, "working");
    assert_eq!((world.tickets("first").len(), world.calls(PLACING).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_the_answer_and_its_record_is_found_by_asking_and_works() {
    for point in [
        CrashPoint::BeforeWrite { with: "\"status\":{\"S\":\"working\"}" },
        CrashPoint::AfterWrite { with: "\"status\":{\"S\":\"working\"}" },
    ] {
        let world = after_a_crash(point.clone()).await;
        assert_eq!(world.status("first").await, "working", "{point:?}");
        assert_eq!((world.tickets("first").len(), world.calls(PLACING).len()), (1, 1), "{point:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_in_the_middle_of_a_question_never_makes_two_tickets() {
    for point in [
        CrashPoint::BeforeCall { with: "/iserver/reply/" },
        CrashPoint::AfterCall { with: "/iserver/reply/" },
        CrashPoint::AfterWrite { with: "\"reply\"" },
    ] {
        let world = crate::with_every_question_asked().await;
        world.crash_at(point.clone());
        world.place("first", &json!({"type": "market"}));
        world.deliver_all().await;
        assert_eq!(world.crashes_to_come(), []);
        world.run_for(Duration::from_mins(9)).await;
        let executed = world.tickets("first").len();
        assert!(executed <= 1);
        // A market order is not sent once more: its price would be another one.
        let expected = if executed == 1 { "filled" } else { "not_placed" };
        assert_eq!(world.order("first").await.status().as_str(), expected, "{point:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_was_filled_while_nobody_knew_of_it_is_found_in_the_trades() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(paper_broker::QuestionRules::none());
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropAfter));
    world.place("first", &json!({"type": "market"}));
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!(history(&order), ["received", "sending", "unknown", "filled"]);
    assert_eq!(order.average_price.unwrap().to_string(), "187.5");
}

#[tokio::test(start_paused = true)]
async fn two_workers_at_once_make_one_ticket_of_each_order() {
    let world = World::with_a_connected_user().await;
    let bodies: Vec<_> = (0..5).map(|number| world.place_command(&format!("order-{number}"), &limit())).collect();
    let (one, other) = tokio::join!(world.submit_now(&bodies), world.submit_now(&bodies));
    assert_eq!((one, other), (Some(vec![]), Some(vec![])));
    world.settle().await;
    for number in 0..5 {
        let name = format!("order-{number}");
        assert_eq!((world.status(&name).await.as_str(), world.tickets(&name).len()), ("working", 1));
    }
    assert_eq!(world.calls(PLACING).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_lane_sends_nothing() {
    let world = World::with_a_connected_user().await;
    let user_id = simulation::USER.parse().unwrap();
    let now = domain::Clock::now(&world.clock);
    let second = jiff::SignedDuration::from_secs(1);
    // Its deadline, and with it the lease, is over when it comes to the intent; another holder has the lane by then.
    let desk = world.desk();
    let mut slow = desk.enter(&user_id, "slow", now + 60 * second).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    let quick = desk.enter(&user_id, "quick", now + 160 * second).await.unwrap().unwrap();
    let command = world.place_command("first", &limit()).to_string();
    let domain::Command::Place(place) = domain::Command::parse(&command).unwrap() else { panic!("not a place") };
    let trading::Recorded::New(mut order) = desk.intake.record(&desk.lanes, place, None).await.unwrap() else {
        panic!("not new")
    };
    slow.take_on(&mut order).await.unwrap();
    assert!(world.calls(PLACING).is_empty());
    slow.leave().await.unwrap();
    quick.leave().await.unwrap();
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_loses_answers_makes_no_second_ticket() {
    use embedded_dynamodb::Fault as DatabaseFault;
    let world = World::with_a_connected_user().await;
    let mut count = 0;
    world.set_database_faults(move |call| {
        count += 1;
        match call.operation {
            "PutItem" | "UpdateItem" | "TransactWriteItems" if count % 2 == 0 => DatabaseFault::AnswerLost,
            _ if count % 11 == 0 => DatabaseFault::Throttled,
            _ => DatabaseFault::None,
        }
    });
    for number in 0..4 {
        world.place(&format!("order-{number}"), &limit());
    }
    world.run_for(Duration::from_mins(10)).await;
    for number in 0..4 {
        let name = format!("order-{number}");
        assert_eq!((world.status(&name).await.as_str(), world.tickets(&name).len()), ("working", 1));
    }
    assert_eq!(world.calls(PLACING).len(), 4);
}
