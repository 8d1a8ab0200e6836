//! The use cases of an order: receive, advance, settle, track, cancel.

mod advance;
mod authority;
mod calendar;
mod cancel;
mod contracts;
mod desk;
mod dialogue;
mod exits;
mod lane;
mod late;
mod limits;
mod look;
mod modify;
mod questions;
mod receive;
mod record;
mod review;
mod send;
mod session;
mod track;

pub use authority::Sender;
pub use calendar::{Calendar, CalendarUnreadable};
pub use contracts::KnownContracts;
pub use desk::{Desk, Intake};
pub use dialogue::ANSWER_ROUNDS_MAX;
pub use lane::{Lane, PENDING_MAX};
pub use modify::ChangeAsked;
pub use questions::{QuestionPolicy, Verdict};
pub use receive::{QueueMessage, Recorded, Request, differs};
pub use review::{Decision, Review, ReviewRefused};
