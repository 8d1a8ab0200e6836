//! Wires `order-submit`.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use order_submit::OrderSubmit;
use platform::Parts;
use platform::environment::required;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start().await;
    let keys = parts.sealing_keys().await?;
    let function = OrderSubmit {
        desk: parts.desk(&keys)?,
        dead_letter_queue_arn: required("COURIER_ORDER_DEAD_LETTER_QUEUE_ARN")?,
    };
    let (function, keys) = (&function, &keys);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        keys.refresh().await;
        let deadline = platform::deadline(&event.context);
        // Boxed: the whole path of an order is in this future.
        Ok::<_, Error>(Box::pin(function.handle(event.payload, &event.context.request_id, deadline)).await)
    }))
    .await
}
