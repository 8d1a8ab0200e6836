//! The broker without a network between: its router is called in process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use broker::{Sending, Transport, TransportError};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use paper_broker::{ConnectionDropped, Fault, FaultKind, PaperBroker};
use serde_json::Value;
use tower::ServiceExt;

use crate::effects::{Door, Effects, Strike, crash};

/// Where the broker's paths begin.
const BASE: &str = "/v1/api";

/// Carries requests to a paper broker in this process. Clones are one network.
#[derive(Debug, Clone)]
pub struct Network {
    broker: PaperBroker,
    effects: Effects,
    refusals: Arc<AtomicU32>,
}

impl Network {
    pub(crate) fn new(broker: PaperBroker, effects: Effects) -> Self {
        Self { broker, effects, refusals: Arc::default() }
    }

    /// The next so many connections are refused before a byte of their request leaves.
    pub fn refuse_connections(&self, count: u32) {
        self.refusals.store(count, Ordering::SeqCst);
    }

    fn refused(&self) -> bool {
        let take_one = |left: u32| left.checked_sub(1);
        self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one).is_ok()
    }

    async fn exchange(&self, request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let unread = |why: &str| TransportError::Unread(why.to_owned());
        let call = self.broker.router().oneshot(request.map(Body::from));
        let Ok(response) = tokio::time::timeout(timeout, call).await.map_err(|_| unread("timed out"))?;
        if response.extensions().get::<ConnectionDropped>().is_some() {
            return Err(unread("the connection was cut"));
        }
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| unread("the body was cut"))?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    /// Carries a request whose fate is decided. A crash never returns.
    async fn carry(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        strike: Option<Strike>,
    ) -> Result<Response<Bytes>, TransportError> {
        match &strike {
            Some(Strike::CrashBefore) => {
                crash();
                return std::future::pending().await;
            }
            Some(Strike::ConnectionRefused) => {
                return Err(TransportError::NotSent("connection refused".to_owned()));
            }
            Some(Strike::NeverArrives) => return Err(TransportError::Unread("the connection was cut".to_owned())),
            Some(Strike::FreezeBefore(time)) => {
                self.note_held_up(&request);
                tokio::time::sleep(*time).await;
            }
            Some(Strike::Broker(fault)) => self.misbehave(&request, fault.clone()),
            _ => {}
        }
        let answer = self.exchange(request, timeout).await;
        match strike {
            Some(Strike::CrashAfter) => {
                crash();
                std::future::pending().await
            }
            Some(Strike::AnswerLost | Strike::LostForGood) => {
                Err(TransportError::Unread("the answer was lost".to_owned()))
            }
            Some(Strike::FreezeAfter(time)) => {
                tokio::time::sleep(time).await;
                answer
            }
            _ => answer,
        }
    }

    /// The broker misbehaves at exactly this call: it is the next one.
    fn misbehave(&self, request: &Request<Bytes>, fault: FaultKind) {
        if matches!(fault, FaultKind::Delay { .. } | FaultKind::Park { .. }) {
            self.note_held_up(request);
        }
        let path = request.uri().path();
        let path = path.strip_prefix(BASE).unwrap_or(path);
        self.broker.add_fault(Fault::next(request.method().as_str(), path, fault));
    }

    fn note_held_up(&self, request: &Request<Bytes>) {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        if let Some(client_order_id) = body["orders"][0]["cOID"].as_str() {
            self.effects.note_held_up(client_order_id);
        }
    }
}

impl Transport for Network {
    fn send(&self, request: Request<Bytes>, timeout: Duration) -> Sending<'_> {
        Box::pin(async move {
            // A real call lets others run; so does this one.
            tokio::task::yield_now().await;
            if self.refused() {
                return Err(TransportError::NotSent("connection refused".to_owned()));
            }
            let place = format!("{} {}", request.method(), request.uri().path());
            let strike = self.effects.strike(Door::Broker, &place);
            let answer = self.carry(request, timeout, strike).await;
            self.effects.chronicle.note(|| match &answer {
                Ok(response) => format!("{place}: {} {}", response.status(), excerpt(response.body())),
                Err(error) => format!("{place}: {error}"),
            });
            answer
        })
    }
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(8_000).collect()
}
