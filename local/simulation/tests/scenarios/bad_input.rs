//! What must never reach the broker, and never stand in anybody's way.

use serde_json::{Value, json};
use simulation::{ALGORITHM, SENDER, USER, World};

/// Sends what is bad, then a good order behind it; the good one must work, and nothing else be at the broker.
async fn with_a_good_order_behind(bad: impl FnOnce(&World)) -> World {
    let world = World::with_a_connected_user().await;
    bad(&world);
    world.place("good", &json!({"type": "limit", "limit_price": "186"}));
    world.deliver_all().await;
    assert_eq!(world.status("good").await, "working");
    assert_eq!(world.broker().ledger().len(), 1, "only the good order is at the broker");
    let left: Vec<_> = world.queues.messages().into_iter().filter(|message| message.group.is_some()).collect();
    assert_eq!(left, [], "nothing is left in the queue of orders");
    world
}

async fn the_only_refusal(world: &World) -> (String, String) {
    let refusals = world.refusals().await;
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    (refusals[0].reason.code.to_string(), refusals[0].reason.message.clone())
}

#[tokio::test(start_paused = true)]
async fn what_is_no_json_is_a_recorded_refusal() {
    let world = with_a_good_order_behind(|world| {
        world.queues.send_order("{\"schema\": ", SENDER, USER);
    })
    .await;
    let (code, message) = the_only_refusal(&world).await;
    assert_eq!(code, "malformed");
    assert!(message.contains("not JSON"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_message_of_200_kilobytes_is_a_recorded_refusal_with_a_short_excerpt() {
    let big = "x".repeat(200 * 1024);
    let world = with_a_good_order_behind(|world| {
        world.place("big", &json!({"type": "market", "note": big}));
    })
    .await;
    let (_, message) = the_only_refusal(&world).await;
    assert!(message.contains("at most 16384 are read"), "{message}");
    assert!(world.refusals().await[0].excerpt.len() <= 512);
}

#[tokio::test(start_paused = true)]
async fn every_bad_field_is_named_in_a_denied_order() {
    let cases: [(Value, &[&str]); 10] = [
        (json!({"type": "market", "colour": "red"}), &["colour"]),
        (json!({"type": "limit", "limit_price": "186", "quantity": "-10"}), &["quantity"]),
        (json!({"type": "limit", "limit_price": "186", "quantity": "0"}), &["quantity"]),
        (json!({"type": "limit", "limit_price": "186", "quantity": "1e30"}), &["quantity"]),
        (
            json!({"type": "limit", "limit_price": "99999999999999999999999999999999", "quantity": "1"}),
            &["limit_price"],
        ),
        (json!({"type": "limit", "limit_price": 186.5}), &["limit_price"]),
        (json!({"type": "limit"}), &["limit_price"]),
        (json!({"type": "market", "side": "hold", "time_in_force": "week"}), &["side", "time_in_force"]),
        (json!({"type": "market", "contract": {"conid": -1}}), &["contract.conid"]),
        (json!({"type": "market", "good_until": "tomorrow"}), &["good_until"]),
    ];
    for (fields, named) in cases {
        let world = with_a_good_order_behind(|world| world.place("bad", &fields)).await;
        assert_eq!(world.status("bad").await, "denied: malformed", "{fields}");
        let reason = world.reason("bad").await;
        assert!(named.iter().all(|name| reason.contains(name)), "{fields}: {reason}");
        assert_eq!(world.refusals().await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_in_a_strangers_group_is_refused() {
    let world = with_a_good_order_behind(|world| {
        let command = world.place_command("stray", &json!({"type": "market"}));
        world.enqueue(&command, SENDER, "u-8");
    })
    .await;
    assert_eq!(the_only_refusal(&world).await.0, "other_group");
    assert!(world.find_order(USER, "stray").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_not_registered_is_refused() {
    for (sender, code) in [("AROASTRANGER:x", "sender_not_registered"), ("", "no_sender"), (":", "no_sender")] {
        let world = with_a_good_order_behind(|world| {
            let command = world.place_command("stray", &json!({"type": "market"}));
            world.enqueue(&command, sender, USER);
        })
        .await;
        assert_eq!(the_only_refusal(&world).await.0, code, "{sender}");
        assert!(world.find_order(USER, "stray").await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn an_algorithm_that_is_not_registered_is_refused() {
    let world = with_a_good_order_behind(|world| {
        world.place("stray", &json!({"type": "market", "algorithm_id": "unheard-of"}));
    })
    .await;
    assert_eq!(the_only_refusal(&world).await.0, "algorithm_unknown");
}

#[tokio::test(start_paused = true)]
async fn a_users_own_hand_cannot_be_forged_on_the_queue() {
    let world = with_a_good_order_behind(|world| {
        world.place("stray", &json!({"type": "market", "algorithm_id": "self"}));
    })
    .await;
    assert_eq!(the_only_refusal(&world).await.0, "own_hand_on_the_queue");
}

#[tokio::test(start_paused = true)]
async fn a_user_who_granted_nothing_cannot_be_traded_for() {
    let world = with_a_good_order_behind(|world| {
        let command = world.place_command("forged", &json!({"type": "market", "user_id": "u-8"}));
        world.enqueue(&command, SENDER, "u-8");
    })
    .await;
    assert_eq!(the_only_refusal(&world).await.0, "no_grant");
    assert!(world.find_order("u-8", "forged").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_not_granted_is_refused() {
    let world = with_a_good_order_behind(|world| {
        world.place("stray", &json!({"type": "market", "account_id": "DU0000002"}));
    })
    .await;
    assert_eq!(the_only_refusal(&world).await.0, "account_not_granted");
}

#[tokio::test(start_paused = true)]
async fn the_api_refuses_what_the_queue_refuses_and_names_the_fields() {
    let world = World::with_a_connected_user().await;
    let own = |fields: Value| {
        let mut body =
            world.place_command("own", &json!({"type": "limit", "limit_price": "186", "algorithm_id": "self"}));
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        json!({"body": body})
    };
    let bad = world.api("POST /orders", &own(json!({"quantity": "-1", "colour": "red"}))).await;
    assert_eq!(bad.status, 400);
    let fields: Vec<_> = bad.json["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["quantity", "colour"]);
    assert_eq!(world.api("POST /orders", &own(json!({"user_id": "u-8"}))).await.status, 403);
    let forged = world.api("POST /orders", &own(json!({"algorithm_id": ALGORITHM}))).await;
    assert_eq!((forged.status, &forged.json["code"]), (403, &json!("other_algorithm")), "{}", forged.text);
    let stranger =
        world.api_as(&json!({"sub": "u-8"}), "GET /orders/{order_id}", &json!({"path": {"order_id": "own"}})).await;
    assert_eq!(stranger.status, 404);
    assert_eq!(world.api_as(&Value::Null, "GET /orders", &json!({})).await.status, 401);
    let algorithm = json!({"sub": "a", "algorithm_id": "another"});
    let other = world.api_as(&algorithm, "POST /orders", &own(json!({"algorithm_id": ALGORITHM}))).await;
    assert_eq!(other.status, 403, "{}", other.text);
    assert!(world.find_order(USER, "own").await.is_none());
    world.settle().await;
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_object_is_refused_and_changes_nothing() {
    let world = World::with_a_connected_user().await;
    let id = world.connections().await[0].connection_id.to_string();
    for (route, body) in [
        ("PUT /connections/{connection_id}", json!([true, true])),
        ("PUT /halt", json!([true, null])),
        ("PUT /grants/{algorithm_id}", json!([["DU0000001"]])),
        ("PUT /limits", json!([])),
        ("PUT /halt", json!("on")),
    ] {
        let path = json!({"connection_id": id, "algorithm_id": simulation::ALGORITHM});
        let answered = world.api(route, &json!({"path": path, "body": body})).await;
        assert_eq!(
            (answered.status, &answered.json["code"]),
            (400, &json!("bad_fields")),
            "{route}: {}",
            answered.text
        );
    }
    assert_eq!(world.connections().await[0].choices, domain::Choices::default());
    assert_eq!(world.api("GET /halt", &json!({})).await.json["halted"], false);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_names_another_in_the_address_is_refused_and_nothing_is_done() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.deliver_all().await;
    let other = |order: bool| {
        let path = if order { json!({"order_id": "first"}) } else { json!({}) };
        json!({"path": path, "query": {"user_id": "somebody-else"}})
    };
    for (route, order) in
        [("DELETE /orders/{order_id}", true), ("GET /orders/{order_id}", true), ("GET /orders", false)]
    {
        let refused = world.api(route, &other(order)).await;
        assert_eq!((refused.status, &refused.json["code"]), (403, &json!("other_user")), "{route}: {}", refused.text);
    }
    assert_eq!(world.status("first").await, "working");
    let own = world.api("GET /orders", &json!({"query": {"user_id": USER}})).await;
    assert_eq!(own.status, 200, "{}", own.text);
}

#[tokio::test(start_paused = true)]
async fn a_halt_that_halts_nothing_names_no_mode() {
    let world = World::with_a_connected_user().await;
    let refused = world.api("PUT /halt", &json!({"body": {"halted": false, "mode": "reducing"}})).await;
    assert_eq!((refused.status, &refused.json["errors"][0]["field"]), (400, &json!("mode")), "{}", refused.text);
}
