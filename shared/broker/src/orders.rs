//! Orders as they go to the broker, and its answers to them.

use domain::{AccountId, BrokerOrderId, BrokerStatus, ClientOrderId, Conid, Ticket};
use jiff::Timestamp;

/// An order to place, preview or modify.
#[derive(Debug, Clone, Copy)]
pub struct OrderRequest<'a> {
    /// The account it is for.
    pub account_id: &'a AccountId,
    /// Our name for it at the broker. Its exits name it as their parent.
    pub client_order_id: &'a ClientOrderId,
    /// The contract's number, however the ticket names the contract.
    pub conid: Conid,
    /// What is to be traded, and how.
    pub ticket: &'a Ticket,
    /// When the order was entered: to be given if, and only if, the account's `allow_customer_time` is true.
    pub manual_order_time: Option<Timestamp>,
}

/// What the broker said to the sending of an order (IBKR Web API, response shapes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It has the order; for a bracket the parent and its exits.
    Placed(Vec<PlacedOrder>),
    /// It wants a question answered first. Nothing else of orders may be sent in between on this session.
    Question(Question),
    /// It wants one of several options chosen.
    Prompt(Prompt),
    /// It said no, in words.
    Refused {
        /// The words.
        message: String,
    },
    /// It has an order with this client order id: an earlier copy arrived. Look it up, and send nothing.
    AlreadyRegistered {
        /// The broker's words.
        message: String,
    },
    /// The question that was answered is no more: another order came in between, or it ran out.
    ReplyNotFound {
        /// The broker's words.
        message: String,
    },
    /// There is no order of this number to modify.
    NoSuchOrder {
        /// The broker's words.
        message: String,
    },
}

/// An order that the broker took in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedOrder {
    /// Its number.
    pub order_id: BrokerOrderId,
    /// Its status at that moment.
    pub status: BrokerStatus,
}

/// A question before an order is taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whom to reply to. If several questions came at once, the first; their messages are all below.
    pub reply_id: ReplyId,
    /// The text, in HTML.
    pub messages: Vec<String>,
    /// The broker's ids of it, such as `o163`.
    pub message_ids: Vec<String>,
    /// The words of the choices, where they are given.
    pub options: Vec<String>,
}

/// Names one pending question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplyId(String);

impl ReplyId {
    /// Longest reply id accepted, characters; the broker's are UUIDs.
    const CHARACTERS_MAX: usize = 64;

    /// Takes an id of the broker; nothing if it could not stand in a path.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let fits = !text.is_empty() && text.len() <= Self::CHARACTERS_MAX && text.bytes().all(allowed);
        fits.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An advanced reject: the broker offers a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The order that it is about.
    pub order_id: BrokerOrderId,
    /// The broker's number of the request.
    pub request_id: String,
    /// The text.
    pub message: String,
    /// The broker's id of it, such as `p12`.
    pub message_id: Option<String>,
    /// One of these must be chosen.
    pub options: Vec<String>,
}

/// What the broker said to a cancel. Both ways it may be asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelAnswer {
    /// The request was taken in; the order is not cancelled yet.
    Requested,
    /// There is no order of this number that is open in this session.
    NoSuchOrder {
        /// The broker's words.
        message: String,
    },
    /// It cannot be cancelled.
    Refused {
        /// The broker's words.
        message: String,
    },
}
