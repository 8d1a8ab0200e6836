//! The broker's words for where an order stands, and what they do not say.

use std::time::Duration;

use paper_broker::{Execution, Fault, FaultKind, OrderStatus, QuestionRules};
use serde_json::json;
use simulation::World;

async fn with_a_working_order() -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    assert_eq!(world.status("first").await, "working");
    world
}

fn order_id(world: &World) -> i64 {
    world.tickets("first")[0].order_id
}

#[tokio::test(start_paused = true)]
async fn inactive_is_no_end_where_the_broker_says_otherwise_by_the_number_and_a_fill_is_told() {
    let world = with_a_working_order().await;
    assert!(world.broker().suspend_order(order_id(&world), true));
    world.run_for(Duration::from_mins(3)).await;
    assert_eq!(world.status("first").await, "working");
    world.broker().suspend_order(order_id(&world), false);
    world.broker().set_price(265_598, Some("185.90".parse().unwrap()));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "filled");
}

#[tokio::test(start_paused = true)]
async fn an_order_of_which_the_broker_had_an_unknown_word_for_long_is_filled_only_with_its_whole() {
    let world = with_a_working_order().await;
    world.broker().say_of_order(order_id(&world), Some("Routed".to_owned()));
    world.run_for(Duration::from_secs(90)).await;
    let execute = |quantity: &str| {
        let (quantity, price) = (quantity.parse().unwrap(), "186".parse().unwrap());
        assert!(world.broker().execute_order(Execution { order_id: order_id(&world), quantity, price }));
    };
    execute("6");
    world.run_for(Duration::from_secs(10)).await;
    // How much is filled is told later than that it is.
    world.broker().change_options(|options| options.quantities_delay_ms = 30_000);
    world.broker().say_of_order(order_id(&world), None);
    execute("4");
    world.run_for(Duration::from_secs(20)).await;
    assert_eq!(world.status("first").await, "partially_filled");
    world.run_for(Duration::from_secs(40)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.filled_quantity.to_string().as_str()), ("filled", "10"));
}

#[tokio::test(start_paused = true)]
async fn an_inactive_order_can_be_cancelled() {
    let world = with_a_working_order().await;
    world.broker().suspend_order(order_id(&world), true);
    world.run_for(Duration::from_mins(1)).await;
    world.cancel("first");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "cancelled");
    assert_eq!(world.calls("DELETE /iserver/account").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_venue_refused_is_rejected_once_the_broker_says_so_again_by_its_number() {
    let world = with_a_working_order().await;
    assert!(world.broker().reject_order(order_id(&world), OrderStatus::Inactive));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "rejected: inactive_at_broker");
    assert!(!world.calls("GET /iserver/account/order/status/").is_empty());
}

#[tokio::test(start_paused = true)]
async fn words_of_other_interfaces_are_read_and_an_unknown_one_keeps_the_order_watched_and_is_said() {
    let world = with_a_working_order().await;
    for (word, status, warned) in [
        ("ApiPending", "working", None),
        ("Routed", "working", Some("broker_status_unknown")),
        ("PRE_SUBMITTED", "working", None),
    ] {
        world.broker().say_of_order(order_id(&world), Some(word.to_owned()));
        world.run_for(Duration::from_mins(3)).await;
        let order = world.order("first").await;
        assert_eq!((order.status().as_str(), order.next_check_at.is_some()), (status, true), "{word}");
        assert_eq!(order.warning.map(|warning| warning.code.to_string()).as_deref(), warned, "{word}");
    }
    world.broker().say_of_order(order_id(&world), Some("Expired".to_owned()));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "cancelled: time_in_force_ended");
}

#[tokio::test(start_paused = true)]
async fn rejected_and_api_cancelled_are_the_end() {
    for (word, status) in [("Rejected", "rejected: inactive_at_broker"), ("ApiCancelled", "cancelled")] {
        let world = with_a_working_order().await;
        world.broker().say_of_order(order_id(&world), Some(word.to_owned()));
        world.run_for(Duration::from_mins(2)).await;
        assert_eq!(world.status("first").await, status);
    }
}

