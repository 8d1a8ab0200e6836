//! An operator at the local stack, who does what docs/deploy.md and docs/operations.md say, with the `courier` command.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client as Sqs;
use bytes::Bytes;
use domain::Clock;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use paper_broker::{ConsumerRegistration, MachineClock, MachineEntropy, Options, PaperBroker, Serving, User};
use serde_json::{Value, json};
use stack::{Stack, StackOptions};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

const CONSUMER: &str = "FIRSTPART";
pub(crate) const USERNAME: &str = "ada-paper";
pub(crate) const ACCOUNT: &str = "DU0000001";
pub(crate) const USER: &str = "ada";
pub(crate) const ALGORITHM: &str = "mean-reversion-7";
/// `SenderId` of whoever sends on the local engine's queues.
pub(crate) const PRINCIPAL: &str = "000000000000";
const DHPARAM: &str = include_str!("../../../src/local/dhparam.pem");
const SEEN_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What IBKR takes the operator for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    First,
    Third,
}

pub(crate) struct Operator {
    pub(crate) stack: Stack,
    pub(crate) broker: PaperBroker,
    _serving: Serving,
    folder: TempDir,
    sqs: Sqs,
}

impl Operator {
    pub(crate) async fn with_an_empty_stack() -> Self {
        let broker = PaperBroker::new(Arc::new(MachineClock), Arc::new(MachineEntropy), Options::default());
        let user = User { username: USERNAME.to_owned(), paper: true, accounts: vec![ACCOUNT.to_owned()] };
        broker.register_user(user).unwrap();
        let serving = broker.serve_locally().await.unwrap();
        let origin = serving.url();
        let mut options = StackOptions::new(workspace());
        options.parameters.insert("BrokerApiUrl".to_owned(), format!("{origin}/v1/api"));
        options.parameters.insert("BrokerAuthorizeUrl".to_owned(), format!("{origin}/authorize"));
        let stack = Stack::start(options).await.unwrap_or_else(|error| panic!("{error}"));
        let sqs = Sqs::new(&stack.sdk_config());
        Self { stack, broker, _serving: serving, folder: TempDir::new().unwrap(), sqs }
    }

    /// Makes the keys, brings the public files to the broker, and keeps the consumer key that comes back.
    pub(crate) async fn makes_keys_and_introduces_them(&self, party: Party) {
        let (made, public) = (self.file("made.pem", DHPARAM), self.path("to-ibkr"));
        self.does(&["keys", "generate", "--public-files", &public, "--dhparam", &made]).await;
        let read = |name: &str| std::fs::read_to_string(Path::new(&public).join(name)).unwrap();
        let registration = ConsumerRegistration {
            consumer_key: CONSUMER.to_owned(),
            public_signature_pem: read("public_signature.pem"),
            public_encryption_pem: read("public_encryption.pem"),
            dhparam_pem: read("dhparam.pem"),
            callback_url: match party {
                Party::First => String::new(),
                Party::Third => format!("{}/oauth/callback", self.stack.outputs()["ApiUrl"]),
            },
            first_party: party == Party::First,
            active: false,
        };
        self.broker.register_consumer(&registration).unwrap();
        self.does(&["keys", "consumer", CONSUMER]).await;
        let shown = self.does(&["keys", "show"]).await;
        assert_eq!((&shown["consumer_key"], &shown["realm"]), (&json!(CONSUMER), &json!("limited_poa")));
    }

    /// Asks the doctor with these words on top of the files that the broker was sent.
    pub(crate) async fn asks_the_doctor(&self, more: &[&str]) -> (Option<i32>, Value) {
        let public = |name: &str| format!("{}/{name}", self.path("to-ibkr"));
        let files = ["public_signature.pem", "public_encryption.pem", "dhparam.pem"].map(public);
        let with_files =
            ["doctor", "--public-signature", &files[0], "--public-encryption", &files[1], "--dhparam", &files[2]];
        self.asks(&[&with_files, more, &["--stack", "courier"]].concat()).await
    }

