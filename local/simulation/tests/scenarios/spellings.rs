//! A broker that spells its answers as another client recorded them.

use std::time::Duration;

use paper_broker::{Fault, FaultKind, QuestionRules, Spelling};
use serde_json::{Value, json};
use simulation::World;

use crate::limits::decimal;

async fn world(spelling: Spelling) -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.broker().change_options(|options| options.spelling = spelling);
    world
}

/// The broker answers so, and looks at nothing.
fn answers(world: &World, path: &str, body: &Value) {
    let told = FaultKind::Answer {
        executed: true,
        status: 200,
        content_type: "application/json".to_owned(),
        body: body.to_string(),
    };
    world.broker().add_fault(Fault { times: 1_000, ..Fault::next("GET", path, told) });
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_only_the_orders_own_row_tells_is_not_lost_in_either_spelling() {
    for spelling in [Spelling::Described, Spelling::Recorded] {
        let world = world(spelling).await;
        world.place("first", &json!({"type": "limit", "limit_price": "186"}));
        world.settle().await;
        assert_eq!(world.status("first").await, "working");
        answers(&world, "/iserver/account/orders", &json!({"orders": [], "snapshot": true}));
        answers(&world, "/iserver/account/trades", &json!([]));
        world.broker().set_price(265_598, Some(decimal("185")));
        world.run_for(Duration::from_mins(3)).await;
        let order = world.order("first").await;
        assert_eq!(order.status().as_str(), "filled", "{spelling:?}");
        assert_eq!(order.filled_quantity, decimal("10"), "{spelling:?}");
        assert!(order.average_price.is_some(), "{spelling:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_life_is_the_same_in_either_spelling_and_a_late_commission_disturbs_nothing() {
    let mut lives = Vec::new();
    for spelling in [Spelling::Described, Spelling::Recorded] {
        let world = world(spelling).await;
        world.broker().change_options(|options| options.commission_delay_ms = 90_000);
        world.place("first", &json!({"type": "limit", "limit_price": "186"}));
        world.settle().await;
        world.modify("first", 2, &json!({"limit_price": "186.50"}));
        world.settle().await;
        world.broker().set_price(265_598, Some(decimal("186")));
        world.run_for(Duration::from_mins(3)).await;
        let order = world.order("first").await;
        let history: Vec<&str> = order.history.iter().map(|entry| entry.status.as_str()).collect();
        lives.push((history.join(" "), order.filled_quantity, order.average_price));
    }
    assert!(lives[0].0.ends_with("filled"), "{lives:?}");
    assert_eq!(lives[0], lives[1]);
}
