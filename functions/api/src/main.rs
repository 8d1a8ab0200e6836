//! Wires `api`.

use std::sync::Arc;

use api::{Api, Console, ConsoleSettings};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use platform::environment::{BadSetting, optional, required, required_url};
use platform::{HttpRequest, Parts};
use sessions::End;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start().await;
    let (connections, tokens, broker) = (parts.connections()?, parts.tokens().await?, parts.api()?);
    let function = Api {
        end: End {
            connections: connections.clone(),
            tokens: tokens.clone(),
            api: broker.clone(),
            clock: Arc::clone(&parts.clock),
        },
        intake: parts.intake()?,
        order_queue: parts.order_queue()?,
        console: Console::new(&console_settings()?),
        connections,
        tokens,
        broker,
    };
    let function = &function;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<HttpRequest>| {
        Ok::<_, Error>(function.handle(&event.payload).await)
    }))
    .await
}

fn console_settings() -> Result<ConsoleSettings, BadSetting> {
    let token_origin = "COURIER_CONSOLE_TOKEN_ORIGIN";
    Ok(ConsoleSettings {
        issuer: required_url("COURIER_JWT_ISSUER")?,
        audience: required("COURIER_JWT_AUDIENCE")?,
        client_id: optional("COURIER_CONSOLE_CLIENT_ID"),
        scope: required("COURIER_CONSOLE_SCOPE")?,
        token_origin: optional(token_origin).map(|_| required_url(token_origin)).transpose()?,
    })
}
