//! Wires `order-track`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use order_track::OrderTrack;
use platform::Parts;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = OrderTrack { desk: Parts::start().await.desk().await? };
    let function = &function;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let deadline = platform::deadline(&event.context);
        function.handle(event.payload, &event.context.request_id, deadline).await
    }))
    .await
}
