//! Wires `order-submit`.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use order_submit::OrderSubmit;
use platform::Parts;
use platform::environment::required;

/// A quarter of an order's instructions went into the system's allocator (docs/history.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start()?;
    let keyring = parts.keyring()?;
    let function = OrderSubmit {
        desk: parts.desk(keyring.tokens())?,
        order_queue: parts.order_queue()?,
        dead_letter_queue: parts.order_dead_letter_queue()?,
        dead_letter_queue_arn: required("COURIER_ORDER_DEAD_LETTER_QUEUE_ARN")?,
    };
    let (function, keyring) = (&function, &keyring);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        keyring.keep_current().await?;
        let deadline = platform::deadline(&event.context);
        // Boxed: the whole path of an order is in this future.
        Ok::<_, Error>(Box::pin(function.handle(event.payload, &event.context.request_id, deadline)).await)
    }))
    .await
}
