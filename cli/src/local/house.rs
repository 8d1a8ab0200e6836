//! Template, functions, engine and paper broker, put together as an operator and a vendor would.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, PrincipalId, UserId};
use http::Method;
use paper_broker::{MachineClock, MachineEntropy, Options, PaperBroker, Serving, User};
use platform::SystemClock;
use serde::Deserialize;
use serde_json::json;
use stack::{Listener, Stack, StackOptions};
use store::Rules;
use tokio::time::Instant;

use super::DEMO_ALGORITHM;
use super::browser::{Consent, consent};
use super::http::{Api, Http, expect};
use super::keys::ConsumerKeys;
use crate::algorithms;
use crate::arguments::HouseArguments;
use crate::error::CourierError;
use crate::resources::database;

/// The paper broker's user.
pub(crate) const USERNAME: &str = "paper-demo";
/// Their account.
pub(crate) const ACCOUNT: &str = "DU0000001";
/// `SenderId` of whoever sends on the local engine's queues.
const LOCAL_PRINCIPAL: &str = "000000000000";

const CONNECTED_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Everything, running.
pub(crate) struct House {
    /// The project's folder.
    pub(crate) root: PathBuf,
    /// The deployed template.
    pub(crate) stack: Stack,
    /// The broker.
    pub(crate) broker: PaperBroker,
    /// The broker's address, without a path.
    pub(crate) broker_url: String,
    /// The consumer's keys.
    pub(crate) keys: ConsumerKeys,
    http: Http,
    _serving: Serving,
}

impl House {
    /// Builds what has changed, starts everything, and introduces the consumer and the user to the broker.
    pub(crate) async fn start(
        root: &Path,
        arguments: &HouseArguments,
        user_id: &UserId,
        listener: &Listener,
    ) -> Result<Self, CourierError> {
        stack::build_functions(root, &arguments.profile, listener).await?;
        let broker = PaperBroker::new(Arc::new(MachineClock), Arc::new(MachineEntropy), Options::default());
        let failed = CourierError::machine("listening on 127.0.0.1 for the paper broker");
        let serving = broker.serve_locally().await.map_err(|error| failed(error.into()))?;
        let broker_url = serving.url();
        let mut options = StackOptions::new(root);
        options.user_id = user_id.to_string();
        options.api_port = arguments.port;
        options.binaries.set_file_name(folder_of(&arguments.profile));
        options.listener = listener.clone();
        options.parameters.insert("BrokerApiUrl".to_owned(), format!("{broker_url}/v1/api"));
        options.parameters.insert("BrokerAuthorizeUrl".to_owned(), format!("{broker_url}/authorize"));
        options.parameters.insert("ReturnUrl".to_owned(), String::new());
        // Boxed: with all its steps it is too large for the stack of a thread.
        let stack = Box::pin(async { Stack::start(options).await.map_err(CourierError::from) });
        let (stack, keys) = tokio::try_join!(stack, ConsumerKeys::make())?;
        let root = root.to_owned();
        let house = Self { root, stack, broker, broker_url, keys, http: Http::new(), _serving: serving };
        house.introduce().await?;
        Ok(house)
    }

    /// What the operator and the vendor do once: the keys to Secrets Manager, their public halves to the broker.
    async fn introduce(&self) -> Result<(), CourierError> {
        let arn = self.stack.outputs().get("ConsumerSecretArn").cloned().unwrap_or_default();
        let secrets = aws_sdk_secretsmanager::Client::new(&self.stack.sdk_config());
        let put = secrets.put_secret_value().secret_id(arn).secret_string(self.keys.secret().to_string()).send();
        put.await.map_err(|error| CourierError::aws("filling the consumer's secret", error))?;
        let refused = CourierError::machine("introducing the consumer to the paper broker");
        let registration = self.keys.registration(format!("{}/oauth/callback", self.stack.api_url()));
        self.broker.register_consumer(&registration).map_err(|error| refused(error.into()))?;
        let user = User { username: USERNAME.to_owned(), paper: true, accounts: vec![ACCOUNT.to_owned()] };
        self.broker.register_user(user).map_err(|error| refused(error.into()))
    }

    /// Registers the demo's algorithm, as `courier algorithms add` does.
    pub(crate) async fn register_algorithm(&self) -> Result<(), CourierError> {
        let table = self.stack.outputs().get("RulesTable").cloned().unwrap_or_default();
        let rules = Rules::new(&database(&self.stack.sdk_config()), table);
        let invalid = CourierError::machine("naming the demo's algorithm");
        let id = DEMO_ALGORITHM.parse().map_err(|error: domain::InvalidId| invalid(error.into()))?;
        let principal: PrincipalId =
            LOCAL_PRINCIPAL.parse().map_err(|error: domain::InvalidId| invalid(error.into()))?;
        algorithms::add(&rules, id, BTreeSet::from([principal]), SystemClock.now()).await.map(drop)
    }

    /// The HTTP API as this user.
    pub(crate) fn api(&self, user_id: &UserId) -> Result<Api, CourierError> {
        let token = self.stack.user_token(user_id.as_str(), None, SystemClock.now())?;
        Ok(Api::new(self.http.clone(), self.stack.api_url(), token))
    }

    /// Connects the user through the consent page, waits until their account is there, and grants it to the demo's algorithm.
    pub(crate) async fn connect(&self, user_id: &UserId) -> Result<Consent, CourierError> {
        let api = self.api(user_id)?;
        let consent = consent(&api, USERNAME).await?;
        connected(&api).await?;
        let path = format!("/grants/{DEMO_ALGORITHM}");
        let grant = json!({"account_ids": [ACCOUNT], "limits": {}, "status": "active"});
        expect(&format!("PUT {path}"), 200, api.ask(Method::PUT, &path, &grant).await?)?;
        Ok(consent)
    }

    /// The names of the functions: their folders.
    pub(crate) fn function_names(&self) -> Result<Vec<String>, CourierError> {
        let folder = self.root.join("functions");
        let entries = std::fs::read_dir(&folder)
            .map_err(|error| CourierError::File { path: folder, problem: error.to_string() })?;
        let folders = entries.filter_map(Result::ok).filter(|entry| entry.path().join("Cargo.toml").exists());
        Ok(folders.filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    /// Ends everything, and waits until it has ended.
    pub(crate) async fn stop(self) {
        self.stack.stop().await;
    }
}

/// Where cargo puts what it builds with this profile (The Cargo Book, Profiles).
fn folder_of(profile: &str) -> &str {
    match profile {
        "dev" | "test" => "debug",
        "bench" => "release",
        named => named,
    }
}

#[derive(Deserialize)]
struct Connections {
    connections: Vec<ShownConnection>,
}

#[derive(Deserialize)]
struct ShownConnection {
    status: String,
    accounts: Vec<String>,
    last_error: Option<serde_json::Value>,
}

/// Waits until the account is connected.
async fn connected(api: &Api) -> Result<(), CourierError> {
    let deadline = Instant::now() + CONNECTED_WITHIN;
    loop {
        let Connections { connections } = api.get("/connections").await?;
        if connections.iter().any(|one| one.status == "connected" && one.accounts.iter().any(|id| id == ACCOUNT)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let last = connections.last();
            let status = last.map_or("not there", |connection| connection.status.as_str());
            let error = last.and_then(|connection| connection.last_error.as_ref());
            let error = error.map(|error| format!(", because of {error}")).unwrap_or_default();
            return Err(CourierError::Consent(format!(
                "the connection is {status} and shows no account {ACCOUNT}{error}"
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
