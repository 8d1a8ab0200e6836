//! What the tests of limits share: claims, intents, facts and what is used.

use domain::{Act, BrokerStatus, Fact, Grant, GrantStatus, Intent, Limits, Order, Reason, ReasonCode, Sight, Whose};
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use store::{Alike, Bearings, Claim, IntentGuards, IntentRefused, LaneLease, Store, Usage, Versioned};

use crate::support::{World, algorithm, at, grant, order, user};

pub(crate) const TODAY: Date = date(2026, 11, 18);
pub(crate) const TOMORROW: Date = date(2026, 11, 19);

pub(crate) fn limits(json: &str) -> Limits {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn limited_grant(json: &str) -> Grant {
    Grant { limits: limits(json), ..grant("u-7", "mr", &["DU0000001"], GrantStatus::Active) }
}

/// A world where `mr` may trade for `u-7`, and the lane.
pub(crate) async fn ready() -> (World, LaneLease) {
    let world = World::new().await;
    world.store.rules.put_grant(&limited_grant("{}")).await.unwrap();
    let lease = world.lease(&user("u-7")).await;
    (world, lease)
}

pub(crate) async fn claim(store: &Store, order: &Order, day: Date, notional: &str) -> Claim {
    let (user_id, algorithm_id) = (&order.key.user_id, &order.algorithm_id);
    let read = store.bearings().read(user_id, algorithm_id, None).await.unwrap();
    let Bearings { own, grant, used, .. } = read;
    let alike = Alike { likeness: order.key.order_id.to_string(), at: at(1) };
    Claim { day, notional: decimal(notional), own, grant, used, reducing: false, alike }
}

pub(crate) async fn intend_with(
    store: &Store,
    order: &mut Versioned<Order>,
    lease: &LaneLease,
    claim: &Claim,
) -> Result<(), IntentRefused> {
    let intent = Intent { at: at(1), epoch: lease.epoch(), act: Act::Place };
    order.value.apply(Fact::Intend(intent), at(1)).unwrap();
    store.orders.save_intent(order, lease, IntentGuards::WithinLimits(&store.rules, claim)).await
}

pub(crate) async fn intend(
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
pub(crate) async fn send(
    world: &World,
    lease: &LaneLease,
    id: &str,
    notional: &str,
) -> Result<Versioned<Order>, IntentRefused> {
    let mut order = world.insert(&order("u-7", id, "mr")).await;
    intend(&world.store, &mut order, lease, TODAY, notional).await.map(|()| order)
}

pub(crate) async fn own(world: &World) -> Usage {
    world.store.orders.usage(&user("u-7"), None).await.unwrap()
}

pub(crate) async fn of_grant(world: &World) -> Usage {
    world.store.orders.usage(&user("u-7"), Some(&algorithm("mr"))).await.unwrap()
}

pub(crate) fn used(day: Date, daily_orders: u64, daily_notional: &str, open_orders: u64) -> Usage {
    Usage { day: Some(day), daily_orders, daily_notional: decimal(daily_notional), open_orders }
}

pub(crate) fn beyond(refused: &IntentRefused) -> (Whose, &'static str) {
    match refused {
        IntentRefused::BeyondLimits(beyond) => (beyond.whose, beyond.limit),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn reason() -> Reason {
    Reason::new(ReasonCode::BeyondLimits, "a test")
}

pub(crate) fn seen(status: BrokerStatus) -> Fact {
    let filled_quantity = (status == BrokerStatus::Filled).then(|| 10.into());
    Fact::Seen(Sight { broker_order_ids: Vec::new(), status, filled_quantity, average_price: None })
}

pub(crate) async fn take(store: &Store, order: &mut Versioned<Order>, facts: Vec<Fact>) {
    for fact in facts {
        order.value.apply(fact, at(2)).unwrap();
        store.orders.save(order).await.unwrap();
    }
}
