//! The door between the SDK and the engine: instead of a socket.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use crate::engine::{self, Answer};
use crate::lag::Ages;

/// One try of one call, before it runs.
#[derive(Debug, Clone, Copy)]
pub struct Call<'c> {
    /// DynamoDB's name of the operation, such as `PutItem`.
    pub operation: &'c str,
    /// The request's JSON.
    pub body: &'c str,
    /// Which call of this client it is, from 1.
    pub number: u64,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is carried out and answered.
    None,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It never arrives.
    NeverArrives,
    /// So much time passes before it is carried out and answered.
    Late(Duration),
    /// It is answered by an index that does not show what came into it less than this ago. Other calls: nothing.
    IndexLags(Duration),
    /// It is refused for now: too many requests.
    Throttled,
    /// It is refused: an error inside the service.
    InternalError,
    /// It is refused: the caller may not.
    AccessDenied,
    /// It is refused: it is not valid, and never will be.
    Invalid,
    /// A transaction is refused: each of its rows is busy in another one. Other calls: as that, by themselves.
    Contention,
}

type Faults = Arc<dyn Fn(&Call<'_>) -> Fault + Send + Sync>;

pub(crate) struct Connector {
    engine: dynoxide::Database,
    calls: Arc<AtomicU64>,
    own_calls: Arc<AtomicU64>,
    ages: Arc<Mutex<Ages>>,
    faults: Faults,
}

impl Connector {
    pub(crate) fn new(
        engine: dynoxide::Database,
        calls: Arc<AtomicU64>,
        ages: Arc<Mutex<Ages>>,
        faults: Faults,
    ) -> Self {
        Self { engine, calls, own_calls: Arc::default(), ages, faults }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (engine, ages) = (self.engine.clone(), Arc::clone(&self.ages));
        let faults = Arc::clone(&self.faults);
        self.calls.fetch_add(1, Ordering::SeqCst);
        let number = self.own_calls.fetch_add(1, Ordering::SeqCst) + 1;
        HttpConnectorFuture::new(async move {
            // A real call lets others run; so does this one, before and after.
            tokio::task::yield_now().await;
            let answer = carry_out(&engine, &ages, &request, number, &*faults).await?;
            tokio::task::yield_now().await;
            respond(answer)
        })
    }
}

async fn carry_out(
    engine: &dynoxide::Database,
    ages: &Mutex<Ages>,
    request: &HttpRequest,
    number: u64,
    faults: &(dyn Fn(&Call<'_>) -> Fault + Send + Sync),
) -> Result<Answer, ConnectorError> {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let body = request.body().bytes().unwrap_or_default();
    let body = std::str::from_utf8(body).map_err(|error| ConnectorError::user(error.into()))?;
    let fault = faults(&Call { operation, body, number });
    let run = || {
        let answer = engine::run(engine, operation, body);
        if answer.status == 200 {
            ages.lock().unwrap_or_else(PoisonError::into_inner).note(operation, body);
        }
        answer
    };
    match fault {
        Fault::None => Ok(run()),
        Fault::IndexLags(by) => {
            let answer = run();
            Ok(ages.lock().unwrap_or_else(PoisonError::into_inner).hide(body, answer, by))
        }
        Fault::Late(by) => {
            tokio::time::sleep(by).await;
            Ok(run())
        }
        Fault::AnswerLost => {
            run();
            Err(ConnectorError::timeout("the answer was lost on purpose".into()))
        }
        Fault::NeverArrives => Err(ConnectorError::io("the connection was cut on purpose".into()).never_connected()),
        Fault::Throttled => Ok(Answer::error(400, "ThrottlingException")),
        Fault::InternalError => Ok(Answer::error(500, "InternalServerError")),
        Fault::AccessDenied => Ok(Answer::error(400, "AccessDeniedException")),
        Fault::Invalid => Ok(Answer::error(400, "ValidationException")),
        Fault::Contention if operation == "TransactWriteItems" => Ok(Answer::contention()),
        Fault::Contention => Ok(Answer::error(400, "TransactionConflictException")),
    }
}

fn respond(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(answer.status).map_err(|error| ConnectorError::user(error.into()))?;
    Ok(HttpResponse::new(status, SdkBody::from(answer.body)))
}
