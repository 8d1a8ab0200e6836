//! Wires `order-track`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use order_track::OrderTrack;
use platform::Parts;
use serde_json::Value;

/// A quarter of an order's instructions went into the system's allocator (docs/history.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start()?;
    let keyring = parts.keyring()?;
    let function = OrderTrack { desk: parts.desk(keyring.tokens())? };
    let (function, keyring) = (&function, &keyring);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        keyring.keep_current().await?;
        let deadline = platform::deadline(&event.context);
        // Boxed: the whole path of an order is in this future.
        Box::pin(function.handle(event.payload, &event.context.request_id, deadline)).await
    }))
    .await
}
