//! Wires `api`.

use std::sync::Arc;

use api::{Api, Console, ConsoleSettings, FoundContracts, Routes};
use lambda_http::{Error, service_fn};
use platform::Parts;
use platform::gateway::{Request, serve};
use sessions::End;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start()?;
    let keyring = parts.keyring()?;
    let (connections, tokens, broker) = (parts.connections()?, keyring.tokens(), parts.api()?);
    let routes = Routes::of(Api {
        end: End {
            connections: connections.clone(),
            tokens: tokens.clone(),
            api: broker.clone(),
            readers: Some(parts.readers()?),
            clock: Arc::clone(&parts.clock),
        },
        intake: parts.intake()?,
        lanes: parts.lanes()?,
        order_queue: parts.order_queue()?,
        console: Console::new(&ConsoleSettings::of_environment()?),
        connections,
        tokens,
        broker,
        readers: parts.readers()?,
        found_contracts: FoundContracts::default(),
    });
    let (routes, keyring) = (&routes, &keyring);
    serve(service_fn(async |request: Request| {
        keyring.keep_current().await?;
        Ok::<_, Error>(routes.answer(request).await)
    }))
    .await
}
