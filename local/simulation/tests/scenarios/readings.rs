//! What was read for one order and still serves the next: a change in between counts all the same.

use std::time::Duration;

use domain::{Clock, Command, OrderStatus, UserId};
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulation::{ACCOUNT, ALGORITHM, SENDER, USER, World};
use trading::{Lane, QueueMessage, Readings, Recorded, Request};

use crate::limits::{limit_user, world};

/// A worker by hand, with the user's lane, who goes on while others change what it has read.
struct Worker<'w> {
    world: &'w World,
    lane: Lane<'w>,
}

impl<'w> Worker<'w> {
    async fn with_the_lane_of(world: &'w World) -> Self {
        let user_id: UserId = USER.parse().unwrap();
        let deadline = world.clock.now() + SignedDuration::from_secs(60);
        Self { world, lane: world.desk().enter(&user_id, "by hand", deadline).await.unwrap().unwrap() }
    }

    /// What becomes of an order for so many shares a little below the market.
    async fn sends(&mut self, order_id: &str, quantity: &str) -> String {
        let request = json!({"type": "limit", "limit_price": "186.00", "quantity": quantity});
        let command = self.world.place_command(order_id, &request).to_string();
        let Ok(Command::Place(place)) = Command::parse(&command) else { return "no order".to_owned() };
        let recorded = self.world.desk().intake.record(&self.world.desk().lanes, place, None).await.unwrap();
        let Recorded::New(mut order) = recorded else { return "not new".to_owned() };
        self.lane.take_on(&mut order).await.unwrap();
        self.world.status(order_id).await
    }
}

#[tokio::test(start_paused = true)]
async fn limits_that_were_loosened_under_a_worker_count_for_its_next_order() {
    let world = world().await;
    limit_user(&world, json!({"max_order_quantity": "1"})).await;
    let mut worker = Worker::with_the_lane_of(&world).await;
    assert_eq!(worker.sends("first", "1").await, "working");
    assert_eq!(worker.sends("too-large", "5").await, "denied: beyond_limits");
    limit_user(&world, json!({"max_order_quantity": "5"})).await;
    assert_eq!(worker.sends("second", "5").await, "working");
}

#[tokio::test(start_paused = true)]
async fn limits_that_were_tightened_under_a_worker_count_for_its_next_order() {
    let world = world().await;
    limit_user(&world, json!({"max_order_quantity": "5"})).await;
    let mut worker = Worker::with_the_lane_of(&world).await;
    assert_eq!(worker.sends("first", "5").await, "working");
    limit_user(&world, json!({"max_order_quantity": "4"})).await;
    assert_eq!(worker.sends("second", "5").await, "denied: beyond_limits");
    assert!(world.tickets("second").is_empty());
}

#[tokio::test(start_paused = true)]
async fn room_that_an_order_gave_back_under_a_worker_is_there_for_the_next() {
    let world = world().await;
    limit_user(&world, json!({"max_open_orders": 1})).await;
    let mut worker = Worker::with_the_lane_of(&world).await;
    assert_eq!(worker.sends("first", "1").await, "working");
    assert_eq!(worker.sends("no-room", "1").await, "denied: beyond_limits");
    // What another holder would write when the broker shows the end.
    let mut first = world.store().orders.get(&world.order("first").await.key).await.unwrap().unwrap();
    let sight = domain::Sight {
        broker_order_ids: first.value.broker_order_ids.clone(),
        status: domain::BrokerStatus::Cancelled,
        filled_quantity: None,
        average_price: None,
    };
    first.value.apply(domain::Fact::Seen(sight), world.clock.now()).unwrap();
    assert_eq!(first.value.status(), OrderStatus::Cancelled);
    world.store().orders.save(&mut first).await.unwrap();
    assert_eq!(worker.sends("second", "1").await, "working");
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_was_taken_back_under_a_worker_stops_its_next_order() {
    let world = world().await;
    let mut worker = Worker::with_the_lane_of(&world).await;
    assert_eq!(worker.sends("first", "1").await, "working");
    let grant = json!({"path": {"algorithm_id": ALGORITHM}});
    assert_eq!(world.api("DELETE /grants/{algorithm_id}", &grant).await.status, 204);
    assert_eq!(worker.sends("second", "1").await, "denied: no_grant");
    let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": {"account_ids": [ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    assert_eq!(worker.sends("third", "1").await, "working");
}

/// The message as the queue hands it over.
fn message(world: &World, order_id: &str, sender: &str) -> QueueMessage {
    let body: Value = world.place_command(order_id, &json!({"type": "limit", "limit_price": "186.00"}));
    QueueMessage {
        message_id: format!("message-{order_id}"),
        sender_id: sender.to_owned(),
        group_id: USER.to_owned(),
        place: None,
        sent_at: None,
        deliveries: 1,
        body: body.to_string(),
        is_dead_letter: false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_ended_after_it_was_read_carries_nothing_and_is_found_out() {
    let world = world().await;
    // From now on the connection is read with the rules.
    world.place("first", &json!({"type": "limit", "limit_price": "186.00"}));
    world.settle().await;
    assert_eq!(world.status("first").await, "working");
    let desk = world.desk();
    let mut readings = Readings::default();
    let read = desk.read_message(&message(&world, "second", SENDER), &mut readings).await.unwrap();
    let Some(Request::Place(place)) = read else { panic!("not a place: {read:?}") };
    let connection_id = world.connections().await.remove(0).connection_id;
    let ended =
        world.api("DELETE /connections/{connection_id}", &json!({"path": {"connection_id": connection_id}})).await;
    assert_eq!(ended.status, 204);
    let mut worker = Worker::with_the_lane_of(&world).await;
    worker.lane.bring(readings);
    let Recorded::New(mut order) = desk.intake.record(&desk.lanes, place, None).await.unwrap() else {
        panic!("not new")
    };
    worker.lane.take_on(&mut order).await.unwrap();
    assert_eq!(world.status("second").await, "held: no_session");
    assert!(world.tickets("second").is_empty());
    worker.lane.leave().await.unwrap();
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("second").await, "held: no_connection");
}

#[tokio::test(start_paused = true)]
async fn a_sender_who_was_registered_after_a_refusal_in_the_same_batch_is_let_in() {
    let world = world().await;
    let desk = world.desk();
    let mut readings = Readings::default();
    let stranger = "AROASTRANGER:run";
    let mut algorithm = world.store().rules.algorithm(&ALGORITHM.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(desk.read_message(&message(&world, "first", stranger), &mut readings).await.unwrap(), None);
    assert_eq!(world.refusals().await[0].reason.code, "sender_not_registered");
    algorithm.principals.insert("AROASTRANGER".parse().unwrap());
    world.store().rules.put_algorithm(&algorithm).await.unwrap();
    assert!(desk.read_message(&message(&world, "second", stranger), &mut readings).await.unwrap().is_some());
}
