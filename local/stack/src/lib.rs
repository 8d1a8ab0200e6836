//! The stack on one machine: the real template and the real binaries, on an AWS look-alike. No Docker, no account.
//!
//! [`Stack::start`] makes a Python environment of pinned packages in the target folder (once), starts the engine in it,
//! translates `infra/template.yaml`, and deploys it through the engine's CloudFormation. All of it listens on 127.0.0.1
//! only, and ends with the process that started it. What differs from AWS stands in this crate, never in the template.

mod build;
mod deploy;
mod engine;
mod environment;
mod error;
mod event_sources;
mod front;
mod http;
mod issuer;
mod packages;
mod program;
mod progress;
mod sign_in;
mod stack;

pub use build::{build_functions, delivered_binary};
pub use error::StackError;
pub use event_sources::QueueSource;
pub use packages::profile;
pub use progress::{Listener, Progress, Step};
pub use stack::{Stack, StackOptions};
