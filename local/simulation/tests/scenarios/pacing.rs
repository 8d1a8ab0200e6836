//! How much is asked of the broker: by all functions together, for each user, and never into the penalty box.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paper_broker::{CallRecord, Fault, FaultKind};
use serde_json::{Value, json};
use simulation::{USERNAME, World};

use crate::limits::{resting, send, world};

/// The most calls of one username within any second, as the broker counted them.
fn most_in_a_second(calls: &[CallRecord]) -> usize {
    let mut by_user: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    for call in calls {
        if let Some(username) = call.username.as_deref() {
            by_user.entry(username).or_default().push(call.at);
        }
    }
    let second = SignedDuration::from_secs(1);
    let within = |calls: &Vec<Timestamp>| {
        let from =
            |from: &Timestamp| calls.iter().filter(|at| **at >= *from && at.duration_since(*from) < second).count();
        calls.iter().map(from).max().unwrap_or_default()
    };
    by_user.values().map(within).max().unwrap_or_default()
}

async fn search(world: &World, symbol: &str) -> (u16, Value) {
    let answered = world.api("GET /contracts", &json!({"query": {"symbol": symbol}})).await;
    (answered.status, answered.json)
}

#[tokio::test(start_paused = true)]
async fn no_second_holds_more_than_ten_calls_of_a_user_over_all_functions() {
    let world = world().await;
    world.broker().change_options(|options| options.pacing = true);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let before = world.broker().calls().len();
    let searches = async {
        for number in 0..120 {
            search(&world, &format!("S{number}")).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let orders = async {
        for number in 0..100 {
            world.place(&format!("o-{number}"), &json!({"type": "limit", "limit_price": (80 + number).to_string()}));
            if number % 25 == 0 {
                // An opening, between orders, and a session that the broker ended.
                world.broker().end_session(USERNAME);
            }
            if number % 10 == 9 {
                world.run_for(Duration::from_secs(4)).await;
            }
        }
        world.run_for(Duration::from_mins(2)).await;
    };
    tokio::join!(searches, orders);
    let calls = world.broker().calls();
    let refused: Vec<_> = calls.iter().filter(|call| call.status == Some(429)).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let most = most_in_a_second(&calls[before..]);
    assert!((8..=10).contains(&most), "{most} calls in one second");
    let mut at_work = 0;
    for number in 0..100 {
        at_work += usize::from(world.status(&format!("o-{number}")).await == "working");
    }
    assert!(at_work > 90, "{at_work} of 100 orders are at work");
}

#[tokio::test(start_paused = true)]
async fn one_users_questions_put_nobody_into_the_box_and_are_told_when_to_come_again() {
    let world = world().await;
    world.broker().change_options(|options| options.pacing = true);
    let all = (0..120).map(|number| {
        let world = &world;
        async move { world.api("GET /contracts", &json!({"query": {"symbol": format!("S{number}")}})).await }
    });
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for answered in futures_of(all).await {
        *statuses.entry(answered.status).or_default() += 1;
        if answered.status == 429 {
            assert_eq!(answered.json["code"], "too_many_requests");
            assert!(answered.headers["retry-after"].parse::<u64>().unwrap() >= 1);
        }
    }
    assert_eq!(statuses.values().sum::<usize>(), 120);
    assert!(statuses[&429] >= 110 && statuses[&200] >= 2, "{statuses:?}");
    assert_eq!(world.store().lanes.penalty_until().await.unwrap(), None);
    assert_eq!(send(&world, "mine", resting()).await, "working");
}

/// All at once.
async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(Box::pin).map(Some).collect();
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (slot, output) in waiting.iter_mut().zip(&mut done) {
            if let Some(future) = slot
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
                *slot = None;
            }
        }
        if waiting.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test(start_paused = true)]
async fn a_symbol_that_was_found_before_is_not_asked_for_again() {
    let world = world().await;
    let first = search(&world, "AAPL").await;
    assert_eq!(first.0, 200);
    for _ in 0..50 {
        assert_eq!(search(&world, "AAPL").await, first);
    }
    assert_eq!(world.calls("GET /trsrv/stocks").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_our_address_to_a_reader_stops_every_other_caller() {
    let world = world().await;
    world.broker().add_fault(Fault::next("GET", "/trsrv/stocks", FaultKind::TooManyRequests));
    assert_eq!(search(&world, "AAPL").await.0, 503);
    let before = world.broker().calls().len();
    assert_eq!(search(&world, "MSFT").await.0, 429);
    assert_eq!(world.try_to_begin().await.status, 503);
    assert_eq!(send(&world, "mine", resting()).await, "held: pacing");
    world.run_for(Duration::from_mins(8)).await;
    assert_eq!(world.broker().calls().len(), before, "nothing was asked of the broker");
    world.run_for(Duration::from_mins(4)).await;
    assert_eq!(world.status("mine").await, "working");
    assert_eq!(search(&world, "MSFT").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn an_order_after_a_refusal_in_the_same_batch_is_not_sent_into_the_box() {
    let world = world().await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::TooManyRequests));
    world.place("first", &resting());
    world.place("second", &json!({"type": "limit", "limit_price": "20", "contract": {"conid": 272_093}}));
    world.deliver_all().await;
    assert_eq!(world.status("second").await, "held: pacing");
    let orders = world.calls("POST /iserver/account").len();
    assert_eq!(orders, 1, "one call was refused, and none follows it");
}
