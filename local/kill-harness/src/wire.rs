//! The wire of one process: all that it says to Lambda, to AWS and to the broker comes by here, so that it is known what a
//! process was doing when it was killed, and so that it can be killed at a call.
//!
//! What arrived is carried out to its end, whatever becomes of the process: so does a real broker, and so does AWS.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use paper_broker::{MachineClock, PaperBroker};
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::doing::{Doing, Stage, Work};
use crate::fate::{Fate, Kind, Moment};
use crate::runtime::{self, Runtime};
use crate::trail::{Call, Trail, client_order_ids};

/// Bytes of a request's body: SQS and DynamoDB take less.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is at the other ends.
#[derive(Debug, Clone)]
pub(crate) struct Ends {
    broker: Router,
    engine: Client<HttpConnector, Body>,
    engine_url: String,
    pub(crate) trail: Arc<Trail>,
}

impl Ends {
    pub(crate) fn new(broker: &PaperBroker, engine_url: String) -> Self {
        let engine = Client::builder(TokioExecutor::new()).build_http();
        Self { broker: broker.router(), engine, engine_url, trail: Arc::default() }
    }

    async fn carry(&self, at_the_broker: bool, request: Request) -> Response {
        if at_the_broker {
            return self.broker.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        }
        match self.to_engine(request).await {
            Ok(response) => response,
            Err(problem) => (StatusCode::BAD_GATEWAY, problem).into_response(),
        }
    }

    async fn to_engine(&self, mut request: Request) -> Result<Response, String> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("{}{path}", self.engine_url).parse::<Uri>().map_err(|error| error.to_string())?;
        let response = self.engine.request(request).await.map_err(|error| error.to_string())?;
        Ok(response.map(Body::new))
    }
}

/// The wire of one process.
#[derive(Debug)]
pub(crate) struct Wire {
    ends: Ends,
    process: String,
    pub(crate) runtime: Runtime,
    state: Mutex<WireState>,
    struck: Notify,
}

#[derive(Debug)]
struct WireState {
    plan: Option<(Kind, u32, Moment)>,
    counted: u32,
    /// The call that is under way, and its number on the trail.
    current: Option<(Work, Option<usize>)>,
    has_called: bool,
    tickets: Vec<String>,
    struck_at: Option<Doing>,
}

impl Wire {
    pub(crate) fn new(ends: Ends, process: String) -> Self {
        let state = WireState {
            plan: None,
            counted: 0,
            current: None,
            has_called: false,
            tickets: Vec::new(),
            struck_at: None,
        };
        Self { ends, process, runtime: Runtime::new(), state: Mutex::new(state), struck: Notify::new() }
    }

    /// All routes of the process.
    pub(crate) fn router(wire: &Arc<Self>) -> Router {
        Router::new().fallback(receive).with_state(Arc::clone(wire))
    }

    /// Plans the end of the invocation that begins now, if it is at a call.
    pub(crate) fn plan(&self, fate: Fate) {
        let mut state = self.state();
        state.counted = 0;
        state.plan = match fate {
            Fate::AtCall { kind, number, moment } => Some((kind, number, moment)),
            Fate::Lives | Fate::After(_) => None,
        };
    }

    /// Waits until the planned call is there: the process is to be killed now.
    pub(crate) async fn struck(&self) {
        self.struck.notified().await;
    }

    /// What the process is doing, or was doing when it was struck. It is about to be killed.
    pub(crate) fn last_doing(&self) -> Doing {
        let state = self.state();
        if let Some(doing) = state.struck_at {
            return doing;
        }
        let Some((work, number)) = state.current else {
            let work = if state.has_called { Work::Computing } else { Work::Starting };
            return Doing { work, stage: None };
        };
        if let Some(number) = number {
            self.ends.trail.killed(number, Stage::UnderWay);
        }
        Doing { work, stage: Some(Stage::UnderWay) }
    }

    async fn pass_on(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let work = Work::of_call(&head);
        let number = self.note(work, &head, &body);
        let moment = self.begin(work, number);
        if moment == Some(Moment::Before) {
            return self.strike(work, number, Stage::NeverArrived).await;
        }
        let (ends, at_the_broker) = (self.ends.clone(), work.is_at_the_broker());
        let mut carried = tokio::spawn(async move {
            let response = ends.carry(at_the_broker, Request::from_parts(head, Body::from(body))).await;
            if let Some(number) = number {
                ends.trail.answered(number, response.status().as_u16());
            }
            response
        });
        if let Some(Moment::UnderWay(pause)) = moment {
            let answered = tokio::time::timeout(pause, &mut carried).await.is_ok();
            let stage = if answered { Stage::AnswerUnread } else { Stage::UnderWay };
            return self.strike(work, number, stage).await;
        }
        let response =
            carried.await.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, error.to_string()).into_response());
        if moment == Some(Moment::Answered) {
            return self.strike(work, number, Stage::AnswerUnread).await;
        }
        self.state().current = None;
        response
    }

    fn note(&self, work: Work, head: &Parts, body: &Bytes) -> Option<usize> {
        if !work.changes_orders() {
            return None;
        }
        let tickets = {
            let mut state = self.state();
            if work == Work::Ticket {
                state.tickets = client_order_ids(&head.method, body);
            }
            if matches!(work, Work::Ticket | Work::Reply) { state.tickets.clone() } else { Vec::new() }
        };
        Some(self.ends.trail.begin(Call {
            at: domain::Clock::now(&MachineClock),
            process: self.process.clone(),
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            client_order_ids: tickets,
            status: None,
            killed: None,
        }))
    }

    /// Counts a call; the moment at which its process ends, if it is the planned one.
    fn begin(&self, work: Work, number: Option<usize>) -> Option<Moment> {
        let mut state = self.state();
        state.current = Some((work, number));
        state.has_called = true;
        let (kind, planned, moment) = state.plan?;
        if !kind.counts(work) {
            return None;
        }
        state.counted += 1;
        let here = state.counted == planned;
        here.then(|| state.plan = None).map(|()| moment)
    }

    /// Has the process killed. The answer never leaves.
    async fn strike(&self, work: Work, number: Option<usize>, stage: Stage) -> Response {
        self.state().struck_at = Some(Doing { work, stage: Some(stage) });
        if let Some(number) = number {
            self.ends.trail.killed(number, stage);
        }
        self.struck.notify_one();
        std::future::pending().await
    }

    fn state(&self) -> MutexGuard<'_, WireState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(State(wire): State<Arc<Wire>>, request: Request) -> Response {
    if request.uri().path().starts_with(runtime::PREFIX) {
        return wire.runtime.answer(request).await;
    }
    wire.pass_on(request).await
}
