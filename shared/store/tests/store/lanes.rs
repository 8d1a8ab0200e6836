//! One holder at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use embedded_dynamodb::Fault;
use store::{Acquired, GivenBack, LaneBook, Looks, Pending};

use crate::support::{World, at, user};

#[tokio::test]
async fn a_held_lane_tells_until_when_and_is_free_after() {
    let world = World::new().await;
    let lanes = &world.store.lanes;
    let Acquired::Leased(first) = lanes.acquire(&user("u-7"), "a", at(0), at(30)).await.unwrap() else {
        panic!("a free lane was not had");
    };
    assert_eq!((first.user_id(), first.epoch(), first.until()), (&user("u-7"), 1, at(30)));
    assert_eq!(lanes.acquire(&user("u-7"), "b", at(30), at(60)).await.unwrap(), Acquired::Held { until: at(30) });
    let Acquired::Leased(second) = lanes.acquire(&user("u-7"), "b", at(31), at(60)).await.unwrap() else {
        panic!("an ended lease still holds the lane");
    };
    assert_eq!(second.epoch(), 2);
}

#[tokio::test]
async fn a_released_lane_is_free_at_once_and_its_epoch_goes_on() {
    let world = World::new().await;
    let first = world.lease(&user("u-7")).await;
    world.store.lanes.release(first, &[]).await.unwrap();
    let second = world.lease(&user("u-7")).await;
    assert_eq!(second.epoch(), 2);
}

