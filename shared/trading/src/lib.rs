//! The use cases of an order: receive, advance, settle, track, cancel.

// Decimals from outside are calculated with only so that nothing panics (clippy.toml says which types are meant).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod account;
mod advance;
mod authority;
mod by_number;
mod cancel;
mod contracts;
mod desk;
mod dialogue;
mod exchange;
mod exits;
#[cfg(test)]
mod extremes;
mod hand;
mod intake;
mod intend;
mod judge;
mod known_connections;
mod known_contracts;
mod lane;
mod late;
mod leg_rows;
mod legs;
mod limits;
mod look;
mod modify;
mod nameless;
mod price_steps;
mod questions;
mod readings;
mod receive;
mod record;
mod reduce;
mod review;
mod send;
mod session;
mod stop;
mod submit;
mod taken_back;
mod track;
mod unwatched;
mod waits;

pub use advance::{HELD_CHECK, TRACK_AFTER_NEWS_SECONDS, TRACK_CLOSELY_SECONDS};
pub use authority::{Sender, is_forgery};
pub use cancel::LegCancelAsked;
pub use desk::{Desk, Intake};
pub use exchange::ANSWER_ROUNDS_MAX;
pub use intake::{Arrived, Recorded, cannot_be_recorded};
pub use known_connections::KnownConnections;
pub use known_contracts::KnownContracts;
pub use lane::{Lane, PENDING_MAX};
pub use modify::ChangeAsked;
pub use questions::{QuestionPolicy, Verdict};
pub use readings::Readings;
pub use receive::{QueueMessage, Request};
pub use review::{Decision, Review, ReviewRefused};
pub use session::TOKEN_LIFE_NEEDED;
pub use stop::Stop;
pub use submit::{Together, Turn};
