//! What became no order is told to its sender, its user and the operator, and to nobody else.

use embedded_dynamodb::Fault;
use serde_json::{Value, json};
use simulation::{ACCOUNT, ALGORITHM, SENDER, USER, World};

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

fn algorithm() -> Value {
    json!({"sub": "service", "algorithm_id": ALGORITHM})
}

async fn refusals(world: &World, claims: &Value, query: Value) -> Vec<Value> {
    let answered = world.api_as(claims, "GET /refusals", &json!({"query": query})).await;
    assert_eq!(answered.status, 200, "{}", answered.text);
    answered.json["refusals"].as_array().unwrap().clone()
}

fn codes(refusals: &[Value]) -> Vec<&str> {
    let mut codes: Vec<&str> = refusals.iter().map(|refusal| refusal["reason"]["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    codes
}

async fn events(world: &World) -> Vec<Value> {
    let told = world.tell_changes().await.into_iter().filter(|entry| entry["DetailType"] == "Message Refused");
    told.map(|entry| {
        assert_eq!(entry["Source"], "courier.orders");
        serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap()
    })
    .collect()
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_refusal_is_an_event_and_is_listed_for_its_sender_and_its_user() {
    let world = World::with_a_connected_user().await;
    world.place("first", &limit());
    world.settle().await;
    // Not granted; a used id with other content; a wrong revision; a stranger's group; what is no JSON.
    world.place("second", &json!({"type": "market", "account_id": "DU0000011"}));
    world.place("first", &json!({"type": "limit", "limit_price": "185"}));
    world.modify("first", 7, &json!({"limit_price": "185"}));
    world.enqueue(&world.place_command("third", &limit()), SENDER, "u-8");
    world.queues.send_order("{\"schema\": ", SENDER, USER);
    world.settle().await;
    let expected = ["account_not_granted", "malformed", "order_differs", "other_group", "revision_skipped"];
    let sent = refusals(&world, &algorithm(), json!({})).await;
    assert_eq!(codes(&sent), expected);
    assert_eq!(codes(&refusals(&world, &json!({"sub": USER}), json!({})).await), expected);
    let told = events(&world).await;
    assert_eq!(codes(&told), expected);
    for refusal in &sent {
        assert!(told.contains(refusal), "{refusal} is not among {told:?}");
        let fields: Vec<&String> = refusal.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["algorithm_id", "at", "message_id", "order_id", "reason", "user_id"]);
    }
    let used = sent.iter().find(|refusal| refusal["reason"]["code"] == "order_differs").unwrap();
    assert_eq!((&used["order_id"], &used["user_id"]), (&json!("first"), &json!(USER)));
    assert_eq!(used["algorithm_id"], ALGORITHM);
    let unreadable = sent.iter().find(|refusal| refusal["reason"]["code"] == "malformed").unwrap();
    assert_eq!((&unreadable["order_id"], &unreadable["user_id"]), (&Value::Null, &Value::Null));
    assert_eq!(world.broker().ledger().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_sees_what_anothers_sender_sent_or_what_is_in_anothers_name() {
    let world = World::with_a_connected_user().await;
    world.register_algorithm("another", "AROAANOTHER").await;
    // A stranger speaks for the algorithm; another algorithm sends for a user who granted it nothing.
    world.enqueue(&world.place_command("forged", &limit()), "AROASTRANGER:x", USER);
    world.enqueue(
        &world.place_command("mine", &json!({"type": "market", "algorithm_id": "another"})),
        "AROAANOTHER:x",
        USER,
    );
    world.settle().await;
    let shown = |refusals: Vec<Value>| -> Vec<String> {
        refusals.iter().map(|refusal| refusal["order_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(shown(refusals(&world, &algorithm(), json!({})).await), [""; 0]);
    let another = json!({"sub": "service", "algorithm_id": "another"});
    assert_eq!(shown(refusals(&world, &another, json!({})).await), ["mine"]);
    assert_eq!(shown(refusals(&world, &another, json!({"user_id": "u-8"})).await), [""; 0]);
    assert_eq!(shown(refusals(&world, &json!({"sub": USER}), json!({})).await), ["mine", "forged"]);
    // A user's own token says whose they are: another's in the query is refused.
    let of_another = json!({"query": {"user_id": USER}});
    assert_eq!(world.api_as(&json!({"sub": "u-8"}), "GET /refusals", &of_another).await.status, 403);
    assert_eq!(shown(refusals(&world, &json!({"sub": "u-8"}), json!({})).await), [""; 0]);
    let unheard_of = json!({"sub": "service", "algorithm_id": "unheard-of"});
    assert_eq!(shown(refusals(&world, &unheard_of, json!({})).await), [""; 0]);
    assert_eq!(world.api_as(&Value::Null, "GET /refusals", &json!({})).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_refusals_goes_on_where_the_one_before_ended() {
    let world = World::with_a_connected_user().await;
    for number in 0..5 {
        world.place(&format!("o-{number}"), &json!({"type": "market", "account_id": "DU0000011"}));
    }
    world.settle().await;
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut query = json!({"limit": "2"});
        if !cursor.is_null() {
            query["cursor"] = cursor;
        }
        let page = world.api_as(&algorithm(), "GET /refusals", &json!({"query": query})).await.json;
        seen.extend(page["refusals"].as_array().unwrap().iter().map(|refusal| refusal["order_id"].clone()));
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
    let one = refusals(&world, &algorithm(), json!({"order_id": "o-3"})).await;
    assert_eq!(one.len(), 1);
    let bad = world.api_as(&algorithm(), "GET /refusals", &json!({"query": {"cursor": "nonsense"}})).await;
    assert_eq!((bad.status, &bad.json["code"]), (400, &json!("bad_fields")));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_another_algorithm_used_is_refused_with_a_reason_that_says_so() {
    let world = World::with_a_connected_user().await;
    world.register_algorithm("another", "AROAANOTHER").await;
    let grant = json!({"path": {"algorithm_id": "another"}, "body": {"account_ids": [ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    world.place("shared", &limit());
    world.settle().await;
    let body =
        world.place_command("shared", &json!({"type": "limit", "limit_price": "186", "algorithm_id": "another"}));
    world.enqueue(&body, "AROAANOTHER:x", USER);
    world.settle().await;
    let another = json!({"sub": "service", "algorithm_id": "another"});
    let told = refusals(&world, &another, json!({"order_id": "shared"})).await;
    assert_eq!(codes(&told), ["order_differs"]);
    let message = told[0]["reason"]["message"].as_str().unwrap();
    assert!(message.contains("another algorithm"), "{message}");
    assert!(!message.contains(ALGORITHM), "{message}");
    let conflict = world.api_as(&another, "POST /orders", &json!({"body": body})).await;
    assert_eq!((conflict.status, &conflict.json["code"]), (409, &json!("order_differs")), "{}", conflict.text);
    assert!(conflict.json["detail"].as_str().unwrap().contains("another algorithm"), "{}", conflict.text);
    assert_eq!(world.broker().ledger().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_change_is_told_as_an_event_of_its_order_and_the_count_goes_on() {
    let world = World::with_a_connected_user().await;
    world.place("first", &limit());
    world.settle().await;
    world.modify("first", 2, &json!({"limit_price": "185.001"}));
    world.settle().await;
    let order = world.order("first").await;
    assert_eq!(order.change().unwrap().stage.as_str(), "refused");
    let told: Vec<Value> = world
        .tell_changes()
        .await
        .into_iter()
        .filter(|entry| entry["DetailType"] == "Order Status Changed")
        .map(|entry| serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap())
        .collect();
    let last = told.last().unwrap();
    assert_eq!((&last["status"], &last["previous_status"]), (&json!("working"), &json!("working")), "{last}");
    assert_eq!((&last["change"]["status"], &last["change"]["revision"]), (&json!("refused"), &json!(2)), "{last}");
    assert_eq!(last["reason"], last["change"]["reason"]);
    let counted: Vec<u64> = told.iter().map(|detail| detail["sequence"].as_u64().unwrap()).collect();
    assert_eq!(counted, (1..=order.sequence).collect::<Vec<_>>());
    assert_eq!(world.status("first").await, "working");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_cannot_be_recorded_does_not_stand_in_its_groups_way_for_ever() {
    use embedded_dynamodb::Fault;
    let world = World::with_a_connected_user().await;
    world.set_database_faults(|call| {
        let of_a_refusal = call.operation == "TransactWriteItems" && call.body.contains("refused from");
        if of_a_refusal { Fault::Throttled } else { Fault::None }
    });
    world.place("bad", &json!({"type": "market", "account_id": "DU0000011"}));
    world.place(
        "good",
        &json!({"type": "limit", "limit_price": "186", "time_in_force": "gtc", "good_until": "2030-01-01T00:00:00Z"}),
    );
    world.run_for(std::time::Duration::from_mins(30)).await;
    assert_eq!(world.status("good").await, "working");
    assert_eq!(world.refusals().await, []);
    let left: Vec<_> = world.queues.messages().into_iter().filter(|message| message.group.is_some()).collect();
    assert_eq!(left, []);
}

#[tokio::test(start_paused = true)]
async fn a_wake_of_a_stranger_is_refused_and_keeps_nobodys_lane_busy() {
    let world = World::with_a_connected_user().await;
    world.place("first", &limit());
    world.settle().await;
    let calls = world.calls("").len();
    for sender in [SENDER, "AROASTRANGER:x", "123456789012", ""] {
        world.enqueue(&json!({"schema": "courier.wake/1", "user_id": USER}), sender, USER);
        world.enqueue(&json!({"schema": "courier.wake/1", "user_id": USER, "order_id": "first"}), sender, USER);
    }
    world.deliver_all().await;
    let told: Vec<String> = world.refusals().await.into_iter().map(|refusal| refusal.reason.code.to_string()).collect();
    assert_eq!(told, ["wake_of_a_stranger"; 8]);
    assert_eq!(world.calls("").len(), calls, "a forged wake had the broker asked");
    // Courier's own intake still wakes.
    let body = world.place_command("own", &json!({"type": "limit", "limit_price": "186", "algorithm_id": "self"}));
    assert_eq!(world.api("POST /orders", &json!({"body": body})).await.status, 202);
    world.deliver_all().await;
    assert_eq!(world.status("own").await, "working");
}

#[tokio::test(start_paused = true)]
async fn no_answer_repeats_what_a_caller_sent_without_a_bound() {
    let world = World::with_a_connected_user().await;
    let long = "x".repeat(30_000);
    let many: serde_json::Map<String, Value> = (0..3_000).map(|number| (format!("field-{number}"), json!(1))).collect();
    let bodies = [json!({long.clone(): 1}), json!({"side": long, "order_id": long}), Value::Object(many)];
    for body in &bodies {
        for route in ["POST /orders", "PUT /limits", "PUT /halt", "PUT /grants/{algorithm_id}"] {
            let details = json!({"path": {"algorithm_id": ALGORITHM}, "body": body});
            let answered = world.api(route, &details).await;
            assert_eq!(answered.status, 400, "{route}: {}", answered.text);
            assert!(answered.text.len() < 30_000, "{route}: {} bytes", answered.text.len());
            assert!(!answered.text.contains(&"x".repeat(400)), "{route}: {}", answered.text);
        }
    }
    // Already more than API Gateway lets through: 10 kB of an address and its headers.
    let long = "x".repeat(10_000);
    let query = json!({"query": {long.clone(): long.clone(), "status": long.clone(), "limit": long.clone()}});
    for route in ["GET /orders", "GET /refusals"] {
        let answered = world.api(route, &query).await;
        assert_eq!(answered.status, 400, "{route}: {}", answered.text);
        assert!(answered.text.len() < 5_000, "{route}: {} bytes", answered.text.len());
    }
    let huge = json!({"body": {"side": "x".repeat(100_000)}});
    let refused = world.api("POST /orders", &huge).await;
    assert_eq!((refused.status, &refused.json["code"]), (413, &json!("too_large")), "{}", refused.text);
}

#[tokio::test(start_paused = true)]
async fn a_change_or_a_cancel_that_cannot_be_read_is_refused_and_burns_no_id() {
    let world = World::with_a_connected_user().await;
    let command = |command: &str| {
        json!({"schema": "courier.order/1", "command": command, "user_id": USER, "order_id": "later",
            "algorithm_id": ALGORITHM, "colour": "red"})
    };
    for bad in ["modify", "cancel", "remove"] {
        world.enqueue(&command(bad), SENDER, USER);
    }
    world.settle().await;
    let told = refusals(&world, &algorithm(), json!({})).await;
    assert_eq!(codes(&told), ["malformed"; 3]);
    assert!(told.iter().all(|refusal| refusal["order_id"] == "later"), "{told:?}");
    assert_eq!(codes(&events(&world).await), ["malformed"; 3]);
    world.place("later", &limit());
    world.settle().await;
    assert_eq!(world.status("later").await, "working");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_no_row_takes_is_refused_and_a_cancel_behind_it_waits_for_nothing() {
    let world = World::with_a_connected_user().await;
    world.place("full", &limit());
    world.place("other", &limit());
    world.settle().await;
    world.set_database_faults(|call| match call.operation {
        "PutItem" if call.body.contains("\"full\"") => Fault::Invalid,
        _ => Fault::None,
    });
    world.modify("full", 2, &json!({"limit_price": "185"}));
    world.cancel("full");
    world.cancel("other");
    world.deliver_all().await;
    let left = world.queues.messages().into_iter().filter(|message| message.group.is_some()).count();
    assert_eq!(left, 0, "nothing waits in the queue of orders");
    world.settle().await;
    assert_eq!((world.status("full").await.as_str(), world.status("other").await.as_str()), ("working", "cancelled"));
    let told = refusals(&world, &algorithm(), json!({})).await;
    assert_eq!(codes(&told), ["cannot_be_recorded"; 2]);
    assert!(told.iter().all(|refusal| refusal["order_id"] == "full"), "{told:?}");
    for (route, body) in [
        ("PUT /orders/{order_id}", json!({"revision": 2, "limit_price": "185"})),
        ("DELETE /orders/{order_id}", json!(null)),
    ] {
        let query = json!({"user_id": USER});
        let request = json!({"path": {"order_id": "full"}, "query": query, "body": body});
        let answered = world.api_as(&algorithm(), route, &request).await;
        assert_eq!((answered.status, &answered.json["code"]), (409, &json!("cannot_be_recorded")), "{}", answered.text);
    }
}

#[tokio::test(start_paused = true)]
async fn of_new_orders_together_one_that_no_row_takes_is_refused_alone() {
    let world = World::with_a_connected_user().await;
    world.set_database_faults(|call| match call.operation {
        "PutItem" | "TransactWriteItems" if call.body.contains("\"full\"") && !call.body.contains("\"refusal\"") => {
            Fault::Invalid
        }
        _ => Fault::None,
    });
    for order_id in ["one", "full", "two"] {
        world.place(order_id, &limit());
    }
    world.settle().await;
    assert_eq!((world.status("one").await.as_str(), world.status("two").await.as_str()), ("working", "working"));
    let told = refusals(&world, &algorithm(), json!({})).await;
    assert_eq!((codes(&told), &told[0]["order_id"]), (vec!["cannot_be_recorded"], &json!("full")));
}

#[tokio::test(start_paused = true)]
async fn a_halt_that_cancels_what_works_ends_the_others_beside_an_order_whose_row_takes_no_more() {
    let world = World::with_a_connected_user().await;
    for order_id in ["first", "full", "last"] {
        world.place(order_id, &limit());
    }
    world.settle().await;
    world.set_database_faults(|call| match call.operation {
        "PutItem" if call.body.contains("\"full\"") => Fault::Invalid,
        _ => Fault::None,
    });
    let answered = world.api("PUT /halt", &json!({"body": {"halted": true, "cancel_working": true}})).await;
    assert_eq!((answered.status, &answered.json["cancels_asked"]), (200, &json!(2)), "{}", answered.text);
    world.settle().await;
    let mut shown = Vec::new();
    for order_id in ["first", "full", "last"] {
        shown.push(world.status(order_id).await);
    }
    assert_eq!(shown, ["cancelled", "working", "cancelled"]);
}
