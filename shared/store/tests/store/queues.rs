//! What goes onto the queues, byte for byte.

use std::sync::{Arc, Mutex};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use store::{
    BodyRefused, OrderQueue, SessionAsk, SessionAskReason, SessionQueue, StoreError, TRACK_CHAIN_LINKS_MAX, TrackAsk,
    TrackQueue, Wake,
};

use crate::support::{Counting, user};

/// SQS's end of the wire: keeps each request, and answers all alike.
#[derive(Debug, Clone)]
struct Wire {
    requests: Arc<Mutex<Vec<Value>>>,
    answer: (u16, &'static str),
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        self.requests.lock().unwrap().push(body);
        let (status, body) = self.answer;
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
    }
}

fn client(answer: (u16, &'static str)) -> (aws_sdk_sqs::Client, Arc<Mutex<Vec<Value>>>) {
    let wire = Wire { requests: Arc::default(), answer };
    let requests = Arc::clone(&wire.requests);
    let connector = SharedHttpConnector::new(wire);
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    (aws_sdk_sqs::Client::from_conf(config), requests)
}

const TAKEN: (u16, &str) = (200, r#"{"MessageId": "m1", "MD5OfMessageBody": "0"}"#);

/// The requests, with their bodies opened.
fn sent(requests: &Mutex<Vec<Value>>) -> Vec<Value> {
    let mut requests = requests.lock().unwrap().clone();
    for request in &mut requests {
        request["MessageBody"] = serde_json::from_str(request["MessageBody"].as_str().unwrap()).unwrap();
    }
    requests
}

#[tokio::test]
async fn a_wake_goes_into_its_users_group() {
    let (client, requests) = client(TAKEN);
    let queue = OrderQueue::new(client, "https://sqs.test/orders.fifo", Arc::new(Counting::default()));
    let all = Wake { user_id: user("u-7"), order_id: None };
    let one = Wake { user_id: user("u-7"), order_id: Some("o1".parse().unwrap()) };
    queue.wake(&all).await.unwrap();
    queue.wake(&one).await.unwrap();
    let expected =
        |body: Value| json!({"QueueUrl": "https://sqs.test/orders.fifo", "MessageBody": body, "MessageGroupId": "u-7"});
    let mut told = sent(&requests);
    let ids: Vec<String> = told
        .iter_mut()
        .map(|request| request.as_object_mut().unwrap().remove("MessageDeduplicationId").unwrap().to_string())
        .collect();
    // Nobody can guess one, not even of a wake that says the same.
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == "\"wake-\"".len() + 32), "{ids:?}");
    assert_eq!(
        told,
        [
            expected(json!({"schema": "courier.wake/1", "user_id": "u-7"})),
            expected(json!({"schema": "courier.wake/1", "user_id": "u-7", "order_id": "o1"})),
        ]
    );
    for (request, wake) in requests.lock().unwrap().iter().zip([all, one]) {
        assert_eq!(Wake::parse(request["MessageBody"].as_str().unwrap()).unwrap(), wake);
    }
}

#[tokio::test]
async fn a_session_is_asked_for_and_an_order_tracked_after_a_delay() {
    let (client, requests) = client(TAKEN);
    let connection_id = "c1".parse().unwrap();
    let session = SessionAsk { user_id: user("u-7"), connection_id, reason: SessionAskReason::OrderWaits };
    SessionQueue::new(client.clone(), "https://sqs.test/sessions").ask(&session).await.unwrap();
    let track = TrackAsk::first(user("u-7"));
    let queue = TrackQueue::new(client, "https://sqs.test/track");
    queue.ask(&track, 5).await.unwrap();
    queue.ask(&track, 5000).await.unwrap();
    let tracking = |delay: u32| {
        json!({"QueueUrl": "https://sqs.test/track", "DelaySeconds": delay,
               "MessageBody": {"schema": "courier.track/1", "user_id": "u-7"}})
    };
    let asking = json!({"QueueUrl": "https://sqs.test/sessions", "MessageBody":
        {"schema": "courier.session/1", "user_id": "u-7", "connection_id": "c1", "reason": "order_waits"}});
    assert_eq!(sent(&requests), [asking, tracking(5), tracking(900)]);
    let bodies: Vec<String> =
        requests.lock().unwrap().iter().map(|sent| sent["MessageBody"].as_str().unwrap().to_owned()).collect();
    assert_eq!(SessionAsk::parse(&bodies[0]).unwrap(), session);
    assert_eq!(TrackAsk::parse(&bodies[1]).unwrap(), track);
}

