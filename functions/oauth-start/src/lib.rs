//! `POST /connections`: begins a connection, and gives the address at which the user consents.

use domain::FieldFault;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use platform::gateway::{Body, Request, Response};
use platform::{Caller, ConsumerError, ConsumerSource, Problem, answer, browser};
use serde::Serialize;
use serde_json::Value;
use sessions::{ATTEMPT_LIFE, Begin, BeginError, Begun};

/// The function, with what it needs.
#[derive(Debug)]
pub struct OauthStart {
    /// The consumer's secret.
    pub consumer: ConsumerSource,
    /// The use case.
    pub begin: Begin,
}

#[derive(Serialize)]
struct BegunConnection<'a> {
    connection_id: &'a domain::ConnectionId,
    authorize_url: &'a str,
    expires_at: jiff::Timestamp,
}

impl OauthStart {
    /// Answers one request.
    pub async fn handle(&self, request: &Request) -> Response {
        match self.begin(request).await {
            Ok(response) => response,
            Err(problem) => problem.into(),
        }
    }

    async fn begin(&self, request: &Request) -> Result<Response, Problem> {
        let user_id = Caller::of(request.extensions())?.user()?;
        holds_no_fields(request.body())?;
        let loaded = self.consumer.current().await.map_err(|error| no_consumer(&error))?;
        let begun = self.begin.begin(&loaded.consumer, &user_id).await.map_err(|error| not_begun(&error))?;
        tracing::info!(%user_id, connection_id = %begun.connection_id, "a connection was begun");
        let begun_connection = BegunConnection {
            connection_id: &begun.connection_id,
            authorize_url: begun.authorize_url.as_str(),
            expires_at: begun.expires_at,
        };
        let mut response = answer::json(StatusCode::CREATED, &begun_connection);
        answer::add_header(&mut response, SET_COOKIE, &cookie(request.headers(), &begun));
        Ok(response)
    }
}

/// What is said of each field of a request that takes none.
const NO_FIELDS: &str = "has no place here: this request takes no fields. What is decided about sessions goes by \
                         PUT /connections/{connection_id}";

/// The request has no fields: one that was sent would be without effect.
fn holds_no_fields(body: &Body) -> Result<(), Problem> {
    let text: &[u8] = body.as_ref();
    let fields = match serde_json::from_slice(text) {
        _ if text.is_empty() => return Ok(()),
        Ok(Value::Null) => return Ok(()),
        Ok(Value::Object(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
        Ok(_) | Err(_) => vec!["body".to_owned()],
    };
    if fields.is_empty() {
        return Ok(());
    }
    Err(Problem::bad_fields(
        fields.into_iter().map(|field| FieldFault { field, message: NO_FIELDS.to_owned() }).collect(),
    ))
}

/// The cookie crosses from the broker's page to ours by a link, which `SameSite=Lax` allows and `Strict` does not.
fn cookie(headers: &HeaderMap, begun: &Begun) -> String {
    let secure = if browser::is_to_this_machine(headers) { "" } else { "; Secure" };
    format!(
        "{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
        browser::attempt_cookie(headers),
        begun.cookie.expose(),
        ATTEMPT_LIFE.as_secs()
    )
}

fn no_consumer(error: &ConsumerError) -> Problem {
    tracing::error!(%error, source = std::error::Error::source(error), metric.consumer_refusals = 1, "there is no consumer");
    Problem::unavailable(
        "This platform is not set up for connections yet. Its operator finds the reason in the log of oauth-start.",
    )
}

fn not_begun(error: &BeginError) -> Problem {
    match error {
        BeginError::Broker(refused) => {
            tracing::error!(error = %refused, metric.consumer_refusals = u8::from(error.is_for_the_operator()), "the broker gave no request token");
            Problem::new(StatusCode::BAD_GATEWAY, "broker_refused", refused.to_string())
        }
        BeginError::Boxed(_) => Problem::unavailable(format!("Nothing was begun: {error}.")),
        BeginError::TooMany => Problem::new(StatusCode::CONFLICT, "too_many_connections", error.to_string()),
        BeginError::Store(error) => {
            tracing::error!(%error, source = std::error::Error::source(error), "a connection was not begun");
            Problem::internal()
        }
    }
}
