//! The world, and how a test looks at it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Connection, Order, OrderKey, ReasonCode, Refusal};
use embedded_dynamodb::{Call, EmbeddedDynamoDb, Fault};
use jiff::SignedDuration;
use paper_broker::{CallRecord, ConsumerRegistration, LedgerEntry, Options, PaperBroker, User};
use serde_json::{Value, json};
use store::Store;

use crate::bus::Bus;
use crate::chronicle::Chronicle;
use crate::clock::VirtualClock;
use crate::crash::CrashPoint;
use crate::effects::{Door, Effects, Strike, crash};
use crate::entropy::SeededEntropy;
use crate::functions::{CONSUMER_SECRET, DatabaseFaults, Functions, Ground, SEALING_KEY_SECRET};
use crate::held_items::HeldItems;
use crate::http::{Answered, request};
use crate::network::Network;
use crate::queues::Queues;
use crate::rights::Rights;
use crate::vault::Vault;

/// The user of most tests.
pub const USER: &str = "u-7";
/// Their username at the broker.
pub const USERNAME: &str = "paper-ada";
/// Their account.
pub const ACCOUNT: &str = "DU0000001";
/// Another username at the broker, with two accounts.
pub(crate) const SECOND_USERNAME: &str = "paper-bob";
/// Their accounts.
pub(crate) const SECOND_ACCOUNTS: [&str; 2] = ["DU0000011", "DU0000012"];
/// The algorithm that trades for them.
pub const ALGORITHM: &str = "mean-reversion-7";
/// SQS's `SenderId` of that algorithm.
pub const SENDER: &str = "AROAALGORITHM:mean-reversion-7";
/// The consumer.
pub const CONSUMER: &str = "COURIERXX";

/// Seals tokens; a text of this length is what the template makes.
const SEALING_KEY: &str = "a-sealing-key-for-simulations-0123456789-0123456789-0123456789-01";

/// The whole house in one process.
pub struct World {
    /// The time of the functions; the broker has its own clock, which is right.
    pub clock: VirtualClock,
    /// The way to the broker.
    pub network: Network,
    /// The queues.
    pub queues: Queues,
    pub(crate) functions: Functions,
    pub(crate) effects: Effects,
    pub(crate) database: EmbeddedDynamoDb,
    broker: PaperBroker,
    pub(crate) ground: Ground,
    database_faults: DatabaseFaults,
    index_lag: Arc<Mutex<Duration>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// A world with a consumer, a user at the broker and a registered algorithm. Nobody is connected.
    pub async fn start() -> Self {
        Box::pin(Self::from_seed(0)).await
    }

