//! A user's way to the broker: sealed tokens opened into a session, and the brokerage session established.
//!
//! What orders and connections both need, so that neither has to know the other.

mod calendar;
mod establish;
mod tokens;
mod turns;

pub use calendar::{Calendar, CalendarUnreadable, Quiet};
pub use establish::{Opened, customer_time_accounts, open_brokerage_session, refused, suppressed_questions};
pub use tokens::{Tokens, TokensUnusable};
pub use turns::{HolderTurns, PENALTY, PenaltyBox, Readers};
