//! The AWS look-alike: one process on 127.0.0.1 that ends with its starter.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use axum::{body::Body, http::Request};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep},
};

use crate::{
    StackError,
    http::{LocalClient, exchange},
};

/// The engine's account. It is also the `SenderId` of every message on its queues.
pub(crate) const ACCOUNT_ID: &str = "000000000000";
/// The engine's region.
pub(crate) const REGION: &str = "us-east-1";

const READY_WITHIN: Duration = Duration::from_secs(30);
const READY_POLL: Duration = Duration::from_millis(20);
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Another process may take a free port between finding and using it.
const START_TRIES_MAX: usize = 3;
/// So much of the log is shown when the engine does not start.
const LOG_SHOWN_BYTES: usize = 2_000;

/// A running engine.
#[derive(Debug)]
pub(crate) struct Engine {
    process: Child,
    /// The engine, and all functions it started, run as long as this is open. Killing the engine alone would leave the
    /// functions behind.
    lifeline: Option<ChildStdin>,
    port: u16,
    state: TempDir,
}

impl Engine {
    /// Starts the engine, with its state in a new folder below `local_stack`, and waits until it answers.
    pub(crate) async fn start(
        interpreter: &Path,
        crate_folder: &Path,
        local_stack: &Path,
        client: &LocalClient,
    ) -> Result<Self, StackError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut engine = Self::spawn(interpreter, crate_folder, local_stack).await?;
            match engine.become_ready(client).await {
                Ok(()) => return Ok(engine),
                Err(error) if tries >= START_TRIES_MAX => return Err(error),
                Err(_) => engine.stop().await,
            }
        }
    }

    async fn spawn(interpreter: &Path, crate_folder: &Path, local_stack: &Path) -> Result<Self, StackError> {
        let state =
            tempfile::Builder::new().prefix("run-").tempdir_in(local_stack).map_err(StackError::file(local_stack))?;
        let port = free_port().await?;
        let log = state.path().join("engine.log");
        let output = File::create(&log).map_err(StackError::file(&log))?;
        let errors = output.try_clone().map_err(StackError::file(&log))?;
        let mut command = Command::new(interpreter);
        command.arg(crate_folder.join("engine.py")).env_clear().envs(settings(port, state.path()));
        command.stdin(Stdio::piped()).stdout(output).stderr(errors);
        let mut process = command
            .spawn()
            .map_err(|source| StackError::Program { program: interpreter.display().to_string(), source })?;
        let lifeline = process.stdin.take();
        Ok(Self { process, lifeline, port, state })
    }

    async fn become_ready(&mut self, client: &LocalClient) -> Result<(), StackError> {
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            if let Ok(Some(_)) = self.process.try_wait() {
                break;
            }
            let health = Request::get(format!("{}/_ministack/health", self.url())).body(Body::empty());
            if let Ok(health) = health
                && exchange(client, health).await.is_ok_and(|(status, _)| status.is_success())
            {
                return Ok(());
            }
            sleep(READY_POLL).await;
        }
        Err(StackError::Step { step: "starting the local engine", output: self.log_tail() })
    }

    /// Where every AWS call goes.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.state.path().join("engine.log")
    }

    /// Ends the engine and all functions it started.
    pub(crate) async fn stop(&mut self) {
        drop(self.lifeline.take());
        if tokio::time::timeout(STOP_WITHIN, self.process.wait()).await.is_err() {
            // It does not listen any more; what it started then ends with it, or with the machine.
            let _ = self.process.kill().await;
        }
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_SHOWN_BYTES)..]).into_owned()
    }
}

async fn free_port() -> Result<u16, StackError> {
    let failed = |source| StackError::Program { program: "a listener on 127.0.0.1".to_owned(), source };
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}

/// The engine's whole environment. The functions inherit it, so nothing of the user's own environment, and no
/// credentials of theirs, may be in it.
fn settings(port: u16, state: &Path) -> Vec<(&'static str, String)> {
    let folder = |name: &str| state.join(name).display().to_string();
    vec![
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("HOME", state.display().to_string()),
        ("TMPDIR", state.display().to_string()),
        ("BIND_HOST", "127.0.0.1".to_owned()),
        ("GATEWAY_PORT", port.to_string()),
        ("STATE_DIR", folder("state")),
        ("S3_DATA_DIR", folder("s3")),
        ("LOG_LEVEL", "INFO".to_owned()),
        ("MINISTACK_ACCOUNT_ID", ACCOUNT_ID.to_owned()),
        ("MINISTACK_REGION", REGION.to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AWS_ACCESS_KEY_ID", ACCOUNT_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{environment, http, packages};

    #[tokio::test]
    async fn an_engine_that_nobody_holds_any_more_ends_and_leaves_nothing() {
        let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..");
        let (crate_folder, local_stack) =
            (packages::crate_folder(&workspace), packages::local_stack_folder(&workspace).unwrap());
        let interpreter = environment::prepare(&crate_folder, &local_stack).await.unwrap();
        let engine = Engine::start(&interpreter, &crate_folder, &local_stack, &http::client()).await.unwrap();
        let (port, state) = (engine.port(), engine.state.path().to_owned());
        drop(engine);
        let deadline = Instant::now() + STOP_WITHIN;
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() || state.exists() {
            assert!(Instant::now() < deadline, "the engine outlives its starter");
            sleep(READY_POLL).await;
        }
    }
}
