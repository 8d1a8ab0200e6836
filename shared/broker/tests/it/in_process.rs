//! The paper broker without a network between: its router is called in process.

use std::time::Duration;

use axum::body::Body;
use broker::{Sending, Transport, TransportError};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use paper_broker::{ConnectionDropped, PaperBroker};
use tower::ServiceExt;

/// Carries requests to a paper broker in this process.
#[derive(Debug, Clone)]
pub(crate) struct InProcess(pub(crate) PaperBroker);

impl Transport for InProcess {
    fn send(&self, request: Request<Bytes>, timeout: Duration) -> Sending<'_> {
        Box::pin(async move {
            let unread = |why: &str| TransportError::Unread(why.to_owned());
            let call = self.0.router().oneshot(request.map(Body::from));
            let Ok(response) = tokio::time::timeout(timeout, call).await.map_err(|_| unread("timed out"))?;
            if response.extensions().get::<ConnectionDropped>().is_some() {
                return Err(unread("the connection was cut"));
            }
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|_| unread("the body was cut"))?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        })
    }
}
