//! The FIFO queue of orders.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::config::BehaviorVersion;

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

    /// Sends a message in its user's group, so that the messages of one user keep their order. Returns the queue's id of it.
    pub(crate) async fn send(&self, message: &Message) -> Result<String, Error> {
        let request = self
            .sqs
            .send_message()
            .queue_url(&self.url)
            .message_group_id(message.text("user_id"))
            .message_deduplication_id(deduplication_id(message))
            .message_body(message.body());
        let sent = request.send().await.map_err(|error| {
            let what = format!("{} of {}", message.text("command"), message.text("order_id"));
            if lacks_credentials(&error) {
                return Error::NoCredentials { what, source: Box::new(error) };
            }
            Error::NotEnqueued { what, source: Box::new(error.into_service_error()) }
        });
        sent.map(|answer| answer.message_id.unwrap_or_default())
    }
}

/// SQS by the environment (`AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL` …).
pub(crate) async fn sqs_of_environment() -> aws_sdk_sqs::Client {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let configuration = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    aws_sdk_sqs::Client::new(&configuration)
}

fn lacks_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.into_iter().any(|cause| matches!(cause.downcast_ref(), Some(CredentialsError::CredentialsNotLoaded(_))))
}

/// An id that nobody can guess, another one for each message: within five minutes the queue drops a second message under
/// one id, whatever it says. Under an id that could be guessed (the order's, or a digest of its content) whoever may send on
/// the queue could use it first, and the order would vanish. The server itself takes the same order twice as one.
#[expect(clippy::disallowed_methods, reason = "it must be told from outside by nobody")]
fn deduplication_id(message: &Message) -> String {
    format!("{}-{}", message.text("order_id"), uuid::Uuid::new_v4().simple())
}
