//! The house: the deployed template, the paper broker, and connected users who have granted an algorithm their accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{
    AccountId, Algorithm, AlgorithmId, Clock, ConnectionStatus, Grant, GrantStatus, Limits, PrincipalId, UserId,
};
use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use paper_broker::{ConsumerRegistration, MachineClock, MachineEntropy, Options, PaperBroker, Serving, User};
use serde_json::{Value, json};
use stack::{Listener, Stack, StackOptions};
use store::{Connections, Database, Orders, Rules};
use tokio::time::Instant;
use url::Url;

use crate::error::HarnessError;

/// The algorithm that sends everything.
pub(crate) const ALGORITHM: &str = "kill-harness";
/// `SenderId` of whoever sends on the local engine's queues.
const PRINCIPAL: &str = "000000000000";
const CONSUMER_KEY: &str = "KILLTESTS";
/// Life of a live session token: short, so that sessions are renewed under load too.
const TOKEN_LIFE_SECONDS: i64 = 240;
const CONNECTED_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One user.
#[derive(Debug, Clone)]
pub(crate) struct HouseUser {
    pub(crate) user_id: UserId,
    pub(crate) username: String,
    pub(crate) account_id: AccountId,
}

/// Everything that the functions live in.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) stack: Stack,
    pub(crate) broker: PaperBroker,
    pub(crate) users: Vec<HouseUser>,
    http: Client<HttpConnector, Full<Bytes>>,
    _serving: Serving,
}

impl House {
    /// Starts everything. The users are known to the broker, and not connected.
    pub(crate) async fn start(
        root: &Path,
        market_orders_again: bool,
        users: u32,
        listener: &Listener,
    ) -> Result<Self, HarnessError> {
        let token_life = Options { live_session_token_life_seconds: TOKEN_LIFE_SECONDS, ..Options::default() };
        let broker = PaperBroker::new(Arc::new(MachineClock), Arc::new(MachineEntropy), token_life);
        let failed = HarnessError::machine("listening for the paper broker");
        let serving = broker.serve_locally().await.map_err(|error| failed(error.into()))?;
        let broker_url = serving.url();
        let mut options = StackOptions::new(root);
        options.listener = listener.clone();
        let again = if market_orders_again { "yes" } else { "no" };
        let parameters = [
            ("BrokerApiUrl", format!("{broker_url}/v1/api")),
            ("BrokerAuthorizeUrl", format!("{broker_url}/authorize")),
            ("MarketOrdersAgain", again.to_owned()),
        ];
        options.parameters.extend(parameters.map(|(name, value)| (name.to_owned(), value)));
        // Boxed: with all its steps it is too large for the stack of a thread.
        let stack = Box::pin(Stack::start(options)).await?;
        let users = (1..=users).map(user).collect::<Result<Vec<_>, _>>()?;
        let http = Client::builder(TokioExecutor::new()).build_http();
        let house = Self { stack, broker, users, http, _serving: serving };
        house.introduce().await?;
        Ok(house)
    }

    /// What the operator and the vendor do once: keys, users, and the algorithm.
    async fn introduce(&self) -> Result<(), HarnessError> {
        let secrets = aws_sdk_secretsmanager::Client::new(&self.stack.sdk_config());
        let put = secrets.put_secret_value().secret_id(self.output("ConsumerSecretArn"));
        let put = put.secret_string(consumer_secret().to_string()).send().await;
        put.map_err(|error| HarnessError::unexpected("PutSecretValue", error))?;
        let refused = |error| HarnessError::unexpected("introducing to the paper broker", error);
        let callback_url = format!("{}/oauth/callback", self.stack.api_url());
        self.broker.register_consumer(&registration(callback_url)).map_err(refused)?;
        for user in &self.users {
            let accounts = vec![user.account_id.to_string()];
            let user = User { username: user.username.clone(), paper: true, accounts };
            self.broker.register_user(user).map_err(refused)?;
        }
        let principal: PrincipalId = PRINCIPAL.parse().map_err(invalid)?;
        let algorithm = Algorithm {
            algorithm_id: algorithm_id()?,
            principals: BTreeSet::from([principal]),
            registered_at: MachineClock.now(),
        };
        Ok(self.rules().put_algorithm(&algorithm).await?)
    }

