//! Sessions over time: renewed ahead, kept warm, taken or not, and every state told to their user.

use std::time::Duration;

use domain::{Clock, Condition, SessionState};
use paper_broker::{Fault, FaultKind, QuestionRules, TokenLoss};
use serde_json::{Value, json};
use simulation::{ACCOUNT, ALGORITHM, CONSUMER, CrashPoint, USERNAME, World};

const INIT: &str = "POST /iserver/auth/ssodh/init";
const TICKLE: &str = "POST /tickle";
const TOKEN: &str = "POST /oauth/live_session_token";
const REQUEST_TOKEN: &str = "POST /oauth/request_token";

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

fn market() -> Value {
    json!({"type": "market"})
}

async fn grant(world: &World) {
    let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": {"account_ids": [ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    world.broker().set_questions(QuestionRules::none());
}

async fn choose(world: &World, choices: Value) {
    let id = world.connections().await[0].connection_id.to_string();
    let chosen =
        world.api("PUT /connections/{connection_id}", &json!({"path": {"connection_id": id}, "body": choices})).await;
    assert_eq!(chosen.status, 200, "{}", chosen.text);
}

/// What the user is told.
async fn told(world: &World) -> (String, String) {
    let shown = world.api("GET /connections", &json!({})).await.json;
    let session = &shown["connections"][0]["session"];
    assert!(!session["remedy"].as_str().unwrap().is_empty(), "{session}");
    (session["condition"].as_str().unwrap().to_owned(), shown["connections"][0]["status"].as_str().unwrap().to_owned())
}

fn words(condition: &str, status: &str) -> (String, String) {
    (condition.to_owned(), status.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_token_of_36_seconds_is_renewed_ahead_for_ten_minutes_and_no_order_waits_for_it() {
    let world = World::start().await;
    world.broker().change_options(|options| options.live_session_token_life_seconds = 36);
    world.connect_user().await;
    grant(&world).await;
    let mut orders = Vec::new();
    for number in 0..150 {
        let order_id = format!("order-{number}");
        world.place(&order_id, &market());
        world.run_for(Duration::from_secs(4)).await;
        orders.push(order_id);
    }
    world.run_for(Duration::from_secs(30)).await;
    for order_id in &orders {
        let order = world.order(order_id).await;
        assert_eq!(order.status().as_str(), "filled", "{order_id}: {:?}", order.history);
        let sent = order.history.iter().find(|entry| entry.status.as_str() == "sending").unwrap();
        let waited = sent.at.duration_since(order.created_at);
        assert!(waited.as_secs() <= 2, "{order_id} waited {waited} for a session: {:?}", order.history);
    }
    assert!(world.calls(TOKEN).len() >= 16, "{} tokens in ten minutes", world.calls(TOKEN).len());
}

#[tokio::test(start_paused = true)]
async fn a_session_is_kept_warm_for_half_an_hour_after_an_order_and_then_rests() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.place("first", &json!({"type": "market"}));
    world.run_for(Duration::from_mins(25)).await;
    let tickles = world.calls(TICKLE).len();
    assert!((4..=9).contains(&tickles), "{tickles} tickles");
    world.place("second", &json!({"type": "market"}));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("second").await, "filled");
    assert_eq!(world.calls(INIT).len(), 1, "the second order found the session open");
    tokio::time::sleep(Duration::from_mins(31)).await;
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(told(&world).await, words("resting", "connected"));
    let tickles = world.calls(TICKLE).len();
    world.run_for(Duration::from_mins(20)).await;
    assert_eq!(world.calls(TICKLE).len(), tickles, "nobody traded for an hour");
}

