//! What this client writes is what the server reads: both are held to the examples beside the schema.

#![allow(clippy::unwrap_used, clippy::unused_async, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_credential_types::provider::{error::CredentialsError, future::ProvideCredentials as Provided};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, ProvideCredentials, Region};
use axum::Router;
use axum::extract::State;
use courier_client::{Client, Error, ModifyOrder, OrderQueue, PlaceOrder, Reason, ReasonCode};
use domain::Command;
use serde_json::{Map, Value, json};

/// A queue on this machine, which keeps what it is sent.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Vec<Value>>>);

impl Queue {
    async fn start() -> (Self, OrderQueue) {
        let queue = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(Self::take).with_state(queue.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let configuration = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&url)
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        let sqs = aws_sdk_sqs::Client::from_conf(configuration.build());
        (queue, OrderQueue::new(sqs, &format!("{url}/orders.fifo")))
    }

    async fn take(State(queue): State<Self>, body: String) -> String {
        let sent: Value = serde_json::from_str(&body).unwrap();
        queue.0.lock().unwrap().push(sent);
        json!({"MessageId": "m-1"}).to_string()
    }

    fn sent(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A machine on which no credentials are set.
#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::ready(Err(CredentialsError::not_loaded("no providers in chain")))
    }
}

fn examples(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/examples").join(folder);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<_> =
        files.map(|file| (file.display().to_string(), std::fs::read_to_string(file).unwrap())).collect();
    assert!(examples.len() > 20, "{}", folder.display());
    examples
}

/// Sends what the example says, as a user of this crate would. `None`: it cannot even be said.
async fn send(queue: &OrderQueue, example: &str) -> Option<Result<(), Error>> {
    let mut fields: Map<String, Value> = serde_json::from_str(example).ok()?;
    let mut take = |name: &str| fields.remove(name)?.as_str().map(str::to_owned);
    (take("schema")? == "courier.order/1").then_some(())?;
    let (command, user_id, algorithm_id) = (take("command")?, take("user_id")?, take("algorithm_id")?);
    let client = match Client::new(&user_id, &algorithm_id, Some(queue.clone()), None) {
        Ok(client) => client,
        Err(error) => return Some(Err(error)),
    };
    let fields = Value::Object(fields);
    match command.as_str() {
        "place" => Some(client.place(&serde_json::from_value::<PlaceOrder>(fields).ok()?).await),
        "modify" => Some(client.modify(&serde_json::from_value::<ModifyOrder>(fields).ok()?).await),
        "cancel" if fields.as_object()?.len() == 1 => Some(client.cancel(fields["order_id"].as_str()?).await),
        "cancel" if fields.as_object()?.len() == 2 => {
            let leg = serde_json::from_value(fields.get("leg")?.clone()).ok()?;
            Some(client.cancel_leg(fields["order_id"].as_str()?, leg).await)
        }
        _ => None,
    }
}

#[tokio::test]
async fn every_valid_example_is_sent_and_the_server_reads_the_same_in_it() {
    let (queue, orders) = Queue::start().await;
    for (file, example) in examples("valid") {
        send(&orders, &example).await.unwrap_or_else(|| panic!("{file} cannot be said")).unwrap();
        let sent = queue.sent();
        let body = sent[0]["MessageBody"].as_str().unwrap();
        assert_eq!(Command::parse(body).unwrap(), Command::parse(&example).unwrap(), "{file}");
        let said: Value = serde_json::from_str(&example).unwrap();
        assert_eq!(sent[0]["MessageGroupId"], said["user_id"], "{file}");
    }
}

#[tokio::test]
async fn no_invalid_example_is_sent() {
    let (queue, orders) = Queue::start().await;
    for (file, example) in examples("invalid") {
        let outcome = send(&orders, &example).await;
        for sent in queue.sent() {
            // What can be said here only in another form is another message, and one that the server reads.
            let body = sent["MessageBody"].as_str().unwrap();
            assert!(Command::parse(body).is_ok(), "{file} was sent as {body}");
            let said: Value = serde_json::from_str(&example).unwrap();
            assert_ne!(serde_json::from_str::<Value>(body).unwrap(), said, "{file}");
        }
        assert!(!matches!(outcome, Some(Err(Error::NotEnqueued { .. }))), "{file}");
    }
}

