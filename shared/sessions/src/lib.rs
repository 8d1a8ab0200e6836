//! The use cases of a connection: begin, complete, renew, end.

mod begin;
mod complete;
mod end;
mod renew;
mod renewal;

pub use begin::{ATTEMPT_LIFE, Begin, BeginError, Begun, CONNECTIONS_MAX};
pub use complete::{Complete, CompleteError, Completed, Return};
pub use end::End;
pub use renew::{Renew, RenewError, Renewed};
pub use renewal::next_renewal;
