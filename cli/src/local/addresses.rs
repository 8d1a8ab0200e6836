//! Keeps a local stack open, and tells how to use it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use domain::{AlgorithmId, Clock, UserId};
use platform::SystemClock;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::house::{ACCOUNT, House};
use super::{DEMO_ALGORITHM, USERNAME};
use crate::error::CourierError;
use crate::output::{print, print_json, tell};
use crate::resources::variable_of;

/// Prints the addresses, gives out JWTs, and ends everything on Ctrl-C.
pub(crate) async fn keep_open(house: House, user_id: &UserId, json: bool) -> Result<(), CourierError> {
    let failed = CourierError::machine("listening on 127.0.0.1 for askers of tokens");
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| failed(error.into()))?;
    let token_url = format!("http://{}/token", listener.local_addr().map_err(|error| failed(error.into()))?);
    let users_own = house.stack.user_token(user_id.as_str(), None, SystemClock.now())?;
    let environment = environment(&house, &users_own);
    let file = EnvironmentFile::write(&house.root, &environment)?;
    if json {
        print_json(&as_json(&house, user_id, &token_url, &environment, &file.0));
    } else {
        print(&addresses(&house, user_id, &token_url, &file.0));
    }
    let house = Arc::new(house);
    let router = Router::new().route("/token", get(token)).with_state(Arc::clone(&house));
    let interrupted = interrupted();
    let served = axum::serve(listener, router).with_graceful_shutdown(interrupted).await;
    tell("Stopping.");
    drop(file);
    if let Some(house) = Arc::into_inner(house) {
        house.stop().await;
    }
    served.map_err(|error| failed(error.into()))
}

/// Ctrl-C, or the signal by which other programs end this one. Whether it came or could not be waited for: everything ends.
async fn interrupted() {
    let ended = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => drop(terminated.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = ended => {}
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenQuery {
    user: UserId,
    algorithm: Option<AlgorithmId>,
}

/// A JWT of a user, or of an algorithm that calls for itself.
async fn token(
    State(house): State<Arc<House>>,
    Query(query): Query<TokenQuery>,
) -> Result<String, (StatusCode, String)> {
    let algorithm = query.algorithm.as_ref().map(AlgorithmId::as_str);
    let token = house.stack.user_token(query.user.as_str(), algorithm, SystemClock.now());
    token.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

/// Where the paper broker is, for the commands that the pages print.
const PAPER_BROKER: &str = "COURIER_PAPER_BROKER_URL";

/// What other programs find in their environment: the stack's outputs, where AWS and the paper broker are, and the user's token.
fn environment(house: &House, token: &str) -> BTreeMap<String, String> {
    let outputs = house.stack.outputs().iter().map(|(name, value)| (variable_of(name), value.clone()));
    let token = ("COURIER_TOKEN".to_owned(), token.to_owned());
    let broker = (PAPER_BROKER.to_owned(), house.broker_url.clone());
    house.stack.environment().into_iter().chain(outputs).chain([token, broker]).collect()
}

/// A file for a shell to `source`. It holds a token, so nobody else may read it, and it goes with the stack.
struct EnvironmentFile(PathBuf);

impl EnvironmentFile {
    /// One file for each stack that runs at once: their ports differ.
    fn write(root: &Path, environment: &BTreeMap<String, String>) -> Result<Self, CourierError> {
        let folder = root.join("target").join("local-stack");
        let path = folder.join(format!("courier-{}.env", std::process::id()));
        let failed = |error: std::io::Error| CourierError::File { path: path.clone(), problem: error.to_string() };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let _ = std::fs::remove_file(&path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        file.write_all(exports(environment).as_bytes()).map_err(failed)?;
        Ok(Self(path))
    }
}

impl Drop for EnvironmentFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A line with `export` for each variable, quoted for a POSIX shell (POSIX.1-2017, Shell Command Language, 2.2.2).
fn exports(environment: &BTreeMap<String, String>) -> String {
    let line = |(name, value): (&String, &String)| format!("export {name}='{}'\n", value.replace('\'', "'\\''"));
    environment.iter().map(line).collect::<Vec<_>>().concat()
}

/// The same for a program.
fn as_json(
    house: &House,
    user_id: &UserId,
    token_url: &str,
    environment: &BTreeMap<String, String>,
    file: &Path,
) -> Value {
    json!({
        "user_id": user_id,
        "account_id": ACCOUNT,
        "algorithm_id": DEMO_ALGORITHM,
        "api_url": house.stack.api_url(),
        "token_url": token_url,
        "paper_broker_url": house.broker_url,
        "engine_log": house.stack.engine_log(),
        "environment_file": file,
        "environment": environment,
    })
}

fn addresses(house: &House, user_id: &UserId, token_url: &str, file: &Path) -> String {
    let (api, broker) = (house.stack.api_url(), &house.broker_url);
    format!(
        "Console        {api}/ (Sign in leads to this stack's own issuer: {user_id}, or any other name, without a password)\n\
         Paper broker   {broker} (user {USERNAME}, account {ACCOUNT}; its control API is {broker}/control)\n\
         Consent page   {broker}/authorize?oauth_token=… (POST /connections gives the whole address)\n\
         AWS            {} (its log: {})\n\n\
         For other programs and the aws command, in another terminal:\n  \
         source {}\n\n\
         COURIER_TOKEN in it is the user's own token, for half a day. One of another user, or with &algorithm=ID of an algorithm:\n  \
         TOKEN=$(curl -s '{token_url}?user={user_id}')\n\
         Ask the API:\n  \
         curl -s -H \"Authorization: Bearer $COURIER_TOKEN\" $COURIER_API_URL/orders\n\
         Send an order (any version of the aws command; version 1 looks for the queue at AWS itself without --endpoint-url):\n  \
         aws sqs send-message --endpoint-url $AWS_ENDPOINT_URL --queue-url $COURIER_ORDER_QUEUE_URL --message-group-id {user_id} \\\n    \
         --message-deduplication-id \"my-order-1-$(openssl rand -hex 16)\" --message-body '{{\"schema\": \"courier.order/1\", \"command\": \"place\", \
         \"user_id\": \"{user_id}\", \"order_id\": \"my-order-1\", \"algorithm_id\": \"{DEMO_ALGORITHM}\", \
         \"account_id\": \"{ACCOUNT}\", \"contract\": {{\"conid\": 265598}}, \"side\": \"buy\", \"quantity\": \"1\", \
         \"type\": \"market\", \"time_in_force\": \"day\"}}'\n\
         Move a price:\n  \
         curl -s -X PUT ${PAPER_BROKER}/control/prices -H 'Content-Type: application/json' -d '{{\"conid\": 265598, \"price\": \"149.00\"}}'\n\n\
         Running until Ctrl-C.",
        house.stack.environment().get("AWS_ENDPOINT_URL").map_or("", String::as_str),
        house.stack.engine_log().display(),
        file.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_means_to_a_shell_what_it_means_to_us() {
        let value = "a b'c\"$HOME`x`\\ü";
        let environment = BTreeMap::from([("COURIER_A".to_owned(), value.to_owned()), ("B".to_owned(), String::new())]);
        let folder = tempfile::tempdir().unwrap();
        let file = EnvironmentFile::write(folder.path(), &environment).unwrap();
        let script = ". \"$1\" && printf %s \"$COURIER_A\"";
        let shell = std::process::Command::new("sh").args(["-c", script, "sh"]).arg(&file.0).output().unwrap();
        assert_eq!(String::from_utf8(shell.stdout).unwrap(), value);
        let path = file.0.clone();
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        drop(file);
        assert!(!path.exists());
    }
}
