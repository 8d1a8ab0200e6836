//! Intent before bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::{Act, Fact, GrantStatus, Halt, Intent, Order, OrderStatus, SetBy};
use embedded_dynamodb::Fault;
use store::{GrantLack, HaltInForce, HaltScope, IntentGuards, IntentRefused, LaneLease, Store, StoreError, Versioned};

use crate::support::{World, algorithm, at, grant, key, order, user};

fn on() -> Halt {
    Halt { halted: true, reason: Some("a test".to_owned()), since: Some(at(0)), ..Halt::default() }
}

async fn try_intent(store: &Store, order: &mut Versioned<Order>, lease: &LaneLease) -> Result<(), IntentRefused> {
    let intent = Intent { at: at(1), epoch: lease.epoch(), act: Act::Place };
    order.value.apply(Fact::Intend(intent), at(1)).unwrap();
    store.orders.save_intent(order, lease, IntentGuards::HaltsAndGrant(&store.rules)).await
}

/// A world where algorithm `mr` may trade for user `u-7`, with an order of it and the lane.
async fn ready() -> (World, Versioned<Order>, LaneLease) {
    let world = World::new().await;
    world.store.rules.put_grant(&grant("u-7", "mr", &["DU9", "DU0000001"], GrantStatus::Active)).await.unwrap();
    let order = world.insert(&order("u-7", "o1", "mr")).await;
    let lease = world.lease(&user("u-7")).await;
    (world, order, lease)
}

async fn recorded(world: &World) -> (OrderStatus, u64) {
    let order = world.store.orders.get(&key("u-7", "o1")).await.unwrap().unwrap();
    (order.value.status(), order.version())
}

#[tokio::test]
async fn an_intent_is_recorded_when_every_guard_holds() {
    let (world, mut order, lease) = ready().await;
    for scope in [HaltScope::Global, HaltScope::User(user("u-7")), HaltScope::Algorithm(algorithm("mr"))] {
        world.store.rules.put_halt(&scope, &on()).await.unwrap();
        world.store.rules.put_halt(&scope, &Halt::default()).await.unwrap();
    }
    try_intent(&world.store, &mut order, &lease).await.unwrap();
    assert_eq!(order.version(), 2);
    assert_eq!(recorded(&world).await, (OrderStatus::Sending, 2));
}

