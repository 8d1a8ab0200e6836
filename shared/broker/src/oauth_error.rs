//! What can go wrong before there is a session, and whose turn it is then.

use signing::{ProofFailed, SigningError};

/// One of the three signed steps of OAuth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuthStep {
    /// `POST /oauth/request_token`.
    RequestToken,
    /// `POST /oauth/access_token`.
    AccessToken,
    /// `POST /oauth/live_session_token`.
    LiveSessionToken,
}

impl OAuthStep {
    /// The step's path below the base.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::RequestToken => "/oauth/request_token",
            Self::AccessToken => "/oauth/access_token",
            Self::LiveSessionToken => "/oauth/live_session_token",
        }
    }
}

/// Whose turn it is after an [`OAuthError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// The same call may work in a while.
    TryAgain,
    /// Nothing may be sent for ten minutes: the penalty box is by address, for all users.
    WaitOutPenalty,
    /// The user must consent again (or for the first time).
    AskUser,
    /// Nothing but the operator's hand helps.
    AskOperator,
}

/// A step of OAuth that did not succeed (IBKR Web API, "invalid consumer" and other OAuth-step errors).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// No byte left.
    #[error("{0}; try again")]
    NotSent(String),
    /// No answer that can be used: a time-out, a 5xx, a redirect, an unreadable body.
    #[error("the broker's answer to {} was not read: {why}; try again in a while", step.path())]
    Unread {
        /// The step.
        step: OAuthStep,
        /// What came instead.
        why: String,
    },
    /// 401 `invalid consumer`.
    #[error(
        "the broker does not know the consumer {consumer_key:?} with realm {realm:?} ({message}). This says nothing about \
         the signature. Likely causes, in order: {causes}. If it happens to one user only, that user revoked the access"
    )]
    ConsumerInvalid {
        /// The step.
        step: OAuthStep,
        /// The key that was sent.
        consumer_key: String,
        /// The realm that was sent.
        realm: String,
        /// The broker's words.
        message: String,
        /// Numbered, for this key and realm.
        causes: String,
    },
    /// 401 `Invalid signature`.
    #[error(
        "the broker knows the consumer and refuses the signature ({message}). Likely causes, in order: private_signature_pem \
         is not the pair of the uploaded public_signature.pem (ours has SHA-256 fingerprint {signature_key_fingerprint}); \
         the two keys were swapped at the upload; a changed key is not active before the next night; for a live session \
         token, private_encryption_pem is not the pair of the uploaded key, so the secret opened to other bytes"
    )]
    SignatureInvalid {
        /// The step.
        step: OAuthStep,
        /// The broker's words.
        message: String,
        /// Fingerprint of our public signature key.
        signature_key_fingerprint: String,
    },
    /// 401 while the two clocks disagree.
    #[error(
        "the broker refused the request ({message}), and its clock is {seconds_ahead} s ahead of ours: a signed timestamp \
         that far off is refused. Set this machine's clock"
    )]
    ClockSkew {
        /// The step.
        step: OAuthStep,
        /// The broker's words.
        message: String,
        /// By how much the broker is ahead; negative if it is behind.
        seconds_ahead: i64,
    },
    /// 401 `No access secret key found`.
    #[error(
        "the broker lost the secret of this access token ({message}); the user must connect again, which works within a minute"
    )]
    AccessSecretMissing {
        /// The broker's words.
        message: String,
    },
    /// Another refusal of this step.
    #[error("the broker refused {} with {status} ({message}). {hint}", step.path())]
    Refused {
        /// The step.
        step: OAuthStep,
        /// The HTTP status.
        status: u16,
        /// The broker's words.
        message: String,
        /// What it means at this step.
        hint: &'static str,
    },
    /// 404.
    #[error("there is nothing at {url}: the base address must end in /v1/api (BrokerApiUrl)")]
    WrongPath {
        /// The address that was asked.
        url: String,
    },
    /// 403 with a page of HTML.
    #[error(
        "the network before the broker (Akamai) denied the request: it does so without a User-Agent (ours is always sent), \
         and for addresses that it blocks. Ask the broker about this machine's outgoing address"
    )]
    Forbidden,
    /// A numbered host that does not know this machine.
    #[error(
        "this host of the broker does not accept our address ({message}); use https://api.ibkr.com/v1/api (BrokerApiUrl)"
    )]
    HostRefused {
        /// The broker's words.
        message: String,
    },
    /// 429.
    #[error("too many requests from this address: wait 10 minutes before anything is sent, for every user")]
    Paced,
    /// The broker sent an empty `diffie_hellman_response` each time.
    #[error("the broker sent an empty diffie_hellman_response {tries} times; try again in a while")]
    EmptyResponse {
        /// How often it was asked.
        tries: u32,
    },
    /// The live session token was not proved.
    #[error(transparent)]
    ProofFailed(#[from] ProofFailed),
    /// Keys, parameters, or a number of the broker's that is outside the group.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl OAuthError {
    /// Whose turn it is now.
    #[must_use]
    pub fn next_step(&self) -> NextStep {
        match self {
            Self::NotSent(_)
            | Self::Unread { .. }
            | Self::EmptyResponse { .. }
            | Self::Signing(SigningError::Response { .. })
            | Self::Refused { status: 410, .. } => NextStep::TryAgain,
            Self::Paced => NextStep::WaitOutPenalty,
            // A lasting refusal of one user's token alone: they revoked it in their settings (there is no API for that).
            Self::AccessSecretMissing { .. }
            | Self::Refused { step: OAuthStep::AccessToken, .. }
            | Self::Refused { step: OAuthStep::LiveSessionToken, status: 401, .. } => NextStep::AskUser,
            _ => NextStep::AskOperator,
        }
    }
}
