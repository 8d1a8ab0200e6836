//! Whose orders are looked at, and when: a user without a session keeps nobody waiting, is looked at rarely, and is told.

use std::time::Duration;

use domain::{Clock, OrderKey, OrderStatus};
use embedded_dynamodb::Fault;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulation::{CrashPoint, USER, World};
use store::{Orders, TrackAsk};

use crate::limits::{decimal, resting, send, world};

const AAPL: i64 = 265_598;

/// A user without a connection whose orders are due in the same shard as those of the user.
fn neighbour() -> String {
    let shard = Orders::shard_of(&USER.parse().unwrap());
    let mut names = (0..).map(|number| format!("gone-{number}"));
    names.find(|name| Orders::shard_of(&name.parse().unwrap()) == shard).unwrap()
}

/// So many orders of this user that the broker has, all of them due.
async fn with_orders_at_work(world: &World, user_id: &str, count: usize) {
    let like = world.order("mine").await;
    for number in 0..count {
        let key = OrderKey { user_id: user_id.parse().unwrap(), order_id: format!("o-{number}").parse().unwrap() };
        let mut order = like.clone();
        order.key = key;
        order.reserved = None;
        order.check_again_at(world.clock.now() - SignedDuration::from_mins(1));
        world.store().orders.insert(&order).await.unwrap();
    }
}

/// How often a look at this user was asked for since the queues held so many messages.
fn looks_asked(world: &World, user_id: &str, since: usize) -> usize {
    let of_user = |body: &&String| {
        let body: Value = serde_json::from_str(body).unwrap();
        body["schema"] == TrackAsk::SCHEMA && body["user_id"] == user_id
    };
    world.queues.bodies()[since..].iter().filter(of_user).count()
}

async fn fill(world: &World) {
    world.broker().set_price(AAPL, Some(decimal("185")));
    tokio::task::yield_now().await;
}

