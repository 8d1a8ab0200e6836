//! The functions, wired as their `main` wires them, over the services in this process. Each has its own clients, which let
//! it do only what its role in the template may.

use std::sync::{Arc, Mutex};

use access::{Calendar, PenaltyBox, Readers, Tokens};
use api::{Api, Console, ConsoleSettings, FoundContracts, Routes};
use broker::BrokerAddress;
use domain::{AccountSharing, Clock, Entropy, PrincipalId, Region};
use embedded_dynamodb::{Call, EmbeddedDynamoDb, Fault};
use oauth_callback::OauthCallback;
use oauth_start::OauthStart;
use order_events::OrderEvents;
use order_submit::OrderSubmit;
use order_track::OrderTrack;
use platform::{ConsumerSource, Keyring};
use session_refresh::SessionRefresh;
use sessions::{Begin, Complete, End, Renew};
use store::{OrderQueue, SessionQueue, Store, TrackQueue};
use trading::{Desk, Intake, KnownConnections, KnownContracts, QuestionPolicy};

use crate::bus::{BUS, Bus};
use crate::message::QueueName;
use crate::network::Network;
use crate::queues::{FUNCTIONS, Queues};
use crate::rights::Rights;
use crate::vault::Vault;

/// The secret that holds the consumer, by its name in the template.
pub(crate) const CONSUMER_SECRET: &str = "ConsumerSecret";
/// The secret that holds the encryption key alone, if the operator wants it so.
pub(crate) const ENCRYPTION_KEY_SECRET: &str = "EncryptionKeySecret";
/// The secret that seals tokens.
pub(crate) const SEALING_KEY_SECRET: &str = "SealingKeySecret";
/// The dead-letter queue of the queue of orders.
pub(crate) const DEAD_LETTERS_ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:dead-letters.fifo";

