//! Wires `oauth-callback`.

use std::sync::Arc;

use lambda_runtime::{Error, service_fn};
use oauth_callback::OauthCallback;
use platform::gateway::{Request, serve};
use platform::{Parts, environment};
use sessions::Complete;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start()?;
    let keyring = parts.keyring()?;
    let own_arn = environment::optional("COURIER_ENCRYPTION_KEY_SECRET_ARN");
    let function = OauthCallback {
        consumer: parts.consumer(parts.api()?)?.with_encryption_key(own_arn),
        complete: Complete {
            connections: parts.connections()?,
            attempts: parts.attempts()?,
            tokens: keyring.tokens(),
            sharing: environment::account_sharing()?,
            readers: parts.readers()?,
            session_queue: parts.session_queue()?,
            clock: Arc::clone(&parts.clock),
        },
        return_url: environment::optional("COURIER_RETURN_URL"),
    };
    let (function, keyring) = (&function, &keyring);
    serve(service_fn(async |request: Request| {
        keyring.keep_current().await?;
        Ok::<_, Error>(function.handle(&request).await)
    }))
    .await
}
