//! The one door to the network: an HTTP request in, a response out.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

/// Largest body of an answer that is read, bytes. A thousand live orders, the broker's own maximum, take about 1 MB.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The future that [`Transport::send`] gives.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

/// Carries one request to the broker and its answer back.
///
/// The rules that every implementation keeps: a request whose bytes may have left is never sent again; a redirect is an
/// answer like any other; the whole exchange ends within `timeout`; an answer larger than [`ANSWER_BYTES_MAX`] is unread.
pub trait Transport: Send + Sync + Debug {
    /// Sends the request once.
    fn send(&self, request: Request<Bytes>, timeout: Duration) -> Sending<'_>;
}

/// Why there is no answer. The difference decides whether an order may be sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No byte of the request left: the connection could not be made (name, connect, TLS). It may be tried again.
    #[error("nothing was sent: {0}")]
    NotSent(String),
    /// Bytes may have arrived, and no whole answer was read. Nobody knows what the broker did.
    #[error("no answer was read: {0}")]
    Unread(String),
}
