//! Orders that look like one that was sent a moment ago, where a limit refuses them.

use std::time::Duration;

use crate::INTENT;
use paper_broker::{Fault, FaultKind};
use serde_json::{Value, json};
use simulation::{ALGORITHM, CrashPoint, SENDER, USER, World};

use crate::limits::{limit_grant, limit_user, resting, send, send_resting, world};

const WINDOW: Duration = Duration::from_mins(1);

async fn limited() -> World {
    let world = world().await;
    limit_user(&world, json!({"duplicate_window_seconds": WINDOW.as_secs()})).await;
    world
}

/// The order's fields, with these in their place.
fn but(fields: &Value) -> Value {
    let mut order = resting();
    for (name, value) in fields.as_object().unwrap() {
        order[name] = value.clone();
    }
    order
}

#[tokio::test(start_paused = true)]
async fn an_order_that_looks_like_one_within_the_window_is_refused_and_told_which() {
    let world = limited().await;
    assert_eq!(send(&world, "first", resting()).await, "working");
    assert_eq!(send(&world, "second", resting()).await, "denied: beyond_limits");
    let reason = world.reason("second").await;
    assert!(
        reason.contains("the user's own limits (duplicate_window_seconds): it looks like the order first of"),
        "{reason}"
    );
    // How long it works makes no other order of it.
    assert_eq!(send(&world, "third", but(&json!({"time_in_force": "gtc"}))).await, "denied: beyond_limits");
    assert_eq!(world.broker().ledger().len(), 1);
    world.run_for(WINDOW).await;
    assert_eq!(send(&world, "later", resting()).await, "working");
    assert_eq!(send(&world, "too_soon", resting()).await, "denied: beyond_limits");
    assert!(world.reason("too_soon").await.contains("the order later of"));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_differs_in_anything_that_matters_is_another_one() {
    let world = limited().await;
    assert_eq!(send(&world, "first", resting()).await, "working");
    for (number, fields) in [
        json!({"quantity": "11"}),
        json!({"limit_price": "186.01"}),
        json!({"side": "sell", "limit_price": "190"}),
        json!({"contract": {"conid": 272_093}}),
        json!({"type": "stop_limit", "stop_price": "190", "limit_price": "191"}),
        json!({"attached": {"stop_loss": {"stop_price": "170"}}}),
        json!({"attached": {"stop_loss": {"stop_price": "171"}}}),
    ]
    .into_iter()
    .enumerate()
    {
        let status = send(&world, &format!("other-{number}"), but(&fields)).await;
        assert!(["working", "held: behind_another"].contains(&status.as_str()), "{fields}: {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_users_window_looks_at_every_order_and_a_grants_at_its_own_algorithms() {
    let own_hand = async |world: &World, order_id: &str| {
        let mut own = world.place_command(order_id, &resting());
        own["algorithm_id"] = json!("self");
        assert_eq!(world.api("POST /orders", &json!({"body": own})).await.status, 202);
        world.deliver_all().await;
        world.status(order_id).await
    };
    let world = limited().await;
    assert_eq!(own_hand(&world, "own").await, "working");
    assert_eq!(send(&world, "algorithms", resting()).await, "denied: beyond_limits");

    let world = crate::limits::world().await;
    limit_grant(&world, json!({"duplicate_window_seconds": 60})).await;
    assert_eq!(own_hand(&world, "own").await, "working");
    assert_eq!(send(&world, "algorithms", resting()).await, "working");
    assert_eq!(send(&world, "again", resting()).await, "denied: beyond_limits");
    assert!(world.reason("again").await.contains("the grant's limits (duplicate_window_seconds)"));
    assert_eq!(own_hand(&world, "own_again").await, "working");
}

#[tokio::test(start_paused = true)]
async fn the_same_order_again_is_never_its_own_duplicate() {
    // Delivered twice.
    let world = limited().await;
    let command = world.place_command("first", &resting());
    world.enqueue(&command, SENDER, USER);
    world.enqueue(&command, SENDER, USER);
    world.settle().await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));

    // Nothing of it left, so it is sent anew.
    let world = limited().await;
    world.network.refuse_connections(1);
    world.place("first", &resting());
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));

    // It never arrived, and is sent once more.
    let world = limited().await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", FaultKind::DropBefore));
    world.place("first", &resting());
    world.run_for(Duration::from_mins(3)).await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));
    assert_eq!(world.order("first").await.sends, 2);
}

#[tokio::test(start_paused = true)]
async fn a_crash_around_the_intent_makes_no_order_its_own_duplicate_and_lets_no_second_one_pass() {
    for point in [
        CrashPoint::BeforeWrite { with: INTENT },
        CrashPoint::AfterWrite { with: INTENT },
        CrashPoint::BeforeCall { with: "/orders" },
        CrashPoint::AfterCall { with: "/orders" },
    ] {
        let world = world().await;
        // A message that a crash left in flight keeps those behind it for six minutes.
        limit_user(&world, json!({"duplicate_window_seconds": 3600})).await;
        world.crash_at(point.clone());
        world.place("first", &resting());
        world.deliver_all().await;
        assert_eq!(world.crashes_to_come(), [], "{point:?} never came by");
        world.place("second", &resting());
        world.run_for(Duration::from_mins(10)).await;
        let statuses = [world.status("first").await, world.status("second").await];
        let denied = |status: &String| status == "denied: beyond_limits";
        assert!(!denied(&statuses[0]), "{point:?}: {statuses:?}");
        assert_eq!(world.tickets("first").len(), 1, "{point:?}");
        assert!(denied(&statuses[1]), "{point:?}: {statuses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_orders_that_look_the_same_and_come_at_once_exactly_one_is_sent() {
    let world = limited().await;
    for number in 0..30 {
        world.enqueue(&world.place_command(&format!("order-{number}"), &resting()), SENDER, USER);
    }
    world.settle().await;
    assert_eq!(world.broker().ledger().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_order_under_the_id_of_a_changed_one_is_not_told_apart_by_the_changes() {
    let world = world().await;
    assert_eq!(send_resting(&world, "first").await, "working");
    world.modify("first", 2, &json!({"quantity": "9"}));
    world.run_for(Duration::from_secs(20)).await;
    assert_eq!(world.order("first").await.revision(), 2);
    let again = |fields: Value| world.place_command("first", &fields);
    let claims = json!({"sub": USER, "algorithm_id": ALGORITHM});
    let same = world.api_as(&claims, "POST /orders", &json!({"body": again(resting())})).await;
    assert_eq!(same.status, 202, "{}", same.text);
    let other = world
        .api_as(&claims, "POST /orders", &json!({"body": again(json!({"type": "limit", "limit_price": "184"}))}))
        .await;
    assert_eq!(other.status, 409);
    assert!(other.text.contains("changed since it was placed") && !other.text.contains("quantity"), "{}", other.text);
}