#[tokio::test]
async fn without_credentials_an_order_is_not_sent_and_the_remedy_is_told() {
    let configuration = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Nobody)
        .endpoint_url("http://127.0.0.1:9")
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    let queue =
        OrderQueue::new(aws_sdk_sqs::Client::from_conf(configuration.build()), "http://127.0.0.1:9/orders.fifo");
    let client = Client::new("u-7", "a", Some(queue), None).unwrap();
    let error = client.cancel("o-1").await.unwrap_err();
    assert!(matches!(&error, Error::NoCredentials { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cancel of o-1 was not sent: the SDK finds no AWS credentials."), "{error}");
}

#[tokio::test]
async fn every_message_has_an_id_that_nobody_can_guess() {
    let (queue, orders) = Queue::start().await;
    let client = Client::new("u-7", "a", Some(orders), None).unwrap();
    let contract = courier_client::Contract::conid(265_598);
    let order = PlaceOrder::market("o-1", "DU1", contract, courier_client::Side::Buy, "10".parse().unwrap());
    for _ in 0..2 {
        client.place(&order).await.unwrap();
        client.cancel("o-1").await.unwrap();
    }
    let sent = queue.sent();
    let ids: BTreeSet<&str> = sent.iter().map(|sent| sent["MessageDeduplicationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4);
    for id in ids {
        let chance = id.strip_prefix("o-1-").unwrap();
        assert_eq!(chance.len(), 32, "{id}");
    }
    assert_eq!(sent[0]["MessageBody"], sent[2]["MessageBody"]);
}

#[test]
fn a_symbol_is_written_in_capitals() {
    use courier_client::{Contract, Side};
    let told = |symbol: &str| {
        let contract = Contract::symbol(symbol, "USD");
        let order = PlaceOrder::market("o-1", "DU1", contract, Side::Buy, "10".parse().unwrap());
        order.check().err().map(|invalid| invalid.to_string())
    };
    assert_eq!((told("AAPL"), told("BRK B")), (None, None));
    let expected = "nothing was sent: contract.symbol must be written in capitals: \"AAPL\", not \"aapl\"";
    assert_eq!(told("aapl").as_deref(), Some(expected));
}

#[test]
fn an_exit_on_the_wrong_side_of_its_entry_is_refused() {
    use courier_client::{Attached, Contract, Side, StopLoss, TakeProfit};
    let price = |text: &str| text.parse().unwrap();
    let wrong = |side, profit, stop| {
        let contract = Contract::conid(265_598);
        let mut order = PlaceOrder::limit("o-1", "DU1", contract, side, price("10"), price("187"));
        let take_profit = Some(TakeProfit { limit_price: price(profit) });
        let stop_loss = Some(StopLoss { stop_price: price(stop), limit_price: None });
        order.attached = Some(Attached { take_profit, stop_loss });
        order.check().err().map(|invalid| invalid.faults.into_iter().map(|fault| fault.field).collect::<Vec<_>>())
    };
    let both = Some(vec!["attached.take_profit.limit_price".to_owned(), "attached.stop_loss.stop_price".to_owned()]);
    assert_eq!((wrong(Side::Buy, "190", "184"), wrong(Side::Sell, "184", "190")), (None, None));
    assert_eq!((wrong(Side::Buy, "184", "190"), wrong(Side::Sell, "190", "184")), (both.clone(), both));
    assert_eq!(wrong(Side::Buy, "187", "184").unwrap(), ["attached.take_profit.limit_price"]);
}

#[test]
fn each_reason_of_the_published_list_is_known_with_its_remedy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/reason-codes.json");
    let published: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let listed = published["codes"].as_array().unwrap();
    let words = |listed: &Value| ["code", "remedy"].map(|name| listed[name].as_str().unwrap().to_owned());
    let known = |code: &ReasonCode| [code.as_str(), code.remedy().as_str()].map(str::to_owned);
    assert_eq!(listed.iter().map(words).collect::<Vec<_>>(), ReasonCode::ALL.iter().map(known).collect::<Vec<_>>());
    let of_tomorrow = Reason { code: "of_tomorrow".to_owned(), message: "No.".to_owned() };
    assert_eq!((of_tomorrow.known_code(), of_tomorrow.remedy()), (None, None));
}
