//! Limits that change, writers that meet, answers that are lost, and a thousand orders at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::{BrokerStatus, Fact, Grant, GrantStatus, Limits, Whose};
use embedded_dynamodb::Fault;
use store::{Claim, IntentRefused, StoreError, Usage};

use crate::limits_support::{
    TODAY, TOMORROW, beyond, claim, decimal, intend, intend_with, limited_grant, limits, of_grant, own, ready, reason,
    seen, send, take, used,
};
use crate::support::{at, key, order, user};

#[tokio::test]
async fn a_limit_or_a_grant_that_changed_since_it_was_read_refuses_the_intent() {
    let (world, lease) = ready().await;
    let mut order = world.insert(&order("u-7", "o1", "mr")).await;
    let unchanged = order.clone();
    for change in 0..4 {
        let read = claim(&world.store, &unchanged.value, TODAY, "1").await;
        match change {
            0 => world.store.rules.put_limits(&user("u-7"), &Limits::default()).await.unwrap(),
            1 => world.store.rules.put_limits(&user("u-7"), &limits(r#"{"max_open_orders": 9}"#)).await.unwrap(),
            2 => world.store.rules.delete_limits(&user("u-7")).await.unwrap(),
            _ => world.store.rules.put_grant(&limited_grant(r#"{"max_open_orders": 9}"#)).await.unwrap(),
        }
        let refused = intend_with(&world.store, &mut unchanged.clone(), &lease, &read).await;
        assert!(matches!(refused, Err(IntentRefused::LimitsChanged)), "{change}: {refused:?}");
    }
    let read = claim(&world.store, &order.value, TODAY, "1").await;
    let halted = Grant { status: GrantStatus::Halted, ..limited_grant("{}") };
    world.store.rules.put_grant(&halted).await.unwrap();
    let refused = intend_with(&world.store, &mut order, &lease, &read).await;
    assert!(matches!(refused, Err(IntentRefused::NoGrant(..))), "{refused:?}");
    assert_eq!(own(&world).await, Usage::default());
}

#[tokio::test]
async fn what_was_used_when_it_was_read_does_not_decide() {
    let (world, lease) = ready().await;
    world.store.rules.put_limits(&user("u-7"), &limits(r#"{"max_open_orders": 1}"#)).await.unwrap();
    let mut first = world.insert(&order("u-7", "o1", "mr")).await;
    let mut second = world.insert(&order("u-7", "o2", "mr")).await;
    // Both read that nothing is used, not even of the day.
    let read = claim(&world.store, &first.value, TODAY, "1").await;
    intend_with(&world.store, &mut first, &lease, &read).await.unwrap();
    let refused = intend_with(&world.store, &mut second, &lease, &read).await.unwrap_err();
    assert_eq!((beyond(&refused), own(&world).await), ((Whose::User, "max_open_orders"), used(TODAY, 1, "1", 1)));
    // And where there is room, an old reading costs nothing but another try.
    world.store.rules.delete_limits(&user("u-7")).await.unwrap();
    let mut second = world.store.orders.get(&key("u-7", "o2")).await.unwrap().unwrap();
    let old = Claim { used: read.used, ..claim(&world.store, &second.value, TODAY, "1").await };
    intend_with(&world.store, &mut second, &lease, &old).await.unwrap();
    assert_eq!(own(&world).await, used(TODAY, 2, "2", 2));
    let mut third = world.insert(&order("u-7", "o3", "mr")).await;
    let ahead = Claim { day: TOMORROW, ..claim(&world.store, &third.value, TODAY, "1").await };
    intend_with(&world.store, &mut third, &lease, &ahead).await.unwrap();
    assert_eq!(own(&world).await, used(TOMORROW, 1, "1", 3));
}

#[tokio::test]
async fn a_lost_answer_neither_reserves_nor_gives_back_twice() {
    let (world, lease) = ready().await;
    send(&world, &lease, "o0", "1").await.unwrap();
    // The answer is lost; before the repetition with a new token the service says that it is busy.
    let faults = |call: &embedded_dynamodb::Call<'_>, seen: &AtomicU32| {
        if call.operation != "TransactWriteItems" {
            return Fault::None;
        }
        match seen.fetch_add(1, Ordering::SeqCst) {
            0 => Fault::AnswerLost,
            1 => Fault::Contention,
            _ => Fault::None,
        }
    };
    let seen_calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&seen_calls);
    let losing = world.with_faults(move |call| faults(call, &counted));
    let mut order = world.insert(&order("u-7", "o1", "mr")).await;
    intend(&losing, &mut order, &lease, TODAY, "100").await.unwrap();
    assert_eq!(own(&world).await, used(TODAY, 2, "101", 2));
    assert!(seen_calls.load(Ordering::SeqCst) >= 3);
    seen_calls.store(0, Ordering::SeqCst);
    take(&losing, &mut order, vec![Fact::NotSent(reason())]).await;
    assert_eq!(own(&world).await, used(TODAY, 1, "1", 1));
    assert!(seen_calls.load(Ordering::SeqCst) >= 3);
    assert_eq!(world.store.orders.get(&key("u-7", "o1")).await.unwrap().unwrap(), order);
}

#[tokio::test]
async fn an_end_that_meets_another_writer_gives_back_nothing() {
    let (world, lease) = ready().await;
    let mut order = send(&world, &lease, "o1", "100").await.unwrap();
    world.store.orders.save(&mut order.clone()).await.unwrap();
    order.value.apply(seen(BrokerStatus::Filled), at(2)).unwrap();
    let refused = world.store.orders.save(&mut order).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert_eq!(own(&world).await, used(TODAY, 1, "100", 1));
    let mut again = world.store.orders.get(&key("u-7", "o1")).await.unwrap().unwrap();
    take(&world.store, &mut again, vec![seen(BrokerStatus::Filled)]).await;
    assert_eq!(own(&world).await, used(TODAY, 1, "100", 0));
}

#[tokio::test]
async fn a_count_that_was_emptied_by_hand_keeps_no_order_from_ending() {
    let (world, lease) = ready().await;
    let mut order = send(&world, &lease, "o1", "100").await.unwrap();
    let row = [("user_id", "usage u-7"), ("order_id", "*")];
    let row = row.map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned())));
    let client = world.database.client();
    client.delete_item().table_name("orders").set_key(Some(row.into())).send().await.unwrap();
    take(&world.store, &mut order, vec![seen(BrokerStatus::Filled)]).await;
    assert_eq!((own(&world).await, of_grant(&world).await), (Usage::default(), used(TODAY, 1, "100", 0)));
}

/// So many orders at once, some of which end while others begin.
async fn storm(orders: usize, json: &str, notional: &'static str) -> (usize, Usage, Usage) {
    let (world, lease) = ready().await;
    world.store.rules.put_limits(&user("u-7"), &limits(json)).await.unwrap();
    let world = Arc::new(world);
    let lease = Arc::new(lease);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..orders {
        let (world, lease) = (Arc::clone(&world), Arc::clone(&lease));
        tasks.spawn(async move {
            let by = if number % 2 == 0 { "mr" } else { "self" };
            let mut order = world.insert(&order("u-7", &format!("o{number}"), by)).await;
            match intend(&world.store, &mut order, &lease, TODAY, notional).await {
                Ok(()) => true,
                Err(IntentRefused::BeyondLimits(_)) => false,
                Err(other) => panic!("{other:?}"),
            }
        });
    }
    let passed = tasks.join_all().await.into_iter().filter(|passed| *passed).count();
    (passed, own(&world).await, of_grant(&world).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_orders_at_once_exactly_as_many_pass_as_a_limit_allows() {
    let (passed, own, grant) = storm(1_000, r#"{"max_open_orders": 137}"#, "10").await;
    assert_eq!((passed, own.open_orders), (137, 137));
    assert!(grant.open_orders <= 137);
    let (passed, own, _) = storm(400, r#"{"max_daily_orders": 251, "max_open_orders": 900}"#, "10").await;
    assert_eq!((passed, own.daily_orders), (251, 251));
    let (passed, own, _) = storm(400, r#"{"max_daily_notional": "9999.99"}"#, "33.33").await;
    // 300 times 33.33 is 9999; 301 times is 10032.33.
    assert_eq!((passed, own.daily_notional), (300, decimal("9999")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_orders_that_come_and_go_no_more_are_open_than_may_be_and_none_leaks() {
    const MOST: u32 = 7;
    // So that some come after others have gone, however the machine shares its time.
    const TRIES_MAX: u32 = 20;
    let (world, lease) = ready().await;
    world.store.rules.put_limits(&user("u-7"), &limits(&format!(r#"{{"max_open_orders": {MOST}}}"#))).await.unwrap();
    let (world, lease, open) = (Arc::new(world), Arc::new(lease), Arc::new(AtomicU32::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..400_u32 {
        let (world, lease, open) = (Arc::clone(&world), Arc::clone(&lease), Arc::clone(&open));
        tasks.spawn(async move {
            let received = world.insert(&order("u-7", &format!("o{number}"), "mr")).await;
            let (mut order, mut tries) = (received.clone(), 0);
            while intend(&world.store, &mut order, &lease, TODAY, "1").await.is_err() {
                order = received.clone();
                tries += 1;
                if tries > TRIES_MAX {
                    return 0;
                }
                tokio::task::yield_now().await;
            }
            assert!(open.fetch_add(1, Ordering::SeqCst) < MOST);
            tokio::task::yield_now().await;
            open.fetch_sub(1, Ordering::SeqCst);
            let end = if number % 3 == 0 { Fact::NotSent(reason()) } else { seen(BrokerStatus::Filled) };
            let sent = u64::from(number % 3 != 0);
            take(&world.store, &mut order, vec![end]).await;
            sent
        });
    }
    let sent: u64 = tasks.join_all().await.into_iter().sum();
    assert!(sent > u64::from(MOST));
    assert_eq!(own(&world).await, used(TODAY, sent, &sent.to_string(), 0));
    assert_eq!(of_grant(&world).await, own(&world).await);
}