#[tokio::test(start_paused = true)]
async fn a_user_who_never_trades_costs_no_call_and_one_who_asks_for_it_is_kept_warm() {
    let world = World::with_a_connected_user().await;
    let before = world.calls("").len();
    world.run_for(Duration::from_mins(20)).await;
    assert_eq!(world.calls("").len(), before);
    assert_eq!(told(&world).await, words("resting", "connected"));
    choose(&world, json!({"keep_warm": true})).await;
    world.run_for(Duration::from_mins(20)).await;
    assert!(world.calls(TICKLE).len() >= 4, "{}", world.calls(TICKLE).len());
    assert_eq!((told(&world).await, world.calls(INIT).len()), (words("ready", "connected"), 2));
    choose(&world, json!({"keep_warm": false})).await;
    assert!(!world.connections().await[0].choices.keep_warm);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_another_login_took_is_told_and_taken_back_only_if_the_user_said_so() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.broker().log_in_elsewhere(USERNAME);
    world.place("first", &limit());
    world.settle().await;
    assert_eq!(told(&world).await, words("competing", "connected"));
    assert_eq!(world.status("first").await, "held: competing");
    choose(&world, json!({"take_session": true})).await;
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "working");
    assert_eq!(told(&world).await, words("ready", "connected"));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_lost_again_and_again_is_opened_with_growing_pauses() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    let mut told = 0;
    for number in 0..60 {
        world.broker().end_session(USERNAME);
        world.place(&format!("order-{number}"), &market());
        world.run_for(Duration::from_mins(1)).await;
        told += usize::from(world.status(&format!("order-{number}")).await == "held: session_paused");
    }
    let inits = world.calls(INIT).len();
    assert!((21..=28).contains(&inits), "{inits} sessions were opened in an hour");
    assert!(told > 0, "an order says why it waits");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_nobody_can_use_is_told_from_a_user_who_revoked() {
    let world = World::start().await;
    world.broker().change_options(|options| options.live_session_token_life_seconds = 600);
    world.connect_user().await;
    world.broker().set_consumer_active(CONSUMER, false);
    world.run_for(Duration::from_mins(30)).await;
    assert_eq!(told(&world).await, words("waiting_for_activation", "connected"));
    let asked = world.calls(TOKEN).len();
    assert!((2..=4).contains(&asked), "{asked} calls in half an hour for a consumer that is not active");
    world.broker().set_consumer_active(CONSUMER, true);
    world.run_for(Duration::from_mins(35)).await;
    assert_eq!(world.connections().await[0].condition(), Condition::Resting);
    // The broker says the same of a revoked user; that it gives the consumer a request token tells the two apart.
    world.broker().lose_tokens(USERNAME, TokenLoss::Revoked);
    world.run_for(Duration::from_mins(30)).await;
    assert_eq!(told(&world).await, words("needs_consent", "needs_consent"));
}

/// 401 `invalid consumer`, for so many calls of this path.
fn invalid_consumer(path: &'static str, times: u32) -> Fault {
    let refusal = FaultKind::Answer {
        executed: false,
        status: 401,
        content_type: "application/json".to_owned(),
        body: json!({"error": "id: 797, error: invalid consumer", "statusCode": 401}).to_string(),
    };
    Fault { times, ..Fault::next("POST", path, refusal) }
}

#[tokio::test(start_paused = true)]
async fn a_user_who_revoked_is_told_from_a_consumer_problem_though_nobody_else_is_there() {
    let world = World::start().await;
    world.broker().change_options(|options| options.live_session_token_life_seconds = 600);
    world.connect_user().await;
    let tokens = world.calls(REQUEST_TOKEN).len();
    world.broker().add_fault(invalid_consumer("/oauth/live_session_token", 100));
    world.run_for(Duration::from_mins(10)).await;
    assert_eq!(told(&world).await, words("needs_consent", "needs_consent"));
    assert_eq!(world.calls(REQUEST_TOKEN).len(), tokens + 1, "the broker is asked once for the consumer's sake");
}

