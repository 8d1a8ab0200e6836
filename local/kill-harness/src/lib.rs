//! `kill -9` on the real functions, under load, and then the question what every order came to.
//!
//! The template runs on the local stack, with a paper broker behind it; the stack's event sources are off, and this crate is
//! the Lambda service: it hands the queues' messages and the schedules' ticks to the release binaries of order-submit,
//! order-track and session-refresh, over a Runtime API of its own, and kills them at moments from a seed: anywhere, and
//! before, during and after their calls to the broker and to AWS. In the end nothing may be doubled, lost, forgotten or
//! overtaken, and every final state must be the broker's.

mod doing;
mod drain;
mod error;
mod fate;
mod function;
mod house;
mod load;
mod market;
mod message;
mod output;
mod pool;
mod process;
mod random;
mod record;
mod report;
mod run;
mod runtime;
mod service;
mod tally;
mod trail;
mod verdict;
mod wire;

pub use doing::{Doing, Stage, Work};
pub use error::HarnessError;
pub use function::Function;
pub use report::{Kills, Report, Violation};
pub use run::{Settings, run};
pub use runtime::{Answered, Invocation, Runtime};
pub use trail::Call;
pub use verdict::Rule;
