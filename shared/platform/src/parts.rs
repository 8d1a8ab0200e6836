//! The parts of a function, made once in `main` from what the template sets.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use access::{Calendar, PenaltyBox, Readers, Tokens};
use aws_config::SdkConfig;
use broker::{Api, BrokerAddress, HttpTransport, QuerySigning};
use domain::{Clock, Entropy, InvalidId, PrincipalId, Region};
use store::{Attempts, Connections, Database, Lanes, OrderQueue, Orders, Rules, SessionQueue, TrackQueue};

use crate::consumer::ConsumerSource;
use crate::environment::{BadSetting, optional, required, required_url, yes};
use crate::keyring::Keyring;
use crate::system::{SystemClock, SystemEntropy};

/// Calls of one session in a second, where nothing else is set: the least that IBKR's documents name (pacing).
const CALLS_PER_SECOND_MAX: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// What any function is put together from.
#[derive(Debug)]
pub struct Parts {
    sdk: SdkConfig,
    database: Database,
    sqs: aws_sdk_sqs::Client,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// The machine's randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] BadSetting),
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made: {0}")]
    Transport(String),
    /// The policy of answers to the broker's questions cannot be read.
    #[error("the policy of answers to the broker's questions cannot be read: {0}")]
    Policy(#[from] serde_json::Error),
    /// The broker's quiet windows cannot be read.
    #[error(transparent)]
    Calendar(#[from] access::CalendarUnreadable),
}

impl Parts {
    /// Starts logging, reads the AWS configuration, and makes the clients.
    pub fn start() -> Result<Self, CannotStart> {
        crate::telemetry::start();
        let sdk = crate::aws::configuration()?;
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let database = Database::new(aws_sdk_dynamodb::Client::new(&sdk), Arc::clone(&entropy));
        let sqs = aws_sdk_sqs::Client::new(&sdk);
        Ok(Self { sdk, database, sqs, clock: Arc::new(SystemClock), entropy })
    }

    /// The AWS configuration, for a client that only one function needs.
    #[must_use]
    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The ledger.
    pub fn orders(&self) -> Result<Orders, BadSetting> {
        Ok(Orders::new(&self.database, required("COURIER_ORDERS_TABLE")?))
    }

    /// The connections.
    pub fn connections(&self) -> Result<Connections, BadSetting> {
        Ok(Connections::new(&self.database, required("COURIER_CONNECTIONS_TABLE")?))
    }

    /// The attempts to connect.
    pub fn attempts(&self) -> Result<Attempts, BadSetting> {
        Ok(Attempts::new(&self.database, required("COURIER_ATTEMPTS_TABLE")?))
    }

    /// The rules of who may trade.
    pub fn rules(&self) -> Result<Rules, BadSetting> {
        Ok(Rules::new(&self.database, required("COURIER_RULES_TABLE")?))
    }

    /// When the broker is away.
    pub fn calendar(&self) -> Result<Calendar, CannotStart> {
        Ok(Calendar::of(region()?)?)
    }

    /// The lanes.
    pub fn lanes(&self) -> Result<Lanes, BadSetting> {
        Ok(Lanes::new(&self.database, required("COURIER_LANES_TABLE")?))
    }

    /// The queue of orders.
    pub fn order_queue(&self) -> Result<OrderQueue, BadSetting> {
        let url = required("COURIER_ORDER_QUEUE_URL")?;
        Ok(OrderQueue::new(self.sqs.clone(), url, Arc::clone(&self.entropy)))
    }

    /// The dead-letter queue of orders.
    pub fn order_dead_letter_queue(&self) -> Result<OrderQueue, BadSetting> {
        let url = required("COURIER_ORDER_DEAD_LETTER_QUEUE_URL")?;
        Ok(OrderQueue::new(self.sqs.clone(), url, Arc::clone(&self.entropy)))
    }

    /// The queue of sessions to look after.
    pub fn session_queue(&self) -> Result<SessionQueue, BadSetting> {
        Ok(SessionQueue::new(self.sqs.clone(), required("COURIER_SESSION_QUEUE_URL")?))
    }

    /// The queue of users to look at.
    pub fn track_queue(&self) -> Result<TrackQueue, BadSetting> {
        Ok(TrackQueue::new(self.sqs.clone(), required("COURIER_TRACK_QUEUE_URL")?))
    }

    /// The broker.
    pub fn api(&self) -> Result<Api, CannotStart> {
        let api = required_url("COURIER_BROKER_API_URL")?;
        // Only who sends users to consent needs the address of the consent page.
        let authorize = match optional("COURIER_BROKER_AUTHORIZE_URL") {
            Some(_) => required_url("COURIER_BROKER_AUTHORIZE_URL")?,
            None => api.clone(),
        };
        let query_signing = query_signing()?;
        let transport = HttpTransport::new().map_err(|error| CannotStart::Transport(error.to_string()))?;
        let address = BrokerAddress { api, authorize, query_signing };
        let api = Api::new(address, Arc::new(transport), Arc::clone(&self.clock), Arc::clone(&self.entropy));
        Ok(match calls_per_second_max()? {
            Some(calls_per_second_max) => api.paced(calls_per_second_max),
            None => api,
        })
    }

    /// The penalty box of our address.
    pub fn penalty_box(&self) -> Result<PenaltyBox, BadSetting> {
        Ok(PenaltyBox::new(self.lanes()?, Arc::clone(&self.clock)))
    }

    /// What gives turns to those who call the broker without a user's lock.
    pub fn readers(&self) -> Result<Readers, BadSetting> {
        Ok(Readers::new(calls_per_second_max()?, self.penalty_box()?))
    }

    /// The consumer's secret, for who may read it. The encryption key in it, or beside it, is for one function alone.
    pub fn consumer(&self, api: Api) -> Result<ConsumerSource, BadSetting> {
        let client = aws_sdk_secretsmanager::Client::new(&self.sdk);
        Ok(ConsumerSource::new(client, required("COURIER_CONSUMER_SECRET_ARN")?, api))
    }

    /// The keys that seal and open tokens.
    pub fn keyring(&self) -> Result<Keyring, BadSetting> {
        let arn = required("COURIER_SEALING_KEY_SECRET_ARN")?;
        Ok(Keyring::new(aws_sdk_secretsmanager::Client::new(&self.sdk), arn, Arc::clone(&self.entropy)))
    }

    /// What puts orders on record.
    pub fn intake(&self) -> Result<trading::Intake, BadSetting> {
        Ok(trading::Intake { orders: self.orders()?, rules: self.rules()?, clock: Arc::clone(&self.clock) })
    }

    /// What takes recorded orders to the broker.
    pub fn desk(&self, tokens: Tokens) -> Result<trading::Desk, CannotStart> {
        Ok(trading::Desk {
            intake: self.intake()?,
            connections: self.connections()?,
            lanes: self.lanes()?,
            own_senders: own_senders()?,
            session_queue: self.session_queue()?,
            track_queue: self.track_queue()?,
            tokens,
            api: self.api()?,
            questions: trading::QuestionPolicy::standard()?,
            contracts: trading::KnownContracts::default(),
            known_connections: trading::KnownConnections::default(),
            calendar: self.calendar()?,
            market_orders_again: yes("COURIER_MARKET_ORDERS_AGAIN")?,
        })
    }
}

/// The roles of the functions that wake, for the function that is woken; nobody for the others.
fn own_senders() -> Result<BTreeSet<PrincipalId>, BadSetting> {
    let name = "COURIER_OWN_SENDERS";
    let text = optional(name).unwrap_or_default();
    let named = text.split(',').map(str::trim).filter(|sender| !sender.is_empty());
    let sender = |text: &str| {
        text.parse().map_err(|error: InvalidId| BadSetting { name: name.to_owned(), problem: error.to_string() })
    };
    named.map(sender).collect()
}

/// The broker's region; the template's default where it is not set.
fn region() -> Result<Region, BadSetting> {
    let name = "COURIER_BROKER_REGION";
    let text = optional(name).unwrap_or_else(|| Region::Americas.to_string());
    text.parse().map_err(|problem| BadSetting { name: name.to_owned(), problem })
}

/// How many calls are made for a user in a second at most; 0: any number. The template's default where it is not set.
fn calls_per_second_max() -> Result<Option<NonZeroU32>, BadSetting> {
    let name = "COURIER_BROKER_CALLS_PER_SECOND";
    let Some(text) = optional(name) else { return Ok(Some(CALLS_PER_SECOND_MAX)) };
    let number: u32 = text.parse().map_err(|_| BadSetting {
        name: name.to_owned(),
        problem: format!("is {text:?}; it must be a whole number, 0 for no limit"),
    })?;
    Ok(NonZeroU32::new(number))
}

fn query_signing() -> Result<QuerySigning, BadSetting> {
    match required("COURIER_QUERY_SIGNING").as_deref() {
        Ok("include") => Ok(QuerySigning::Include),
        Ok("omit") | Err(_) => Ok(QuerySigning::Omit),
        Ok(other) => Err(BadSetting {
            name: "COURIER_QUERY_SIGNING".to_owned(),
            problem: format!("is {other:?}; it must be omit or include"),
        }),
    }
}
