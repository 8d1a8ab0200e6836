//! The use cases of a connection: begin, complete, import, renew, end.

mod begin;
mod care;
mod complete;
mod end;
mod failure;
mod fan_out;
mod import;
mod ownership;
mod renew;
mod renewal;
mod warm;

pub use access::PENALTY;
pub use begin::{Begin, BeginError, Begun, CONNECTIONS_MAX};
pub use care::{Step, next_step, settle_due, wait_out_penalty, wait_out_quiet};
pub use complete::{Complete, CompleteError, Completed, Return, record_opening};
pub use domain::ATTEMPT_LIFE;
pub use end::{End, EndedBy};
pub use failure::pause_while_away;
pub use fan_out::WAITING_MAX;
pub use import::Import;
pub use renew::{Renew, RenewError, Renewed};
pub use renewal::{IDLE_ENDS_AFTER, next_due, next_renewal};
pub use warm::take_tickle;