#[tokio::test]
async fn a_late_release_does_not_take_the_lane_from_its_new_holder() {
    let world = World::new().await;
    let lanes = &world.store.lanes;
    let late = world.lease(&user("u-7")).await;
    assert!(matches!(lanes.acquire(&user("u-7"), "b", at(61), at(90)).await.unwrap(), Acquired::Leased(_)));
    lanes.release(late, &[]).await.unwrap();
    assert_eq!(lanes.acquire(&user("u-7"), "c", at(62), at(99)).await.unwrap(), Acquired::Held { until: at(90) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_for_a_lane_has_one_winner_and_epochs_grow() {
    let world = World::new().await;
    for round in 1..=5_u64 {
        let mut tasks = Vec::new();
        for number in 0..20 {
            let lanes = world.store.lanes.clone();
            let now = i64::try_from(round).unwrap() * 100;
            tasks.push(tokio::spawn(async move {
                lanes.acquire(&user("u-7"), &number.to_string(), at(now), at(now + 30)).await.unwrap()
            }));
        }
        let mut epochs = Vec::new();
        for task in tasks {
            if let Acquired::Leased(lease) = task.await.unwrap() {
                epochs.push(lease.epoch());
            }
        }
        assert_eq!(epochs, [round]);
    }
}

#[tokio::test]
async fn a_lost_answer_to_taking_a_lane_is_recognised_as_our_own() {
    let world = World::new().await;
    let losing = world.losing_the_first_answer();
    let Acquired::Leased(lease) = losing.lanes.acquire(&user("u-7"), "a", at(0), at(30)).await.unwrap() else {
        panic!("our own lease was taken for somebody else's");
    };
    assert_eq!(lease.epoch(), 1);
    let losing = world.losing_the_first_answer();
    losing.lanes.release(lease, &[]).await.unwrap();
    assert_eq!(world.lease(&user("u-7")).await.epoch(), 2);
}

#[tokio::test]
async fn lanes_of_different_users_are_different() {
    let world = World::new().await;
    world.lease(&user("u-7")).await;
    assert_eq!(world.lease(&user("u-8")).await.epoch(), 1);
}

#[tokio::test]
async fn the_penalty_box_keeps_the_latest_time() {
    let world = World::new().await;
    let lanes = &world.store.lanes;
    assert_eq!(lanes.penalty_until().await.unwrap(), None);
    lanes.set_penalty(at(600)).await.unwrap();
    lanes.set_penalty(at(300)).await.unwrap();
    assert_eq!(lanes.penalty_until().await.unwrap(), Some(at(600)));
    lanes.set_penalty(at(900)).await.unwrap();
    assert_eq!(lanes.penalty_until().await.unwrap(), Some(at(900)));
}

fn line(ids: &[&str]) -> Vec<Pending> {
    let pending = |id: &&str| Pending {
        order_id: id.parse().unwrap(),
        instrument: "DU0000001/265598".to_owned(),
        symbol: None,
        conid: None,
        unsent_of: None,
        waits_until: None,
    };
    ids.iter().map(pending).collect()
}

fn book(ids: &[&str]) -> LaneBook {
    LaneBook { pending: line(ids), ..LaneBook::default() }
}

#[tokio::test]
async fn the_line_goes_from_holder_to_holder() {
    let world = World::new().await;
    let lanes = &world.store.lanes;
    let first = world.lease(&user("u-7")).await;
    assert_eq!((first.book().pending.as_slice(), first.predecessor_vanished()), (&[][..], false));
    lanes.release_with(first, &book(&["o1", "o2"])).await.unwrap();
    let second = world.lease(&user("u-7")).await;
    assert_eq!((second.book().pending.as_slice(), second.predecessor_vanished()), (&line(&["o1", "o2"])[..], false));
    lanes.release(second, &[]).await.unwrap();
    let third = world.lease(&user("u-7")).await;
    assert_eq!((third.book().pending.as_slice(), third.predecessor_vanished()), (&line(&["o1", "o2"])[..], false));
    assert_eq!(third.book().looks, Looks::default());
}

#[tokio::test]
async fn the_times_of_looks_go_from_holder_to_holder() {
    let world = World::new().await;
    let lanes = &world.store.lanes;
    let mut looks = Looks {
        last_at: Some(at(7)),
        due_at: Some(at(12)),
        account_id: Some("DU0000002".parse().unwrap()),
        empty: None,
    };
    let account_id = looks.account_id.clone().unwrap();
    for times in 1..=2 {
        looks.was_empty(&account_id);
        assert_eq!(looks.times_empty(&account_id), times);
    }
    lanes
        .release_with(world.lease(&user("u-7")).await, &LaneBook { looks: looks.clone(), ..LaneBook::default() })
        .await
        .unwrap();
    let second = world.lease(&user("u-7")).await;
    assert_eq!(second.book().looks, looks);
    lanes.release(second, &[]).await.unwrap();
    let third = world.lease(&user("u-7")).await;
    assert_eq!(third.book().looks, looks);
    looks.empty = None;
    lanes.release_with(third, &LaneBook { looks: looks.clone(), ..LaneBook::default() }).await.unwrap();
    assert_eq!(world.lease(&user("u-7")).await.book().looks, looks);
    looks.was_empty(&"DU0000001".parse().unwrap());
    assert_eq!(looks.times_empty(&account_id), 0, "another account's look was in between");
}

#[tokio::test]
async fn a_holder_that_vanished_is_told_to_all_until_one_leaves_a_line() {
    let world = World::new().await;
    let lanes = &world.store.lanes;
    world.lease(&user("u-7")).await;
    for now in [61, 62] {
        let Acquired::Leased(lease) = lanes.acquire(&user("u-7"), "b", at(now), at(99)).await.unwrap() else {
            panic!("a free lane was not had");
        };
        assert!(lease.predecessor_vanished());
        // Given back without a line, so nothing is mended.
        lanes.release(lease, &[]).await.unwrap();
    }
    let mending = world.lease(&user("u-7")).await;
    assert!(mending.predecessor_vanished());
    lanes.release_with(mending, &book(&["o1"])).await.unwrap();
    let next = world.lease(&user("u-7")).await;
    assert_eq!((next.book().pending.as_slice(), next.predecessor_vanished()), (&line(&["o1"])[..], false));
}

#[tokio::test]
async fn an_order_announced_without_the_lane_stands_in_the_next_holders_line_once() {
    let world = World::new().await;
    let lanes = &world.store.lanes;
    let holding = world.lease(&user("u-7")).await;
    for pending in line(&["o2", "o2", "o3"]) {
        lanes.announce(&user("u-7"), &pending).await.unwrap();
    }
    let given_back = lanes.release_with(holding, &book(&["o1", "o2"])).await.unwrap();
    assert_eq!(given_back, GivenBack::WithArrivals, "the holder hears of arrivals");
    let second = world.lease(&user("u-7")).await;
    assert_eq!(second.book().pending, line(&["o1", "o2", "o3"]));
    // What arrives now is not lost when the second holder takes away what it found.
    lanes.announce(&user("u-7"), &line(&["o4"])[0]).await.unwrap();
    assert_eq!(lanes.release_with(second, &book(&[])).await.unwrap(), GivenBack::WithArrivals);
    let third = world.lease(&user("u-7")).await;
    assert_eq!(third.book().pending, line(&["o4"]));
    assert_eq!(lanes.release_with(third, &book(&[])).await.unwrap(), GivenBack::Clean);
    assert_eq!(world.lease(&user("u-7")).await.book().pending, []);
}

#[tokio::test]
async fn hundreds_of_arrivals_are_taken_over_in_writes_that_dynamodb_reads() {
    let world = World::new().await;
    let lanes = &world.store.lanes;
    let pending = |number: usize| Pending {
        order_id: format!("order-{number}").parse().unwrap(),
        instrument: "DU0000001 265598".to_owned(),
        symbol: None,
        conid: None,
        unsent_of: None,
        waits_until: None,
    };
    let first = world.lease(&user("u-7")).await;
    for number in 0..305 {
        lanes.announce(&user("u-7"), &pending(number)).await.unwrap();
    }
    lanes.release(first, &[]).await.unwrap();
    let Acquired::Leased(lease) = lanes.acquire(&user("u-7"), "b", at(1), at(60)).await.unwrap() else {
        panic!("a free lane was not had");
    };
    let book = lease.book().clone();
    assert_eq!(book.pending.len(), 305);
    // One comes while the lane is held; and the first answer is lost.
    lanes.announce(&user("u-7"), &pending(999)).await.unwrap();
    let longest = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&longest);
    let losing = world.with_faults(move |call| {
        let request: serde_json::Value = serde_json::from_str(call.body).unwrap_or_default();
        let update = request["UpdateExpression"].as_str().unwrap_or_default().len();
        seen.fetch_max(update, Ordering::SeqCst);
        if call.number == 1 { Fault::AnswerLost } else { Fault::None }
    });
    assert_eq!(losing.lanes.release_with(lease, &book).await.unwrap(), GivenBack::WithArrivals);
    let longest = longest.load(Ordering::SeqCst);
    assert!((1_000..4_096).contains(&longest), "an expression has {longest} bytes");
    let Acquired::Leased(next) = lanes.acquire(&user("u-7"), "c", at(2), at(60)).await.unwrap() else {
        panic!("the lane was not given back");
    };
    let expected: Vec<Pending> = (0..305).chain([999]).map(pending).collect();
    assert_eq!(next.book().pending, expected);
}
