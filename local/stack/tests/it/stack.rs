//! Starts the stack with a probe in place of each function, and looks at what a function gets to see. The real binaries
//! have tests of their own; this holds the house they live in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops, its helpers too")]

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use aws_sdk_sqs::types::QueueAttributeName;
use axum::{
    body::Body,
    http::{Request, Response, header::SET_COOKIE},
};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use stack::{Listener, Stack, StackOptions};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

const SEEN_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn the_template_works_on_this_machine() {
    let binaries = probes();
    let mut options = StackOptions::new(workspace());
    options.binaries = binaries.path().to_owned();
    options.listener = Listener::terminal();
    let parameters = [
        ("BrokerApiUrl", "http://127.0.0.1:9/v1/api"),
        ("ReturnUrl", "http://127.0.0.1:9/back"),
        ("CorsOrigin", "https://app.example"),
    ];
    options.parameters.extend(parameters.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let stack = Stack::start(options).await.unwrap_or_else(|error| panic!("{error}"));

    a_route_needs_a_token_unless_it_is_open(&stack).await;
    only_pages_of_the_named_origin_may_call(&stack).await;
    a_function_sees_who_calls_and_answers_with_cookies(&stack).await;
    a_function_knows_only_what_the_template_tells_it(&stack).await;
    orders_arrive_in_order_from_a_known_sender_and_failed_ones_stay(&stack).await;
    every_change_of_an_order_reaches_the_events_function(&stack).await;
    the_consumer_s_secret_is_empty_and_the_sealing_key_is_not(&stack).await;
    a_function_can_be_started_by_hand(&stack).await;
    list_elements_are_removed_as_dynamodb_does(&stack).await;
    event_sources_can_be_turned_off(&stack).await;

    let endpoint = stack.endpoint_url();
    stack.stop().await;
    assert!(get(&endpoint, None).await.is_err(), "the engine still answers");
}

async fn a_route_needs_a_token_unless_it_is_open(stack: &Stack) {
    let api = stack.api_url();
    for (path, status) in
        [("/connections", 401), ("/orders/o-1", 401), ("/", 201), ("/oauth/callback?a=b", 201), ("/nowhere", 404)]
    {
        let response = get(&format!("{api}{path}"), None).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
    }
    let forged = format!("{}x", token(stack, None));
    assert_eq!(get(&format!("{api}/orders"), Some(&forged)).await.unwrap().status().as_u16(), 401);
}

/// As a browser asks before it lets a page call (Fetch Standard, CORS-preflight request).
async fn only_pages_of_the_named_origin_may_call(stack: &Stack) {
    for (origin, may) in [("https://app.example", true), ("https://evil.example", false)] {
        let request = Request::options(format!("{}/orders", stack.api_url()))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .body(Body::empty())
            .unwrap();
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let allowed = header("access-control-allow-origin");
        assert_eq!(allowed.as_deref(), may.then_some(origin), "{origin}");
        if may {
            assert!(header("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")));
            assert!(header("access-control-allow-headers").is_some_and(|names| names.contains("authorization")));
            assert_eq!(header("access-control-allow-credentials").as_deref(), Some("true"));
        }
    }
}

async fn a_function_sees_who_calls_and_answers_with_cookies(stack: &Stack) {
    let url = format!("{}/orders/o-1?cursor=a%20b", stack.api_url());
    let response = get(&url, Some(&token(stack, Some("mean-reversion-7")))).await.unwrap();
    let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().cloned().collect();
    assert_eq!(cookies, ["one=1; Path=/", "two=2; Path=/"]);
    let event = json(response).await["event"].take();
    let claims = &event["requestContext"]["authorizer"]["jwt"]["claims"];
    assert_eq!(claims["sub"], "u-7");
    assert_eq!(claims["algorithm_id"], "mean-reversion-7");
    assert_eq!(event["routeKey"], "GET /orders/{order_id}");
    assert_eq!(event["pathParameters"]["order_id"], "o-1");
    assert_eq!(event["queryStringParameters"]["cursor"], "a b");
}

async fn a_function_knows_only_what_the_template_tells_it(stack: &Stack) {
    let callback = get(&format!("{}/oauth/callback", stack.api_url()), None).await.unwrap();
    let environment = json(callback).await["environment"].take();
    assert_eq!(environment["COURIER_BROKER_API_URL"], "http://127.0.0.1:9/v1/api");
    assert_eq!(environment["COURIER_RETURN_URL"], "http://127.0.0.1:9/back");
    assert_eq!(environment["COURIER_QUERY_SIGNING"], "omit");
    assert_eq!(environment["AWS_ENDPOINT_URL"], stack.endpoint_url().as_str());
    assert_eq!(environment.get("COURIER_ORDER_QUEUE_URL"), None);
    assert_eq!(environment.get("CARGO_MANIFEST_DIR"), None, "the starter's environment leaks into the functions");
}

async fn orders_arrive_in_order_from_a_known_sender_and_failed_ones_stay(stack: &Stack) {
    let queue = aws_sdk_sqs::Client::new(&stack.sdk_config());
    let url = &stack.outputs()["OrderQueueUrl"];
    for (group, body) in [("u-1", "1 a"), ("u-2", "2 a"), ("u-1", "1 b"), ("u-2", "2 b fail once"), ("u-1", "1 c")] {
        let message = queue.send_message().queue_url(url).message_group_id(group).message_deduplication_id(body);
        message.message_body(body).send().await.unwrap();
    }
    let records = seen(stack, "order-submit", 5).await;
    for record in &records {
        assert_eq!(record["attributes"]["SenderId"], "000000000000");
    }
    for (group, expected) in [("u-1", vec!["1 a", "1 b", "1 c"]), ("u-2", vec!["2 a", "2 b fail once"])] {
        let of_group = records.iter().filter(|record| record["attributes"]["MessageGroupId"] == group);
        assert_eq!(of_group.map(|record| record["body"].as_str().unwrap()).collect::<Vec<_>>(), expected);
    }
    let hidden = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    let deadline = Instant::now() + SEEN_WITHIN;
    loop {
        let attributes =
            queue.get_queue_attributes().queue_url(url).attribute_names(hidden.clone()).send().await.unwrap();
        if attributes.attributes().unwrap()[&hidden] == "1" {
            return;
        }
        assert!(Instant::now() < deadline, "exactly the failed message is to stay: {attributes:?}");
        sleep(LOOK_EVERY).await;
    }
}

