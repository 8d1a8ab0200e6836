//! How a connection is, in words that its user understands, and what they can do about it.

use serde::Serialize;

use crate::connection::{Connection, ConnectionStatus, SessionState};

/// How a connection is. What happened last, in detail, is its `last_error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The user has not come back from the broker.
    WaitingForConsent,
    /// Orders can be sent.
    Ready,
    /// No session is open; the next order opens one.
    Resting,
    /// Another login of the username has the session.
    Competing,
    /// The broker does not take this platform's consumer: not active yet, or not any more. It hits every user.
    WaitingForActivation,
    /// The broker is in its daily reset or weekly maintenance.
    InMaintenance,
    /// The broker refuses this platform's address for minutes, after too many requests.
    Paced,
    /// The broker does not open the trading session, and says why.
    SessionRefused,
    /// The broker names no account that can be traded here.
    NoAccount,
    /// The broker was not reached, or did not answer as it should; it is tried again.
    Failing,
    /// The username at the broker, or an account of it, is another user's here.
    UsernameTaken,
    /// The user must consent again.
    NeedsConsent,
    /// The user ended it.
    Disconnected,
}

impl Condition {
    /// What the user can do.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::WaitingForConsent => "Finish at the broker, or connect again.",
            Self::Ready | Self::Resting => "Nothing is to be done.",
            Self::Competing => {
                "Log out of TWS, mobile and Client Portal; or let this platform take the session (take_session); or make a second username for it at the broker."
            }
            Self::WaitingForActivation => {
                "Nothing that you can do: the operator of this platform is told. It is tried again by itself."
            }
            Self::SessionRefused => {
                "Log in once at the broker's Client Portal with this username, and do what it asks for. It is tried again by itself."
            }
            Self::NoAccount => {
                "Look in the broker's Client Portal which accounts this username has. If it has one, ask the operator of this platform."
            }
            Self::InMaintenance => "Wait: it goes on by itself after the broker's maintenance.",
            Self::Paced | Self::Failing => "Wait: it is tried again by itself.",
            Self::UsernameTaken => {
                "Connect with a username of your own. If that user of this platform is you as well, disconnect there first; else ask the operator of this platform."
            }
            Self::NeedsConsent => "Connect again. The broker has this platform's access no more.",
            Self::Disconnected => "Connect again if you want to trade here.",
        }
    }
}

impl Connection {
    /// How it is.
    #[must_use]
    pub fn condition(&self) -> Condition {
        match self.status {
            ConnectionStatus::Pending => Condition::WaitingForConsent,
            ConnectionStatus::NeedsConsent => Condition::NeedsConsent,
            ConnectionStatus::Disconnected => match self.error_code() {
                Some("username_taken") => Condition::UsernameTaken,
                _ => Condition::Disconnected,
            },
            ConnectionStatus::Connected => self.condition_of_session(),
        }
    }

    fn condition_of_session(&self) -> Condition {
        match (&self.session, self.error_code()) {
            (_, Some("consumer_refused" | "operator_needed")) => Condition::WaitingForActivation,
            (_, Some("maintenance")) => Condition::InMaintenance,
            (_, Some("penalty")) => Condition::Paced,
            (_, Some("session_refused")) => Condition::SessionRefused,
            (_, Some("no_account")) => Condition::NoAccount,
            (SessionState::Competing { .. }, _) => Condition::Competing,
            (_, Some(_)) => Condition::Failing,
            (SessionState::Established { .. }, None) => Condition::Ready,
            (SessionState::Closed, None) => Condition::Resting,
        }
    }

    fn error_code(&self) -> Option<&str> {
        self.last_error.as_ref().map(|error| error.code.as_str())
    }
}
