//! Every limit of the contract, at its edge; what gives back what it held, and what keeps it.

use std::time::Duration;

use crate::INTENT;
use domain::{Limits, OrderStatus};
use paper_broker::{Fault, FaultKind, QuestionRules};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use simulation::{ACCOUNT, ALGORITHM, CrashPoint, USER, World};
use store::Usage;

const AAPL: i64 = 265_598;
const MSFT: i64 = 272_093;

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A connected user whose broker asks no questions.
pub(crate) async fn world() -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world
}

pub(crate) async fn put(world: &World, route: &str, body: Value) -> Value {
    let answered = world.api(route, &json!({"path": {"algorithm_id": ALGORITHM}, "body": body})).await;
    assert_eq!(answered.status, 200, "{}", answered.text);
    answered.json
}

pub(crate) async fn limit_user(world: &World, limits: Value) {
    put(world, "PUT /limits", limits).await;
}

pub(crate) async fn limit_grant(world: &World, limits: Value) {
    put(world, "PUT /grants/{algorithm_id}", json!({"account_ids": [ACCOUNT], "limits": limits})).await;
}

/// The algorithm's order, taken as far as it goes.
pub(crate) async fn send(world: &World, order_id: &str, fields: Value) -> String {
    world.place(order_id, &fields);
    world.deliver_all().await;
    world.status(order_id).await
}

/// A limit order of 10 AAPL that rests: 1,860.
pub(crate) async fn send_resting(world: &World, order_id: &str) -> String {
    send(world, order_id, resting()).await
}

pub(crate) fn resting() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

pub(crate) async fn usage(world: &World) -> Usage {
    world.store().orders.usage(&USER.parse().unwrap(), None).await.unwrap()
}

/// Open orders, orders of the day, their value.
pub(crate) async fn used(world: &World) -> (u64, u64, Decimal) {
    let usage = usage(world).await;
    (usage.open_orders, usage.daily_orders, usage.daily_notional)
}

#[tokio::test(start_paused = true)]
async fn every_limit_is_taken_and_shown_for_the_user_and_for_a_grant() {
    let world = world().await;
    let limits = json!({"max_order_quantity": "10", "max_order_notional": "1860", "max_daily_notional": "5000.5",
        "max_daily_orders": 5, "max_open_orders": 3, "allowed_conids": [AAPL], "price_collar_percent": "2.5"});
    assert_eq!(put(&world, "PUT /limits", limits.clone()).await, limits);
    assert_eq!(world.api("GET /limits", &json!({})).await.json, limits);
    limit_grant(&world, limits.clone()).await;
    assert_eq!(world.api("GET /grants", &json!({})).await.json["grants"][0]["limits"], limits);
    assert_eq!(send_resting(&world, "within").await, "working");
    let unknown = world.api("PUT /limits", &json!({"body": {"max_weekly_orders": 1}})).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text);
}

