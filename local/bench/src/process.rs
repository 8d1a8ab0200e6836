//! A function as Lambda runs it: the real binary in a process of its own, fed over a Runtime API.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use jiff::SignedDuration;
use kill_harness::{Answered, Invocation, Runtime};
use paper_broker::MachineClock;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::Failure;
use crate::callgrind::CALLGRIND;
use crate::house::serve;

/// How long a function may take to ask for work, and to do it.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct FunctionProcess {
    name: String,
    child: Child,
    lambda: Arc<Lambda>,
    serving: AbortHandle,
    invocations: u32,
    /// From exec until it asked for its first event.
    pub(crate) started_in: Duration,
}

#[derive(Debug)]
struct Lambda {
    runtime: Runtime,
    asked: Notify,
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) most: u64,
}

impl Drop for FunctionProcess {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl FunctionProcess {
    /// Starts the binary, and waits until it asks for its first event. Its log goes to `log`.
    pub(crate) async fn start(binary: &Path, environment: &[(String, String)], log: &Path) -> Result<Self, Failure> {
        Self::start_command(Command::new(binary), binary, environment, log).await
    }

    /// The same under callgrind, which says at the end what it counted.
    pub(crate) async fn start_counted(
        binary: &Path,
        environment: &[(String, String)],
        log: &Path,
    ) -> Result<Self, Failure> {
        let mut command = Command::new(CALLGRIND[0]);
        command.args(&CALLGRIND[1..]).arg(binary);
        Self::start_command(command, binary, environment, log).await
    }

    async fn start_command(
        mut command: Command,
        binary: &Path,
        environment: &[(String, String)],
        log: &Path,
    ) -> Result<Self, Failure> {
        let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lambda = Arc::new(Lambda { runtime: Runtime::new(), asked: Notify::new() });
        let (address, serving) = serve(Router::new().fallback(answer).with_state(Arc::clone(&lambda))).await?;
        let output = File::options().create(true).append(true).open(log)?;
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        command.envs(lambda_environment(&name, &address)).stdin(Stdio::null());
        command.stdout(output).stderr(Stdio::piped()).kill_on_drop(true);
        let began = Instant::now();
        let child = command.spawn().map_err(|error| format!("{} cannot be started: {error}", binary.display()))?;
        let in_time = tokio::time::timeout(PATIENCE, lambda.asked.notified()).await;
        in_time.map_err(|_| format!("{name} asks for no event"))?;
        Ok(Self { name, child, lambda, serving, invocations: 0, started_in: began.elapsed() })
    }

    /// Hands an event over; its answer.
    pub(crate) async fn invoke(&mut self, event: Value) -> Result<Value, Failure> {
        self.invocations += 1;
        let until = domain::Clock::now(&MachineClock) + SignedDuration::try_from(PATIENCE)?;
        let invocation = Invocation {
            request_id: format!("{}-{}-{}", self.name, self.process_id()?, self.invocations),
            function_arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{}", self.name),
            deadline_milliseconds: until.as_millisecond(),
            event,
        };
        let answer = self.lambda.runtime.invoke(invocation).await;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(Answered::Response(value))) => Ok(value),
            Ok(Ok(Answered::Error(error))) => Err(format!("{} failed: {error}", self.name).into()),
            _ => Err(format!("{} does not answer", self.name).into()),
        }
    }

    /// Asks it to end; what it said on standard error.
    pub(crate) async fn end(mut self) -> Result<String, Failure> {
        let process_id = self.process_id()?.to_string();
        Command::new("kill").args(["-TERM", &process_id]).status().await?;
        let mut said = String::new();
        let mut errors = self.child.stderr.take().ok_or("standard error was not kept")?;
        errors.read_to_string(&mut said).await?;
        self.child.wait().await?;
        Ok(said)
    }

    /// Time of all its threads so far, in user and kernel mode.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let stat = procfs::process::Process::new(self.process_id()?)?.stat()?;
        let ticks = stat.utime + stat.stime;
        Ok(Duration::from_nanos(ticks * 1_000_000_000 / procfs::ticks_per_second()))
    }

    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        let status = procfs::process::Process::new(self.process_id()?)?.status()?;
        let bytes = |kibibytes: Option<u64>| kibibytes.unwrap_or_default() * 1024;
        Ok(Memory { now: bytes(status.vmrss), most: bytes(status.vmhwm) })
    }

    fn process_id(&self) -> Result<i32, Failure> {
        let id = self.child.id().ok_or_else(|| format!("{} has ended", self.name))?;
        Ok(i32::try_from(id)?)
    }
}

async fn answer(State(lambda): State<Arc<Lambda>>, request: Request) -> Response {
    if request.uri().path().ends_with("/invocation/next") {
        lambda.asked.notify_one();
    }
    lambda.runtime.answer(request).await
}

fn lambda_environment(name: &str, address: &str) -> [(&'static str, String); 6] {
    [
        ("AWS_LAMBDA_RUNTIME_API", address.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".to_owned()),
    ]
}
