//! Wires `order-track`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use order_track::OrderTrack;
use platform::Parts;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start().await;
    let keys = parts.sealing_keys().await?;
    let function = OrderTrack { desk: parts.desk(&keys)? };
    let (function, keys) = (&function, &keys);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        keys.refresh().await;
        let deadline = platform::deadline(&event.context);
        function.handle(event.payload, &event.context.request_id, deadline).await
    }))
    .await
}
