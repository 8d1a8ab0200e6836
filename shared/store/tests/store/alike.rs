//! Orders that look alike: of many at once exactly one gets an intent, and none is the duplicate of itself.

use domain::{AlgorithmId, Order, Whose};
use store::{Alike, Claim, IntentRefused, LaneLease, Versioned};

use crate::limits_support::{TODAY, beyond, claim, intend_with, limited_grant, limits, own, ready};
use crate::support::{World, at, order, user};

const WINDOW: &str = r#"{"duplicate_window_seconds": 60}"#;

async fn intend_alike(
    world: &World,
    lease: &LaneLease,
    id: &str,
    likeness: &str,
    second: i64,
) -> Result<Versioned<Order>, IntentRefused> {
    let mut order = world.insert(&order("u-7", id, "mr")).await;
    let alike = Alike { likeness: likeness.to_owned(), at: at(second) };
    let claim = Claim { alike, ..claim(&world.store, &order.value, TODAY, "1").await };
    intend_with(&world.store, &mut order, lease, &claim).await.map(|()| order)
}

#[tokio::test]
async fn within_the_window_the_earlier_order_is_named_and_at_its_end_the_next_passes() {
    let (world, lease) = ready().await;
    world.store.rules.put_limits(&user("u-7"), &limits(WINDOW)).await.unwrap();
    intend_alike(&world, &lease, "o1", "x", 100).await.unwrap();
    for (id, second) in [("o2", 100), ("o3", 159)] {
        let refused = intend_alike(&world, &lease, id, "x", second).await.unwrap_err();
        assert_eq!(beyond(&refused), (Whose::User, "duplicate_window_seconds"));
        assert!(refused.to_string().contains("the order o1 of"), "{refused}");
    }
    assert_eq!(own(&world).await.open_orders, 1, "who is refused uses nothing");
    intend_alike(&world, &lease, "o4", "y", 100).await.unwrap();
    intend_alike(&world, &lease, "o5", "x", 160).await.unwrap();
    // A clock that is behind does not open the window again.
    let refused = intend_alike(&world, &lease, "o6", "x", 130).await.unwrap_err();
    assert!(refused.to_string().contains("the order o5 of"), "{refused}");
}

#[tokio::test]
async fn a_grants_window_is_its_own_algorithms_and_without_a_window_nothing_is_kept() {
    let (world, lease) = ready().await;
    intend_alike(&world, &lease, "o1", "x", 1).await.unwrap();
    world.store.rules.put_grant(&limited_grant(WINDOW)).await.unwrap();
    intend_alike(&world, &lease, "o2", "x", 2).await.unwrap();
    let refused = intend_alike(&world, &lease, "o3", "x", 3).await.unwrap_err();
    assert_eq!(beyond(&refused), (Whose::Grant, "duplicate_window_seconds"));
    let mut own_hand = world.insert(&order("u-7", "o4", "self")).await;
    assert_eq!(own_hand.value.algorithm_id, AlgorithmId::own_hand());
    let alike = Alike { likeness: "x".to_owned(), at: at(4) };
    let claim = Claim { alike, ..claim(&world.store, &own_hand.value, TODAY, "1").await };
    intend_with(&world.store, &mut own_hand, &lease, &claim).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_to_an_intent_makes_no_duplicate_of_the_order() {
    let (world, lease) = ready().await;
    world.store.rules.put_limits(&user("u-7"), &limits(WINDOW)).await.unwrap();
    let mut order = world.insert(&order("u-7", "o1", "mr")).await;
    let claim = claim(&world.store, &order.value, TODAY, "1").await;
    let losing = world.losing_the_first_answer();
    intend_with(&losing, &mut order, &lease, &claim).await.unwrap();
    let again = intend_alike(&world, &lease, "o2", "o1", 2).await.unwrap_err();
    assert!(again.to_string().contains("the order o1 of"), "{again}");
}

#[tokio::test]
async fn of_two_hundred_orders_at_once_that_look_alike_exactly_one_passes() {
    let (world, lease) = ready().await;
    world.store.rules.put_limits(&user("u-7"), &limits(WINDOW)).await.unwrap();
    let (world, lease) = (std::sync::Arc::new(world), std::sync::Arc::new(lease));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200 {
        let (world, lease) = (std::sync::Arc::clone(&world), std::sync::Arc::clone(&lease));
        tasks.spawn(async move { intend_alike(&world, &lease, &format!("o{number}"), "x", 5).await });
    }
    let ended = tasks.join_all().await;
    assert_eq!(ended.iter().filter(|ended| ended.is_ok()).count(), 1);
    let limit = |ended: &Result<_, IntentRefused>| ended.as_ref().err().map(|refused| beyond(refused).1);
    assert_eq!(ended.iter().filter(|ended| limit(ended) == Some("duplicate_window_seconds")).count(), 199);
}
