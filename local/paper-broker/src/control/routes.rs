//! The control door over HTTP. Bodies are JSON; unknown fields are refused with 422.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Json, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use http::StatusCode;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::methods::Execution;
use crate::broker::PaperBroker;
use crate::faults::Fault;
use crate::oauth::{ConsumerRegistration, RegistrationError, TokenLoss, User};
use crate::orders::{OrderStatus, QuestionRules};

/// Routes below `/control`.
pub(crate) fn routes(broker: &PaperBroker) -> Router<PaperBroker> {
    let known = Router::new()
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/consumers", post(register_consumer))
        .route("/consumers/{key}/active", put(set_consumer_active))
        .route("/users", post(register_user))
        .route("/grants", post(grant))
        .route("/approvals", post(approve))
        .route("/losses", post(lose_tokens));
    let market = Router::new()
        .route("/prices", put(set_price))
        .route("/refusals", put(set_refusal))
        .route("/executions", post(execute_order))
        .route("/rejections", post(reject_order))
        .route("/open", post(act(PaperBroker::open_market)))
        .route("/questions", put(set_questions));
    let behaviour = Router::new()
        .route("/sessions/{username}/{event}", post(session_event))
        .route("/reset", post(act(PaperBroker::reset_day)))
        .route("/down", put(set_iserver_down))
        .route("/options", get(options).put(change_options))
        .route("/faults", get(faults).post(add_fault).delete(act(PaperBroker::clear_faults)))
        .route("/parked/release", post(release_parked))
        .route("/calls", get(calls).delete(act(PaperBroker::clear_calls)))
        .route("/ledger", get(ledger));
    known.merge(market).merge(behaviour).with_state(broker.clone()).fallback(|| async { StatusCode::NOT_FOUND })
}

/// A route that does one thing and says 204.
fn act(
    action: fn(&PaperBroker),
) -> impl Fn(State<PaperBroker>) -> std::future::Ready<StatusCode> + Clone + Send + Sync + 'static {
    move |State(broker)| {
        action(&broker);
        std::future::ready(StatusCode::NO_CONTENT)
    }
}

async fn register_consumer(
    State(broker): State<PaperBroker>,
    Json(registration): Json<ConsumerRegistration>,
) -> Response {
    registered(broker.register_consumer(&registration).map(|()| json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Active {
    active: bool,
}

async fn set_consumer_active(
    State(broker): State<PaperBroker>,
    Path(key): Path<String>,
    Json(body): Json<Active>,
) -> StatusCode {
    found(broker.set_consumer_active(&key, body.active))
}

async fn register_user(State(broker): State<PaperBroker>, Json(user): Json<User>) -> Response {
    registered(broker.register_user(user).map(|()| json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantRequest {
    consumer_key: String,
    username: String,
}

async fn grant(State(broker): State<PaperBroker>, Json(body): Json<GrantRequest>) -> Response {
    registered(broker.grant(&body.consumer_key, &body.username).map(|grant| json!(grant)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    request_token: String,
    username: String,
}

async fn approve(State(broker): State<PaperBroker>, Json(body): Json<Approval>) -> Response {
    match broker.approve(&body.request_token, &body.username) {
        Ok(location) => Json(json!({"location": location})).into_response(),
        Err(problem) => (StatusCode::CONFLICT, Json(json!({"error": problem}))).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loss {
    username: String,
    loss: TokenLoss,
}

async fn lose_tokens(State(broker): State<PaperBroker>, Json(body): Json<Loss>) -> Json<Value> {
    Json(json!({"count": broker.lose_tokens(&body.username, body.loss)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    conid: i64,
    price: Option<Decimal>,
}

async fn set_price(State(broker): State<PaperBroker>, Json(body): Json<Price>) -> StatusCode {
    broker.set_price(body.conid, body.price);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    conid: i64,
    error: Option<String>,
}

async fn set_refusal(State(broker): State<PaperBroker>, Json(body): Json<Refusal>) -> StatusCode {
    broker.set_refusal(body.conid, body.error);
    StatusCode::NO_CONTENT
}

async fn execute_order(State(broker): State<PaperBroker>, Json(execution): Json<Execution>) -> StatusCode {
    found(broker.execute_order(execution))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rejection {
    order_id: i64,
    status: OrderStatus,
}

async fn reject_order(State(broker): State<PaperBroker>, Json(body): Json<Rejection>) -> StatusCode {
    found(broker.reject_order(body.order_id, body.status))
}

async fn set_questions(State(broker): State<PaperBroker>, Json(rules): Json<QuestionRules>) -> StatusCode {
    broker.set_questions(rules);
    StatusCode::NO_CONTENT
}

async fn session_event(
    State(broker): State<PaperBroker>,
    Path((username, event)): Path<(String, String)>,
) -> StatusCode {
    match event.as_str() {
        "elsewhere" => broker.log_in_elsewhere(&username),
        "back" => broker.log_out_elsewhere(&username),
        "gone" => broker.make_gone(&username),
        "end" => return found(broker.end_session(&username)),
        _ => return StatusCode::NOT_FOUND,
    }
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Down {
    down: bool,
}

async fn set_iserver_down(State(broker): State<PaperBroker>, Json(body): Json<Down>) -> StatusCode {
    broker.set_iserver_down(body.down);
    StatusCode::NO_CONTENT
}

async fn options(State(broker): State<PaperBroker>) -> Response {
    Json(broker.options()).into_response()
}

/// Changes the options that are named, and leaves the others.
async fn change_options(
    State(broker): State<PaperBroker>,
    Json(changes): Json<serde_json::Map<String, Value>>,
) -> Response {
    let mut merged = json!(broker.options());
    for (name, value) in changes {
        merged[name] = value;
    }
    match serde_json::from_value(merged) {
        Ok(options) => {
            broker.change_options(|present| *present = options);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(problem) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": problem.to_string()}))).into_response(),
    }
}

async fn faults(State(broker): State<PaperBroker>) -> Response {
    Json(broker.faults()).into_response()
}

async fn add_fault(State(broker): State<PaperBroker>, Json(fault): Json<Fault>) -> StatusCode {
    if broker.add_fault(fault) { StatusCode::NO_CONTENT } else { StatusCode::CONFLICT }
}

async fn release_parked(State(broker): State<PaperBroker>) -> Json<Value> {
    Json(json!({"count": broker.release_parked()}))
}

async fn calls(State(broker): State<PaperBroker>) -> Response {
    Json(broker.calls()).into_response()
}

/// The orders, and how many there are of each `cOID`.
async fn ledger(State(broker): State<PaperBroker>) -> Json<Value> {
    let orders = broker.ledger();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for id in orders.iter().filter_map(|order| order.client_order_id.as_deref()) {
        *counts.entry(id).or_default() += 1;
    }
    Json(json!({"orders": orders, "count_by_client_order_id": counts}))
}

fn registered(outcome: Result<Value, RegistrationError>) -> Response {
    match outcome {
        Ok(body) => Json(body).into_response(),
        Err(problem) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": problem.to_string()}))).into_response(),
    }
}

fn found(found: bool) -> StatusCode {
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
