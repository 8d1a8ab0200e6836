//! The table of costs against the real functions.

#![allow(clippy::large_futures, reason = "a test is one future of a whole life")]

use std::time::Duration;

use domain::{Clock, SessionState};
use jiff::SignedDuration;
use serde_json::json;
use store::{SessionAsk, SessionAskReason};

use super::costs::{Calls, Costs};
use crate::World;
use crate::driver::{Deletes, Function};
use crate::effects::Door;
use crate::message::{Message, QueueName};

/// The calls of the next message of this queue.
async fn counted(world: &World, queue: QueueName, function: Function) -> Calls {
    let batch = world.queues.receive(queue);
    assert_eq!(batch.len(), 1, "{batch:?}");
    handed_over(world, &batch, function).await
}

async fn handed_over(world: &World, batch: &[Message], function: Function) -> Calls {
    world.effects.record();
    world.hand_over(batch, function, Deletes::Arrive).await;
    tally(world)
}

fn tally(world: &World) -> Calls {
    let mut calls = Calls::default();
    for (door, place) in world.effects.recorded() {
        let is_read = ["GetItem", "Query", "BatchGetItem"].iter().any(|read| place.starts_with(read));
        *match door {
            Door::Broker => &mut calls.broker_calls,
            Door::Database if is_read => &mut calls.database_reads,
            Door::Database => &mut calls.database_writes,
            Door::Queue => &mut calls.queue_sends,
        } += 1;
    }
    calls
}

/// The calls of looking after the user's connection, once it is as `change` makes it.
async fn refreshed(reason: SessionAskReason, change: impl Fn(&mut domain::Connection)) -> Calls {
    let world = World::with_a_connected_user().await;
    world.run_until_idle().await;
    let connection = world.connections().await.remove(0);
    let (user_id, connection_id) = (connection.user_id, connection.connection_id);
    let mut row = world.store().connections.get(&user_id, &connection_id).await.unwrap().unwrap();
    change(&mut row.value);
    row.value.next_renewal_at = Some(world.clock.now());
    world.store().connections.save(&mut row).await.unwrap();
    world.desk().session_queue.ask(&SessionAsk { user_id, connection_id, reason }).await.unwrap();
    counted(&world, QueueName::Sessions, Function::Refresh).await
}

#[tokio::test(start_paused = true)]
async fn looking_after_a_session_costs_what_the_table_says() {
    let costs = Costs::standard();
    let due = SessionAskReason::RenewalDue;
    let closed = |connection: &mut domain::Connection| connection.session = SessionState::Closed;
    assert_eq!(refreshed(due, closed).await, costs.calls("settle"), "settle");
    assert_eq!(refreshed(due, |row| row.choices.keep_warm = true).await, costs.calls("tickle"), "tickle");
    let old = |connection: &mut domain::Connection| {
        closed(connection);
        let token = connection.tokens.as_mut().unwrap().live_session_token.as_mut().unwrap();
        token.issued_at -= SignedDuration::from_hours(20);
        token.expires_at -= SignedDuration::from_hours(20);
    };
    assert_eq!(refreshed(due, old).await, costs.calls("token"), "token");
    assert_eq!(refreshed(SessionAskReason::OrderWaits, closed).await, costs.calls("open"), "open");
}

#[tokio::test(start_paused = true)]
async fn an_order_and_a_look_cost_what_the_table_says() {
    let costs = Costs::standard();
    let world = World::with_a_connected_user().await;
    world.run_until_idle().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186.00"}));
    assert_eq!(counted(&world, QueueName::Orders, Function::Submit).await, costs.calls("order"), "order");
    for look in 1..=3 {
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(counted(&world, QueueName::Tracks, Function::Track).await, costs.calls("look"), "look {look}");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_orders_of_a_user_that_come_together_cost_what_the_table_says_and_nothing_when_they_come_again() {
    let costs = Costs::standard();
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186.00"}));
    world.run_until_idle().await;
    for number in 1..=10 {
        world.place(&format!("of-ten-{number}"), &json!({"type": "limit", "limit_price": "188.00"}));
    }
    let mut batch = world.queues.receive(QueueName::Orders);
    assert_eq!(batch.len(), 10);
    assert_eq!(handed_over(&world, &batch, Function::Submit).await, costs.calls("batch_of_ten"), "batch");
    world.run_until_idle().await;
    assert_eq!(world.status("of-ten-10").await, "filled");
    for message in &mut batch {
        message.deliveries = 2;
    }
    let again = handed_over(&world, &batch, Function::Submit).await;
    assert_eq!(again, costs.calls("redelivered_batch_of_ten"), "again");
    assert_eq!(world.tickets("of-ten-10").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_waits_costs_what_the_table_says() {
    let costs = Costs::standard();
    let world = World::with_a_connected_user().await;
    world.run_until_idle().await;
    let now = world.clock.now();
    world.store().lanes.set_penalty(now + sessions::PENALTY).await.unwrap();
    world.place("first", &json!({"type": "limit", "limit_price": "186.00"}));
    assert_eq!(counted(&world, QueueName::Orders, Function::Submit).await, costs.calls("held"), "held");
    let connection = world.connections().await.remove(0);
    let (user_id, connection_id) = (connection.user_id, connection.connection_id);
    let deadline = now + SignedDuration::from_mins(1);
    world.store().lanes.acquire(&user_id, "another", now, deadline).await.unwrap();
    let ask = SessionAsk { user_id, connection_id, reason: SessionAskReason::RenewalDue };
    world.desk().session_queue.ask(&ask).await.unwrap();
    assert_eq!(counted(&world, QueueName::Sessions, Function::Refresh).await, costs.calls("busy"), "busy");
}

#[tokio::test(start_paused = true)]
async fn a_run_of_the_schedule_costs_what_the_table_says() {
    let costs = Costs::standard();
    let world = World::start().await;
    world.effects.record();
    world.invoke(Function::Refresh, json!({"version": "0"})).await;
    let shards = u32::from(store::DUE_SHARDS);
    let (tick, page) = (costs.calls("tick"), costs.calls("page"));
    let all = Calls { database_reads: page.database_reads * shards, ..tick };
    assert_eq!(tally(&world), all);

    // Eleven who are due are one more page of nobody's shard, and two calls to the queue.
    let world = World::with_a_connected_user().await;
    let mut row = world.connections().await.remove(0);
    row.next_renewal_at = Some(world.clock.now());
    for number in 0..11 {
        row.connection_id = format!("due-{number}").parse().unwrap();
        world.store().connections.put_new(&row).await.unwrap();
    }
    world.effects.record();
    world.invoke(Function::Refresh, json!({"version": "0"})).await;
    let asks = costs.calls("ask").queue_sends * 2;
    assert_eq!(tally(&world), Calls { queue_sends: tick.queue_sends + asks, ..all });
}
