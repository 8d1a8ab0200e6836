//! The pure work behind an order and a session, on inputs that never change.

mod answers;
mod orders;
mod signing;

pub use answers::AnswerCase;
pub use orders::{OrderCase, message};
pub use signing::{HeaderCase, TokenCase};

/// Why a case cannot be made, or does not come out as it must.
pub type Unusable = Box<dyn std::error::Error + Send + Sync>;
