//! The broker without a network between: its router is called in process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use broker::{Sending, Transport, TransportError};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use paper_broker::{ConnectionDropped, PaperBroker};
use tower::ServiceExt;

use crate::crash::{CrashPoint, Crashes};

/// Carries requests to a paper broker in this process. Clones are one network.
#[derive(Debug, Clone)]
pub struct Network {
    broker: PaperBroker,
    crashes: Crashes,
    refusals: Arc<AtomicU32>,
}

impl Network {
    pub(crate) fn new(broker: PaperBroker, crashes: Crashes) -> Self {
        Self { broker, crashes, refusals: Arc::default() }
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
}

impl Transport for Network {
    fn send(&self, request: Request<Bytes>, timeout: Duration) -> Sending<'_> {
        Box::pin(async move {
            if self.refused() {
                return Err(TransportError::NotSent("connection refused".to_owned()));
            }
            let place = format!("{} {}", request.method(), request.uri().path());
            let before = |point: &CrashPoint| matches!(point, CrashPoint::BeforeCall { with } if place.contains(with));
            if self.crashes.strikes(before) {
                return std::future::pending().await;
            }
            let answer = self.exchange(request, timeout).await;
            let after = |point: &CrashPoint| matches!(point, CrashPoint::AfterCall { with } if place.contains(with));
            if self.crashes.strikes(after) {
                return std::future::pending().await;
            }
            answer
        })
    }
}