    /// The doctor names the night that is not over, and then nothing.
    pub(crate) async fn waits_for_the_night(&self, more: &[&str]) {
        let (code, report) = self.asks_the_doctor(more).await;
        let causes = report["causes"].as_array().unwrap_or_else(|| panic!("{report:#}"));
        assert_eq!(code, Some(1), "{report:#}");
        assert!(causes.iter().any(|cause| cause["code"] == "consumer_not_active"), "{report:#}");
        assert!(self.broker.set_consumer_active(CONSUMER, true));
        let (code, report) = self.asks_the_doctor(more).await;
        assert_eq!((code, &report["well"]), (Some(0), &json!(true)), "{report:#}");
    }

    pub(crate) async fn lets_an_algorithm_trade(&self) {
        self.does(&["algorithms", "add", ALGORITHM, "--principal", PRINCIPAL]).await;
        let listed = self.does(&["algorithms", "list"]).await;
        assert_eq!(listed[0]["algorithm_id"], ALGORITHM);
        self.grants().await;
        self.sends("OrderQueueUrl", "first", None).await;
        self.sees("first", "working").await;
        assert_eq!(self.tickets(), 1);
    }

    /// A command that must succeed, and what it prints.
    pub(crate) async fn does(&self, arguments: &[&str]) -> Value {
        let (code, answer) = self.asks(arguments).await;
        assert_eq!(code, Some(0), "courier {}: {answer:#}", arguments.join(" "));
        answer
    }

    pub(crate) async fn asks(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_courier"));
        let output = command.args(arguments).arg("--json").envs(self.stack.environment()).output().await.unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), serde_json::from_str(&printed).unwrap_or(Value::String(told)))
    }

    /// The user lets the algorithm trade, as the console does for them.
    pub(crate) async fn grants(&self) {
        let token = self.stack.user_token(USER, None, MachineClock.now()).unwrap();
        let body = json!({"account_ids": [ACCOUNT], "limits": {}, "status": "active"}).to_string();
        let request = Request::put(format!("{}/grants/{ALGORITHM}", self.stack.api_url()))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&text));
    }

    /// An order a little below the market, into one of the stack's queues.
    pub(crate) async fn sends(&self, queue: &str, order_id: &str, good_until: Option<String>) {
        let mut order = json!({"schema": "courier.order/1", "command": "place", "user_id": USER, "order_id": order_id,
            "algorithm_id": ALGORITHM, "account_id": ACCOUNT, "contract": {"conid": 265_598}, "side": "buy", "quantity": "1",
            "type": "limit", "limit_price": "186", "time_in_force": "day"});
        if let Some(good_until) = good_until {
            order["good_until"] = json!(good_until);
        }
        let message = self.sqs.send_message().queue_url(&self.stack.outputs()[queue]).message_body(order.to_string());
        message.message_group_id(USER).message_deduplication_id(order_id).send().await.unwrap();
    }

    /// The order, once it has this status.
    pub(crate) async fn sees(&self, order_id: &str, status: &str) -> Value {
        let deadline = Instant::now() + SEEN_WITHIN;
        loop {
            let (code, order) = self.asks(&["orders", "show", USER, order_id]).await;
            if code == Some(0) && order["status"] == status {
                return order;
            }
            assert!(Instant::now() < deadline, "{order_id} is not {status}: {order:#}");
            sleep(LOOK_EVERY).await;
        }
    }

    pub(crate) fn tickets(&self) -> usize {
        self.broker.ledger().len()
    }

    /// As the portal shows it to a first party.
    pub(crate) fn access_token(&self) -> String {
        let grant = self.broker.grant(CONSUMER, USERNAME).unwrap();
        let token = json!({"access_token": grant.access_token, "access_token_secret": grant.access_token_secret});
        self.file("access_token.json", &token.to_string())
    }

    fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}
