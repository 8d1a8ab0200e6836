//! The paper broker, seen from a client of its own that shares no code with it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "whatever cannot be done here fails the test"
)]

mod changes;
mod client;
mod consent;
mod control;
mod faults;
mod oauth;
mod orders;
mod peer;
mod questions;
mod sessions;
mod tickets;
mod world;
