//! What the broker answered to one order is on record before the next is sent: nothing is lost or passed over in between.

use std::time::Duration;

use domain::{Command, Order, UserId};
use embedded_dynamodb::Fault;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulation::{USER, World};
use store::Versioned;
use trading::{Lane, Recorded};

use crate::limits::world;

fn resting() -> Value {
    json!({"type": "limit", "limit_price": "186.00"})
}

async fn lane(world: &World) -> Lane<'_> {
    use domain::Clock;
    let user_id: UserId = USER.parse().unwrap();
    let deadline = world.clock.now() + SignedDuration::from_secs(60);
    world.desk().enter(&user_id, "by hand", deadline).await.unwrap().unwrap()
}

/// A new order, on record.
async fn on_record(world: &World, order_id: &str) -> Versioned<Order> {
    let command = world.place_command(order_id, &resting()).to_string();
    let Ok(Command::Place(place)) = Command::parse(&command) else { unreachable!("no order") };
    match world.desk().intake.record(&world.desk().lanes, place, None).await.unwrap() {
        Recorded::New(order) => order,
        other => unreachable!("{other:?}"),
    }
}

async fn statuses<const N: usize>(world: &World, order_ids: [&str; N]) -> Vec<String> {
    let mut statuses = Vec::new();
    for order_id in order_ids {
        statuses.push(world.status(order_id).await);
    }
    statuses
}

/// From here on no answer of the broker can be written down; the intent to send can.
fn lose_what_is_answered(world: &World) {
    world.set_database_faults(|call| match call.operation {
        "PutItem" => Fault::Throttled,
        _ => Fault::None,
    });
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_answered_is_on_record_before_the_next_order_is_sent() {
    let world = world().await;
    let mut lane = lane(&world).await;
    for order_id in ["first", "second"] {
        lane.take_on(&mut on_record(&world, order_id).await).await.unwrap();
        assert_eq!(world.status(order_id).await, "working");
    }
    lane.leave().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_user_who_cancels_while_the_next_order_is_sent_is_heard() {
    let world = world().await;
    let mut lane = lane(&world).await;
    lane.take_on(&mut on_record(&world, "first").await).await.unwrap();
    let cancelled = world.api("DELETE /orders/{order_id}", &json!({"path": {"order_id": "first"}})).await;
    assert_eq!(cancelled.status, 202, "{}", cancelled.text);
    lane.take_on(&mut on_record(&world, "second").await).await.unwrap();
    lane.leave().await.unwrap();
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(statuses(&world, ["first", "second"]).await, ["cancelled", "working"]);
    assert_eq!((world.tickets("first").len(), world.tickets("second").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_same_order_twice_in_a_hand_is_sent_once() {
    let world = world().await;
    let mut lane = lane(&world).await;
    let first = on_record(&world, "first").await;
    lane.take_on(&mut first.clone()).await.unwrap();
    lane.take_on(&mut first.clone()).await.unwrap();
    lane.leave().await.unwrap();
    assert_eq!(world.status("first").await, "working");
    assert_eq!(world.tickets("first").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_an_answer_cannot_be_written_the_next_order_is_not_sent() {
    let world = world().await;
    let mut lane = lane(&world).await;
    let mut first = on_record(&world, "first").await;
    let mut second = on_record(&world, "second").await;
    lose_what_is_answered(&world);
    lane.take_on(&mut first).await.unwrap_err();
    world.set_database_faults(|_| Fault::None);
    lane.take_on(&mut second).await.unwrap();
    assert_eq!(statuses(&world, ["first", "second"]).await, ["sending", "held: behind_another"]);
    lane.leave().await.unwrap();
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(statuses(&world, ["first", "second"]).await, ["working", "working"]);
    assert_eq!((world.tickets("first").len(), world.tickets("second").len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_answer_was_never_written_is_asked_about_before_the_next_one_is_sent() {
    let world = world().await;
    let mut lane = lane(&world).await;
    let mut first = on_record(&world, "first").await;
    lose_what_is_answered(&world);
    lane.take_on(&mut first).await.unwrap_err();
    world.set_database_faults(|_| Fault::None);
    // As when its process is killed.
    drop(lane);
    on_record(&world, "second").await;
    world.place("third", &resting());
    // Past the end of its lease.
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(statuses(&world, ["first", "third"]).await, ["working", "working"]);
    assert_eq!((world.tickets("first").len(), world.tickets("third").len()), (1, 1));
    let history: Vec<_> = world.order("first").await.history.iter().map(|entry| entry.status.as_str()).collect();
    assert_eq!(history, ["received", "sending", "unknown", "working"]);
}