#[tokio::test(start_paused = true)]
async fn each_limit_lets_its_edge_pass_and_refuses_a_cent_more_by_name_and_by_whose_it_is() {
    let at = |price: &str| json!({"type": "limit", "limit_price": price});
    let cases = [
        (
            json!({"max_order_quantity": "10"}),
            resting(),
            json!({"type": "limit", "limit_price": "186", "quantity": "11"}),
            "(max_order_quantity): 11 is more than 10",
        ),
        (
            json!({"max_order_notional": "1860"}),
            resting(),
            at("186.01"),
            "(max_order_notional): 1860.1 is more than 1860",
        ),
        (
            json!({"max_daily_notional": "3720"}),
            resting(),
            at("186.01"),
            "(max_daily_notional): 1860.1 on top of the 1860 of",
        ),
        (json!({"max_daily_orders": 1}), resting(), resting(), "(max_daily_orders): 1 orders were sent on"),
        (
            json!({"max_open_orders": 1}),
            resting(),
            resting(),
            "(max_open_orders): 1 orders are open, and at most 1 may be",
        ),
        (
            json!({"allowed_conids": [AAPL]}),
            resting(),
            json!({"type": "market", "contract": {"conid": MSFT}}),
            "(allowed_conids): the contract 272093 is not on the list",
        ),
        // The market's price is 187.50, of which 2 % are 3.75.
        (
            json!({"price_collar_percent": "2"}),
            at("183.75"),
            at("183.74"),
            "(price_collar_percent): the limit price 183.74 is more than 2 % away from the market's price 187.5",
        ),
    ];
    for (limits, edge, beyond, told) in cases {
        for whose in ["the user's own limits", "the grant's limits"] {
            let world = world().await;
            match whose {
                "the user's own limits" => limit_user(&world, limits.clone()).await,
                _ => limit_grant(&world, limits.clone()).await,
            }
            assert_eq!(send(&world, "edge", edge.clone()).await, "working", "{limits}: {}", world.reason("edge").await);
            assert_eq!(send(&world, "beyond", beyond.clone()).await, "denied: beyond_limits", "{limits}");
            let reason = world.reason("beyond").await;
            assert!(reason.contains(&format!("beyond {whose} {told}")), "{reason}");
            assert_eq!(world.broker().ledger().len(), 1, "{limits}");
            assert_eq!((used(&world).await.0, used(&world).await.1), (1, 1), "{limits}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_grants_limits_leave_the_users_own_hand_alone_and_the_users_bind_it() {
    let world = world().await;
    limit_grant(&world, json!({"max_open_orders": 0})).await;
    limit_user(&world, json!({"max_open_orders": 1})).await;
    assert_eq!(send_resting(&world, "algorithm").await, "denied: beyond_limits");
    for (order_id, expected) in [("own", "working"), ("second", "denied: beyond_limits")] {
        let mut fields = resting();
        fields["algorithm_id"] = json!("self");
        let body = world.place_command(order_id, &fields);
        assert_eq!(world.api("POST /orders", &json!({"body": body})).await.status, 202);
        world.settle().await;
        assert_eq!(world.status(order_id).await, expected);
    }
    assert!(world.reason("second").await.contains("the user's own limits (max_open_orders)"));
}

#[tokio::test(start_paused = true)]
async fn two_accounts_of_a_user_are_under_one_limit() {
    let world = world().await;
    limit_user(&world, json!({"max_daily_orders": 1})).await;
    put(&world, "PUT /grants/{algorithm_id}", json!({"account_ids": [ACCOUNT, "DU0000002"]})).await;
    assert_eq!(send_resting(&world, "first").await, "working");
    let mut other = resting();
    other["account_id"] = json!("DU0000002");
    let status = send(&world, "other", other).await;
    assert_eq!(status, "denied: account_not_connected");
    assert_eq!(send_resting(&world, "second").await, "denied: beyond_limits");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_ends_at_the_broker_makes_room_and_stays_one_of_its_day() {
    for end in ["filled", "cancelled", "rejected"] {
        let world = world().await;
        limit_user(&world, json!({"max_open_orders": 1})).await;
        let rejected = end == "rejected";
        let first = if rejected {
            json!({"type": "limit", "limit_price": "10", "contract": {"conid": 9_999}})
        } else {
            resting()
        };
        let begun = send(&world, "first", first).await;
        if !rejected {
            assert_eq!(begun, "working");
            assert_eq!(send_resting(&world, "too_early").await.as_str(), "denied: beyond_limits");
        }
        match end {
            "filled" => world.broker().set_price(AAPL, Some(decimal("186"))),
            "cancelled" => world.cancel("first"),
            _ => {}
        }
        world.run_for(Duration::from_mins(2)).await;
        assert_eq!(world.order("first").await.status().as_str(), end);
        let value = if rejected { "100" } else { "1860" };
        assert_eq!(used(&world).await, (0, 1, decimal(value)), "{end}");
        assert_eq!(world.order("first").await.reserved, None);
        assert_eq!(send(&world, "second", json!({"type": "limit", "limit_price": "180"})).await, "working", "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_never_sent_gives_everything_back_when_it_waits_and_when_it_expires() {
    let world = world().await;
    limit_user(&world, json!({"max_daily_orders": 1, "max_open_orders": 1, "max_daily_notional": "1860"})).await;
    world
        .broker()
        .add_fault(Fault { times: 1_000, ..Fault::next("POST", "/iserver/account/*/orders", FaultKind::AccessDenied) });
    world.place("first", &resting());
    world.deliver_all().await;
    assert_eq!(world.order("first").await.status(), OrderStatus::Held);
    assert_eq!(used(&world).await, (0, 0, Decimal::ZERO));
    world.run_for(Duration::from_mins(20)).await;
    assert_eq!(world.status("first").await, "expired: expired");
    assert_eq!((used(&world).await, world.order("first").await.reserved), ((0, 0, Decimal::ZERO), None));
    world.broker().clear_faults();
    assert_eq!(send_resting(&world, "second").await, "working");
    assert_eq!(used(&world).await, (1, 1, decimal("1860")));
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_outcome_is_unknown_holds_its_place_until_it_is_settled() {
    let world = world().await;
    limit_user(&world, json!({"max_open_orders": 1})).await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::DropAfter));
    assert_eq!(send_resting(&world, "first").await, "unknown: outcome_unknown");
    let other = json!({"type": "limit", "limit_price": "400", "contract": {"conid": MSFT}});
    assert_eq!(send(&world, "second", other.clone()).await, "denied: beyond_limits");
    assert_eq!(used(&world).await, (1, 1, decimal("1860")));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!((world.status("first").await.as_str(), used(&world).await.0), ("working", 1));
    world.cancel("first");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(used(&world).await.0, 0);
    assert_eq!(send(&world, "third", other).await, "working");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_the_intent_or_at_the_end_leaks_nothing_and_counts_nothing_twice() {
    for point in [
        CrashPoint::BeforeWrite { with: INTENT },
        CrashPoint::AfterWrite { with: INTENT },
        CrashPoint::BeforeCall { with: "POST /v1/api/iserver/account" },
        CrashPoint::AfterCall { with: "POST /v1/api/iserver/account" },
    ] {
        let world = world().await;
        world.crash_at(point.clone());
        world.place("first", &resting());
        world.run_for(Duration::from_mins(5)).await;
        assert_eq!(world.crashes_to_come(), []);
        let held = world.order("first").await.reserved.is_some();
        assert_eq!((used(&world).await.0, held), (1, true), "{point:?}: {}", world.status("first").await);
        assert_eq!(used(&world).await.1, 1, "{point:?}");
        if world.order("first").await.status() != OrderStatus::Working {
            continue;
        }
        world.crash_at(CrashPoint::AfterWrite { with: "open_orders - :one" });
        world.broker().set_price(AAPL, Some(decimal("185")));
        world.run_for(Duration::from_mins(5)).await;
        assert_eq!((world.status("first").await.as_str(), used(&world).await), ("filled", (0, 1, decimal("1860"))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_lowered_counts_for_the_very_next_intent_and_a_raised_one_too() {
    let world = world().await;
    limit_user(&world, json!({"max_order_notional": "1860"})).await;
    assert_eq!(send_resting(&world, "first").await, "working");
    limit_user(&world, json!({"max_order_notional": "1859.99"})).await;
    assert_eq!(send_resting(&world, "second").await, "denied: beyond_limits");
    limit_user(&world, json!({"max_order_notional": "1860"})).await;
    assert_eq!(send_resting(&world, "third").await, "working");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_lowered_between_its_reading_and_the_intent_is_read_again() {
    let world = world().await;
    limit_user(&world, json!({"max_open_orders": 5})).await;
    let tight: Limits = serde_json::from_value(json!({"max_open_orders": 0})).unwrap();
    // Whoever records the next intent finds that the limit was lowered just before.
    let (store, first) = (world.store().clone(), std::sync::atomic::AtomicBool::new(true));
    let lowered = std::sync::Arc::new(std::sync::Mutex::new(None));
    let lower = std::sync::Arc::clone(&lowered);
    world.set_database_faults(move |call| {
        if call.body.contains(INTENT) && first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            let (store, tight) = (store.clone(), tight.clone());
            *lower.lock().unwrap() =
                Some(tokio::spawn(async move { store.rules.put_limits(&USER.parse().unwrap(), &tight).await }));
            return embedded_dynamodb::Fault::Contention;
        }
        embedded_dynamodb::Fault::None
    });
    assert_eq!(send_resting(&world, "first").await, "denied: beyond_limits");
    assert!(lowered.lock().unwrap().is_some());
    assert_eq!(used(&world).await.1, 0);
}
