//! The client of the IBKR Web API with OAuth 1.0a.
//!
//! Every effect goes through one door, a [`Transport`]: an HTTP request in, a response out. What is possible is a type:
//! a [`Consumer`] can send a user to consent and make a [`Grant`] of it; a grant makes live session tokens; a proved token
//! opens a [`Session`], which holds none of the consumer's keys. The broker's own shapes never leave this crate, and one
//! module reads the meaning of an answer by endpoint, status and shape.
//!
//! An order is sent once by each call. [`CallError::Unknown`] says that it may have arrived, and nothing but asking the
//! broker settles that.

// Decimals from outside are calculated with only so that nothing panics (clippy.toml says which types are meant).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod api;
mod consumer;
mod consumer_secret;
mod contract_details;
mod contracts;
mod cookies;
mod error;
mod grant;
mod http_transport;
mod looks;
mod market_price;
mod meaning;
mod oauth_error;
mod oauth_meaning;
mod orders;
mod pace;
mod positions;
mod session;
mod session_looks;
mod session_orders;
mod transport;
mod turns;
mod wire;
mod words;

pub use api::{Api, BrokerAddress, CALL_TIMEOUT};
pub use consumer::{AccessTokenAnswer, Consumer};
pub use consumer_secret::{ConsumerSecret, ConsumerSecretFault, ConsumerSecretUnusable};
pub use contract_details::ContractDetails;
pub use contracts::{ContractRules, FoundContract, PriceStep, Stock};
pub use error::CallError;
pub use grant::{Grant, ProvedLiveSessionToken};
pub use http_transport::{HttpTransport, tls_with_built_in_roots};
pub use looks::{Listing, LiveOrder, LiveOrders, OrderDetail, Preview, Trade};
pub use market_price::{MarketPrice, NotOfNow, Staleness};
pub use oauth_error::{NextStep, OAuthError, OAuthStep};
pub use orders::{Answer, CancelAnswer, OrderRequest, PlacedOrder, Prompt, Question, ReplyId};
pub use pace::Pace;
pub use positions::Position;
pub use session::{Account, Accounts, Establishment, PAUSE_AFTER_INIT, SUPPRESSED_MAX, Session, SessionStatus};
pub use session_looks::TRADE_DAYS_MAX;
pub use transport::{ANSWER_BYTES_MAX, Sending, Transport, TransportError};
pub use turns::{NoTurn, Noted, Turn, Turns};
pub use words::{AccessToken, ConsumerIdentity, InvalidWord, RequestToken, Verifier};

// The words of `signing` that this crate's callers need, so that they need not know that crate.
pub use signing::{
    AccessTokenSecret, BaseString, DiffieHellmanParameters, EncryptionKey, FoundHeader, HeaderNote, JudgedSignature,
    LiveSessionToken, NoHeader, OAuthHeader, Primality, ProofFailed, QuerySigning, SignatureFault, SignatureKey,
    SigningError, default_realm, find_header, judge_signature, public_key_fingerprint,
};
