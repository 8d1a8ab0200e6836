//! The broker on a port of this machine, for as long as somebody holds on to it.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::broker::PaperBroker;

/// A broker that is served. Dropping it ends the listener and every connection.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    task: AbortHandle,
}

impl Serving {
    /// Its address, such as `http://127.0.0.1:8765`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PaperBroker {
    /// Serves on a free port of 127.0.0.1, beside whatever else the caller's tokio runtime does.
    ///
    /// # Errors
    /// No port can be listened on.
    pub async fn serve_locally(&self) -> io::Result<Serving> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let broker = self.clone();
        let task = tokio::spawn(async move {
            // It ends only by being aborted: the address of its listener was read above.
            let _ = broker.serve(listener).await;
        });
        Ok(Serving { address, task: task.abort_handle() })
    }
}
