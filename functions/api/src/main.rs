//! Wires `api`.

use std::sync::Arc;

use api::Api;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use platform::{HttpRequest, Parts};
use sessions::End;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start().await;
    let desk = parts.desk().await?;
    let function = Api {
        end: End {
            connections: desk.connections.clone(),
            tokens: desk.tokens.clone(),
            api: desk.api.clone(),
            clock: Arc::clone(&parts.clock),
        },
        order_queue: parts.order_queue()?,
        desk,
    };
    let function = &function;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<HttpRequest>| {
        Ok::<_, Error>(function.handle(&event.payload).await)
    }))
    .await
}
