//! The use cases of a connection: begin, complete, import, renew, end.

mod begin;
mod complete;
mod end;
mod failure;
mod import;
mod renew;
mod renewal;
mod warm;

pub use begin::{ATTEMPT_LIFE, Begin, BeginError, Begun, CONNECTIONS_MAX};
pub use complete::{Complete, CompleteError, Completed, Return};
pub use end::{End, EndedBy};
pub use import::Import;
pub use renew::{Renew, RenewError, Renewed};
pub use renewal::next_renewal;
