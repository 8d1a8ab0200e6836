//! Stop: why something goes no further now.

use domain::Reason;
use store::StoreError;

/// Why an order, a change, a cancel or a look goes no further now.
#[derive(Debug)]
pub enum Stop {
    /// It waits.
    Wait(Reason),
    /// It will never go.
    Deny(Reason),
    /// The session was found to be closed: it is opened again, and if that was done already, it waits.
    Reopen(Reason),
    /// The database failed: whoever asks again finds everything as it was.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Stop {
    /// Why it goes no further; an error where the database failed.
    ///
    /// # Errors
    /// That of the database.
    pub fn reason(self) -> Result<Reason, StoreError> {
        match self {
            Self::Wait(reason) | Self::Deny(reason) | Self::Reopen(reason) => Ok(reason),
            Self::Store(error) => Err(error),
        }
    }
}

/// What was tried; `None`: it goes no further now, for a reason that nobody needs here.
pub(crate) fn unless_stopped<T>(tried: Result<T, Stop>) -> Result<Option<T>, StoreError> {
    match tried {
        Ok(done) => Ok(Some(done)),
        Err(Stop::Store(error)) => Err(error),
        Err(Stop::Wait(_) | Stop::Deny(_) | Stop::Reopen(_)) => Ok(None),
    }
}
