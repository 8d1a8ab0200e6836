//! The use cases of an order: receive, advance, settle, track, cancel.

mod advance;
mod authority;
mod cancel;
mod contracts;
mod desk;
mod dialogue;
mod exits;
mod known_contracts;
mod lane;
mod late;
mod limits;
mod look;
mod modify;
mod price_steps;
mod questions;
mod receive;
mod record;
mod reduce;
mod review;
mod send;
mod session;
mod track;
mod waits;

pub use advance::{HELD_CHECK, TRACK_AFTER_NEWS_SECONDS, TRACK_CLOSELY_SECONDS};
pub use authority::{Sender, is_forgery};
pub use desk::{Desk, Intake};
pub use dialogue::ANSWER_ROUNDS_MAX;
pub use known_contracts::KnownContracts;
pub use lane::{Lane, PENDING_MAX};
pub use modify::ChangeAsked;
pub use questions::{QuestionPolicy, Verdict};
pub use receive::{QueueMessage, Recorded, Request, differs};
pub use review::{Decision, Review, ReviewRefused};
pub use session::TOKEN_LIFE_NEEDED;
