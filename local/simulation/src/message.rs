//! Messages, and the queues of the template that they lie in.

use std::path::PathBuf;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
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

    /// Its name in the template.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Orders => "OrderQueue",
            Self::DeadLetters => "OrderDeadLetterQueue",
            Self::Sessions => "SessionQueue",
            Self::Tracks => "TrackQueue",
        }
    }

    pub(crate) fn of_url(url: &str) -> Option<Self> {
        [Self::Orders, Self::DeadLetters, Self::Sessions, Self::Tracks].into_iter().find(|name| name.url() == url)
    }

    /// Messages of one batch (infra/template.yaml).
    pub(crate) fn batch_size(self) -> usize {
        if self.is_fifo() { 10 } else { 1 }
    }

    /// How the template sets it up.
    pub(crate) fn settings(self) -> &'static QueueSettings {
        match self {
            Self::Orders => &SETTINGS[0],
            Self::DeadLetters => &SETTINGS[1],
            Self::Sessions => &SETTINGS[2],
            Self::Tracks => &SETTINGS[3],
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

/// How a queue is set up.
#[derive(Debug)]
pub(crate) struct QueueSettings {
    /// Until a message that was not deleted is seen again.
    pub(crate) visibility: SignedDuration,
    /// Deliveries before a message is a dead letter. One that is comes until it is taken.
    pub(crate) deliveries_max: u32,
}

/// The settings of the queues, in the order of [`QueueName`], as infra/template.yaml says them.
static SETTINGS: LazyLock<[QueueSettings; 4]> = LazyLock::new(|| {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/template.yaml");
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    ["OrderQueue", "OrderDeadLetterQueue", "SessionQueue", "TrackQueue"].map(|name| {
        let queue = &template["Resources"][name]["Properties"];
        let deliveries_max = queue["RedrivePolicy"]["maxReceiveCount"].as_u64().unwrap_or(u32::MAX.into());
        QueueSettings {
            visibility: SignedDuration::from_secs(queue["VisibilityTimeout"].as_i64().unwrap()),
            deliveries_max: deliveries_max.try_into().unwrap(),
        }
    })
});

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
    /// It was handed out, and nobody said since when it is to be seen again.
    pub(crate) in_flight: bool,
}

impl Message {
    /// By which the queue knows this delivery of it: a new one each time (SQS, `ReceiptHandle`).
    pub(crate) fn receipt(&self) -> String {
        format!("{}/{}", self.id, self.deliveries)
    }

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
        json!({"messageId": self.id, "receiptHandle": self.receipt(), "body": self.body, "attributes": attributes,
               "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "eu-west-1",
               "eventSourceARN": self.queue.arn()})
    }
}
