//! What the functions live in: a paper broker and AWS over HTTP, and users who are connected and granted an algorithm.

use std::collections::BTreeSet;
use std::sync::Arc;

use access::Tokens;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::serve::ListenerExt;
use broker::{
    AccessToken, Api, BrokerAddress, Consumer, ConsumerIdentity, DiffieHellmanParameters, EncryptionKey, HttpTransport,
    QuerySigning, Session, SignatureKey,
};
use domain::{AccountId, AccountSharing, Algorithm, Clock, Entropy, Grant, GrantStatus, Limits, Secret, UserId};
use embedded_dynamodb::EmbeddedDynamoDb;
use paper_broker::{
    AccessGrant, ConsumerRegistration, Fault, FaultKind, MachineClock, MachineEntropy, Options, PaperBroker, User,
};
use serde_json::{Value, json};
use sessions::Import;
use store::{Connections, Database, Rules, Sealer, SealingSecret};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::Failure;
use crate::aws::{Aws, CONSUMER_SECRET, SEALING_KEY, SEALING_KEY_SECRET};
use crate::orders::{CONID, MARKET_PRICE};
use crate::tally::Tally;

/// The algorithm that sends everything.
pub(crate) const ALGORITHM: &str = "bench";
/// `SenderId` of its messages, up to the colon.
pub(crate) const PRINCIPAL: &str = "AROABENCH";
pub(crate) const CONSUMER_KEY: &str = "BENCHKEYS";
const SIGNATURE_KEY: &str = include_str!("../../simulation/keys/private_signature.pem");
const ENCRYPTION_KEY: &str = include_str!("../../simulation/keys/private_encryption.pem");
pub(crate) const DH_PARAMETERS: &str = include_str!("../../simulation/keys/dhparam.pem");

/// A user with a connection, a grant, and a session at the broker.
#[derive(Debug, Clone)]
pub(crate) struct HouseUser {
    pub(crate) user_id: UserId,
    pub(crate) account_id: AccountId,
}

pub(crate) struct House {
    pub(crate) broker: PaperBroker,
    pub(crate) broker_url: String,
    pub(crate) broker_tally: Arc<Tally>,
    pub(crate) aws_tally: Arc<Tally>,
    pub(crate) database: EmbeddedDynamoDb,
    pub(crate) users: Vec<HouseUser>,
    consumer: Consumer,
    aws_url: String,
    serving: [AbortHandle; 2],
}

impl Drop for House {
    fn drop(&mut self) {
        self.serving.iter().for_each(AbortHandle::abort);
    }
}

impl House {
    /// Opens everything, with so many users.
    pub(crate) async fn open(users: usize) -> Result<Self, Failure> {
        let options = Options { established_delay_ms: 0, ..Options::default() };
        let broker = PaperBroker::new(Arc::new(MachineClock), Arc::new(MachineEntropy), options);
        broker.register_consumer(&registration())?;
        broker.set_price(CONID.into(), Some(MARKET_PRICE.parse()?));
        let broker_tally = Arc::new(Tally::default());
        let counted = broker.router().layer(from_fn_with_state(Arc::clone(&broker_tally), count));
        let (broker_address, broker_serving) = serve(counted).await?;
        let broker_url = format!("http://{broker_address}");
        // The peer signs this address and sends another name as its host.
        broker.change_options(|options| options.origins.push(broker_url.clone()));

        let database = EmbeddedDynamoDb::start_with_tables(&EmbeddedDynamoDb::tables()).await?;
        end_streams(&database)?;
        let aws_tally = Arc::new(Tally::default());
        let secret = consumer_secret().to_string().into();
        let aws = Aws { database: database.clone(), tally: Arc::clone(&aws_tally), consumer_secret: secret };
        let (aws_address, aws_serving) = serve(aws.router()).await?;

        let mut house = Self {
            consumer: consumer(&broker_url)?,
            broker,
            broker_url,
            broker_tally,
            aws_tally,
            database,
            users: Vec::new(),
            aws_url: format!("http://{aws_address}"),
            serving: [broker_serving, aws_serving],
        };
        house.register_algorithm().await?;
        for number in 1..=users {
            let user = house.connect(number).await?;
            house.users.push(user);
        }
        Ok(house)
    }

    /// Lets the broker take so long to answer to an order.
    pub(crate) fn answer_orders_after(&self, milliseconds: u64) {
        self.broker.clear_faults();
        if milliseconds > 0 {
            let delay = FaultKind::Delay { before_ms: milliseconds, after_ms: 0 };
            let fault = Fault::next("POST", "/iserver/account/*/orders", delay);
            self.broker.add_fault(Fault { times: u32::MAX, ..fault });
        }
    }

