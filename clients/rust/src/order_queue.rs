//! The FIFO queue of orders.

use aws_sdk_sqs::config::BehaviorVersion;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::messages::Message;

/// The queue that orders go in by. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OrderQueue {
    sqs: aws_sdk_sqs::Client,
    url: String,
}

impl OrderQueue {
    /// The queue at this address (the stack's output `OrderQueueUrl`).
    #[must_use]
    pub fn new(sqs: aws_sdk_sqs::Client, url: &str) -> Self {
        Self { sqs, url: url.to_owned() }
    }

    /// Sends a message in its user's group, so that the messages of one user keep their order.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), Error> {
        let body = message.body();
        let request = self
            .sqs
            .send_message()
            .queue_url(&self.url)
            .message_group_id(message.text("user_id"))
            .message_deduplication_id(deduplication_id(message, &body))
            .message_body(body);
        let sent = request.send().await.map_err(|error| Error::NotEnqueued {
            what: format!("{} of {}", message.text("command"), message.text("order_id")),
            source: Box::new(error.into_service_error()),
        });
        sent.map(|_| ())
    }
}

/// SQS by the environment (`AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL` …).
pub(crate) async fn sqs_of_environment() -> aws_sdk_sqs::Client {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let configuration = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    aws_sdk_sqs::Client::new(&configuration)
}

/// A digest of the content: within five minutes the queue keeps one of two equal messages.
///
/// Not so for a cancel. If the first came too early (its order was not there yet), a second must get through; and the server
/// takes two as one.
#[expect(clippy::disallowed_methods, reason = "only the queue ever sees it: it need not be told from outside")]
fn deduplication_id(message: &Message, body: &str) -> String {
    if message.text("command") == "cancel" {
        return uuid::Uuid::new_v4().simple().to_string();
    }
    hex::encode(Sha256::digest(body))
}