#[tokio::test(start_paused = true)]
async fn a_first_partys_consumer_gets_no_request_token_and_so_anothers_success_must_tell() {
    let world = World::start().await;
    world.broker().change_options(|options| options.live_session_token_life_seconds = 600);
    world.connect_user().await;
    world.broker().add_fault(invalid_consumer("/oauth/live_session_token", 100));
    world.broker().add_fault(invalid_consumer("/oauth/request_token", 100));
    world.run_for(Duration::from_mins(10)).await;
    assert_eq!(told(&world).await, words("waiting_for_activation", "connected"));
    // Another user's renewal succeeds meanwhile.
    world.store().lanes.note_consumer_good(CONSUMER, world.clock.now()).await.unwrap();
    world.run_for(Duration::from_mins(20)).await;
    assert_eq!(told(&world).await, words("needs_consent", "needs_consent"));
}

#[tokio::test(start_paused = true)]
async fn in_the_brokers_maintenance_nothing_is_tried_and_the_user_is_told() {
    let world = World::with_a_connected_user().await;
    // From 15:00 to 05:50 UTC; one o'clock in New York is 06:00, quiet from two minutes before.
    tokio::time::sleep(Duration::from_mins(14 * 60 + 50)).await;
    choose(&world, json!({"keep_warm": true})).await;
    world.run_for(Duration::from_mins(8)).await;
    world.broker().reset_day();
    world.run_for(Duration::from_mins(5)).await;
    assert_eq!(told(&world).await, words("in_maintenance", "connected"));
    let calls = world.calls("").len();
    world.run_for(Duration::from_mins(6)).await;
    assert_eq!(world.calls("").len(), calls, "nothing is sent around the reset");
    world.run_for(Duration::from_mins(12)).await;
    assert_eq!(told(&world).await, words("ready", "connected"));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_killed_anywhere_leaves_the_connection_no_worse() {
    for point in [
        CrashPoint::BeforeCall { with: "POST /v1/api/oauth/live_session_token" },
        CrashPoint::AfterCall { with: "POST /v1/api/oauth/live_session_token" },
        CrashPoint::BeforeWrite { with: "live_session_token" },
        CrashPoint::AfterWrite { with: "live_session_token" },
        CrashPoint::AfterWrite { with: "good_at" },
        CrashPoint::BeforeCall { with: "ssodh/init" },
        CrashPoint::AfterCall { with: "ssodh/init" },
    ] {
        let world = World::start().await;
        world.broker().change_options(|options| options.live_session_token_life_seconds = 600);
        world.connect_user().await;
        grant(&world).await;
        choose(&world, json!({"keep_warm": true})).await;
        world.run_for(Duration::from_mins(1)).await;
        world.crash_at(point.clone());
        world.run_for(Duration::from_mins(13)).await;
        assert_eq!(world.crashes_to_come(), [], "{point:?} never came by");
        let connection = &world.connections().await[0];
        assert!(matches!(connection.session, SessionState::Established { .. }), "{point:?}: {connection:?}");
        world.place("after", &limit());
        world.run_for(Duration::from_secs(30)).await;
        assert_eq!(world.status("after").await, "working", "{point:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_orders_while_the_user_is_elsewhere_use_up_no_openings_and_a_cancel_waits_a_minute_at_most() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.place("works", &limit());
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("works").await, "working");
    let before = world.calls(INIT).len();
    world.broker().log_in_elsewhere(USERNAME);
    for number in 0..40 {
        world.place(&format!("order-{number}"), &limit());
        world.run_for(Duration::from_millis(250)).await;
    }
    let inits = world.calls(INIT).len() - before;
    assert!(inits <= 3, "{inits} sessions were opened in ten seconds");
    world.run_for(Duration::from_mins(30)).await;
    world.broker().log_out_elsewhere(USERNAME);
    world.cancel("works");
    world.run_for(Duration::from_secs(75)).await;
    assert!(world.status("works").await.starts_with("cancelled"), "{}", world.status("works").await);
}