    /// What a function is started with: as the template sets it, with the addresses of this house.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let tables = EmbeddedDynamoDb::tables();
        let queue = |name: &str| format!("{}/000000000000/{name}", self.aws_url);
        let values = [
            ("AWS_ENDPOINT_URL", self.aws_url.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
            ("AWS_SESSION_TOKEN", "bench".to_owned()),
            ("COURIER_BROKER_API_URL", format!("{}/v1/api", self.broker_url)),
            ("COURIER_BROKER_AUTHORIZE_URL", format!("{}/authorize", self.broker_url)),
            ("COURIER_BROKER_REGION", "none".to_owned()),
            ("COURIER_BROKER_CALLS_PER_SECOND", "0".to_owned()),
            ("COURIER_QUERY_SIGNING", "omit".to_owned()),
            ("COURIER_CONSUMER_SECRET_ARN", CONSUMER_SECRET.to_owned()),
            ("COURIER_SEALING_KEY_SECRET_ARN", SEALING_KEY_SECRET.to_owned()),
            ("COURIER_ORDERS_TABLE", tables.orders),
            ("COURIER_CONNECTIONS_TABLE", tables.connections),
            ("COURIER_ATTEMPTS_TABLE", tables.attempts),
            ("COURIER_RULES_TABLE", tables.rules),
            ("COURIER_LANES_TABLE", tables.lanes),
            ("COURIER_ORDER_QUEUE_URL", queue("orders.fifo")),
            ("COURIER_SESSION_QUEUE_URL", queue("sessions")),
            ("COURIER_TRACK_QUEUE_URL", queue("tracks")),
            ("COURIER_ORDER_DEAD_LETTER_QUEUE_URL", queue("dead.fifo")),
            ("COURIER_ORDER_DEAD_LETTER_QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:dead.fifo".to_owned()),
            ("COURIER_EVENT_BUS_NAME", "bus".to_owned()),
            ("COURIER_JWT_ISSUER", "https://issuer.example".to_owned()),
            ("COURIER_JWT_AUDIENCE", "bench".to_owned()),
            ("COURIER_CONSOLE_CLIENT_ID", "bench".to_owned()),
            ("COURIER_CONSOLE_SCOPE", "openid".to_owned()),
            ("COURIER_STACK", "bench".to_owned()),
            ("COURIER_MARKET_ORDERS_AGAIN", "no".to_owned()),
            ("COURIER_LOG_LEVEL", "info".to_owned()),
        ];
        values.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// A user of the broker who is no user of ours: for who talks to the broker directly.
    pub(crate) fn foreigner(&self, number: usize) -> Result<(AccessGrant, AccountId), Failure> {
        let account_id: AccountId = format!("DU{:07}", 9_000_000 + number).parse()?;
        let username = format!("foreign-{number:03}");
        self.broker.register_user(User {
            username: username.clone(),
            paper: true,
            accounts: vec![account_id.to_string()],
        })?;
        Ok((self.broker.grant(CONSUMER_KEY, &username)?, account_id))
    }

    /// A foreigner's session, opened as ours are.
    pub(crate) async fn foreign_session(&self, number: usize) -> Result<(Session, AccountId), Failure> {
        let (grant, account_id) = self.foreigner(number)?;
        let secret = EncryptionKey::from_pem(ENCRYPTION_KEY)?.open(&grant.access_token_secret)?;
        let grant = self.consumer.grant(AccessToken::new(&grant.access_token)?, secret);
        let session = grant.session(grant.live_session_token().await?);
        access::open_brokerage_session(&session, false, std::time::Duration::from_secs(5)).await?;
        Ok((session, account_id))
    }

    async fn register_algorithm(&self) -> Result<(), Failure> {
        let algorithm = Algorithm {
            algorithm_id: ALGORITHM.parse()?,
            principals: BTreeSet::from([PRINCIPAL.parse()?]),
            registered_at: MachineClock.now(),
        };
        Ok(self.rules().put_algorithm(&algorithm).await?)
    }

    async fn connect(&self, number: usize) -> Result<HouseUser, Failure> {
        let account_id: AccountId = format!("DU{number:07}").parse()?;
        let user = HouseUser { user_id: format!("user-{number:03}").parse()?, account_id };
        let username = format!("paper-{number:03}");
        let accounts = vec![user.account_id.to_string()];
        self.broker.register_user(User { username: username.clone(), paper: true, accounts })?;
        let given = self.broker.grant(CONSUMER_KEY, &username)?;
        let secret = SealingSecret::parse(Secret::new(SEALING_KEY.to_owned()))?;
        let entropy: Arc<dyn Entropy> = Arc::new(MachineEntropy);
        let import = Import {
            connections: Connections::new(&self.store(), EmbeddedDynamoDb::tables().connections),
            tokens: Tokens::new(Arc::new(Sealer::new(&secret.keys)?), Arc::clone(&entropy)),
            sharing: AccountSharing::Refused,
            clock: Arc::new(MachineClock),
            entropy,
        };
        let token = AccessToken::new(&given.access_token)?;
        let key = EncryptionKey::from_pem(ENCRYPTION_KEY)?;
        let sealed = Secret::new(given.access_token_secret);
        import.import(&self.consumer, &key, &user.user_id, token, &sealed).await?;
        let grant = Grant {
            user_id: user.user_id.clone(),
            algorithm_id: ALGORITHM.parse()?,
            account_ids: BTreeSet::from([user.account_id.clone()]),
            limits: Limits::default(),
            status: GrantStatus::Active,
        };
        self.rules().put_grant(&grant).await?;
        Ok(user)
    }

    fn rules(&self) -> Rules {
        Rules::new(&self.store(), EmbeddedDynamoDb::tables().rules)
    }

    fn store(&self) -> Database {
        Database::new(self.database.client(), Arc::new(MachineEntropy))
    }
}

/// The embedded engine numbers a stream's record by looking through all that are there: each write would take longer than
/// the one before, which DynamoDB's do not. No function that is measured reads a stream.
fn end_streams(database: &EmbeddedDynamoDb) -> Result<(), Failure> {
    let tables = EmbeddedDynamoDb::tables();
    for table in [tables.orders, tables.connections] {
        let request = json!({"TableName": table, "StreamSpecification": {"StreamEnabled": false}});
        let (status, answer) = database.answer("UpdateTable", &request.to_string());
        if status != 200 {
            return Err(format!("the stream of {table} was not ended: {answer}").into());
        }
    }
    Ok(())
}

/// Serves on a free port of this machine; its address, and how it is ended.
pub(crate) async fn serve(router: Router) -> Result<(String, AbortHandle), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    // Answers are small: none may wait for more to come.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let task = tokio::spawn(async move {
        // It ends only by being aborted.
        let _ = axum::serve(listener, router).await;
    });
    Ok((address, task.abort_handle()))
}