    /// As [`World::start`], with randomness from this seed.
    pub async fn from_seed(seed: u64) -> Self {
        let clock = VirtualClock::start();
        let broker = broker(&clock, seed);
        let effects = Effects::new(Chronicle::new(clock.second()));
        let network = Network::new(broker.clone(), effects.clone());
        let queues = Queues::new(clock.second(), effects.clone());
        let database = EmbeddedDynamoDb::start_with_tables(&EmbeddedDynamoDb::tables()).await.unwrap();
        let database_faults: DatabaseFaults = Arc::new(Mutex::new(Box::new(|_| Fault::None)));
        let index_lag = Arc::new(Mutex::new(Duration::ZERO));
        let vault = Vault::default();
        vault.put(CONSUMER_SECRET, &consumer_secret().to_string());
        vault.put(SEALING_KEY_SECRET, SEALING_KEY);
        let ground = Ground {
            database: database.clone(),
            database_door: Arc::new(database_fault(
                effects.clone(),
                clock.second(),
                Arc::clone(&database_faults),
                Arc::clone(&index_lag),
            )),
            queues: queues.clone(),
            vault,
            bus: Bus::default(),
            rights: Rights::default(),
            network: network.clone(),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(seed)),
        };
        let functions = Functions::wire(&ground);
        // Who works at its desk by hand calls no function, which would read the keys.
        functions.submit.invoked().await;
        let world =
            Self { clock, network, queues, functions, effects, database, broker, ground, database_faults, index_lag };
        world.register_algorithm(ALGORITHM, "AROAALGORITHM").await;
        world
    }

    /// As [`World::start`], and the user is connected, has granted the algorithm their account, and has a session.
    pub async fn with_a_connected_user() -> Self {
        let world = Box::pin(Self::start()).await;
        world.connect_user().await;
        let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": {"account_ids": [ACCOUNT]}});
        assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
        // What connecting wakes is done with before anything else happens.
        world.deliver_all().await;
        world
    }

    /// The next invocation that comes by this point ends there.
    pub fn crash_at(&self, point: CrashPoint) {
        self.effects.plan(point, None);
    }

    /// The machine of the next invocation that comes by this point stands still there for so long.
    pub fn freeze_at(&self, point: CrashPoint, time: Duration) {
        self.effects.plan(point, Some(time));
    }

    /// The crashes that have not happened.
    #[must_use]
    pub fn crashes_to_come(&self) -> Vec<CrashPoint> {
        self.effects.planned()
    }

    /// Calls to the database end as `faults` says, from now on.
    pub fn set_database_faults(&self, faults: impl FnMut(&Call<'_>) -> Fault + Send + 'static) {
        *self.database_faults.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(faults);
    }

    /// From now on the indexes of what is open and what is due show nothing that came into them less than this ago.
    pub fn set_index_lag(&self, lag: Duration) {
        *self.index_lag.lock().unwrap() = lag;
    }

    /// How many calls to the database arrived so far, over all functions.
    #[must_use]
    pub fn database_calls(&self) -> u64 {
        self.database.calls()
    }

    /// Calls the API as the user, with the details of [`request`].
    pub async fn api(&self, route: &str, details: &Value) -> Answered {
        self.api_as(&json!({"sub": USER}), route, details).await
    }

    /// Calls the API as whoever these claims are. Which function answers a route, the template says.
    pub async fn api_as(&self, claims: &Value, route: &str, details: &Value) -> Answered {
        let request = request(route, claims, details);
        match route {
            "POST /connections" => Answered::of(self.functions.start.handle(&request).await).await,
            "GET /oauth/callback" => Answered::of(self.functions.callback.invoked().await.handle(&request).await).await,
            _ => Answered::of(self.functions.api.invoked().await.answer(request).await).await,
        }
    }

    /// The broker, to be told what to do, and to be asked what it did.
    #[must_use]
    pub fn broker(&self) -> &PaperBroker {
        &self.broker
    }

    /// The tables.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.functions.store
    }

    /// The desk that order-submit and order-track work at, to be a worker by hand.
    #[must_use]
    pub fn desk(&self) -> &trading::Desk {
        &self.functions.submit.function.desk
    }

    /// The user's order. It must be there.
    pub async fn order(&self, order_id: &str) -> Order {
        self.find_order(USER, order_id).await.unwrap_or_else(|| panic!("there is no order {order_id}"))
    }

    /// An order.
    pub async fn find_order(&self, user_id: &str, order_id: &str) -> Option<Order> {
        let key = OrderKey { user_id: user_id.parse().unwrap(), order_id: order_id.parse().unwrap() };
        self.store().orders.get(&key).await.unwrap().map(|order| order.value)
    }

    /// `status: code` of the user's order, or its status alone where it has no reason.
    pub async fn status(&self, order_id: &str) -> String {
        let order = self.order(order_id).await;
        // Who cancelled it goes without saying.
        let goes_without_saying = |code: &ReasonCode| matches!(code, ReasonCode::Asked | ReasonCode::ByBroker);
        let told = order.state().reason().filter(|reason| !goes_without_saying(&reason.code));
        let code = told.map(|reason| format!(": {}", reason.code)).unwrap_or_default();
        format!("{}{code}", order.status().as_str())
    }

    /// The message of the reason of the user's order.
    pub async fn reason(&self, order_id: &str) -> String {
        self.order(order_id).await.state().reason().map(|reason| reason.message.clone()).unwrap_or_default()
    }

    /// The refusals of today.
    pub async fn refusals(&self) -> Vec<Refusal> {
        self.all_refusals().await
    }

    /// The user's connections, newest first.
    pub async fn connections(&self) -> Vec<Connection> {
        self.connections_of(USER).await
    }

    /// As [`World::connections`], of any user.
    pub async fn connections_of(&self, user_id: &str) -> Vec<Connection> {
        let connections = self.store().connections.list(&user_id.parse().unwrap()).await.unwrap();
        let mut connections: Vec<_> = connections.into_iter().map(|connection| connection.value).collect();
        connections.sort_by_key(|connection| std::cmp::Reverse(connection.created_at));
        connections
    }

    /// The orders that the broker registered under the client order id of the user's order.
    #[must_use]
    pub fn tickets(&self, order_id: &str) -> Vec<LedgerEntry> {
        let key = OrderKey { user_id: USER.parse().unwrap(), order_id: order_id.parse().unwrap() };
        let name = domain::ClientOrderId::of(&key);
        let ours = |entry: &LedgerEntry| entry.client_order_id.as_deref() == Some(name.as_str());
        self.broker.ledger().into_iter().filter(ours).collect()
    }

    /// The calls to the broker whose `METHOD /path` begins with this.
    #[must_use]
    pub fn calls(&self, with: &str) -> Vec<CallRecord> {
        let path = |call: &CallRecord| call.path.strip_prefix("/v1/api").unwrap_or(&call.path).to_owned();
        let ours = |call: &CallRecord| format!("{} {}", call.method, path(call)).starts_with(with);
        self.broker.calls().into_iter().filter(ours).collect()
    }
}

