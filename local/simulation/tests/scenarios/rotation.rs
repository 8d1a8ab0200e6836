//! The sealing key is rotated while orders flow.

use std::time::Duration;

use domain::Secret;
use paper_broker::QuestionRules;
use serde_json::json;
use simulation::{USER, World};
use store::{Purpose, Sealer, SealingKeys};

const SECOND_KEY: &str = "a-second-sealing-key-0123456789-0123456789-0123456789-0123456789-";
const THIRD_KEY: &str = "a-third-sealing-key-0123456789-0123456789-0123456789-0123456789--";

/// A world whose live session tokens are made anew, and so sealed anew, every few minutes.
async fn world() -> World {
    let world = World::start().await;
    world.broker().change_options(|options| options.live_session_token_life_seconds = 10 * 60);
    world.broker().set_questions(QuestionRules::none());
    world.connect_user().await;
    world
}

/// Market orders of the user's own hand, one every half minute, each with two minutes to live.
async fn flow(world: &World, from: usize, count: usize) {
    for number in from..from + count {
        let mut body = world.place_command(&format!("order-{number}"), &json!({"type": "market"}));
        body["algorithm_id"] = json!("self");
        let answered = world.api("POST /orders", &json!({"body": body})).await;
        assert_eq!(answered.status, 202, "{}", answered.text);
        world.run_for(Duration::from_secs(30)).await;
    }
}

/// How each order came to the broker, and whether it ever waited for a key.
async fn waited_for_a_key(world: &World, count: usize) -> usize {
    let mut waited = 0;
    for number in 0..count {
        let order_id = format!("order-{number}");
        let order = world.order(&order_id).await;
        assert_eq!(order.status().as_str(), "filled", "{order_id}: {:?}", order.history);
        assert_eq!(world.tickets(&order_id).len(), 1, "{order_id}");
        let reasons = order.history.iter().filter_map(|entry| entry.reason.as_ref());
        waited += usize::from(reasons.into_iter().any(|reason| reason.code == "tokens_unusable"));
    }
    waited
}

async fn opens_with(world: &World, current: &str, previous: Option<&str>) -> bool {
    let secret = |text: &str| Secret::new(text.to_owned());
    let keys = SealingKeys { current: secret(current), previous: previous.map(secret) };
    let sealer = Sealer::new(&keys).unwrap();
    let connection = world.connections().await.remove(0);
    let tokens = connection.tokens.unwrap();
    let (user_id, id) = (&connection.user_id, &connection.connection_id);
    let live = tokens.live_session_token.unwrap().sealed;
    [
        (&tokens.access_token, Purpose::AccessToken),
        (&tokens.access_token_secret, Purpose::AccessTokenSecret),
        (&live, Purpose::LiveSessionToken),
    ]
    .into_iter()
    .all(|(sealed, purpose)| sealer.open(sealed, purpose, user_id, id).is_ok())
}

#[tokio::test(start_paused = true)]
async fn a_sealing_key_that_is_rotated_twice_while_orders_flow_loses_none_of_them() {
    let mut world = world().await;
    flow(&world, 0, 6).await;
    world.rotate_sealing_key(SECOND_KEY);
    // This one has the new key at once; the others have the old one until they meet what it does not open.
    world.start_session_refresh_anew().await;
    flow(&world, 6, 26).await;
    assert!(opens_with(&world, SECOND_KEY, None).await, "everything is sealed with the second key");
    world.rotate_sealing_key(THIRD_KEY);
    flow(&world, 32, 28).await;
    assert!(opens_with(&world, THIRD_KEY, None).await, "everything is sealed with the third key");
    world.run_for(Duration::from_mins(3)).await;
    let waited = waited_for_a_key(&world, 60).await;
    assert!(waited > 0, "no order ever met a key that its function had not read");
    assert_eq!(world.broker().ledger().len(), 60);
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
