//! The paper broker, seen from a client of its own that shares no code with it.

mod client;
mod consent;
mod control;
mod faults;
mod oauth;
mod orders;
mod peer;
mod questions;
mod sessions;
mod world;
