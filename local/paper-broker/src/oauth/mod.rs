//! OAuth 1.0a as the broker extends it, checked by an implementation of its own: nothing here is shared with the client.

mod base_string;
mod checks;
mod der;
mod endpoints;
mod header;
mod keys;
mod registry;
mod session_token;

pub use base_string::QueryStyle;
pub use registry::{AccessGrant, ConsumerRegistration, IssuedSecrets, RegistrationError, TokenLoss, User};

pub(crate) use base_string::query_values;
pub(crate) use checks::{Caller, authenticate, username};
pub(crate) use endpoints::answer;
pub(crate) use registry::{Registry, random_hex};
