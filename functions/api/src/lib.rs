//! The HTTP API (contract: The HTTP API): connections, orders, grants, limits, halts, contracts, and two open pages.

mod compression;
mod connections;
mod console;
mod contracts;
mod description;
mod limits;
mod list_query;
mod orders;
mod parameters;
mod refusals;
mod rules;
mod words;

use access::{Readers, Tokens};
use domain::Reason;
use platform::{HttpRequest, HttpResponse, Problem};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sessions::End;
use store::{Connections, Lanes, OrderQueue, StoreError};
use trading::Intake;

pub use console::{Console, ConsoleSettings};
pub use contracts::FoundContracts;

/// The routes that this function answers, as the template names them.
pub const ROUTES: [&str; 19] = [
    "GET /connections",
    "PUT /connections/{connection_id}",
    "DELETE /connections/{connection_id}",
    "GET /grants",
    "PUT /grants/{algorithm_id}",
    "DELETE /grants/{algorithm_id}",
    "GET /limits",
    "PUT /limits",
    "GET /halt",
    "PUT /halt",
    "POST /orders",
    "GET /orders",
    "GET /orders/{order_id}",
    "PUT /orders/{order_id}",
    "DELETE /orders/{order_id}",
    "GET /refusals",
    "GET /contracts",
    "GET /",
    "GET /openapi.json",
];

/// The function, with what it needs.
#[derive(Debug)]
pub struct Api {
    /// What puts orders on record.
    pub intake: Intake,
    /// The lines that new orders join.
    pub lanes: Lanes,
    /// The users' connections.
    pub connections: Connections,
    /// What opens tokens.
    pub tokens: Tokens,
    /// The broker.
    pub broker: broker::Api,
    /// When the broker may be called for users.
    pub readers: Readers,
    /// Contracts that were found before.
    pub found_contracts: FoundContracts,
    /// The use case of disconnecting.
    pub end: End,
    /// Where the worker is woken.
    pub order_queue: OrderQueue,
    /// The page for people.
    pub console: Console,
}

type Answer = Result<HttpResponse, Problem>;

impl Api {
    /// Answers one request.
    pub async fn handle(&self, request: &HttpRequest) -> HttpResponse {
        match self.route(request).await {
            Ok(response) => compression::compressed(request, response),
            Err(problem) => {
                tracing::info!(
                    route = request.route_key,
                    status = problem.status,
                    code = problem.code,
                    metric.forgeries_refused = trading::is_forgery(&problem.code).then_some(1),
                    "a request was refused"
                );
                problem.into()
            }
        }
    }

    async fn route(&self, request: &HttpRequest) -> Answer {
        parameters::only_known(request)?;
        match request.route_key.as_str() {
            "GET /connections" => self.list_connections(request).await,
            "PUT /connections/{connection_id}" => self.choose(request).await,
            "DELETE /connections/{connection_id}" => self.disconnect(request).await,
            "GET /grants" => self.list_grants(request).await,
            "PUT /grants/{algorithm_id}" => self.put_grant(request).await,
            "DELETE /grants/{algorithm_id}" => self.delete_grant(request).await,
            "GET /limits" => self.get_limits(request).await,
            "PUT /limits" => self.put_limits(request).await,
            "GET /halt" => self.get_halt(request).await,
            "PUT /halt" => self.put_halt(request).await,
            "POST /orders" => self.place_order(request).await,
            "GET /orders" => self.list_orders(request).await,
            "GET /orders/{order_id}" => self.get_order(request).await,
            "PUT /orders/{order_id}" => self.modify_order(request).await,
            "DELETE /orders/{order_id}" => self.cancel_order(request).await,
            "GET /refusals" => self.list_refusals(request).await,
            "GET /contracts" => self.find_contracts(request).await,
            "GET /" => Ok(self.console.page()),
            "GET /openapi.json" => Ok(description::openapi()),
            _ => Err(Problem::not_found("route")),
        }
    }
}

/// A table or queue that failed: what of it is the caller's to know.
fn store_failed(error: &StoreError) -> Problem {
    if matches!(error, StoreError::CursorRefused) {
        return Problem::bad_fields(vec![domain::FieldFault {
            field: "cursor".to_owned(),
            message: error.to_string(),
        }]);
    }
    tracing::error!(
        %error,
        source = std::error::Error::source(error),
        metric.orders_for_a_person = error.is_beyond_cure().then_some(1),
        "a request failed"
    );
    match error {
        StoreError::Conflict { .. } => Problem::new(
            http::StatusCode::CONFLICT,
            "changed_meanwhile",
            "It was changed by somebody else at the same time. Read it again, and decide anew.",
        ),
        StoreError::Throttled { .. } => {
            Problem::unavailable("Too much is going on right now; nothing was changed. Try again in a moment.")
        }
        StoreError::Invalid { .. } => {
            let Reason { code, message } = trading::cannot_be_recorded();
            Problem::new(http::StatusCode::CONFLICT, code.as_str(), message)
        }
        _ => Problem::internal(),
    }
}

/// The body as a JSON object of this form. An array is none, though serde would take one for a struct.
fn json_body<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let unreadable = |error: &dyn std::fmt::Display| {
        let message = format!("the body cannot be read: {error}");
        Problem::bad_fields(vec![domain::FieldFault { field: String::new(), message }])
    };
    let body = domain::parse_unique(&request.text()?).map_err(|error| unreadable(&error))?;
    if !body.is_object() {
        return Err(unreadable(&"it must be a JSON object"));
    }
    fields(body)
}

/// The fields of a body; the fault names the one that is wrong.
fn fields<T: DeserializeOwned>(body: Value) -> Result<T, Problem> {
    read_fields(body, words::TEXT).map_err(|fault| Problem::bad_fields(vec![fault]))
}

/// The fields of an object whose texts are what `text` says; else the first fault.
fn read_fields<T: DeserializeOwned>(object: Value, text: &str) -> Result<T, domain::FieldFault> {
    serde_path_to_error::deserialize(object).map_err(|error| {
        let message = words::plain(&error.inner().to_string(), text);
        domain::FieldFault { field: field_of(&error), message }
    })
}

/// Which field an error is of: where it stands in the body, else the one that is missing or not known.
fn field_of(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let path = error.path().to_string();
    if path != "." && path != "?" {
        return path;
    }
    let words = error.inner().to_string();
    let named = ["missing field `", "unknown field `"].iter().find_map(|words_before| words.strip_prefix(words_before));
    named.and_then(|rest| rest.split('`').next()).unwrap_or_default().to_owned()
}

/// A placeholder of the path, as the identifier that it must be. What is none names nothing.
fn path_id<T: std::str::FromStr>(request: &HttpRequest, name: &str, what: &str) -> Result<T, Problem> {
    request.path_parameter(name).and_then(|text| text.parse().ok()).ok_or_else(|| Problem::not_found(what))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        halted: bool,
        #[serde(default)]
        account_ids: Vec<domain::AccountId>,
    }

    #[test]
    fn what_is_wrong_in_a_body_names_its_field() {
        for (body, field) in [
            (json!({"halted": "yes"}), "halted"),
            (json!({}), "halted"),
            (json!({"halted": true, "because": "x"}), "because"),
            (json!({"halted": true, "account_ids": ["DU1", "../x"]}), "account_ids[1]"),
        ] {
            let problem = fields::<Body>(body.clone()).unwrap_err();
            assert_eq!(problem.errors[0].field, field, "{body}: {}", problem.errors[0].message);
        }
        let read: Body = fields(json!({"halted": true, "account_ids": ["DU1"]})).unwrap();
        assert!(read.halted && read.account_ids.len() == 1);
    }
}
