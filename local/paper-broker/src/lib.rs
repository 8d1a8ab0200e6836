#![doc = include_str!("../README.md")]

mod accounts;
mod answer;
mod broker;
mod call;
mod consent;
mod contracts;
mod control;
mod door;
mod faults;
mod log;
mod machine;
mod oauth;
mod options;
mod orders;
mod pacing;
mod service;
mod serving;
mod sessions;
mod state;

pub use answer::ConnectionDropped;
pub use broker::PaperBroker;
pub use control::Execution;
pub use faults::{Fault, FaultKind};
pub use log::CallRecord;
pub use machine::{MachineClock, MachineEntropy};
pub use oauth::{AccessGrant, ConsumerRegistration, IssuedSecrets, QueryStyle, RegistrationError, TokenLoss, User};
pub use options::{Options, Quotes, Spelling};
pub use orders::{LedgerEntry, OrderHistory, OrderStatus, QuestionRules, Stamped, TakenChange};
pub use serving::Serving;
