//! Wires `session-refresh`.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use platform::Parts;
use serde_json::Value;
use session_refresh::SessionRefresh;
use sessions::Renew;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start()?;
    let keyring = parts.keyring()?;
    let function = SessionRefresh {
        consumer: parts.consumer(parts.api()?)?,
        renew: Renew {
            connections: parts.connections()?,
            lanes: parts.lanes()?,
            tokens: keyring.tokens(),
            sharing: platform::environment::account_sharing()?,
            order_queue: parts.order_queue()?,
            session_queue: parts.session_queue()?,
            calendar: parts.calendar()?,
            clock: Arc::clone(&parts.clock),
        },
        clock: Arc::clone(&parts.clock),
    };
    let (function, keyring) = (&function, &keyring);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        keyring.keep_current().await?;
        let deadline = platform::deadline(&event.context);
        // Boxed: the whole work on a session is in this future.
        Box::pin(function.handle(event.payload, &event.context.request_id, deadline)).await
    }))
    .await
}