async fn every_change_of_an_order_reaches_the_events_function(stack: &Stack) {
    let tables = aws_sdk_dynamodb::Client::new(&stack.sdk_config());
    let table = &stack.outputs()["OrdersTable"];
    let put = |status: &str| {
        let request = tables.put_item().table_name(table).item("user_id", AttributeValue::S("u-7".to_owned()));
        let request = request.item("order_id", AttributeValue::S("o-1".to_owned()));
        request.item("status", AttributeValue::S(status.to_owned())).send()
    };
    put("received").await.unwrap();
    put("sending").await.unwrap();
    let records = seen(stack, "order-events", 2).await;
    assert_eq!(records[0]["eventName"], "INSERT");
    assert_eq!(records[1]["dynamodb"]["OldImage"]["status"]["S"], "received");
    assert_eq!(records[1]["dynamodb"]["NewImage"]["status"]["S"], "sending");
}

async fn list_elements_are_removed_as_dynamodb_does(stack: &Stack) {
    let tables = aws_sdk_dynamodb::Client::new(&stack.sdk_config());
    let table = &stack.outputs()["LanesTable"];
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let list = AttributeValue::L(["a", "b", "c", "d"].map(text).to_vec());
    let request = tables.put_item().table_name(table).item("lane", text("list")).item("arrivals", list);
    request.send().await.unwrap();
    let request = tables.update_item().table_name(table).key("lane", text("list"));
    let request = request.update_expression("REMOVE arrivals[0], arrivals[1]").return_values(ReturnValue::AllNew);
    let after = request.send().await.unwrap().attributes.unwrap();
    assert_eq!(after["arrivals"], AttributeValue::L(["c", "d"].map(text).to_vec()));
}

async fn event_sources_can_be_turned_off(stack: &Stack) {
    let sources = stack.turn_event_sources_off().await.unwrap();
    let orders = sources.iter().find(|source| source.queue_arn == stack.outputs()["OrderQueueArn"]).unwrap();
    let told = (orders.function.as_str(), orders.batch_size, orders.concurrency_max);
    assert_eq!(told, ("order-submit", 10, Some(20)));
    let environment = stack.function_environment("order-submit").await.unwrap();
    assert_eq!(environment["COURIER_BROKER_API_URL"], "http://127.0.0.1:9/v1/api");
    assert!(stack.turn_event_sources_off().await.unwrap().len() == sources.len(), "twice is once");
}

async fn the_consumer_s_secret_is_empty_and_the_sealing_key_is_not(stack: &Stack) {
    let secrets = aws_sdk_secretsmanager::Client::new(&stack.sdk_config());
    let arn = &stack.outputs()["ConsumerSecretArn"];
    assert!(arn.starts_with("arn:aws:secretsmanager:"), "{arn}");
    // AWS says that a new secret has no value; the engine says that its value is empty.
    let empty = secrets.get_secret_value().secret_id(arn).send().await;
    assert!(empty.is_err() || empty.unwrap().secret_string() == Some(""));
    secrets.put_secret_value().secret_id(arn).secret_string("{}").send().await.unwrap();
    assert_eq!(secrets.get_secret_value().secret_id(arn).send().await.unwrap().secret_string(), Some("{}"));
}

async fn a_function_can_be_started_by_hand(stack: &Stack) {
    let answer = stack.invoke("order-track", &json!({"source": "by hand"})).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let logs = stack.logs("order-track").await.unwrap();
    assert!(logs.iter().any(|line| line.contains("by hand")), "{logs:?}");
}

/// The first `count` records that the function has been given, as soon as there are so many.
async fn seen(stack: &Stack, function: &str, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + SEEN_WITHIN;
    loop {
        let lines = stack.logs(function).await.unwrap();
        let events = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let records: Vec<Value> =
            events.filter_map(|line| line["event"]["Records"].as_array().cloned()).flatten().collect();
        if records.len() >= count {
            return records;
        }
        assert!(Instant::now() < deadline, "{function} has seen only {records:?}");
        sleep(LOOK_EVERY).await;
    }
}

fn token(stack: &Stack, algorithm_id: Option<&str>) -> String {
    #[expect(clippy::disallowed_methods, reason = "the engine's clock is the machine's")]
    let now = jiff::Timestamp::now();
    stack.user_token("u-7", algorithm_id, now).unwrap()
}

async fn get(url: &str, token: Option<&str>) -> Result<Response<Body>, String> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let mut request = Request::get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = client.request(request.body(Body::empty()).unwrap()).await;
    response.map(|response| response.map(Body::new)).map_err(|error| error.to_string())
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

fn probes() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("probe.py");
    for function in std::fs::read_dir(workspace().join("functions")).unwrap() {
        let binary = folder.path().join(function.unwrap().file_name());
        std::fs::copy(&probe, &binary).unwrap();
        std::fs::set_permissions(&binary, Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..").canonicalize().unwrap()
}
