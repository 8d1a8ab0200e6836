//! What a process was doing: told by the last call that it made.

use std::fmt;

use http::request::Parts;
use http::{HeaderMap, Method};
use serde::Serialize;

/// Where the broker's calls begin.
const BROKER_PREFIX: &str = "/v1/api/";

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words that are shown tell")]
pub enum Work {
    Ticket,
    Reply,
    Modify,
    Cancel,
    Look,
    Session,
    Database,
    Queue,
    Secret,
    Starting,
    Computing,
}

impl Work {
    pub(crate) fn of_call(call: &Parts) -> Self {
        match call.uri.path().strip_prefix(BROKER_PREFIX) {
            Some(path) => Self::of_broker_call(&call.method, path),
            None => Self::of_aws_call(&call.headers),
        }
    }

    fn of_broker_call(method: &Method, path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').collect();
        match (method, segments.as_slice()) {
            (&Method::POST, ["iserver", "account", _, "orders"]) => Self::Ticket,
            (&Method::POST, ["iserver", "reply", _]) => Self::Reply,
            (&Method::POST, ["iserver", "account", _, "order", _]) => Self::Modify,
            (&Method::DELETE, ["iserver", "account", _, "order", _]) => Self::Cancel,
            (&Method::GET, ["iserver", "account", "orders" | "trades"] | ["iserver", "account", "order", ..]) => {
                Self::Look
            }
            _ => Self::Session,
        }
    }

    fn of_aws_call(headers: &HeaderMap) -> Self {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        match target.split(['.', '_']).next() {
            Some("DynamoDB") => Self::Database,
            Some("AmazonSQS") => Self::Queue,
            _ => Self::Secret,
        }
    }

    pub(crate) fn is_at_the_broker(self) -> bool {
        self.changes_orders() || matches!(self, Self::Look | Self::Session)
    }

    /// Whether it is a call after which the broker may have one order more, or another one.
    pub(crate) fn changes_orders(self) -> bool {
        matches!(self, Self::Ticket | Self::Reply | Self::Modify | Self::Cancel)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Ticket => "sending a ticket",
            Self::Reply => "answering a question",
            Self::Modify => "changing an order",
            Self::Cancel => "cancelling an order",
            Self::Look => "looking at the broker",
            Self::Session => "opening or keeping a session",
            Self::Database => "asking DynamoDB",
            Self::Queue => "asking SQS",
            Self::Secret => "reading a secret",
            Self::Starting => "starting",
            Self::Computing => "between two calls",
        }
    }
}

/// How far a call had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The request had left, and never arrived.
    NeverArrived,
    /// It had arrived, and its answer was not there.
    UnderWay,
    /// It was carried out, and its answer was never read.
    AnswerUnread,
}

/// What a process was doing when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Doing {
    /// The kind of work.
    pub work: Work,
    /// How far its call had come, where it was one.
    pub stage: Option<Stage>,
}

impl fmt::Display for Doing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.work.words())?;
        formatter.write_str(match self.stage {
            None => "",
            Some(Stage::NeverArrived) => ": it never arrived",
            Some(Stage::UnderWay) => ": under way",
            Some(Stage::AnswerUnread) => ": done, answer unread",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_tells_what_its_process_is_doing() {
        let work = |method: &str, path: &str, target: &str| {
            let request = http::Request::builder().method(method).uri(path).header("x-amz-target", target);
            Work::of_call(&request.body(()).unwrap().into_parts().0)
        };
        assert_eq!(work("POST", "/v1/api/iserver/account/DU1/orders", ""), Work::Ticket);
        assert_eq!(work("POST", "/v1/api/iserver/account/DU1/order/7", ""), Work::Modify);
        assert_eq!(work("DELETE", "/v1/api/iserver/account/DU1/order/7", ""), Work::Cancel);
        assert_eq!(work("GET", "/v1/api/iserver/account/orders?force=true", ""), Work::Look);
        assert_eq!(work("POST", "/v1/api/tickle", ""), Work::Session);
        assert_eq!(work("POST", "/", "DynamoDB_20120810.GetItem"), Work::Database);
        assert_eq!(work("POST", "/", "AmazonSQS.SendMessage"), Work::Queue);
        assert_eq!(work("POST", "/", "secretsmanager.GetSecretValue"), Work::Secret);
    }
}