#[test]
fn a_body_is_read_strictly() {
    let other = [
        r#"{"schema": "courier.order/1", "user_id": "u-7"}"#,
        r#"{"schema": "courier.wake/2", "user_id": "u-7"}"#,
        r#"{"user_id": "u-7"}"#,
        "[]",
        "nonsense",
    ];
    for text in other {
        assert!(matches!(Wake::parse(text), Err(BodyRefused::OtherSchema { .. })), "{text}");
    }
    let malformed = [
        r#"{"schema": "courier.wake/1"}"#,
        r#"{"schema": "courier.wake/1", "user_id": "u 7"}"#,
        r#"{"schema": "courier.wake/1", "user_id": "u-7", "extra": 1}"#,
        r#"{"schema": "courier.wake/1", "user_id": "u-7", "order_id": "a/b"}"#,
    ];
    for text in malformed {
        assert!(matches!(Wake::parse(text), Err(BodyRefused::Malformed { .. })), "{text}");
    }
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_refused_by_name() {
    let answer = (400, r#"{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such queue"}"#);
    let (client, _) = client(answer);
    let queue = TrackQueue::new(client, "https://sqs.test/gone");
    let error = queue.ask(&TrackAsk::first(user("u-7")), 0).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("https://sqs.test/gone"));
}

#[tokio::test]
async fn many_asks_go_ten_in_a_call_and_those_that_the_queue_did_not_take_are_not_counted() {
    let answer = r#"{"Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "0"}],
        "Failed": [{"Id": "1", "SenderFault": false, "Code": "InternalError"}]}"#;
    let (client, requests) = client((200, answer));
    let queue = SessionQueue::new(client, "https://sqs.test/sessions");
    let ask = |number: u32| SessionAsk {
        user_id: user("u-7"),
        connection_id: format!("c{number}").parse().unwrap(),
        reason: SessionAskReason::RenewalDue,
    };
    let asks: Vec<_> = (0..21).map(ask).collect();
    assert_eq!(queue.ask_all(&asks).await.unwrap(), 3);
    let requests = requests.lock().unwrap();
    let sizes: Vec<_> = requests.iter().map(|request| request["Entries"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [10, 10, 1]);
    let last: Value = serde_json::from_str(requests[2]["Entries"][0]["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(last["connection_id"], "c20");
}

#[tokio::test]
async fn how_much_waits_is_read_from_the_queues_attributes() {
    let (telling, _) = client((200, r#"{"Attributes": {"ApproximateNumberOfMessages": "2001"}}"#));
    assert_eq!(SessionQueue::new(telling, "https://sqs.test/sessions").waiting().await.unwrap(), 2001);
    let (silent, _) = client((200, r#"{"Attributes": {}}"#));
    assert!(SessionQueue::new(silent, "https://sqs.test/sessions").waiting().await.is_err());
}

#[test]
fn a_chain_of_asks_ends_by_itself() {
    let mut ask = TrackAsk::first(user("u-7"));
    let mut asks = 1;
    while let Some(next) = TrackAsk::after(ask.user_id.clone(), ask.links) {
        let told = serde_json::json!({"schema": TrackAsk::SCHEMA, "user_id": "u-7", "links": next.links}).to_string();
        assert_eq!(TrackAsk::parse(&told).unwrap(), next);
        ask = next;
        asks += 1;
        assert!(asks <= 1_000_000);
    }
    assert_eq!(asks, 1 + TRACK_CHAIN_LINKS_MAX);
}
