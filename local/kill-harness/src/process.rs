//! A process of a function: the real binary, as Lambda starts it, and as `kill -9` ends it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use jiff::SignedDuration;
use paper_broker::MachineClock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::doing::Doing;
use crate::error::HarnessError;
use crate::fate::Fate;
use crate::function::Function;
use crate::runtime::{Answered, Invocation};
use crate::wire::{Ends, Wire};

/// How a function's processes are started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) function: Function,
    pub(crate) binary: PathBuf,
    /// What the template sets, and what leads to the engine.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) log: PathBuf,
    pub(crate) ends: Ends,
}

/// How an invocation ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With an answer.
    Answered(Value),
    /// With an error of the function.
    Failed(Value),
    /// Killed, as its fate was.
    Killed(Doing),
    /// Killed, as Lambda does when the time is over.
    OutOfTime(Doing),
    /// The process ended by itself, which no function should.
    Ended(String),
}

impl Outcome {
    /// Whether the process can take another event.
    pub(crate) fn leaves_it_warm(&self) -> bool {
        matches!(self, Self::Answered(_) | Self::Failed(_))
    }
}

/// A running process, warm between events.
#[derive(Debug)]
pub(crate) struct Process {
    function: Function,
    name: String,
    child: Child,
    wire: Arc<Wire>,
    serving: AbortHandle,
    invocations: u32,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Process {
    /// Starts the binary; it asks for its first event when it is ready.
    pub(crate) async fn start(launch: &Launch, number: u32) -> Result<Self, HarnessError> {
        let failed = |doing| move |error: std::io::Error| HarnessError::machine(doing)(error.into());
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed("listening for a process"))?;
        let address = listener.local_addr().map_err(failed("listening for a process"))?.to_string();
        let name = format!("{} {number}", launch.function.name());
        let wire = Arc::new(Wire::new(launch.ends.clone(), name.clone()));
        let router = Wire::router(&wire);
        let serving = tokio::spawn(async move {
            // It ends only by being aborted.
            let _ = axum::serve(listener, router).await;
        });
        let log = OpenOptions::new().create(true).append(true).open(&launch.log).map_err(failed("opening a log"))?;
        let errors = log.try_clone().map_err(failed("opening a log"))?;
        let mut command = Command::new(&launch.binary);
        command.env_clear().envs(&launch.environment).envs(lambda_environment(launch.function, &address));
        command.stdin(Stdio::null()).stdout(log).stderr(errors).kill_on_drop(true);
        let child = command.spawn().map_err(failed("starting a function"))?;
        let function = launch.function;
        Ok(Self { function, name, child, wire, serving: serving.abort_handle(), invocations: 0 })
    }

    /// Hands an event over, and waits for its end, one way or another.
    pub(crate) async fn invoke(&mut self, event: Value, fate: Fate) -> Outcome {
        self.invocations += 1;
        self.wire.plan(fate);
        let may_take = self.function.may_take();
        let invocation = Invocation {
            request_id: format!("{} {}", self.name, self.invocations).replace(' ', "-"),
            function_arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{}", self.function.name()),
            deadline_milliseconds: (MachineClock.now() + SignedDuration::try_from(may_take).unwrap_or_default())
                .as_millisecond(),
            event,
        };
        let answer = self.wire.runtime.invoke(invocation).await;
        let outcome = self.outcome(answer, fate, may_take).await;
        if !outcome.leaves_it_warm() {
            // SIGKILL. One that ended already cannot be killed, which is as good.
            let _ = self.child.kill().await;
        }
        outcome
    }

    async fn outcome(&mut self, answer: oneshot::Receiver<Answered>, fate: Fate, may_take: Duration) -> Outcome {
        let killed_after = async {
            match fate {
                Fate::After(time) => tokio::time::sleep(time).await,
                Fate::Lives | Fate::AtCall { .. } => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Ok(answered) = answer => match answered {
                Answered::Response(value) => Outcome::Answered(value),
                Answered::Error(value) => Outcome::Failed(value),
            },
            () = self.wire.struck() => Outcome::Killed(self.wire.last_doing()),
            () = killed_after => Outcome::Killed(self.wire.last_doing()),
            () = tokio::time::sleep(may_take) => Outcome::OutOfTime(self.wire.last_doing()),
            ended = self.child.wait() => {
                Outcome::Ended(format!("{}: {}", self.name, ended.map_or_else(|error| error.to_string(), |status| status.to_string())))
            }
        }
    }
}

/// What Lambda sets, and the addresses of the wire.
fn lambda_environment(function: Function, address: &str) -> [(&'static str, String); 8] {
    [
        ("AWS_LAMBDA_RUNTIME_API", address.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", format!("courier-{}", function.name())),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/courier-{}", function.name())),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "kill-harness".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("COURIER_BROKER_API_URL", format!("http://{address}/v1/api")),
    ]
}