    /// Connects a user: the three legs of OAuth 1.0a (RFC 5849, section 2), through the HTTP API; and the user's grant.
    pub(crate) async fn connect(&self, user: &HouseUser) -> Result<(), HarnessError> {
        let token = self.stack.user_token(user.user_id.as_str(), None, MachineClock.now())?;
        let request = Request::post(format!("{}/connections", self.stack.api_url()));
        let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        let begun = self.send("POST /connections", 201, request).await?;
        let cookie = header(&begun, SET_COOKIE).split(';').next().unwrap_or_default().to_owned();
        let body: Value = serde_json::from_str(begun.body()).unwrap_or_default();
        let page = body["authorize_url"].as_str().and_then(|url| Url::parse(url).ok());
        let request_token = page.and_then(|url| {
            url.query_pairs().find(|(name, _)| name == "oauth_token").map(|(_, value)| value.into_owned())
        });
        let back = self.broker.approve(&request_token.unwrap_or_default(), &user.username);
        let back = back.map_err(|problem| HarnessError::unexpected("the consent page", problem))?;
        self.send("GET /oauth/callback", 303, Request::get(back).header(COOKIE, cookie)).await?;
        self.connected(user).await?;
        let grant = Grant {
            user_id: user.user_id.clone(),
            algorithm_id: algorithm_id()?,
            account_ids: BTreeSet::from([user.account_id.clone()]),
            limits: Limits::default(),
            status: GrantStatus::Active,
        };
        Ok(self.rules().put_grant(&grant).await?)
    }

    async fn connected(&self, user: &HouseUser) -> Result<(), HarnessError> {
        let connections = Connections::new(&self.database(), self.output("ConnectionsTable"));
        let deadline = Instant::now() + CONNECTED_WITHIN;
        loop {
            let listed = connections.list(&user.user_id).await?;
            let is_there = |status, accounts: &[AccountId]| {
                status == ConnectionStatus::Connected && accounts.contains(&user.account_id)
            };
            if listed.iter().any(|one| is_there(one.value.status, &one.value.accounts)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let last = listed.first().map(|one| format!("{:?}, {:?}", one.value.status, one.value.last_error));
                return Err(HarnessError::unexpected("connecting a user", last.unwrap_or_default()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(crate) fn orders(&self) -> Orders {
        Orders::new(&self.database(), self.output("OrdersTable"))
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.stack.sdk_config())
    }

    pub(crate) fn output(&self, name: &str) -> String {
        self.stack.outputs().get(name).cloned().unwrap_or_default()
    }

    /// The environment of a function, as deployed, with the engine's addresses.
    pub(crate) async fn environment_of(&self, function: &str) -> Result<BTreeMap<String, String>, HarnessError> {
        let mut environment = self.stack.function_environment(function).await?;
        environment.extend(self.stack.environment());
        Ok(environment)
    }

    fn rules(&self) -> Rules {
        Rules::new(&self.database(), self.output("RulesTable"))
    }

    fn database(&self) -> Database {
        Database::new(aws_sdk_dynamodb::Client::new(&self.stack.sdk_config()), Arc::new(MachineEntropy))
    }

    async fn send(
        &self,
        name: &'static str,
        status: u16,
        request: http::request::Builder,
    ) -> Result<Response<String>, HarnessError> {
        let failed = |problem: String| HarnessError::unexpected(name, problem);
        let request = request.body(Full::default()).map_err(|error| failed(error.to_string()))?;
        let answer = self.http.request(request).await.map_err(|error| failed(error.to_string()))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| failed(error.to_string()))?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        if head.status.as_u16() == status {
            return Ok(Response::from_parts(head, text));
        }
        Err(failed(format!("{} {text}", head.status)))
    }
}

pub(crate) fn algorithm_id() -> Result<AlgorithmId, HarnessError> {
    ALGORITHM.parse().map_err(invalid)
}

fn user(number: u32) -> Result<HouseUser, HarnessError> {
    Ok(HouseUser {
        user_id: format!("user-{number:03}").parse().map_err(invalid)?,
        username: format!("paper-{number:03}"),
        account_id: format!("DU{number:07}").parse().map_err(invalid)?,
    })
}

fn invalid(error: domain::InvalidId) -> HarnessError {
    HarnessError::machine("naming")(error.into())
}

fn header(answer: &Response<String>, name: http::HeaderName) -> &str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Keys that were made for tests, and open nothing.
fn consumer_secret() -> Value {
    json!({
        "consumer_key": CONSUMER_KEY,
        "private_signature_pem": include_str!("../../simulation/keys/private_signature.pem"),
        "private_encryption_pem": include_str!("../../simulation/keys/private_encryption.pem"),
        "dhparam_pem": include_str!("../../simulation/keys/dhparam.pem"),
    })
}

fn registration(callback_url: String) -> ConsumerRegistration {
    ConsumerRegistration {
        consumer_key: CONSUMER_KEY.to_owned(),
        public_signature_pem: include_str!("../../simulation/keys/public_signature.pem").to_owned(),
        public_encryption_pem: include_str!("../../simulation/keys/public_encryption.pem").to_owned(),
        dhparam_pem: include_str!("../../simulation/keys/dhparam.pem").to_owned(),
        callback_url,
        first_party: false,
        active: true,
    }
}