/// The secret of a consumer whose keys are made for tests.
pub(crate) fn consumer_secret() -> Value {
    json!({
        "consumer_key": CONSUMER,
        "private_signature_pem": include_str!("../keys/private_signature.pem"),
        "private_encryption_pem": include_str!("../keys/private_encryption.pem"),
        "dhparam_pem": include_str!("../keys/dhparam.pem"),
    })
}

fn broker(clock: &VirtualClock, seed: u64) -> PaperBroker {
    let entropy = SeededEntropy::new(!seed);
    let broker = PaperBroker::new(Arc::new(clock.second()), Arc::new(entropy), Options::default());
    let registration = ConsumerRegistration {
        consumer_key: CONSUMER.to_owned(),
        public_signature_pem: include_str!("../keys/public_signature.pem").to_owned(),
        public_encryption_pem: include_str!("../keys/public_encryption.pem").to_owned(),
        dhparam_pem: include_str!("../keys/dhparam.pem").to_owned(),
        callback_url: "https://courier.example/oauth/callback".to_owned(),
        first_party: false,
        active: true,
    };
    broker.register_consumer(&registration).unwrap();
    for (username, accounts) in [(USERNAME, &[ACCOUNT][..]), (SECOND_USERNAME, &SECOND_ACCOUNTS[..])] {
        let accounts = accounts.iter().map(|account| (*account).to_owned()).collect();
        broker.register_user(User { username: username.to_owned(), paper: true, accounts }).unwrap();
    }
    broker
}

fn database_fault(
    effects: Effects,
    clock: VirtualClock,
    faults: DatabaseFaults,
    index_lag: Arc<Mutex<Duration>>,
) -> impl Fn(&Call<'_>) -> Fault + Send + Sync + 'static {
    let held = HeldItems::default();
    move |call| match effects.strike(Door::Database, &format!("{} {}", call.operation, call.body)) {
        Some(Strike::CrashBefore) => {
            crash();
            Fault::NeverArrives
        }
        Some(Strike::CrashAfter) => {
            crash();
            Fault::AnswerLost
        }
        Some(Strike::AnswerLost | Strike::LostForGood) => Fault::AnswerLost,
        Some(Strike::NeverArrives) => Fault::NeverArrives,
        Some(Strike::FreezeBefore(time)) => {
            effects.note_late_write(call.body, clock.glance() + SignedDuration::try_from(time).unwrap());
            Fault::Late(time)
        }
        Some(Strike::Throttled) => Fault::Throttled,
        Some(Strike::InternalError) => Fault::InternalError,
        Some(Strike::Contention) => Fault::Contention,
        _ => {
            let lag = *index_lag.lock().unwrap();
            // A test may have a call panic on purpose.
            match (faults.lock().unwrap_or_else(PoisonError::into_inner))(call) {
                Fault::None if !lag.is_zero() && is_of_a_lagging_index(call) => Fault::IndexLags(lag),
                Fault::None => held.strike(call, clock.glance()),
                fault => fault,
            }
        }
    }
}

fn is_of_a_lagging_index(call: &Call<'_>) -> bool {
    let names = |index: &str| call.body.contains(&format!(r#""IndexName":"{index}""#));
    call.operation == "Query" && (names("open") || names("due"))
}
