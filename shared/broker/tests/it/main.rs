//! The client as its callers see it: exact bytes out, every answer's meaning, and a whole life of a connection.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of a test fails like the test")]

mod fuzz;
mod in_process;
mod laws;
mod looks;
mod network;
mod oauth;
mod orders;
mod paper;
mod spellings;
mod support;
mod wire;