#[tokio::test]
async fn each_halt_refuses_the_intent_and_is_named() {
    let scopes = [HaltScope::Global, HaltScope::User(user("u-7")), HaltScope::Algorithm(algorithm("mr"))];
    for scope in scopes {
        let (world, mut order, lease) = ready().await;
        world.store.rules.put_halt(&scope, &on()).await.unwrap();
        match try_intent(&world.store, &mut order, &lease).await {
            Err(IntentRefused::Halted(halt)) => {
                let told = HaltInForce { scope, set_by: vec![SetBy::Operator], reason: on().reason };
                assert_eq!(halt, told);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(recorded(&world).await, (OrderStatus::Received, 1));
    }
}

#[tokio::test]
async fn a_halt_of_somebody_else_does_not_matter() {
    let (world, mut order, lease) = ready().await;
    for scope in [HaltScope::User(user("u-8")), HaltScope::Algorithm(algorithm("other"))] {
        world.store.rules.put_halt(&scope, &on()).await.unwrap();
    }
    try_intent(&world.store, &mut order, &lease).await.unwrap();
}

#[tokio::test]
async fn an_algorithm_that_was_removed_gets_no_intent_for_any_user_until_it_is_registered_again() {
    let world = World::new().await;
    let principals = ["AROA1".parse().unwrap()].into();
    let registration = domain::Algorithm { algorithm_id: algorithm("mr"), principals, registered_at: at(0) };
    world.store.rules.put_algorithm(&registration).await.unwrap();
    world.store.rules.remove_algorithm(&algorithm("mr")).await.unwrap();
    // Neither a halt nor its end brings it back.
    for halt in [on(), Halt::default()] {
        world.store.rules.put_halt(&HaltScope::Algorithm(algorithm("mr")), &halt).await.unwrap();
    }
    for number in 0..40 {
        let id = format!("user-{number}");
        world.store.rules.put_grant(&grant(&id, "mr", &["DU0000001"], GrantStatus::Active)).await.unwrap();
        let lease = world.lease(&user(&id)).await;
        let mut removed = world.insert(&order(&id, "o1", "mr")).await;
        let refused = try_intent(&world.store, &mut removed, &lease).await;
        assert!(
            matches!(&refused, Err(IntentRefused::NotRegistered(id)) if *id == algorithm("mr")),
            "{id}: {refused:?}"
        );
        let mut own = world.insert(&order(&id, "o2", "self")).await;
        try_intent(&world.store, &mut own, &lease).await.unwrap();
    }
    world.store.rules.put_algorithm(&registration).await.unwrap();
    for number in 0..40 {
        let id = format!("user-{number}");
        let lease = match world.store.lanes.acquire(&user(&id), "test", at(120), at(180)).await.unwrap() {
            store::Acquired::Leased(lease) => lease,
            held @ store::Acquired::Held { .. } => panic!("{held:?}"),
        };
        let mut again = world.insert(&order(&id, "o3", "mr")).await;
        try_intent(&world.store, &mut again, &lease).await.unwrap();
    }
}

#[tokio::test]
async fn a_halted_algorithm_that_is_registered_again_stays_halted() {
    let (world, mut order, lease) = ready().await;
    let registration = domain::Algorithm { algorithm_id: algorithm("mr"), principals: [].into(), registered_at: at(0) };
    world.store.rules.put_halt(&HaltScope::Algorithm(algorithm("mr")), &on()).await.unwrap();
    world.store.rules.remove_algorithm(&algorithm("mr")).await.unwrap();
    world.store.rules.put_algorithm(&registration).await.unwrap();
    let refused = try_intent(&world.store, &mut order, &lease).await;
    assert!(matches!(refused, Err(IntentRefused::Halted(_))), "{refused:?}");
}

#[tokio::test]
async fn a_global_halt_reaches_users_of_every_shard() {
    let world = World::new().await;
    world.store.rules.put_halt(&HaltScope::Global, &on()).await.unwrap();
    for number in 0..40 {
        let id = format!("user-{number}");
        let mut order = world.insert(&order(&id, "o1", "self")).await;
        let lease = world.lease(&user(&id)).await;
        let refused = try_intent(&world.store, &mut order, &lease).await;
        assert!(
            matches!(refused, Err(IntentRefused::Halted(HaltInForce { scope: HaltScope::Global, .. }))),
            "{id}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn without_an_active_grant_for_the_account_there_is_no_intent() {
    let grants = [
        (None, GrantLack::Gone),
        (Some(grant("u-7", "mr", &["DU0000001"], GrantStatus::Halted)), GrantLack::Halted),
        (
            Some(grant("u-7", "mr", &["DU00000010", "DU000000"], GrantStatus::Active)),
            GrantLack::Account("DU0000001".parse().ok()),
        ),
        (Some(grant("u-7", "other", &["DU0000001"], GrantStatus::Active)), GrantLack::Gone),
        (Some(grant("u-8", "mr", &["DU0000001"], GrantStatus::Active)), GrantLack::Gone),
    ];
    for (given, lacks) in grants {
        let world = World::new().await;
        if let Some(given) = &given {
            world.store.rules.put_grant(given).await.unwrap();
        }
        let mut order = world.insert(&order("u-7", "o1", "mr")).await;
        let lease = world.lease(&user("u-7")).await;
        let refused = try_intent(&world.store, &mut order, &lease).await;
        assert!(matches!(&refused, Err(IntentRefused::NoGrant(_, lack)) if *lack == lacks), "{given:?}: {refused:?}");
        assert_eq!(recorded(&world).await, (OrderStatus::Received, 1));
    }
}

#[tokio::test]
async fn the_users_own_hand_needs_no_grant_and_obeys_the_halts() {
    let world = World::new().await;
    let mut own = world.insert(&order("u-7", "o1", "self")).await;
    let lease = world.lease(&user("u-7")).await;
    try_intent(&world.store, &mut own, &lease).await.unwrap();
    world.store.rules.put_halt(&HaltScope::User(user("u-7")), &on()).await.unwrap();
    let mut own = world.insert(&order("u-7", "o2", "self")).await;
    assert!(matches!(try_intent(&world.store, &mut own, &lease).await, Err(IntentRefused::Halted(_))));
}

#[tokio::test]
async fn what_brings_no_risk_passes_a_halt_and_still_needs_the_lane() {
    let (world, mut order, lease) = ready().await;
    try_intent(&world.store, &mut order, &lease).await.unwrap();
    world.store.rules.put_halt(&HaltScope::Global, &on()).await.unwrap();
    let orders = &world.store.orders;
    orders.save_intent(&mut order, &lease, IntentGuards::LaneOnly).await.unwrap();
    world.store.lanes.acquire(&user("u-7"), "thief", at(61), at(90)).await.unwrap();
    let refused = orders.save_intent(&mut order, &lease, IntentGuards::LaneOnly).await;
    assert!(matches!(refused, Err(IntentRefused::LaneLost)), "{refused:?}");
}

#[tokio::test]
async fn a_lane_that_another_took_refuses_the_intent() {
    let (world, mut order, lease) = ready().await;
    world.store.lanes.acquire(&user("u-7"), "thief", at(61), at(90)).await.unwrap();
    let refused = try_intent(&world.store, &mut order, &lease).await;
    assert!(matches!(refused, Err(IntentRefused::LaneLost)), "{refused:?}");
    assert_eq!(recorded(&world).await, (OrderStatus::Received, 1));
}

#[tokio::test]
async fn a_lane_of_another_user_or_one_given_back_refuses_the_intent() {
    let (world, mut order, lease) = ready().await;
    let other = world.lease(&user("u-8")).await;
    let unchanged = order.clone();
    assert!(matches!(try_intent(&world.store, &mut order, &other).await, Err(IntentRefused::LaneLost)));
    // The row is as after a release whose holder goes on all the same.
    world
        .database
        .client()
        .update_item()
        .table_name("lanes")
        .key("lane", aws_sdk_dynamodb::types::AttributeValue::S("user#u-7".to_owned()))
        .update_expression("REMOVE leased_until")
        .send()
        .await
        .unwrap();
    let mut order = unchanged;
    assert!(matches!(try_intent(&world.store, &mut order, &lease).await, Err(IntentRefused::LaneLost)));
    assert_eq!(recorded(&world).await, (OrderStatus::Received, 1));
}

#[tokio::test]
async fn an_order_written_meanwhile_refuses_the_intent() {
    let (world, mut order, lease) = ready().await;
    let mut other = order.clone();
    world.store.orders.save(&mut other).await.unwrap();
    let refused = try_intent(&world.store, &mut order, &lease).await;
    assert!(matches!(refused, Err(IntentRefused::Conflict)), "{refused:?}");
    assert_eq!(order.version(), 1);
    assert_eq!(recorded(&world).await, (OrderStatus::Received, 2));
}

#[tokio::test]
async fn a_lost_answer_to_an_intent_is_recognised_as_our_own() {
    let (world, mut order, lease) = ready().await;
    let losing = world.losing_the_first_answer();
    try_intent(&losing, &mut order, &lease).await.unwrap();
    assert_eq!(recorded(&world).await, (OrderStatus::Sending, 2));
}

#[tokio::test]
async fn an_intent_that_is_tried_anew_over_its_own_row_stands_even_if_a_guard_fails_by_then() {
    let (world, mut order, lease) = ready().await;
    // First the answer is lost; then, before the repetition with a new token, the service says that it is busy.
    let tokens = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tokens);
    let losing = world.with_faults(move |call| match call.number {
        1 => Fault::AnswerLost,
        2 => {
            counted.fetch_add(1, Ordering::SeqCst);
            Fault::Contention
        }
        _ => Fault::None,
    });
    try_intent(&losing, &mut order, &lease).await.unwrap();
    assert_eq!(tokens.load(Ordering::SeqCst), 1);
    assert_eq!(recorded(&world).await, (OrderStatus::Sending, 2));
    assert_eq!(order.version(), 2);
}

#[tokio::test]
async fn contention_is_tried_again_and_told_when_it_does_not_end() {
    let (world, mut order, lease) = ready().await;
    let unchanged = order.clone();
    let busy = world.with_faults(|call| if call.number <= 3 { Fault::Contention } else { Fault::None });
    try_intent(&busy, &mut order, &lease).await.unwrap();
    assert_eq!(recorded(&world).await, (OrderStatus::Sending, 2));

    let always = world.with_faults(|_| Fault::Contention);
    let refused = try_intent(&always, &mut unchanged.clone(), &lease).await;
    assert!(matches!(refused, Err(IntentRefused::Contention)), "{refused:?}");
}

#[tokio::test]
async fn an_intent_without_any_answer_is_unavailable() {
    let (world, mut order, lease) = ready().await;
    let silent = world.with_faults(|_| Fault::AnswerLost);
    let refused = try_intent(&silent, &mut order, &lease).await;
    assert!(matches!(refused, Err(IntentRefused::Store(StoreError::Unavailable { .. }))), "{refused:?}");
    // As the error says: it may have happened.
    assert_eq!(recorded(&world).await, (OrderStatus::Sending, 2));
}
