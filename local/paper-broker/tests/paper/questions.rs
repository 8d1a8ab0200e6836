//! Questions, replies, suppression, and the advanced prompt.

use paper_broker::QuestionRules;
use serde_json::{Value, json};

use crate::client::Client;
use crate::tickets::{ORDERS, limit_ticket, orders};
use crate::world::{AAPL, world};

fn market_ticket(id: &str, quantity: u32) -> Value {
    json!({"conid": AAPL, "cOID": id, "orderType": "MKT", "side": "BUY", "tif": "DAY", "quantity": quantity})
}

fn far_ticket(id: &str) -> Value {
    let mut ticket = limit_ticket(id);
    ticket["price"] = json!(150);
    ticket
}

/// The id and the message id of the question in an answer.
fn question(answer: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    (text(&answer[0]["id"]), text(&answer[0]["messageIds"][0]))
}

async fn reply(client: &Client, id: &str, confirmed: bool) -> crate::client::Answered {
    client.post(&format!("/iserver/reply/{id}"), &json!({"confirmed": confirmed})).await
}

#[tokio::test]
async fn each_rule_asks_its_question() {
    let world = world();
    let client = Client::trading(&world).await;
    let with = |field: &str, value: Value| {
        let mut ticket = limit_ticket("q");
        ticket[field] = value;
        ticket
    };
    let mut dark = with("conid", json!(9998));
    dark["price"] = json!(10);
    let mut stop = with("orderType", json!("STP"));
    stop["price"] = json!(190);
    let mut cash = with("cashQty", json!(1000));
    cash.as_object_mut().unwrap().remove("quantity");
    let cases = [
        (cash, "o10223"),
        (far_ticket("q"), "o163"),
        (market_ticket("q", 1), "o10151"),
        (stop, "o10152"),
        (dark, "o354"),
        (with("price", json!(187.001)), "o382"),
        (with("quantity", json!(501)), "o383"),
        (with("quantity", json!(500)), ""),
    ];
    for (ticket, expected) in cases {
        let answer = client.post(ORDERS, &orders(&[ticket])).await.json();
        if expected.is_empty() {
            assert_eq!(answer[0]["order_status"], "Submitted");
        } else {
            assert_eq!(question(&answer).1, expected);
            assert_eq!(answer[0]["isSuppressed"], false);
        }
    }
    world.broker.set_questions(QuestionRules { value_limit: Some(1_000.into()), ..QuestionRules::none() });
    assert_eq!(question(&client.post(ORDERS, &orders(&[limit_ticket("v")])).await.json()).1, "o451");
}

#[tokio::test]
async fn an_order_is_registered_after_the_last_answer_only() {
    let world = world();
    let client = Client::trading(&world).await;
    world.broker.set_questions(QuestionRules {
        always: vec!["o9001".to_owned(), "o9002".to_owned()],
        ..QuestionRules::default()
    });
    let first = client.post(ORDERS, &orders(&[market_ticket("c-1", 1)])).await.json();
    let mut asked = Vec::new();
    let mut answer = first;
    while answer[0].get("message").is_some() {
        assert!(world.broker.ledger().is_empty());
        let (id, message_id) = question(&answer);
        asked.push(message_id);
        answer = reply(&client, &id, true).await.json();
    }
    assert_eq!(asked, ["o10151", "o9001", "o9002"]);
    assert_eq!(answer[0]["order_status"], "Filled");
    assert_eq!(world.broker.registered_count("c-1"), 1);
}

#[tokio::test]
async fn a_no_or_an_unknown_id_places_nothing() {
    let world = world();
    let client = Client::trading(&world).await;
    let (id, _) = question(&client.post(ORDERS, &orders(&[market_ticket("c-1", 1)])).await.json());
    assert_eq!(reply(&client, &id, false).await.error(), "Order not confirmed ");
    let again = reply(&client, &id, true).await;
    assert_eq!((again.status, again.error()), (400, format!("reply id not found: '{id}'")));
    assert!(world.broker.ledger().is_empty());
}

