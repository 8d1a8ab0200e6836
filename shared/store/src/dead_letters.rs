//! The dead-letter queue of orders, as the operator looks into it.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};

use crate::error::StoreError;

/// Messages that SQS gives at once.
const BATCH_MESSAGES: i32 = 10;
/// How long a message that was looked at is kept from everybody else, in seconds, unless it is given back before.
const LOOK_SECONDS: i32 = 120;

/// The queue of orders that could not be worked on.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    client: Client,
    url: String,
}

/// One dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue's id of it.
    pub message_id: String,
    /// Who sent it (SQS `SenderId`).
    pub sender_id: String,
    /// The group it was sent to: the user's id.
    pub group_id: String,
    /// What it says.
    pub body: String,
    /// How often somebody took it up, this time included.
    pub receive_count: u32,
    receipt: String,
}

impl DeadLetters {
    /// The queue at this address.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Takes up to `most` dead letters in hand. Nobody else sees them before they are given back, or two minutes have passed.
    /// Of one user only the first ten show: the rest of a group waits behind them (SQS, FIFO).
    pub async fn take(&self, most: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let mut letters: Vec<DeadLetter> = Vec::new();
        while letters.len() < most {
            let request = self.client.receive_message().queue_url(&self.url).max_number_of_messages(BATCH_MESSAGES);
            let answer = request
                .visibility_timeout(LOOK_SECONDS)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .send()
                .await
                .map_err(|error| StoreError::of_call(&self.url, "give dead letters", error))?;
            let messages = answer.messages.unwrap_or_default();
            if messages.is_empty() {
                break;
            }
            letters.extend(messages.into_iter().map(DeadLetter::from));
        }
        Ok(letters)
    }

    /// Gives a dead letter back, for others to see.
    pub async fn give_back(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let request = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(&letter.receipt);
        let answer = request.visibility_timeout(0).send().await;
        answer.map(drop).map_err(|error| StoreError::of_call(&self.url, "take a dead letter back", error))
    }

    /// Removes a dead letter.
    pub async fn remove(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let request = self.client.delete_message().queue_url(&self.url).receipt_handle(&letter.receipt);
        request.send().await.map(drop).map_err(|error| StoreError::of_call(&self.url, "remove a dead letter", error))
    }
}

impl From<Message> for DeadLetter {
    fn from(message: Message) -> Self {
        let attributes = message.attributes.unwrap_or_default();
        let attribute = |name| attributes.get(&name).cloned().unwrap_or_default();
        Self {
            message_id: message.message_id.unwrap_or_default(),
            sender_id: attribute(MessageSystemAttributeName::SenderId),
            group_id: attribute(MessageSystemAttributeName::MessageGroupId),
            receive_count: attribute(MessageSystemAttributeName::ApproximateReceiveCount).parse().unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
        }
    }
}
