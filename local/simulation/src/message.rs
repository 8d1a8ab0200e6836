//! Messages, and the queues of the template that they lie in.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::functions::DEAD_LETTERS_ARN;

/// A queue of the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueName {
    /// The FIFO queue of orders.
    Orders,
    /// Its dead letters, which order-submit takes as well.
    DeadLetters,
    /// Sessions to look after.
    Sessions,
    /// Users to look at.
    Tracks,
}

impl QueueName {
    pub(crate) fn url(self) -> &'static str {
        match self {
            Self::Orders => "https://sqs.invalid/orders.fifo",
            Self::DeadLetters => "https://sqs.invalid/dead-letters.fifo",
            Self::Sessions => "https://sqs.invalid/sessions",
            Self::Tracks => "https://sqs.invalid/tracks",
        }
    }

    pub(crate) fn of_url(url: &str) -> Option<Self> {
        [Self::Orders, Self::DeadLetters, Self::Sessions, Self::Tracks].into_iter().find(|name| name.url() == url)
    }

    /// Messages of one batch (infra/template.yaml).
    pub(crate) fn batch_size(self) -> usize {
        if self.is_fifo() { 10 } else { 1 }
    }

    /// Deliveries before a message is a dead letter (infra/template.yaml). One that is comes until it is taken.
    pub(crate) fn deliveries_max(self) -> u32 {
        match self {
            Self::Orders => 10,
            Self::DeadLetters => u32::MAX,
            Self::Sessions | Self::Tracks => 5,
        }
    }

    pub(crate) fn is_fifo(self) -> bool {
        matches!(self, Self::Orders | Self::DeadLetters)
    }

    fn arn(self) -> String {
        match self {
            Self::DeadLetters => DEAD_LETTERS_ARN.to_owned(),
            other => format!("arn:aws:sqs:eu-west-1:123456789012:{other:?}"),
        }
    }
}

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// In which queue.
    pub queue: QueueName,
    /// What it says.
    pub body: String,
    /// Who sent it.
    pub sender: String,
    /// Its group, in the FIFO queue.
    pub group: Option<String>,
    /// How often it was delivered.
    pub deliveries: u32,
    pub(crate) deduplication: Option<String>,
    pub(crate) sent_at: Timestamp,
    pub(crate) visible_at: Timestamp,
}

impl Message {
    /// As a record of a Lambda event.
    #[must_use]
    pub fn record(&self) -> Value {
        let mut attributes = json!({
            "SenderId": self.sender,
            "ApproximateReceiveCount": self.deliveries.to_string(),
            "SentTimestamp": self.sent_at.as_millisecond().to_string(),
        });
        if let Some(group) = &self.group {
            attributes["MessageGroupId"] = json!(group);
            attributes["MessageDeduplicationId"] = json!(self.deduplication);
            attributes["SequenceNumber"] = json!(self.id.rsplit('-').next());
        }
        json!({"messageId": self.id, "receiptHandle": self.id, "body": self.body, "attributes": attributes,
               "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "eu-west-1",
               "eventSourceARN": self.queue.arn()})
    }
}
