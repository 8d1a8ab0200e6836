//! Wires `order-events`.

use aws_lambda_events::dynamodb::Event;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use order_events::OrderEvents;
use platform::{Parts, environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let parts = Parts::start()?;
    let function = OrderEvents {
        client: aws_sdk_eventbridge::Client::new(parts.sdk()),
        bus: environment::required("COURIER_EVENT_BUS_NAME")?,
    };
    let function = &function;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| function.handle(event.payload).await)).await
}
