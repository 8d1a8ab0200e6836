//! Orders that have to wait for a session, and those that wait for another order.

use std::time::Duration;

use domain::SessionState;
use paper_broker::{Fault, FaultKind};
use serde_json::{Value, json};
use simulation::{USERNAME, World};

const PLACING: &str = "POST /iserver/account/DU0000001/orders";

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

#[tokio::test(start_paused = true)]
async fn an_order_without_a_connection_waits_and_says_so_and_is_sent_once_the_user_connects() {
    let world = World::start().await;
    let grant =
        json!({"path": {"algorithm_id": simulation::ALGORITHM}, "body": {"account_ids": [simulation::ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    world.place("first", &limit());
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "held: no_connection");
    world.connect_user().await;
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_nothing_ever_lets_through_expires_and_says_what_it_waited_for() {
    let world = World::start().await;
    let grant =
        json!({"path": {"algorithm_id": simulation::ALGORITHM}, "body": {"account_ids": [simulation::ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    world.place("first", &limit());
    world.run_for(Duration::from_mins(17)).await;
    assert_eq!(world.status("first").await, "expired: expired");
    assert!(world.reason("first").await.contains(&format!("the user {} is not connected", simulation::USER)));
}

#[tokio::test(start_paused = true)]
async fn a_live_session_token_that_ended_is_renewed_and_the_order_woken() {
    let world = World::with_a_connected_user().await;
    tokio::time::sleep(Duration::from_hours(25)).await;
    world.place("first", &limit());
    let taken = world.submit_now(&[world.place_command("second", &limit())]).await;
    assert_eq!(taken, Some(vec![]));
    assert_eq!(world.status("second").await, "held: no_session");
    world.settle().await;
    assert_eq!((world.status("first").await, world.status("second").await), ("working".into(), "working".into()));
    assert_eq!(world.calls(PLACING).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_401_in_the_middle_renews_the_token_and_the_order_is_sent() {
    let world = World::with_a_connected_user().await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::Unauthorized));
    world.place("first", &limit());
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));
    assert_eq!(world.calls("POST /oauth/live_session_token").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_410_leaves_the_order_to_be_looked_up_first_because_the_dying_session_may_have_taken_it() {
    let world = World::with_a_connected_user().await;
    // Its contract's steps are known from an order before it, so the ticket is the first call.
    world.place("zeroth", &limit());
    world.settle().await;
    world.broker().make_gone(USERNAME);
    world.place("first", &limit());
    world.run_for(Duration::from_mins(3)).await;
    let order = world.order("first").await;
    let history: Vec<_> = order.history.iter().map(|entry| entry.status.as_str()).collect();
    assert_eq!(history, ["received", "sending", "unknown", "sending", "working"]);
    assert_eq!(world.tickets("first").len(), 1);
    // The session is renewed all the same, so the next order finds one.
    world.place(
        "second",
        &json!({"type": "limit", "limit_price": "400", "contract": {"conid": 272_093}, "good_until": null}),
    );
    world.run_for(Duration::from_mins(1)).await;
    assert_ne!(world.order("second").await.status().as_str(), "held");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_stood_idle_is_opened_again_and_the_order_sent() {
    let world = World::with_a_connected_user().await;
    world.deliver_all().await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    world.place("first", &limit());
    world.settle().await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));
    assert_eq!(world.calls("POST /iserver/auth/ssodh/init").len(), 2, "one at connecting, one for the order");
}

#[tokio::test(start_paused = true)]
async fn the_brokers_daily_reset_costs_a_session_and_no_order() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186", "time_in_force": "gtc"}));
    world.settle().await;
    world.broker().reset_day();
    world.place("second", &limit());
    world.run_for(Duration::from_mins(3)).await;
    assert_eq!((world.status("first").await, world.status("second").await), ("working".into(), "working".into()));
    assert_eq!(world.broker().ledger().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_username_that_is_logged_in_elsewhere_holds_the_order_with_the_reason_until_it_leaves() {
    let world = World::with_a_connected_user().await;
    world.broker().log_in_elsewhere(USERNAME);
    world.place("first", &limit());
    world.settle().await;
    assert_eq!(world.status("first").await, "held: competing");
    assert!(world.reason("first").await.contains("logs out there"));
    assert!(matches!(world.connections().await[0].session, SessionState::Competing { .. }));
    world.broker().log_out_elsewhere(USERNAME);
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));
}

#[tokio::test(start_paused = true)]
async fn a_penalty_of_the_broker_holds_every_order_until_it_is_over() {
    let world = World::with_a_connected_user().await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::TooManyRequests));
    world.place("first", &limit());
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "held: pacing");
    world.run_for(Duration::from_mins(9)).await;
    assert_eq!((world.status("first").await.as_str(), world.calls(PLACING).len()), ("held: pacing", 1));
    world.run_for(Duration::from_mins(3)).await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));
}

#[tokio::test(start_paused = true)]
async fn the_brokers_pacing_is_kept_while_many_orders_work() {
    let world = World::with_a_connected_user().await;
    world.broker().change_options(|options| options.pacing = true);
    for number in 0..20 {
        world.place(&format!("order-{number}"), &limit());
        world.run_for(Duration::from_secs(1)).await;
    }
    world.run_for(Duration::from_mins(3)).await;
    let refused: Vec<_> = world.broker().calls().into_iter().filter(|call| call.status == Some(429)).collect();
    assert_eq!(refused, []);
    for number in 0..20 {
        assert_eq!(world.status(&format!("order-{number}")).await, "working");
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_order_keeps_a_later_one_of_the_same_account_and_contract_behind_it() {
    let world = World::with_a_connected_user().await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::DropBefore));
    world.place("first", &limit());
    world.place("second", &limit());
    world.place("other", &json!({"type": "limit", "limit_price": "415", "contract": {"conid": 272_093}}));
    world.deliver_all().await;
    assert_eq!(world.order("first").await.status().as_str(), "unknown");
    assert_eq!(world.status("second").await, "held: behind_another");
    assert!(world.reason("second").await.contains("first"));
    assert_eq!(world.status("other").await, "working");
    assert!(world.tickets("second").is_empty());
}

#[tokio::test(start_paused = true)]
async fn orders_of_one_user_reach_the_broker_in_the_order_in_which_they_were_sent() {
    let world = World::with_a_connected_user().await;
    tokio::time::sleep(Duration::from_hours(25)).await;
    for number in 0..6 {
        world.place(&format!("order-{number}"), &limit());
    }
    world.settle().await;
    let names: Vec<_> = world.broker().ledger().into_iter().map(|entry| entry.client_order_id.unwrap()).collect();
    let mut expected = Vec::new();
    for number in 0..6 {
        expected.push(world.order(&format!("order-{number}")).await.client_order_id.to_string());
    }
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn why_the_broker_opens_no_session_is_told_with_a_remedy() {
    let world = World::with_a_connected_user().await;
    world.broker().end_session(USERNAME);
    let body = json!({"authenticated": true, "established": false, "competing": false, "connected": true,
        "message": "", "fail": "Your password has expired."});
    let answer = |_| FaultKind::Answer {
        executed: false,
        status: 200,
        content_type: "application/json".to_owned(),
        body: body.to_string(),
    };
    for path in ["/iserver/auth/ssodh/init", "/iserver/auth/status"] {
        world.broker().add_fault(Fault { times: 1_000, ..Fault::next("POST", path, answer(path)) });
    }
    world.place("first", &limit());
    world.run_for(Duration::from_mins(1)).await;
    assert!(world.status("first").await.starts_with("held"), "{}", world.status("first").await);
    assert!(world.reason("first").await.contains("Your password has expired."), "{}", world.reason("first").await);
    let shown = world.api("GET /connections", &json!({})).await.json;
    let connection = &shown["connections"][0];
    let session = &connection["session"];
    assert_eq!(session["condition"], "session_refused", "{connection}");
    assert!(connection["last_error"].to_string().contains("Your password has expired."), "{connection}");
    assert!(session["remedy"].as_str().is_some_and(|remedy| remedy.contains("Client Portal")), "{connection}");
    world.broker().clear_faults();
    world.run_for(Duration::from_mins(3)).await;
    assert_eq!(world.status("first").await, "working");
}
