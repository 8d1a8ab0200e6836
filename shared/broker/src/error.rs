//! What can go wrong with a call of a session, by what the caller can do.

use std::time::Duration;

use crate::api::AskError;
use crate::transport::TransportError;
use crate::turns::NoTurn;

/// A call that brought no answer that could be used.
///
/// For the sending of an order (place, reply, modify) only [`CallError::Unknown`] leaves open whether it arrived; every
/// other variant proves that it did not: see [`CallError::proves_not_delivered`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Retry: no byte left.
    #[error("nothing was sent ({0}); it may be tried again")]
    NotSent(String),
    /// Correct it: it cannot be put into a request. Nothing was sent.
    #[error("the request cannot be formed: {0}")]
    Invalid(String),
    /// Settle, if it was an order; ask again, if it was a look.
    #[error("the broker may or may not have acted: {why}")]
    Unknown {
        /// What came instead of an answer that can be read.
        why: String,
    },
    /// Renew the live session token, and open the session again.
    #[error("the live session token is not valid any more ({message}); make a new one")]
    Unauthorized {
        /// The broker's words, or ours if it had run out before anything was sent.
        message: String,
    },
    /// Make a new live session token: 410, the session is dead.
    #[error("the session is gone (410); make a new live session token")]
    Gone,
    /// Open the brokerage session (`init`), wait, and try again.
    #[error("there is no brokerage session (no bridge); open it again")]
    NoBridge,
    /// Ask for the accounts first.
    #[error("the broker wants /iserver/accounts to be asked first")]
    AccountsNotAsked,
    /// Wait until the session is established and ask for the accounts; else the account is not this user's.
    #[error(
        "the broker does not take the account ({message}): the session is not established yet, or the account is another user's"
    )]
    AccountInvalid {
        /// The broker's words.
        message: String,
    },
    /// Send nothing for ten minutes, for any user: the penalty box counts by address.
    #[error("too many requests (429): wait 10 minutes, for every user")]
    Paced,
    /// Wait: no turn was had for the call among all that are made for this user. Nothing was sent.
    #[error("the call must wait {} seconds: {why}; nothing was sent", .retry_after.as_secs())]
    TooMany {
        /// Why.
        why: String,
        /// When it may be tried again.
        retry_after: Duration,
    },
    /// Tell the operator: the network before the broker denies this machine.
    #[error(
        "the network before the broker (Akamai) denied the request: its address is blocked, or the User-Agent is missing"
    )]
    Forbidden,
    /// Tell the operator: 404, the base address is wrong.
    #[error("there is nothing at this address (404): the base address must end in /v1/api (BrokerApiUrl)")]
    WrongPath,
    /// Give up: the broker understood and said no. Never given for the sending of an order, which has its own answer.
    #[error("the broker refused: {message}")]
    Refused {
        /// The broker's words.
        message: String,
    },
}

impl CallError {
    /// Whether it is proved that the broker never took the request in, so that an order in it does not exist.
    #[must_use]
    pub fn proves_not_delivered(&self) -> bool {
        !matches!(self, Self::Unknown { .. } | Self::Gone | Self::Refused { .. })
    }
}

impl From<NoTurn> for CallError {
    fn from(NoTurn { why, retry_after }: NoTurn) -> Self {
        Self::TooMany { why, retry_after }
    }
}

impl From<AskError> for CallError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Invalid(why) => Self::Invalid(why),
            AskError::Signing(error) => Self::Invalid(error.to_string()),
            AskError::Transport(TransportError::NotSent(why)) => Self::NotSent(why),
            AskError::Transport(TransportError::Unread(why)) => Self::Unknown { why },
        }
    }
}
