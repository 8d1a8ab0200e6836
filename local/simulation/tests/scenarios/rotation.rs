//! The sealing key is rotated while orders flow.

use std::time::Duration;

use domain::{Clock, Secret};
use paper_broker::QuestionRules;
use platform::SEALING_KEYS_KNOWN_AFTER;
use serde_json::json;
use simulation::{USER, World};
use store::SealingSecret;

const SECOND_KEY: &str = "a-second-sealing-key-0123456789-0123456789-0123456789-0123456789-";
/// Between two orders.
const PAUSE: Duration = Duration::from_secs(30);

/// Market orders of the user's own hand, for so long.
async fn flow(world: &World, orders: &mut Vec<String>, lasting: Duration) {
    for _ in 0..lasting.as_secs().div_ceil(PAUSE.as_secs()) {
        let order_id = format!("order-{}", orders.len());
        let mut body = world.place_command(&order_id, &json!({"type": "market"}));
        body["algorithm_id"] = json!("self");
        let answered = world.api("POST /orders", &json!({"body": body})).await;
        assert_eq!(answered.status, 202, "{}", answered.text);
        orders.push(order_id);
        world.run_for(PAUSE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sealing_key_that_is_rotated_while_orders_flow_holds_none_of_them_up() {
    let world = World::start().await;
    world.broker().change_options(|options| options.live_session_token_life_seconds = 10 * 60);
    world.broker().set_questions(QuestionRules::none());
    world.connect_user().await;
    let mut orders = Vec::new();
    flow(&world, &mut orders, Duration::from_mins(3)).await;
    let secret = || SealingSecret::parse(Secret::new(world.sealing_secret())).unwrap();
    world.rotate_sealing_key(secret().announce(Secret::new(SECOND_KEY.to_owned()), world.clock.now()).text().expose());
    flow(&world, &mut orders, SEALING_KEYS_KNOWN_AFTER).await;
    world.rotate_sealing_key(secret().replace(world.clock.now()).text().expose());
    flow(&world, &mut orders, SEALING_KEYS_KNOWN_AFTER).await;
    let mut row = world.store().connections.list(&USER.parse().unwrap()).await.unwrap().remove(0);
    let operator = world.operators_tokens(&secret());
    while operator.seal_anew(&mut row.value).unwrap() {}
    world.store().connections.save(&mut row).await.unwrap();
    assert!(world.operators_tokens(&secret().finish()).are_current(&row.value));
    world.rotate_sealing_key(secret().finish().text().expose());
    flow(&world, &mut orders, SEALING_KEYS_KNOWN_AFTER).await;
    world.run_for(Duration::from_mins(1)).await;
    for order_id in &orders {
        let order = world.order(order_id).await;
        assert_eq!(order.status().as_str(), "filled", "{order_id}: {:?}", order.history);
        let reasons = order.history.iter().filter_map(|entry| entry.reason.as_ref());
        assert!(!reasons.into_iter().any(|reason| reason.code == "tokens_unusable"), "{order_id}");
    }
    assert_eq!(world.broker().ledger().len(), orders.len());
}

#[tokio::test(start_paused = true)]
async fn the_tokens_of_one_user_do_not_open_in_another_users_row() {
    let world = World::with_a_connected_user().await;
    world.connect("u-8", "paper-bob").await;
    let stolen = world.connections().await.remove(0).tokens;
    let other: domain::UserId = "u-8".parse().unwrap();
    let mut row = world.store().connections.list(&other).await.unwrap().remove(0);
    row.value.tokens = stolen;
    row.value.accounts = vec![simulation::ACCOUNT.parse().unwrap()];
    world.store().connections.save(&mut row).await.unwrap();
    let body = json!({"schema": "courier.order/1", "command": "place", "user_id": "u-8", "order_id": "stolen",
        "algorithm_id": "self", "account_id": simulation::ACCOUNT, "contract": {"conid": 265_598}, "side": "buy",
        "quantity": "10", "type": "limit", "limit_price": "186", "time_in_force": "day"});
    let answered = world.api_as(&json!({"sub": "u-8"}), "POST /orders", &json!({"body": body})).await;
    assert_eq!(answered.status, 202, "{}", answered.text);
    world.settle().await;
    let order = world.find_order("u-8", "stolen").await.unwrap();
    assert_eq!(order.state().reason().unwrap().code, "tokens_unusable", "{USER}'s tokens were used for u-8");
    assert!(world.broker().ledger().is_empty());
}
