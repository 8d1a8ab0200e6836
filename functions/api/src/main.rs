//! Wires `api`.

use std::sync::Arc;

use api::{Api, Console, ConsoleSettings, FoundContracts};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use platform::{HttpRequest, Parts};
use sessions::End;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start()?;
    let keyring = parts.keyring()?;
    let (connections, tokens, broker) = (parts.connections()?, keyring.tokens(), parts.api()?);
    let function = Api {
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
    };
    let (function, keyring) = (&function, &keyring);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<HttpRequest>| {
        keyring.keep_current().await?;
        Ok::<_, Error>(function.handle(&event.payload).await)
    }))
    .await
}
