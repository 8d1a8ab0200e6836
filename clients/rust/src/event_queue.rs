//! A queue that a rule of the bus sends to.

use crate::error::Error;
use crate::events::{Change, EventReader};

/// How long one look waits for messages, in seconds: SQS's longest.
const RECEIVE_WAIT_SECONDS: i32 = 20;
/// Messages of one look: SQS's most.
const RECEIVE_MESSAGES_MAX: i32 = 10;

/// Follows the events that reach a queue.
#[derive(Debug)]
pub struct EventQueue {
    sqs: aws_sdk_sqs::Client,
    url: String,
    reader: EventReader,
    /// What was handed out, and is not deleted yet.
    handed_out: Vec<String>,
}

impl EventQueue {
    /// The queue at this address.
    #[must_use]
    pub fn new(sqs: aws_sdk_sqs::Client, url: &str) -> Self {
        Self { sqs, url: url.to_owned(), reader: EventReader::new(), handed_out: Vec::new() }
    }

    /// The next changes; none, if none came within 20 seconds. Asking for them says that those before are dealt with: only
    /// then their messages are deleted, so a program that dies in between sees them again.
    ///
    /// # Errors
    /// [`Error::NoEvents`] where the queue does not answer. [`Error::UnexpectedAnswer`] for what is no event: it stays in the
    /// queue, for its dead letter queue.
    pub async fn next(&mut self) -> Result<Vec<Change>, Error> {
        self.delete_handed_out().await?;
        let request = self
            .sqs
            .receive_message()
            .queue_url(&self.url)
            .wait_time_seconds(RECEIVE_WAIT_SECONDS)
            .max_number_of_messages(RECEIVE_MESSAGES_MAX);
        let answer = request.send().await.map_err(|error| Error::NoEvents(Box::new(error.into_service_error())))?;
        let mut changes = Vec::new();
        for message in answer.messages.unwrap_or_default() {
            changes.extend(self.reader.take(message.body.as_deref().unwrap_or_default())?);
            self.handed_out.extend(message.receipt_handle);
        }
        Ok(changes)
    }

    /// What the events told so far.
    #[must_use]
    pub fn reader(&self) -> &EventReader {
        &self.reader
    }

    async fn delete_handed_out(&mut self) -> Result<(), Error> {
        while let Some(handle) = self.handed_out.last() {
            let request = self.sqs.delete_message().queue_url(&self.url).receipt_handle(handle);
            request.send().await.map_err(|error| Error::NoEvents(Box::new(error.into_service_error())))?;
            self.handed_out.pop();
        }
        Ok(())
    }
}
