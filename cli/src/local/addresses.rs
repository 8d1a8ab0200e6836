//! Keeps a local stack open, and tells how to use it.

use std::collections::BTreeMap;
use std::fmt::Write;
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
    if json {
        print_json(&as_json(&house, user_id, &token_url, &users_own));
    } else {
        print(&addresses(&house, user_id, &token_url, &users_own));
    }
    let house = Arc::new(house);
    let door = Router::new().route("/token", get(token)).with_state(Arc::clone(&house));
    // Whether a signal came or could not be waited for: either way everything ends.
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let served = axum::serve(listener, door).with_graceful_shutdown(interrupted).await;
    tell("Stopping.");
    if let Some(house) = Arc::into_inner(house) {
        house.stop().await;
    }
    served.map_err(|error| failed(error.into()))
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

/// The same for a program: what `addresses` tells as exports stands under `environment`.
fn as_json(house: &House, user_id: &UserId, token_url: &str, token: &str) -> Value {
    let outputs = house.stack.outputs().iter().map(|(name, value)| (variable_of(name), value.clone()));
    let token_variable = ("COURIER_TOKEN".to_owned(), token.to_owned());
    let environment: BTreeMap<String, String> = house
        .stack
        .environment()
        .into_iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .chain(outputs)
        .chain([token_variable])
        .collect();
    json!({
        "user_id": user_id,
        "account_id": ACCOUNT,
        "algorithm_id": DEMO_ALGORITHM,
        "api_url": house.stack.api_url(),
        "token_url": token_url,
        "paper_broker_url": house.broker_url,
        "engine_log": house.stack.engine_log(),
        "environment": environment,
    })
}

/// `token` is the user's own, and good for this stack alone.
fn addresses(house: &House, user_id: &UserId, token_url: &str, token: &str) -> String {
    let (api, broker) = (house.stack.api_url(), &house.broker_url);
    let queue = house.stack.outputs().get("OrderQueueUrl").map_or("", String::as_str);
    let mut text = format!(
        "\nConsole        {api}/ (Sign in leads to this stack's own issuer: {user_id}, or any other name, without a password)\n\
         Paper broker   {broker} (user {USERNAME}, account {ACCOUNT}; its control door is {broker}/control)\n\
         Consent page   {broker}/authorize?oauth_token=… (POST /connections gives the whole address)\n\
         Engine's log   {}\n\n\
         For other programs and the aws command:\n",
        house.stack.engine_log().display(),
    );
    for (name, value) in house.stack.environment() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  export {name}={value}");
    }
    for (name, value) in house.stack.outputs() {
        let _ = writeln!(text, "  export {}={value}", variable_of(name));
    }
    let _ = writeln!(text, "  export COURIER_TOKEN={token}");
    let _ = write!(
        text,
        "\nThe token is the user's, for half a day. One of another user, or with &algorithm=ID of an algorithm:\n  \
         TOKEN=$(curl -s '{token_url}?user={user_id}')\n\
         Ask the API (after the exports above):\n  \
         curl -s -H \"Authorization: Bearer $COURIER_TOKEN\" {api}/orders\n\
         Send an order (after the exports above):\n  \
         aws sqs send-message --queue-url {queue} --message-group-id {user_id} \\\n    \
         --message-deduplication-id \"my-order-1-$(openssl rand -hex 16)\" --message-body '{{\"schema\": \"courier.order/1\", \"command\": \"place\", \
         \"user_id\": \"{user_id}\", \"order_id\": \"my-order-1\", \"algorithm_id\": \"{DEMO_ALGORITHM}\", \
         \"account_id\": \"{ACCOUNT}\", \"contract\": {{\"conid\": 265598}}, \"side\": \"buy\", \"quantity\": \"1\", \
         \"type\": \"market\", \"time_in_force\": \"day\"}}'\n\
         Move a price:\n  \
         curl -s -X PUT {broker}/control/prices -H 'Content-Type: application/json' -d '{{\"conid\": 265598, \"price\": \"149.00\"}}'\n\n\
         Running until Ctrl-C."
    );
    text
}
