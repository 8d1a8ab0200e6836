//! When a call of a session may be made. The broker counts the calls of each username and, in its penalty box, of the address
//! (IBKR Web API, pacing), so what allows a call must know of every function's calls.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// The future that [`Turns::take`] gives.
pub type Turn<'a> = Pin<Box<dyn Future<Output = Result<(), NoTurn>> + Send + 'a>>;
/// The future that [`Turns::ended`] gives.
pub type Noted<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// No call may be made for so long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTurn {
    /// Why, in words.
    pub why: String,
    /// When it may be tried again.
    pub retry_after: Duration,
}

/// Tells each call of a user's sessions when its turn is.
pub trait Turns: Send + Sync + Debug {
    /// Waits until a call may be made, without making it.
    fn wait(&self) -> Turn<'_>;
    /// Waits for the turn, and takes it.
    fn take(&self) -> Turn<'_>;
    /// Takes in that the call of the last turn is over, and whether the broker refused our address (429).
    fn ended(&self, is_refused: bool) -> Noted<'_>;
}
