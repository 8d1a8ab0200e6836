//! The functions, wired as their `main` wires them, over the services in this process.

use std::sync::Arc;

use access::{Calendar, Tokens};
use api::{Api, Console, ConsoleSettings};
use broker::BrokerAddress;
use domain::{Clock, Entropy, Region, Secret};
use embedded_dynamodb::EmbeddedDynamoDb;
use oauth_callback::OauthCallback;
use oauth_start::OauthStart;
use order_submit::OrderSubmit;
use order_track::OrderTrack;
use platform::ConsumerSource;
use serde_json::{Value, json};
use session_refresh::SessionRefresh;
use sessions::{Begin, Complete, End, Renew};
use store::{OrderQueue, Sealer, SealingKeys, SessionQueue, Store, TrackQueue};
use trading::{Desk, Intake, KnownContracts, QuestionPolicy};

use crate::aws_door::{self, Reply};
use crate::message::QueueName;
use crate::network::Network;
use crate::queues::Queues;

/// The secret that holds the consumer.
const CONSUMER_ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:consumer";
/// The dead-letter queue of the queue of orders.
pub(crate) const DEAD_LETTERS_ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:dead-letters.fifo";
/// Seals tokens; a text of this length is what the template makes.
const SEALING_KEY: &str = "a-sealing-key-for-simulations-0123456789-0123456789-0123456789-01";

/// What the functions stand on.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) database: aws_sdk_dynamodb::Client,
    pub(crate) queues: Queues,
    pub(crate) network: Network,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// The functions.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) store: Store,
    pub(crate) start: OauthStart,
    pub(crate) callback: OauthCallback,
    pub(crate) refresh: SessionRefresh,
    pub(crate) submit: OrderSubmit,
    pub(crate) track: OrderTrack,
    pub(crate) api: Api,
}

impl Functions {
    /// Wires them all. `consumer` is the text of the consumer's secret.
    pub(crate) fn wire(ground: &Ground, consumer: &Value) -> Self {
        let store = Store::new(ground.database.clone(), EmbeddedDynamoDb::tables(), Arc::clone(&ground.entropy));
        let broker = broker_api(ground);
        let sealer = Sealer::new(&SealingKeys { current: Secret::new(SEALING_KEY.to_owned()), other: None });
        let tokens = Tokens::new(Arc::new(sealer.unwrap()), Arc::clone(&ground.entropy));
        let sqs = ground.queues.client();
        let order_queue = OrderQueue::new(sqs.clone(), QueueName::Orders.url());
        let session_queue = SessionQueue::new(sqs.clone(), QueueName::Sessions.url());
        let clock = || Arc::clone(&ground.clock);
        let source = || ConsumerSource::new(secrets_client(consumer), CONSUMER_ARN.to_owned(), broker.clone());
        let intake = Intake { orders: store.orders.clone(), rules: store.rules.clone(), clock: clock() };
        let desk = Desk {
            intake: intake.clone(),
            connections: store.connections.clone(),
            lanes: store.lanes.clone(),
            session_queue: session_queue.clone(),
            track_queue: TrackQueue::new(sqs, QueueName::Tracks.url()),
            tokens: tokens.clone(),
            api: broker.clone(),
            questions: QuestionPolicy::standard().unwrap(),
            contracts: KnownContracts::default(),
            calendar: Calendar::of(Region::Americas).unwrap(),
            market_orders_again: false,
        };
        let connections = || store.connections.clone();
        Self {
            start: OauthStart {
                consumer: source(),
                begin: Begin {
                    connections: connections(),
                    attempts: store.attempts.clone(),
                    clock: clock(),
                    entropy: Arc::clone(&ground.entropy),
                },
            },
            callback: OauthCallback {
                consumer: source(),
                complete: Complete {
                    connections: connections(),
                    attempts: store.attempts.clone(),
                    tokens: tokens.clone(),
                    clock: clock(),
                },
                return_url: None,
            },
            refresh: SessionRefresh {
                consumer: source(),
                renew: Renew {
                    connections: connections(),
                    lanes: store.lanes.clone(),
                    tokens: tokens.clone(),
                    order_queue: order_queue.clone(),
                    session_queue,
                    calendar: Calendar::of(Region::Americas).unwrap(),
                    clock: clock(),
                },
                clock: clock(),
            },
            submit: OrderSubmit { desk: desk.clone(), dead_letter_queue_arn: DEAD_LETTERS_ARN.to_owned() },
            track: OrderTrack { desk },
            api: Api {
                intake,
                connections: connections(),
                tokens: tokens.clone(),
                broker: broker.clone(),
                end: End { connections: connections(), tokens, api: broker, clock: clock() },
                order_queue,
                console: Console::new(&console_settings()),
            },
            store,
        }
    }
}

fn console_settings() -> ConsoleSettings {
    ConsoleSettings {
        issuer: "https://issuer.example".parse().unwrap(),
        audience: "courier".to_owned(),
        client_id: None,
        scope: "openid".to_owned(),
        token_origin: None,
    }
}

fn broker_api(ground: &Ground) -> broker::Api {
    let address = BrokerAddress {
        api: "https://api.ibkr.com/v1/api".parse().unwrap(),
        authorize: "https://interactivebrokers.com/authorize".parse().unwrap(),
        query_signing: broker::QuerySigning::Omit,
    };
    let (clock, entropy) = (Arc::clone(&ground.clock), Arc::clone(&ground.entropy));
    broker::Api::new(address, Arc::new(ground.network.clone()), clock, entropy).paced(10.try_into().unwrap())
}

/// A Secrets Manager that knows the consumer's secret.
fn secrets_client(consumer: &Value) -> aws_sdk_secretsmanager::Client {
    use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
    let text = consumer.to_string();
    let http_client = aws_door::http_client(move |operation, body| {
        let asked = body.get("SecretId").and_then(Value::as_str);
        if operation != "GetSecretValue" || asked != Some(CONSUMER_ARN) {
            return Reply::Refusal("ResourceNotFoundException");
        }
        Reply::Answer(json!({"ARN": CONSUMER_ARN, "Name": "consumer", "SecretString": text}))
    });
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("simulated", "simulated", None, None, "simulated"))
        .endpoint_url("https://secretsmanager.invalid")
        .http_client(http_client)
        .build();
    aws_sdk_secretsmanager::Client::from_conf(config)
}
