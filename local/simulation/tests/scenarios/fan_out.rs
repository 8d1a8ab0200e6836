//! Many connections that are due at once: found page by page, asked for in batches, and no shard starved.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Clock, Connection, UserId};
use embedded_dynamodb::Fault;
use serde_json::Value;
use sessions::WAITING_MAX;
use simulation::{QueueName, World};
use store::{Connections, DUE_SHARDS, SessionAsk, SessionAskReason};

/// A user of this shard.
fn user_of(shard: u8) -> UserId {
    let mut users = (0..).map(|number| format!("due-{number}").parse::<UserId>().unwrap());
    users.find(|user_id| Connections::shard_of(user_id) == shard).unwrap()
}

/// So many connections that are due in each of these shards.
async fn with_due(counts: &[(u8, usize)]) -> World {
    let world = World::with_a_connected_user().await;
    world.run_until_idle().await;
    let like = world.connections().await.remove(0);
    for (shard, count) in counts {
        let user_id = user_of(*shard);
        for number in 0..*count {
            let connection = Connection {
                user_id: user_id.clone(),
                connection_id: format!("c-{number:04}").parse().unwrap(),
                next_renewal_at: Some(world.clock.now()),
                ..like.clone()
            };
            world.store().connections.put_new(&connection).await.unwrap();
        }
    }
    world
}

/// How often each connection was asked for since the queue held so many messages.
fn asked(world: &World, since: usize) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for body in &world.queues.bodies()[since..] {
        let body: Value = serde_json::from_str(body).unwrap();
        if body["schema"] == SessionAsk::SCHEMA {
            let name = format!("{}/{}", body["user_id"].as_str().unwrap(), body["connection_id"].as_str().unwrap());
            *asked.entry(name).or_default() += 1;
        }
    }
    asked
}

/// Each look for what is due takes this long.
fn slow_looks(world: &World, by: Duration) {
    world.set_database_faults(move |call| {
        if call.operation == "Query" && call.body.contains("due_shard") && call.body.contains("\"connections\"") {
            Fault::Late(by)
        } else {
            Fault::None
        }
    });
}

#[tokio::test(start_paused = true)]
async fn every_connection_that_is_due_is_asked_for_once_in_a_run_however_many_a_shard_has() {
    let world = with_due(&[(3, 230), (9, 100), (10, 1)]).await;
    let before = world.queues.bodies().len();
    world.tick().await;
    let asked = asked(&world, before);
    assert_eq!(asked.len(), 331);
    assert!(asked.values().all(|times| *times == 1));
}

#[tokio::test(start_paused = true)]
async fn a_full_shard_keeps_no_other_waiting_and_the_next_run_goes_on() {
    let world = with_due(&[(0, 900), (15, 1)]).await;
    slow_looks(&world, Duration::from_secs(3));
    let before = world.queues.bodies().len();
    world.tick().await;
    let first = asked(&world, before);
    assert!(first.contains_key(&format!("{}/c-0000", user_of(15))), "the other shard is asked in the first run");
    assert!((100..900).contains(&first.len()), "a run ends before its time: {}", first.len());
}

#[tokio::test(start_paused = true)]
async fn where_a_run_reaches_a_few_shards_only_each_has_its_turn() {
    let counts: Vec<(u8, usize)> = (0..DUE_SHARDS).map(|shard| (shard, 1)).collect();
    let world = with_due(&counts).await;
    slow_looks(&world, Duration::from_secs(12));
    let before = world.queues.bodies().len();
    world.tick().await;
    let of_a_run = asked(&world, before).len();
    assert!(of_a_run < 7, "{of_a_run}");
    let began = tokio::time::Instant::now();
    while asked(&world, before).len() < usize::from(DUE_SHARDS) {
        assert!(began.elapsed() < Duration::from_mins(30), "{:?}", asked(&world, before));
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.tick().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_cannot_be_read_keeps_no_other_waiting() {
    let world = with_due(&[(1, 1), (2, 1), (3, 1)]).await;
    world.set_database_faults(|call| {
        if call.operation == "Query" && call.body.contains("\"02\"") { Fault::AccessDenied } else { Fault::None }
    });
    let before = world.queues.bodies().len();
    world.tick().await;
    let asked = asked(&world, before);
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn while_enough_waits_in_the_queue_nothing_is_asked_twice() {
    let world = with_due(&[(4, 30)]).await;
    let ask = SessionAsk {
        user_id: "u-7".parse().unwrap(),
        connection_id: "gone".parse().unwrap(),
        reason: SessionAskReason::RenewalDue,
    };
    let many = vec![ask; usize::try_from(WAITING_MAX).unwrap() + 1];
    assert_eq!(world.desk().session_queue.ask_all(&many).await.unwrap(), many.len());
    let before = world.queues.bodies().len();
    world.tick().await;
    assert_eq!(asked(&world, before).len(), 0);
    let taken: Vec<String> = world.queues.messages().iter().map(|message| message.id.clone()).collect();
    let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
    world.queues.delete(&taken);
    world.tick().await;
    assert_eq!(asked(&world, before).len(), 30);
    assert_eq!(world.queues.messages().iter().filter(|message| message.queue == QueueName::Sessions).count(), 30);
}
