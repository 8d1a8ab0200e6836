//! Opening the brokerage session: init, wait, accounts (IBKR Web API, recommended order of calls).

use std::collections::BTreeSet;
use std::time::Duration;

use broker::{Accounts, CallError, Establishment, PAUSE_AFTER_INIT, Session};
use domain::{AccountId, Reason, ReasonCode};
use serde::Deserialize;

const SUPPRESSED: &str = include_str!("../suppressed-questions.json");

#[derive(Deserialize)]
struct Suppressed {
    message_ids: Vec<String>,
}

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

impl Opened {
    /// Why orders cannot be sent yet, with the broker's own reason where it gave one, and what the user can do.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Established(_) => None,
            Self::Competing { message } => Some(Reason::new(
                ReasonCode::Competing,
                format!(
                    "Your broker's username is logged in somewhere else (TWS, mobile, Client Portal), and the broker gives one session per username. Log out there, or make a second username for this platform.{}",
                    message.as_deref().map(|words| format!(" The broker said: {words}")).unwrap_or_default()
                ),
            )),
            Self::NotYet { message: Some(words) } => Some(refused(words)),
            Self::NotYet { message: None } => Some(Reason::new(
                ReasonCode::NotEstablished,
                "The broker did not open the trading session in time. It is tried again by itself.",
            )),
        }
    }
}

/// The broker does not open the trading session, or ended it, and says why (IBKR Web API, auth status: `fail`, `message`).
#[must_use]
pub fn refused(words: &str) -> Reason {
    Reason::new(
        ReasonCode::SessionRefused,
        format!(
            "The broker does not open the trading session, and says: {words} Log in once at the broker's Client Portal with this username: it shows what is to be done, such as a password to change or a form to sign. It is tried again by itself."
        ),
    )
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
    let accounts = session.accounts().await?;
    suppress_questions(session).await;
    Ok(Opened::Established(accounts))
}

/// The accounts whose orders must say when they were entered.
#[must_use]
pub fn customer_time_accounts(accounts: &Accounts) -> BTreeSet<AccountId> {
    let must_tell = accounts.accounts.iter().filter(|account| account.allow_customer_time == Some(true));
    must_tell.map(|account| account.account_id.clone()).collect()
}

/// The ids of the questions that are switched off for each session. An order whose question is not asked cannot lose it.
#[must_use]
pub fn suppressed_questions() -> Vec<String> {
    // The file is the project's own; a test reads it. Were it unreadable, every question would be asked and answered.
    serde_json::from_str::<Suppressed>(SUPPRESSED).map(|file| file.message_ids).unwrap_or_default()
}

/// The broker forgets it with the session. A broker that does not take it asks its questions.
async fn suppress_questions(session: &Session) {
    let message_ids = suppressed_questions();
    let message_ids: Vec<&str> = message_ids.iter().map(String::as_str).collect();
    if let Err(error) = session.suppress(&message_ids).await {
        tracing::warn!(%error, "the broker did not switch questions off; it will ask them");
    }
}