/// Counts a call to the broker by what it does, and the bytes of its body and its answer's.
async fn count(State(tally): State<Arc<Tally>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_order = path.starts_with("/v1/api/iserver/account/") && path.ends_with("/orders");
    let name = if is_order { "order".to_owned() } else { format!("{} {path}", request.method()) };
    let asked = length(request.headers());
    let response = next.run(request).await;
    tally.note(&name, asked + length(response.headers()));
    response
}

fn length(headers: &http::HeaderMap) -> usize {
    let length = headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or_default()
}

fn consumer(broker_url: &str) -> Result<Consumer, Failure> {
    let address = BrokerAddress {
        api: format!("{broker_url}/v1/api").parse()?,
        authorize: format!("{broker_url}/authorize").parse()?,
        query_signing: QuerySigning::Omit,
    };
    let api = Api::new(address, Arc::new(HttpTransport::new()?), Arc::new(MachineClock), Arc::new(MachineEntropy));
    let identity = ConsumerIdentity::new(CONSUMER_KEY, None)?;
    let signature_key = SignatureKey::from_pem(SIGNATURE_KEY)?;
    Ok(Consumer::new(api, identity, signature_key, DiffieHellmanParameters::from_pem(DH_PARAMETERS)?))
}

/// Keys that were made for tests, and open nothing.
fn consumer_secret() -> Value {
    json!({
        "consumer_key": CONSUMER_KEY,
        "private_signature_pem": SIGNATURE_KEY,
        "private_encryption_pem": ENCRYPTION_KEY,
        "dhparam_pem": DH_PARAMETERS,
    })
}

fn registration() -> ConsumerRegistration {
    ConsumerRegistration {
        consumer_key: CONSUMER_KEY.to_owned(),
        public_signature_pem: include_str!("../../simulation/keys/public_signature.pem").to_owned(),
        public_encryption_pem: include_str!("../../simulation/keys/public_encryption.pem").to_owned(),
        dhparam_pem: DH_PARAMETERS.to_owned(),
        callback_url: "http://127.0.0.1/oauth/callback".to_owned(),
        first_party: true,
        active: true,
    }
}