#[tokio::test(start_paused = true)]
async fn a_corrected_execution_counts_once_by_its_last_correction() {
    let world = with_a_working_order().await;
    let part = Execution { order_id: order_id(&world), quantity: 4.into(), price: "186".parse().unwrap() };
    assert!(world.broker().execute_order(part));
    assert!(world.broker().correct_execution(order_id(&world), "185".parse().unwrap()));
    world.run_for(Duration::from_mins(1)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.filled_quantity), ("partially_filled", 4.into()));
    assert_eq!(order.average_price, Some("185".parse().unwrap()));
    assert!(world.broker().execute_order(Execution { quantity: 6.into(), ..part }));
    assert!(world.broker().correct_execution(order_id(&world), "187".parse().unwrap()));
    world.run_for(Duration::from_mins(1)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.filled_quantity), ("filled", 10.into()));
    assert_eq!((order.average_price, order.warning), (Some("186.2".parse().unwrap()), None));
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_the_broker_takes_back_is_told() {
    for (taken_back, stands) in [(3, "1 of the 4"), (4, "0 of the 4")] {
        let world = with_a_working_order().await;
        let part = Execution { order_id: order_id(&world), quantity: 4.into(), price: "186".parse().unwrap() };
        assert!(world.broker().execute_order(part));
        world.run_for(Duration::from_mins(1)).await;
        assert!(world.broker().take_back_execution(order_id(&world), taken_back.into()));
        world.run_for(Duration::from_mins(2)).await;
        let order = world.order("first").await;
        assert_eq!((order.status().as_str(), order.filled_quantity), ("partially_filled", 4.into()));
        let told = order.warning.unwrap();
        assert_eq!(told.code.as_str(), "fill_taken_back");
        assert!(told.message.contains(stands), "{}", told.message);
        let rest = Execution { quantity: (6 + taken_back).into(), ..part };
        assert!(world.broker().execute_order(rest));
        world.run_for(Duration::from_mins(1)).await;
        let order = world.order("first").await;
        assert_eq!((order.status().as_str(), order.filled_quantity), ("filled", 10.into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_told_in_a_200_is_no_refusal() {
    for (body, executed, ends) in [
        (r#"{"error":"Internal Server Error","statusCode":500}"#, true, "working"),
        (r#"{"error":"Internal Server Error"}"#, false, "working"),
        (r#"{"error":"503 Service Unavailable"}"#, true, "working"),
        (r#"{"error":"Please init session first"}"#, false, "working"),
        (r#"{"error":"not authenticated","statusCode":401}"#, false, "working"),
    ] {
        let world = World::with_a_connected_user().await;
        world.broker().set_questions(QuestionRules::none());
        let content_type = "application/json".to_owned();
        let answer = FaultKind::Answer { executed, status: 200, content_type, body: body.to_owned() };
        world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", answer));
        world.place("first", &json!({"type": "limit", "limit_price": "186"}));
        world.run_for(Duration::from_mins(3)).await;
        assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), (ends, 1), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_told_in_a_200_to_a_cancel_is_asked_for_again() {
    let world = with_a_working_order().await;
    let body = r#"{"error":"Internal Server Error"}"#.to_owned();
    let answer = FaultKind::Answer { executed: false, status: 200, content_type: "application/json".into(), body };
    world.broker().add_fault(Fault::next("DELETE", "/iserver/account/*/order/*", answer));
    world.cancel("first");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_has_after_all_is_open_again_told_and_cancelled() {
    let body = r#"{"error":"The order was not accepted."}"#.to_owned();
    let answer = FaultKind::Answer { executed: true, status: 200, content_type: "application/json".into(), body };
    for ends in ["cancelled", "filled"] {
        let world = World::with_a_connected_user().await;
        world.broker().set_questions(QuestionRules::none());
        world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", answer.clone()));
        world.place("first", &json!({"type": "limit", "limit_price": "186"}));
        world.settle().await;
        assert!(world.status("first").await.starts_with("rejected"));
        // Another order of the user's has the broker looked at.
        world.place("second", &json!({"type": "limit", "limit_price": "185"}));
        world.run_for(Duration::from_mins(1)).await;
        assert_eq!(world.status("first").await, "working");
        if ends == "cancelled" {
            let halt = json!({"body": {"halted": true, "reason": "stop", "cancel_working": true}});
            assert_eq!(world.api("PUT /halt", &halt).await.json["cancels_asked"], 2);
        } else {
            world.broker().set_price(265_598, Some("185.50".parse().unwrap()));
        }
        world.run_for(Duration::from_mins(2)).await;
        assert_eq!(world.status("first").await, ends);
        let order = world.order("first").await;
        let told = world.tell_changes().await;
        let of_it = |entry: &serde_json::Value| {
            entry["Detail"].as_str().is_some_and(|detail| detail.contains(r#""order_id":"first""#))
        };
        assert_eq!(told.iter().filter(|entry| of_it(entry)).count() as u64, order.sequence);
    }
}
