//! Opening the brokerage session: init, wait, accounts (IBKR Web API, recommended order of calls).

use std::time::Duration;

use broker::{Accounts, CallError, Establishment, PAUSE_AFTER_INIT, Session};

/// How the opening of a brokerage session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Orders may be sent from these accounts.
    Established(Accounts),
    /// Another login of the same username has the session, and it was not asked to leave.
    Competing {
        /// The broker's words.
        message: Option<String>,
    },
    /// The broker did not say in time that it is established.
    NotYet {
        /// The broker's words.
        message: Option<String>,
    },
}

/// Opens the brokerage session, once, and asks for the accounts. `compete` throws the user out of their own
/// trading program: only if they said so.
pub async fn open_brokerage_session(session: &Session, compete: bool, within: Duration) -> Result<Opened, CallError> {
    let status = session.init(compete).await?;
    if status.competing && !status.established {
        return Ok(Opened::Competing { message: status.message });
    }
    if !status.established {
        match session.wait_until_established(within, PAUSE_AFTER_INIT.min(within)).await? {
            Establishment::Established => {}
            Establishment::Competing(status) => return Ok(Opened::Competing { message: status.message }),
            Establishment::NotYet(status) => return Ok(Opened::NotYet { message: status.message }),
        }
    }
    session.accounts().await.map(Opened::Established)
}