async fn seconds_until_filled(world: &World, order_id: &str) -> u64 {
    let began = tokio::time::Instant::now();
    while world.status(order_id).await != "filled" {
        assert!(began.elapsed() < Duration::from_mins(10), "{}", world.status(order_id).await);
        world.run_for(Duration::from_secs(1)).await;
    }
    began.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_quiet_order_is_due_at_the_first_minute_after_the_close_looks() {
    for second in [16, 30, 45, 59] {
        let world = world().await;
        assert_eq!(send(&world, "mine", resting()).await, "working");
        // The close looks end two minutes after the last news.
        world.run_for(Duration::from_secs(122)).await;
        fill(&world).await;
        world.run_for(Duration::from_secs(second)).await;
        assert_eq!(world.status("mine").await, "working", "nobody follows it closely");
        world.tick().await;
        world.deliver_all().await;
        assert_eq!(world.status("mine").await, "filled", "the schedule came after {second} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_and_ten_orders_of_a_user_without_a_session_keep_no_other_user_waiting() {
    let world = world().await;
    assert_eq!(send(&world, "mine", resting()).await, "working");
    with_orders_at_work(&world, &neighbour(), 110).await;
    world.run_for(Duration::from_secs(30)).await;
    fill(&world).await;
    assert!(seconds_until_filled(&world, "mine").await <= 15);
    // Nobody follows this one closely any more: the schedule must find it among the others.
    world.broker().set_price(AAPL, Some(decimal("187")));
    assert_eq!(send(&world, "quiet", resting()).await, "working");
    let asked_before = world.queues.bodies().len();
    let mut due = world.store().orders.get(&world.order("quiet").await.key).await.unwrap().unwrap();
    due.value.check_again_at(world.clock.now());
    world.store().orders.save(&mut due).await.unwrap();
    world.tick().await;
    assert_eq!(looks_asked(&world, USER, asked_before), 1, "found at once, and asked for once");
    assert!(looks_asked(&world, &neighbour(), asked_before) <= 1);
}

#[tokio::test(start_paused = true)]
async fn orders_beyond_one_page_of_a_user_are_one_ask_and_hide_nobody_behind_them() {
    let world = world().await;
    assert_eq!(send(&world, "mine", resting()).await, "working");
    world.run_for(Duration::from_mins(4)).await;
    with_orders_at_work(&world, &neighbour(), 1_050).await;
    let mut due = world.store().orders.get(&world.order("mine").await.key).await.unwrap().unwrap();
    due.value.check_again_at(world.clock.now());
    world.store().orders.save(&mut due).await.unwrap();
    let asked_before = world.queues.bodies().len();
    world.tick().await;
    assert_eq!(looks_asked(&world, USER, asked_before), 1);
    assert_eq!(looks_asked(&world, &neighbour(), asked_before), 1);
}

async fn warning(world: &World, order_id: &str) -> Value {
    let order = world.api("GET /orders/{order_id}", &json!({"path": {"order_id": order_id}})).await;
    order.json["warning"].clone()
}

/// The user has an order at work, and disconnects.
async fn disconnected() -> World {
    let world = world().await;
    assert_eq!(send(&world, "mine", resting()).await, "working");
    let connection = world.connections().await.remove(0);
    let path = json!({"path": {"connection_id": connection.connection_id.as_str()}});
    assert_eq!(world.api("DELETE /connections/{connection_id}", &path).await.status, 204);
    world
}

#[tokio::test(start_paused = true)]
async fn a_disconnected_users_order_says_that_nobody_watches_it_and_is_looked_at_rarely() {
    let world = disconnected().await;
    world.run_for(Duration::from_mins(5)).await;
    let told = warning(&world, "mine").await;
    assert_eq!(told["code"], "unwatched", "{told}");
    assert!(told["message"].as_str().unwrap().contains("connects again"), "{told}");
    let before = world.queues.bodies().len();
    world.run_for(Duration::from_hours(3)).await;
    let looks = looks_asked(&world, USER, before);
    assert!((8..=24).contains(&looks), "{looks} looks in three hours");
    assert_eq!(world.status("mine").await, "working");
}

#[tokio::test(start_paused = true)]
async fn once_the_user_is_connected_again_the_order_is_looked_at_at_once_and_the_warning_goes() {
    let world = disconnected().await;
    world.run_for(Duration::from_mins(40)).await;
    fill(&world).await;
    world.connect_user().await;
    assert!(seconds_until_filled(&world, "mine").await <= 15);
    assert_eq!(warning(&world, "mine").await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_only_works_on_is_watched_again_too() {
    let world = disconnected().await;
    world.run_for(Duration::from_mins(40)).await;
    world.connect_user().await;
    world.run_for(Duration::from_secs(15)).await;
    assert_eq!((world.status("mine").await.as_str(), warning(&world, "mine").await), ("working", Value::Null));
}

#[tokio::test(start_paused = true)]
async fn what_was_filled_while_the_broker_did_not_answer_is_told_within_seconds_of_its_return() {
    for minutes in [2, 4] {
        let world = world().await;
        assert_eq!(send(&world, "mine", resting()).await, "working");
        world.run_for(Duration::from_mins(3)).await;
        world.broker().set_iserver_down(true);
        fill(&world).await;
        world.run_for(Duration::from_mins(minutes)).await;
        assert_eq!(world.status("mine").await, "working");
        world.broker().set_iserver_down(false);
        let seconds = seconds_until_filled(&world, "mine").await;
        assert!(seconds <= 15, "told {seconds} s after {minutes} min");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_know_of_an_order_stays_though_nobody_watches_it() {
    let world = disconnected().await;
    let mut order = world.store().orders.get(&world.order("mine").await.key).await.unwrap().unwrap();
    order.value.warning = Some(domain::Reason::new(domain::ReasonCode::UnprotectedPosition, "It has no stop."));
    world.store().orders.save(&mut order).await.unwrap();
    world.run_for(Duration::from_mins(5)).await;
    assert!(world.order("mine").await.unwatched.is_some());
    assert_eq!(warning(&world, "mine").await["code"], "unprotected_position");
}

#[tokio::test(start_paused = true)]
async fn a_fill_is_seen_though_the_index_shows_its_order_late_and_others_at_once() {
    let world = world().await;
    assert_eq!(send(&world, "long-quiet", resting()).await, "working");
    world.run_for(Duration::from_mins(4)).await;
    world.set_index_lag(Duration::from_secs(3));
    world.place("fresh", &resting());
    world.run_for(Duration::from_secs(5)).await;
    fill(&world).await;
    assert!(seconds_until_filled(&world, "fresh").await <= 10);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_was_given_back_without_an_answer_has_its_next_look_all_the_same() {
    for lost in 1..=4 {
        let world = world().await;
        world.place("mine", &resting());
        world.run_for(Duration::from_secs(6)).await;
        let mut given_back = 0;
        world.set_database_faults(move |call| {
            given_back += u32::from(call.operation == "UpdateItem" && call.body.contains("look_due_at = "));
            let is_it = given_back == lost && call.body.contains("look_due_at = ");
            if is_it { Fault::AnswerLost } else { Fault::None }
        });
        world.run_for(Duration::from_secs(12)).await;
        fill(&world).await;
        let after = seconds_until_filled(&world, "mine").await;
        assert!(after <= 10, "the {lost}. time: {after} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_read_late_tells_what_was_when_it_was_asked_for() {
    let world = world().await;
    world.broker().change_options(|options| options.quantities_delay_ms = 40_000);
    world.freeze_at(CrashPoint::AfterCall { with: "/iserver/account/order/status/" }, Duration::from_secs(90));
    world.place("first", &json!({"type": "market"}));
    world.run_for(Duration::from_mins(4)).await;
    assert!(world.crashes_to_come().is_empty());
    let order = world.order("first").await;
    assert_eq!((order.status(), Some(order.filled_quantity)), (OrderStatus::Filled, order.quantity()));
    let of_fills = order.history.iter().filter(|entry| entry.status == OrderStatus::Filled);
    assert_eq!(of_fills.count(), 1, "{:?}", order.history);
}
