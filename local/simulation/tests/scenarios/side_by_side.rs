//! Several users in one batch: nobody waits for another's broker, nobody is taken along by another's failure, and what goes back
//! to the queue comes again within seconds.

use std::time::Duration;

use crate::INTENT;
use domain::{Order, OrderStatus};
use jiff::SignedDuration;
use paper_broker::{Fault, FaultKind};
use serde_json::{Value, json};
use simulation::{QueueName, SENDER, World};

const PLACING: &str = "/iserver/account/*/orders";

/// So many users, each with a username and an account of their own, and sessions that are open.
async fn world_of(users: u32) -> World {
    let world = World::start().await;
    for number in 1..=users {
        world.add_user(&user(number), &username(number), &account(number)).await;
    }
    world
}

fn user(number: u32) -> String {
    format!("user-{number}")
}

fn username(number: u32) -> String {
    format!("paper-{number}")
}

fn account(number: u32) -> String {
    format!("DU10000{number:02}")
}

fn command(world: &World, number: u32, order_id: &str, fields: &Value) -> Value {
    let mut command = world.place_command(order_id, &json!({"type": "market"}));
    command["user_id"] = json!(user(number));
    command["account_id"] = json!(account(number));
    for (name, value) in fields.as_object().unwrap() {
        command[name] = value.clone();
    }
    command
}

fn place(world: &World, number: u32, order_id: &str) {
    world.enqueue(&command(world, number, order_id, &json!({})), SENDER, &user(number));
}

async fn order(world: &World, number: u32, order_id: &str) -> Order {
    world.find_order(&user(number), order_id).await.unwrap()
}

/// How long after it was put on record the broker took the order.
async fn taken_after(world: &World, number: u32, order_id: &str) -> SignedDuration {
    let order = order(world, number, order_id).await;
    let name = order.client_order_id.to_string();
    let entry = world.broker().ledger().into_iter().find(|entry| entry.client_order_id.as_deref() == Some(&name));
    entry.unwrap().registered_at.duration_since(order.created_at)
}

/// Whether the broker has it; what is filled of it, a poll tells.
fn is_taken(order: &Order) -> bool {
    matches!(order.status(), OrderStatus::Working | OrderStatus::Filled)
}

fn slow(number: u32, path: &str, milliseconds: u64) -> Fault {
    let delay = FaultKind::Delay { before_ms: 0, after_ms: milliseconds };
    Fault { times: u32::MAX, username: Some(username(number)), ..Fault::next("POST", path, delay) }
}

/// So many of the next reads about a user fail: what they send cannot be put on record meanwhile.
fn fail_reads_about(world: &World, user_id: String, times: u32) {
    let mut left = times;
    world.set_database_faults(move |call| {
        let fails = call.operation == "BatchGetItem" && call.body.contains(&user_id) && left > 0;
        left -= u32::from(fails);
        if fails { embedded_dynamodb::Fault::InternalError } else { embedded_dynamodb::Fault::None }
    });
}

