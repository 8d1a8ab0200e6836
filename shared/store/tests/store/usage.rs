//! Limits are reserved with the intent and given back with the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::{Act, BrokerStatus, Fact, Grant, GrantStatus, Intent, Limits, Order, OrderStatus, Reason, Sight, Whose};
use embedded_dynamodb::Fault;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use store::{Claim, IntentGuards, IntentRefused, LaneLease, Store, StoreError, Usage, Versioned};

use crate::support::{World, algorithm, at, grant, key, order, user};

const TODAY: Date = date(2026, 11, 18);
const TOMORROW: Date = date(2026, 11, 19);

fn limits(json: &str) -> Limits {
    serde_json::from_str(json).unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn limited_grant(json: &str) -> Grant {
    Grant { limits: limits(json), ..grant("u-7", "mr", &["DU0000001"], GrantStatus::Active) }
}

/// A world where `mr` may trade for `u-7`, and the lane.
async fn ready() -> (World, LaneLease) {
    let world = World::new().await;
    world.store.rules.put_grant(&limited_grant("{}")).await.unwrap();
    let lease = world.lease(&user("u-7")).await;
    (world, lease)
}

async fn claim(store: &Store, order: &Order, day: Date, notional: &str) -> Claim {
    let own = store.rules.standing_limits(&order.key.user_id).await.unwrap();
    let grant = match order.algorithm_id.is_own_hand() {
        true => None,
        false => Some(store.rules.standing_grant(&order.key.user_id, &order.algorithm_id).await.unwrap()),
    };
    Claim { day, notional: decimal(notional), own, grant }
}

async fn intend_with(
    store: &Store,
    order: &mut Versioned<Order>,
    lease: &LaneLease,
    claim: &Claim,
) -> Result<(), IntentRefused> {
    let intent = Intent { at: at(1), epoch: lease.epoch(), act: Act::Place };
    order.value.apply(Fact::Intend(intent), at(1)).unwrap();
    store.orders.save_intent(order, lease, IntentGuards::WithinLimits(&store.rules, claim)).await
}

async fn intend(
    store: &Store,
    order: &mut Versioned<Order>,
    lease: &LaneLease,
    day: Date,
    notional: &str,
) -> Result<(), IntentRefused> {
    let claim = claim(store, &order.value, day, notional).await;
    intend_with(store, order, lease, &claim).await
}

/// A new order, and its intent of today with this value.
async fn send(world: &World, lease: &LaneLease, id: &str, notional: &str) -> Result<Versioned<Order>, IntentRefused> {
    let mut order = world.insert(&order("u-7", id, "mr")).await;
    intend(&world.store, &mut order, lease, TODAY, notional).await.map(|()| order)
}

async fn own(world: &World) -> Usage {
    world.store.orders.usage(&user("u-7"), None).await.unwrap()
}

async fn of_grant(world: &World) -> Usage {
    world.store.orders.usage(&user("u-7"), Some(&algorithm("mr"))).await.unwrap()
}

fn used(day: Date, daily_orders: u64, daily_notional: &str, open_orders: u64) -> Usage {
    Usage { day: Some(day), daily_orders, daily_notional: decimal(daily_notional), open_orders }
}

fn beyond(refused: &IntentRefused) -> (Whose, &'static str) {
    match refused {
        IntentRefused::BeyondLimits(beyond) => (beyond.whose, beyond.limit),
        other => panic!("{other:?}"),
    }
}

fn reason() -> Reason {
    Reason::new("a_test", "a test")
}

fn seen(status: BrokerStatus) -> Fact {
    Fact::Seen(Sight { broker_order_ids: Vec::new(), status, filled_quantity: None, average_price: None })
}

async fn take(store: &Store, order: &mut Versioned<Order>, facts: Vec<Fact>) {
    for fact in facts {
        order.value.apply(fact, at(2)).unwrap();
        store.orders.save(order).await.unwrap();
    }
}

#[tokio::test]
async fn an_order_counts_for_its_user_and_for_its_algorithm() {
    let (world, lease) = ready().await;
    send(&world, &lease, "o1", "1875").await.unwrap();
    let sent = send(&world, &lease, "o2", "0.00000001").await.unwrap();
    assert_eq!(own(&world).await, used(TODAY, 2, "1875.00000001", 2));
    assert_eq!(of_grant(&world).await, own(&world).await);
    let reserved = world.store.orders.get(&key("u-7", "o2")).await.unwrap().unwrap().value.reserved.unwrap();
    assert_eq!((reserved.day, reserved.notional), (TODAY, decimal("0.00000001")));
    assert_eq!(sent.value.reserved, Some(reserved));
    let mut own_hand = world.insert(&order("u-7", "o3", "self")).await;
    intend(&world.store, &mut own_hand, &lease, TODAY, "5").await.unwrap();
    assert_eq!(own(&world).await, used(TODAY, 3, "1880.00000001", 3));
    assert_eq!(of_grant(&world).await, used(TODAY, 2, "1875.00000001", 2));
    assert_eq!(world.store.orders.usage(&user("u-8"), None).await.unwrap(), Usage::default());
}

#[tokio::test]
async fn each_limit_holds_exactly_at_its_edge_for_the_user_and_for_the_grant() {
    let cases = [
        ("max_open_orders", r#"{"max_open_orders": 2}"#, "100", "1"),
        ("max_daily_orders", r#"{"max_daily_orders": 2}"#, "100", "1"),
        ("max_daily_notional", r#"{"max_daily_notional": "200"}"#, "100", "0.00000001"),
    ];
    for (name, json, value, more) in cases {
        for whose in [Whose::User, Whose::Grant] {
            let (world, lease) = ready().await;
            match whose {
                Whose::User => world.store.rules.put_limits(&user("u-7"), &limits(json)).await.unwrap(),
                Whose::Grant => world.store.rules.put_grant(&limited_grant(json)).await.unwrap(),
            }
            for id in ["o1", "o2"] {
                send(&world, &lease, id, value).await.unwrap();
            }
            let before = (own(&world).await, of_grant(&world).await);
            let refused = send(&world, &lease, "o3", more).await.unwrap_err();
            assert_eq!(beyond(&refused), (whose, name), "{refused}");
            assert_eq!((own(&world).await, of_grant(&world).await), before);
            let untouched = world.store.orders.get(&key("u-7", "o3")).await.unwrap().unwrap();
            assert_eq!((untouched.value.status(), untouched.value.reserved), (OrderStatus::Received, None));
        }
    }
}

#[tokio::test]
async fn what_is_alone_beyond_a_limit_needs_no_row_to_be_refused() {
    for (json, value) in [
        (r#"{"max_open_orders": 0}"#, "1"),
        (r#"{"max_daily_orders": 0}"#, "1"),
        (r#"{"max_daily_notional": "99.99"}"#, "100"),
    ] {
        let (world, lease) = ready().await;
        world.store.rules.put_limits(&user("u-7"), &limits(json)).await.unwrap();
        assert_eq!(beyond(&send(&world, &lease, "o1", value).await.unwrap_err()).0, Whose::User);
        assert_eq!(own(&world).await, Usage::default());
    }
}

#[tokio::test]
async fn a_grants_limits_do_not_bind_another_algorithm_and_the_users_bind_all() {
    let (world, lease) = ready().await;
    world.store.rules.put_grant(&limited_grant(r#"{"max_daily_orders": 1}"#)).await.unwrap();
    world.store.rules.put_grant(&grant("u-7", "other", &["DU0000001"], GrantStatus::Active)).await.unwrap();
    world.store.rules.put_limits(&user("u-7"), &limits(r#"{"max_daily_orders": 3}"#)).await.unwrap();
    send(&world, &lease, "o1", "1").await.unwrap();
    assert_eq!(beyond(&send(&world, &lease, "o2", "1").await.unwrap_err()), (Whose::Grant, "max_daily_orders"));
    for (id, by) in [("o3", "other"), ("o4", "self")] {
        let mut order = world.insert(&order("u-7", id, by)).await;
        intend(&world.store, &mut order, &lease, TODAY, "1").await.unwrap();
    }
    let mut last = world.insert(&order("u-7", "o5", "other")).await;
    let refused = intend(&world.store, &mut last, &lease, TODAY, "1").await.unwrap_err();
    assert_eq!(beyond(&refused), (Whose::User, "max_daily_orders"));
}

#[tokio::test]
async fn an_order_that_was_sent_gives_back_its_place_and_one_that_was_not_everything() {
    let unread = || vec![Fact::Unread(reason())];
    let ends: [(&str, Vec<Fact>, Usage); 9] = [
        ("filled", vec![seen(BrokerStatus::Filled)], used(TODAY, 1, "100", 0)),
        ("cancelled", vec![seen(BrokerStatus::Cancelled)], used(TODAY, 1, "100", 0)),
        ("inactive", vec![seen(BrokerStatus::Inactive)], used(TODAY, 1, "100", 0)),
        ("rejected", vec![Fact::Refused(reason())], used(TODAY, 1, "100", 0)),
        ("working", vec![seen(BrokerStatus::Submitted)], used(TODAY, 1, "100", 1)),
        ("unknown", unread(), used(TODAY, 1, "100", 1)),
        ("not_placed", [unread(), vec![Fact::NeverReached(reason())]].concat(), used(TODAY, 0, "0", 0)),
        ("held", vec![Fact::NotSent(reason())], used(TODAY, 0, "0", 0)),
        ("expired", vec![Fact::NotSent(reason()), Fact::Expire(reason())], used(TODAY, 0, "0", 0)),
    ];
    for (name, facts, expected) in ends {
        let (world, lease) = ready().await;
        let mut order = send(&world, &lease, "o1", "100").await.unwrap();
        take(&world.store, &mut order, facts).await;
        assert_eq!(own(&world).await, expected, "{name}");
        assert_eq!(of_grant(&world).await, expected, "{name}");
        let read = world.store.orders.get(&key("u-7", "o1")).await.unwrap().unwrap();
        assert_eq!(read, order, "{name}");
        assert_eq!(read.value.reserved.is_some(), expected.open_orders == 1, "{name}");
        // Whatever is written afterwards gives nothing back again.
        world.store.orders.save(&mut order).await.unwrap();
        assert_eq!(own(&world).await, expected, "{name}");
    }
}

#[tokio::test]
async fn an_order_that_is_sent_again_reserves_once_and_only_what_a_change_adds() {
    let (world, lease) = ready().await;
    world
        .store
        .rules
        .put_limits(&user("u-7"), &limits(r#"{"max_daily_orders": 1, "max_daily_notional": "150"}"#))
        .await
        .unwrap();
    let mut order = send(&world, &lease, "o1", "100").await.unwrap();
    let guarded = async |order: &mut Versioned<Order>, notional: &str| {
        let claim = claim(&world.store, &order.value, TODAY, notional).await;
        world.store.orders.save_intent(order, &lease, IntentGuards::WithinLimits(&world.store.rules, &claim)).await
    };
    guarded(&mut order, "100").await.unwrap();
    assert_eq!(own(&world).await, used(TODAY, 1, "100", 1));
    guarded(&mut order, "150").await.unwrap();
    guarded(&mut order, "90").await.unwrap();
    assert_eq!(own(&world).await, used(TODAY, 1, "150", 1));
    let refused = guarded(&mut order, "150.01").await.unwrap_err();
    assert_eq!(beyond(&refused), (Whose::User, "max_daily_notional"));
    take(&world.store, &mut order, vec![Fact::NotSent(reason())]).await;
    assert_eq!(own(&world).await, used(TODAY, 0, "0", 0));
}

#[tokio::test]
async fn a_new_day_begins_its_own_count_and_keeps_the_open_orders() {
    let (world, lease) = ready().await;
    world
        .store
        .rules
        .put_limits(&user("u-7"), &limits(r#"{"max_daily_orders": 1, "max_open_orders": 2}"#))
        .await
        .unwrap();
    let mut first = send(&world, &lease, "o1", "100").await.unwrap();
    assert_eq!(beyond(&send(&world, &lease, "o2", "1").await.unwrap_err()).1, "max_daily_orders");
    let mut second = world.insert(&order("u-7", "o3", "mr")).await;
    intend(&world.store, &mut second, &lease, TOMORROW, "7").await.unwrap();
    assert_eq!(own(&world).await, used(TOMORROW, 1, "7", 2));
    // A clock that is behind counts in the day that has begun, and cannot turn it back.
    let mut late = world.insert(&order("u-7", "o4", "mr")).await;
    let refused = intend(&world.store, &mut late, &lease, TODAY, "1").await.unwrap_err();
    assert_eq!(beyond(&refused), (Whose::User, "max_open_orders"));
    // What was proved not sent corrects its own day only.
    take(&world.store, &mut first, vec![Fact::NotSent(reason())]).await;
    assert_eq!(own(&world).await, used(TOMORROW, 1, "7", 1));
    take(&world.store, &mut second, vec![Fact::NotSent(reason())]).await;
    assert_eq!(own(&world).await, used(TOMORROW, 0, "0", 0));
    world.store.rules.put_limits(&user("u-7"), &Limits::default()).await.unwrap();
    let mut late = world.store.orders.get(&key("u-7", "o4")).await.unwrap().unwrap();
    intend(&world.store, &mut late, &lease, TODAY, "1").await.unwrap();
    assert_eq!((late.value.reserved.unwrap().day, own(&world).await), (TOMORROW, used(TOMORROW, 1, "1", 1)));
}

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
    assert!(matches!(refused, Err(IntentRefused::NoGrant(_))), "{refused:?}");
    assert_eq!(own(&world).await, Usage::default());
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
async fn storm(json: &str, notional: &'static str) -> (usize, Usage, Usage) {
    const ORDERS: usize = 1_000;
    let (world, lease) = ready().await;
    world.store.rules.put_limits(&user("u-7"), &limits(json)).await.unwrap();
    let world = Arc::new(world);
    let lease = Arc::new(lease);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..ORDERS {
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
    let (passed, own, grant) = storm(r#"{"max_open_orders": 137}"#, "10").await;
    assert_eq!((passed, own.open_orders), (137, 137));
    assert!(grant.open_orders <= 137);
    let (passed, own, _) = storm(r#"{"max_daily_orders": 251, "max_open_orders": 900}"#, "10").await;
    assert_eq!((passed, own.daily_orders), (251, 251));
    let (passed, own, _) = storm(r#"{"max_daily_notional": "9999.99"}"#, "33.33").await;
    // 300 times 33.33 is 9999; 301 times is 10032.33.
    assert_eq!((passed, own.daily_notional), (300, decimal("9999")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_orders_that_come_and_go_no_more_are_open_than_may_be_and_none_leaks() {
    const MOST: u32 = 7;
    let (world, lease) = ready().await;
    world.store.rules.put_limits(&user("u-7"), &limits(&format!(r#"{{"max_open_orders": {MOST}}}"#))).await.unwrap();
    let (world, lease, open) = (Arc::new(world), Arc::new(lease), Arc::new(AtomicU32::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..400_u32 {
        let (world, lease, open) = (Arc::clone(&world), Arc::clone(&lease), Arc::clone(&open));
        tasks.spawn(async move {
            let mut order = world.insert(&order("u-7", &format!("o{number}"), "mr")).await;
            if intend(&world.store, &mut order, &lease, TODAY, "1").await.is_err() {
                return 0;
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
