//! Wires `oauth-start`.

use std::sync::Arc;

use lambda_runtime::{Error, service_fn};
use oauth_start::OauthStart;
use platform::Parts;
use platform::gateway::{Request, serve};
use sessions::Begin;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start()?;
    let function = OauthStart {
        consumer: parts.consumer(parts.api()?)?,
        begin: Begin {
            connections: parts.connections()?,
            attempts: parts.attempts()?,
            penalty_box: parts.penalty_box()?,
            clock: Arc::clone(&parts.clock),
            entropy: Arc::clone(&parts.entropy),
        },
    };
    let function = &function;
    serve(service_fn(async |request: Request| Ok::<_, Error>(function.handle(&request).await))).await
}