#[tokio::test(start_paused = true)]
async fn ten_orders_of_five_users_take_as_long_as_the_two_of_one() {
    let world = world_of(5).await;
    for number in 1..=5 {
        world.broker().add_fault(slow(number, PLACING, 2_000));
        place(&world, number, "first");
        place(&world, number, "second");
    }
    let begun = world.clock.clone();
    let begun = domain::Clock::now(&begun);
    world.deliver_all().await;
    for number in 1..=5 {
        assert!(is_taken(&order(&world, number, "second").await), "{number}");
    }
    let took = domain::Clock::now(&world.clock).duration_since(begun);
    assert!(took < SignedDuration::from_secs(6), "{took:#}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_slow_for_one_user_holds_up_nobody_else() {
    let world = world_of(3).await;
    world.broker().add_fault(slow(1, "/**", 14_500));
    tokio::time::sleep(Duration::from_secs(1)).await;
    for order_id in ["first", "second", "third"] {
        for number in 1..=3 {
            place(&world, number, order_id);
        }
    }
    world.deliver_all().await;
    for number in 2..=3 {
        for order_id in ["first", "second", "third"] {
            let after = taken_after(&world, number, order_id).await;
            assert!(after < SignedDuration::from_secs(3), "{number} {order_id}: {after:#}");
        }
    }
    world.run_for(Duration::from_mins(2)).await;
    for order_id in ["first", "second", "third"] {
        let after = taken_after(&world, 1, order_id).await;
        assert!(after < SignedDuration::from_mins(2), "{order_id}: {after:#}");
    }
    assert!(world.queues.messages().iter().all(|message| message.queue != QueueName::Orders));
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_batch_goes_on_for_another_user_waits_for_nobody() {
    let world = world_of(3).await;
    world.broker().add_fault(slow(1, "/**", 14_500));
    for number in 1..=3 {
        place(&world, number, "first");
    }
    let first_batch = world.deliver_all();
    let while_it_is_in_work = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(!is_taken(&order(&world, 1, "first").await), "the batch is over already");
        for number in 2..=3 {
            place(&world, number, "second");
        }
        world.deliver_all().await;
    };
    let sent_at = domain::Clock::now(&world.clock) + SignedDuration::from_secs(4);
    tokio::join!(first_batch, while_it_is_in_work);
    for number in 2..=3 {
        let placed_at = order(&world, number, "second").await.created_at;
        assert!(placed_at.duration_since(sent_at) < SignedDuration::from_secs(1), "{number}: {placed_at}, {sent_at}");
        let after = taken_after(&world, number, "second").await;
        assert!(after < SignedDuration::from_secs(1), "{number}: {after:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_goes_back_waits_for_no_other_user_of_its_batch() {
    let world = world_of(2).await;
    world.broker().add_fault(slow(1, "/**", 14_500));
    place(&world, 1, "first");
    place(&world, 2, "first");
    fail_reads_about(&world, user(2), 3);
    let first_batch = world.deliver_all();
    let while_it_is_in_work = async {
        tokio::time::sleep(Duration::from_secs(6)).await;
        world.deliver_all().await;
        assert!(!is_taken(&order(&world, 1, "first").await), "the batch is over already");
        assert!(is_taken(&order(&world, 2, "first").await));
    };
    tokio::join!(first_batch, while_it_is_in_work);
}

#[tokio::test(start_paused = true)]
async fn everybody_is_on_record_before_anybody_is_at_the_broker() {
    let world = world_of(3).await;
    let limit = json!({"type": "limit", "limit_price": "186"});
    for number in 1..=3 {
        world.enqueue(&command(&world, number, "first", &limit), SENDER, &user(number));
    }
    world.crash_at(simulation::CrashPoint::BeforeCall { with: "POST /v1/api/iserver/account" });
    world.deliver_all().await;
    assert_eq!(world.crashes_to_come(), []);
    for number in 1..=3 {
        assert!(world.find_order(&user(number), "first").await.is_some(), "{number}");
    }
    // Nobody waits for the messages to come again, after six minutes: the schedule finds what is on record.
    world.run_for(Duration::from_mins(5)).await;
    let sent = world.broker().ledger().into_iter().filter(|entry| entry.client_order_id.is_some()).count();
    assert_eq!(sent, 3);
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_takes_long_ends_with_its_invocation_and_goes_on_in_the_next() {
    let world = world_of(2).await;
    // Both sessions end from standing idle.
    tokio::time::sleep(Duration::from_mins(10)).await;
    let delay = FaultKind::Delay { before_ms: 0, after_ms: 14_500 };
    world.broker().add_fault(Fault {
        method: None,
        times: 5,
        username: Some(username(1)),
        ..Fault::next("POST", "/iserver/**", delay)
    });
    place(&world, 1, "slow");
    place(&world, 2, "quick");
    world.deliver_all().await;
    let after = taken_after(&world, 2, "quick").await;
    assert!(after < SignedDuration::from_secs(10), "{after:#}");
    let redelivered = |message: &simulation::Message| message.queue == QueueName::Orders;
    assert!(!world.queues.messages().iter().any(redelivered), "the batch was answered in time");
    world.run_for(Duration::from_secs(110)).await;
    let slow = order(&world, 1, "slow").await;
    assert_eq!(slow.status().as_str(), "filled", "{:?}", slow.state());
    assert_eq!(world.broker().ledger().iter().filter(|entry| entry.username == username(1)).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_put_on_record_comes_again_within_seconds() {
    let world = world_of(2).await;
    fail_reads_about(&world, user(1), 6);
    for number in 1..=2 {
        place(&world, number, "first");
        place(&world, number, "second");
    }
    world.deliver_all().await;
    assert!(is_taken(&order(&world, 2, "second").await));
    assert!(world.find_order(&user(1), "first").await.is_none());
    world.run_for(Duration::from_secs(10)).await;
    for order_id in ["first", "second"] {
        assert!(is_taken(&order(&world, 1, order_id).await), "{order_id}");
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_panics_gives_back_its_own_messages_and_no_others() {
    let world = world_of(3).await;
    let panicking = user(2);
    let panics = std::sync::atomic::AtomicBool::new(true);
    world.set_database_faults(move |call| {
        let ours = call.body.contains(INTENT) && call.body.contains(&panicking);
        assert!(!(ours && panics.swap(false, std::sync::atomic::Ordering::SeqCst)), "on purpose");
        embedded_dynamodb::Fault::None
    });
    for number in 1..=3 {
        place(&world, number, "first");
    }
    world.deliver_all().await;
    for number in [1, 3] {
        assert!(is_taken(&order(&world, number, "first").await), "{number}");
    }
    let left: Vec<_> =
        world.queues.messages().into_iter().filter(|message| message.queue == QueueName::Orders).collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].group.as_deref(), Some(user(2).as_str()));
    // Its lease ends with the invocation's time.
    world.run_for(Duration::from_secs(75)).await;
    assert_eq!(order(&world, 2, "first").await.status().as_str(), "filled");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_lay_in_the_queue_for_longer_than_it_is_good_is_never_sent() {
    let world = world_of(1).await;
    place(&world, 1, "late");
    let limit = json!({"type": "limit", "limit_price": "186"});
    world.enqueue(&command(&world, 1, "patient", &limit), SENDER, &user(1));
    tokio::time::sleep(Duration::from_secs(362)).await;
    world.settle().await;
    let late = order(&world, 1, "late").await;
    assert_eq!((late.status().as_str(), late.sends), ("expired", 0));
    assert_eq!(order(&world, 1, "patient").await.status().as_str(), "working");
    assert_eq!(world.broker().ledger().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_order_waits_for_more_than_a_day_to_be_sent_whatever_it_says() {
    let world = world_of(1).await;
    let far = json!({"type": "limit", "limit_price": "186", "good_until": "2099-01-01T00:00:00Z"});
    world.enqueue(&command(&world, 1, "far", &far), SENDER, &user(1));
    world.settle().await;
    let far = order(&world, 1, "far").await;
    assert!(far.good_until.duration_since(far.created_at) <= SignedDuration::from_hours(24));
    assert_eq!(far.status().as_str(), "working");
}
