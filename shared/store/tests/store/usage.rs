//! Limits are reserved with the intent and given back with the end.

use domain::{BrokerStatus, Doubt, Fact, GrantStatus, Limits, Order, OrderStatus, Whose};
use store::{IntentGuards, Usage, Versioned};

use crate::limits_support::{
    TODAY, TOMORROW, beyond, claim, decimal, intend, limited_grant, limits, of_grant, own, ready, reason, seen, send,
    take, used,
};
use crate::support::{grant, key, order, user};

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
async fn what_is_alone_beyond_a_limit_is_refused_before_anything_is_counted() {
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
    let unread = || vec![Fact::Unread(Doubt::Unread, reason())];
    let Fact::Seen(sight) = seen(BrokerStatus::Cancelled) else { panic!() };
    let reviewed = Fact::Reviewed(sight);
    let Fact::Seen(sight) = seen(BrokerStatus::Inactive) else { panic!() };
    let refused_later = Fact::Ended(sight);
    let ends: [(&str, Vec<Fact>, Usage); 12] = [
        ("filled", vec![seen(BrokerStatus::Filled)], used(TODAY, 1, "100", 0)),
        ("cancelled", vec![seen(BrokerStatus::Cancelled)], used(TODAY, 1, "100", 0)),
        ("inactive once", vec![seen(BrokerStatus::Inactive)], used(TODAY, 1, "100", 1)),
        ("inactive", vec![refused_later], used(TODAY, 1, "100", 0)),
        ("rejected", vec![Fact::Refused(reason())], used(TODAY, 1, "100", 0)),
        ("working", vec![seen(BrokerStatus::Submitted)], used(TODAY, 1, "100", 1)),
        ("unknown", unread(), used(TODAY, 1, "100", 1)),
        ("not_placed", [unread(), vec![Fact::NeverReached(reason())]].concat(), used(TODAY, 0, "0", 0)),
        ("needs_review", [unread(), vec![Fact::Exhausted(reason())]].concat(), used(TODAY, 1, "100", 1)),
        ("reviewed", [unread(), vec![Fact::Exhausted(reason()), reviewed]].concat(), used(TODAY, 1, "100", 0)),
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