#[tokio::test]
async fn any_other_order_request_kills_a_pending_question() {
    let world = world();
    let client = Client::trading(&world).await;
    let resting = client.post(ORDERS, &orders(&[limit_ticket("resting")])).await.json()[0]["order_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let order = format!("/iserver/account/DU0000001/order/{resting}");
    for kill in ["place", "modify", "cancel", "preview"] {
        let (id, _) = question(&client.post(ORDERS, &orders(&[market_ticket("c-1", 1)])).await.json());
        match kill {
            "place" => client.post(ORDERS, &orders(&[limit_ticket("c-2")])).await,
            "modify" => client.post(&order, &limit_ticket("resting")).await,
            "cancel" => client.delete("/iserver/account/DU0000001/order/1").await,
            _ => client.post(&format!("{ORDERS}/whatif"), &orders(&[limit_ticket("c-3")])).await,
        };
        assert_eq!(reply(&client, &id, true).await.status, 400, "{kill}");
    }
    let (id, _) = question(&client.post(ORDERS, &orders(&[market_ticket("c-1", 1)])).await.json());
    client.get("/iserver/account/orders").await;
    assert_eq!(reply(&client, &id, true).await.json()[0]["order_status"], "Filled", "reading kills nothing");
}

#[tokio::test]
async fn a_change_is_asked_about_like_an_order() {
    let world = world();
    let client = Client::trading(&world).await;
    let order_id =
        client.post(ORDERS, &orders(&[limit_ticket("c-1")])).await.json()[0]["order_id"].as_str().unwrap().to_owned();
    let asked = client.post(&format!("/iserver/account/DU0000001/order/{order_id}"), &far_ticket("c-1")).await.json();
    let (id, message_id) = question(&asked);
    assert_eq!(message_id, "o163");
    assert_eq!(reply(&client, &id, true).await.json()[0]["order_id"], order_id);
    assert_eq!(world.broker.ledger()[0].price, Some(150.into()));
}

#[tokio::test]
async fn suppressed_questions_are_not_asked_until_the_session_ends() {
    let world = world();
    let client = Client::trading(&world).await;
    let suppress = |ids: Value| {
        let client = client.clone();
        async move { client.post("/iserver/questions/suppress", &json!({"messageIds": ids})).await }
    };
    assert_eq!(suppress(json!(["o10151"])).await.json(), json!({"status": "submitted"}));
    assert_eq!(client.post(ORDERS, &orders(&[market_ticket("c-1", 1)])).await.json()[0]["order_status"], "Filled");
    client.post("/iserver/questions/suppress/reset", &json!({})).await;
    question(&client.post(ORDERS, &orders(&[market_ticket("c-2", 1)])).await.json());
    suppress(json!(["o10151"])).await;
    client.start_brokerage().await;
    question(&client.post(ORDERS, &orders(&[market_ticket("c-3", 1)])).await.json());
    assert_eq!(suppress(json!(vec!["o1"; 52])).await.status, 400);
}

#[tokio::test]
async fn the_advanced_prompt_is_answered_by_notification() {
    let world = world();
    let client = Client::trading(&world).await;
    world.broker.set_questions(QuestionRules { prompted_conids: vec![AAPL], ..QuestionRules::none() });
    for (text, count) in [("No", 0), ("Yes", 1)] {
        let prompt = client.post(ORDERS, &orders(&[limit_ticket("c-1")])).await.json();
        assert_eq!((&prompt["messageId"], &prompt["options"]), (&json!("p12"), &json!(["Yes", "No"])));
        let request_id = prompt["reqId"].as_str().unwrap();
        assert_eq!(reply(&client, request_id, true).await.status, 400, "a prompt is no question");
        let body = json!({"orderId": prompt["orderId"], "reqId": request_id, "text": text});
        let answer = client.post("/iserver/notification", &body).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "Success"));
        assert_eq!(world.broker.registered_count("c-1"), count);
        assert_eq!(client.post("/iserver/notification", &body).await.status, 400);
    }
}