/// What befalls calls to the database. Clones are the same.
pub(crate) type DatabaseFaults = Arc<Mutex<Box<dyn FnMut(&Call<'_>) -> Fault + Send>>>;
/// What becomes of each call to the database.
pub(crate) type DatabaseDoor = Arc<dyn Fn(&Call<'_>) -> Fault + Send + Sync>;

/// What the functions stand on.
pub(crate) struct Ground {
    pub(crate) database: EmbeddedDynamoDb,
    pub(crate) database_door: DatabaseDoor,
    pub(crate) queues: Queues,
    pub(crate) vault: Vault,
    pub(crate) bus: Bus,
    pub(crate) rights: Rights,
    pub(crate) network: Network,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// The functions.
#[derive(Debug)]
pub(crate) struct Functions {
    /// Nobody's: the test's own look at the tables.
    pub(crate) store: Store,
    pub(crate) start: OauthStart,
    pub(crate) callback: Sealing<OauthCallback>,
    pub(crate) refresh: Sealing<SessionRefresh>,
    pub(crate) submit: Sealing<OrderSubmit>,
    pub(crate) track: Sealing<OrderTrack>,
    pub(crate) api: Sealing<Routes>,
    pub(crate) events: OrderEvents,
}

/// A function that opens or seals tokens, with the keys that it has at hand.
#[derive(Debug)]
pub(crate) struct Sealing<F> {
    pub(crate) function: F,
    keyring: Keyring,
}

impl<F> Sealing<F> {
    /// The function, at the begin of an invocation.
    pub(crate) async fn invoked(&self) -> &F {
        self.keyring.keep_current().await.unwrap();
        &self.function
    }
}

impl Functions {
    /// Wires them all.
    pub(crate) fn wire(ground: &Ground) -> Self {
        let door = Arc::clone(&ground.database_door);
        let client = ground.database.client_with_faults(move |call| door(call));
        Self {
            store: Store::new(client, EmbeddedDynamoDb::tables(), Arc::clone(&ground.entropy)),
            start: Worker::new(ground, "oauth-start").start(),
            callback: Worker::new(ground, "oauth-callback").sealing(Worker::callback),
            refresh: Worker::new(ground, "session-refresh").sealing(Worker::refresh),
            submit: Worker::new(ground, "order-submit").sealing(Worker::submit),
            track: Worker::new(ground, "order-track")
                .sealing(|worker, tokens| OrderTrack { desk: worker.desk(tokens) }),
            api: Worker::new(ground, "api").sealing(Worker::api),
            events: OrderEvents { client: ground.bus.client(ground.rights.of("order-events")), bus: BUS.to_owned() },
        }
    }
}

/// What one function is made of.
struct Worker<'g> {
    ground: &'g Ground,
    name: &'static str,
    store: Store,
    broker: broker::Api,
}

impl<'g> Worker<'g> {
    fn new(ground: &'g Ground, name: &'static str) -> Self {
        let (door, rights) = (Arc::clone(&ground.database_door), ground.rights.of(name));
        let client = ground.database.client_with_faults(move |call| {
            rights.call_the_database(call.operation, call.body);
            door(call)
        });
        let store = Store::new(client, EmbeddedDynamoDb::tables(), Arc::clone(&ground.entropy));
        Self { ground, name, store, broker: broker_api(ground) }
    }

    fn sealing<F>(self, make: impl Fn(&Self, Tokens) -> F) -> Sealing<F> {
        let client = self.ground.vault.client(self.ground.rights.of(self.name));
        let entropy = Arc::clone(&self.ground.entropy);
        let keyring = Keyring::new(client, SEALING_KEY_SECRET.to_owned(), entropy);
        let function = make(&self, keyring.tokens());
        Sealing { function, keyring }
    }

    fn start(&self) -> OauthStart {
        OauthStart {
            consumer: self.consumer(),
            begin: Begin {
                connections: self.store.connections.clone(),
                attempts: self.store.attempts.clone(),
                penalty_box: self.penalty_box(),
                clock: self.clock(),
                entropy: Arc::clone(&self.ground.entropy),
            },
        }
    }

    fn callback(&self, tokens: Tokens) -> OauthCallback {
        OauthCallback {
            consumer: self.consumer().with_encryption_key(Some(ENCRYPTION_KEY_SECRET.to_owned())),
            complete: Complete {
                connections: self.store.connections.clone(),
                attempts: self.store.attempts.clone(),
                tokens,
                sharing: AccountSharing::Refused,
                readers: self.readers(),
                session_queue: self.session_queue(),
                clock: self.clock(),
            },
            return_url: None,
        }
    }

    fn refresh(&self, tokens: Tokens) -> SessionRefresh {
        SessionRefresh {
            consumer: self.consumer(),
            renew: Renew {
                connections: self.store.connections.clone(),
                lanes: self.store.lanes.clone(),
                tokens,
                sharing: AccountSharing::Refused,
                order_queue: self.order_queue(),
                session_queue: self.session_queue(),
                calendar: Calendar::of(Region::Americas).unwrap(),
                clock: self.clock(),
            },
            clock: self.clock(),
        }
    }

    fn submit(&self, tokens: Tokens) -> OrderSubmit {
        OrderSubmit {
            desk: self.desk(tokens),
            order_queue: self.order_queue(),
            dead_letter_queue: OrderQueue::new(
                self.sqs(),
                QueueName::DeadLetters.url(),
                Arc::clone(&self.ground.entropy),
            ),
            dead_letter_queue_arn: DEAD_LETTERS_ARN.to_owned(),
        }
    }

    fn api(&self, tokens: Tokens) -> Routes {
        let (connections, broker) = (self.store.connections.clone(), self.broker.clone());
        Routes::of(Api {
            intake: self.intake(),
            lanes: self.store.lanes.clone(),
            connections: connections.clone(),
            tokens: tokens.clone(),
            broker: broker.clone(),
            readers: self.readers(),
            found_contracts: FoundContracts::default(),
            end: End { connections, tokens, api: broker, readers: Some(self.readers()), clock: self.clock() },
            order_queue: self.order_queue(),
            console: Console::new(&console_settings()),
        })
    }

    fn desk(&self, tokens: Tokens) -> Desk {
        Desk {
            intake: self.intake(),
            connections: self.store.connections.clone(),
            lanes: self.store.lanes.clone(),
            own_senders: [PrincipalId::from_sender_id(FUNCTIONS).unwrap()].into(),
            session_queue: self.session_queue(),
            track_queue: TrackQueue::new(self.sqs(), QueueName::Tracks.url()),
            tokens,
            api: self.broker.clone(),
            questions: QuestionPolicy::standard().unwrap(),
            contracts: KnownContracts::default(),
            known_connections: KnownConnections::default(),
            calendar: Calendar::of(Region::Americas).unwrap(),
            market_orders_again: false,
        }
    }

    fn intake(&self) -> Intake {
        Intake { orders: self.store.orders.clone(), rules: self.store.rules.clone(), clock: self.clock() }
    }

    fn consumer(&self) -> ConsumerSource {
        let client = self.ground.vault.client(self.ground.rights.of(self.name));
        ConsumerSource::new(client, CONSUMER_SECRET.to_owned(), self.broker.clone())
    }

    fn order_queue(&self) -> OrderQueue {
        OrderQueue::new(self.sqs(), QueueName::Orders.url(), Arc::clone(&self.ground.entropy))
    }

    fn session_queue(&self) -> SessionQueue {
        SessionQueue::new(self.sqs(), QueueName::Sessions.url())
    }

    fn sqs(&self) -> aws_sdk_sqs::Client {
        self.ground.queues.client(self.ground.rights.of(self.name))
    }

    fn penalty_box(&self) -> PenaltyBox {
        PenaltyBox::new(self.store.lanes.clone(), self.clock())
    }

    fn readers(&self) -> Readers {
        Readers::new(self.broker.calls_per_second_max(), self.penalty_box())
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.ground.clock)
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
