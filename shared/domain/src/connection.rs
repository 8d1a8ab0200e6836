//! A connection: one user's word to the broker that this platform may act for them, and the session it gives.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, ConnectionId, UserId};
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::session_care::{Choices, Inits};

/// How long a connection that was ended can still be read.
const DISCONNECTED_KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 90);

/// How long a user may take from here to their consent and back.
pub const ATTEMPT_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// One connection. Its secrets are sealed; what is here may be shown to its user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Whose it is.
    pub user_id: UserId,
    /// Its name.
    pub connection_id: ConnectionId,
    /// Where it stands.
    pub status: ConnectionStatus,
    /// Paper or live; not known before the user consented.
    pub environment: Option<Environment>,
    /// The accounts that it reaches.
    pub accounts: Vec<AccountId>,
    /// Those of them whose orders must say when they were entered, and whose orders are refused if they do not (IBKR Web
    /// API, accounts: `allowCustomerTime`). Orders of all others are refused if they do.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub customer_time_accounts: BTreeSet<AccountId>,
    /// By which rule its user claimed the accounts; `None`: they did not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<AccountSharing>,
    /// The brokerage session.
    pub session: SessionState,
    /// What last went wrong; gone after the next success.
    pub last_error: Option<Reason>,
    /// Since when the broker has refused the user's tokens without a success in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_since: Option<Timestamp>,
    /// Failures to renew without a success in between.
    #[serde(default)]
    pub failures: u32,
    /// When the broker last did what was asked of it for this connection's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<Timestamp>,
    /// What its user decided.
    #[serde(default)]
    pub choices: Choices,
    /// The brokerage sessions that were opened lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inits: Option<Inits>,
    /// Until when the session is kept warm because of orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_until: Option<Timestamp>,
    /// Since when a session that was established is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_lost_at: Option<Timestamp>,
    /// The consumer key under which the user consented.
    pub consumer_key: String,
    /// The realm that goes with it.
    pub realm: String,
    /// The sealed tokens; `None` before consent and after disconnecting.
    pub tokens: Option<SealedTokens>,
    /// When the session must be renewed next; `None` when there is nothing to renew.
    pub next_renewal_at: Option<Timestamp>,
    /// How often its status or its accounts changed: the `sequence` of its latest event.
    pub sequence: u64,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// Where a connection stands (contract: connection status).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// The user was sent to the broker and has not come back.
    Pending,
    /// The user consented, and the tokens work.
    Connected,
    /// The user must consent again.
    NeedsConsent,
    /// Ended by the user; the tokens are forgotten.
    Disconnected,
}

impl Connection {
    /// A connection whose user was just sent to the broker, under this consumer's key and realm.
    #[must_use]
    pub fn begin(
        user_id: UserId,
        connection_id: ConnectionId,
        (consumer_key, realm): (&str, &str),
        now: Timestamp,
    ) -> Self {
        Self {
            user_id,
            connection_id,
            status: ConnectionStatus::Pending,
            environment: None,
            accounts: Vec::new(),
            customer_time_accounts: BTreeSet::new(),
            claimed: None,
            session: SessionState::Closed,
            last_error: None,
            refused_since: None,
            failures: 0,
            last_success_at: None,
            choices: Choices::default(),
            inits: None,
            warm_until: None,
            session_lost_at: None,
            consumer_key: consumer_key.to_owned(),
            realm: realm.to_owned(),
            tokens: None,
            next_renewal_at: None,
            sequence: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Takes in that the broker did what was asked of it.
    pub fn succeeded(&mut self, now: Timestamp) {
        self.last_error = None;
        self.refused_since = None;
        self.failures = 0;
        self.last_success_at = Some(now);
    }

    /// Takes in which accounts it reaches, and counts the change. That none were told changes nothing.
    pub fn reach(&mut self, accounts: Vec<AccountId>) {
        if !accounts.is_empty() && self.accounts != accounts {
            self.accounts = accounts;
            self.sequence = self.sequence.saturating_add(1);
        }
    }

    /// Changes its status, and counts the change.
    pub fn turn(&mut self, status: ConnectionStatus) {
        if self.status != status {
            self.status = status;
            self.sequence = self.sequence.saturating_add(1);
        }
    }

    /// When it is deleted by itself; `None`: it stands. What needs a new consent stays, with its grants and choices.
    #[must_use]
    pub fn forgotten_at(&self) -> Option<Timestamp> {
        (self.status == ConnectionStatus::Disconnected).then(|| self.updated_at + DISCONNECTED_KEPT_FOR)
    }

    /// Whether this one was begun after that other one of the same user, for the same username: the broker does not tell a
    /// username for sure, but always the accounts that it reaches. Two would take the broker's one session from each other.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        let reached = |connection: &Self| connection.accounts.iter().cloned().collect::<BTreeSet<AccountId>>();
        let ended = matches!(other.status, ConnectionStatus::Disconnected | ConnectionStatus::Pending);
        self.user_id == other.user_id
            && self.connection_id != other.connection_id
            && self.created_at >= other.created_at
            && !ended
            && !self.accounts.is_empty()
            && reached(self) == reached(other)
    }

    /// Ends it where its user was sent to the broker and did not come back in time. Whoever shows it ends it so, whether or not
    /// that is on record already. Whether it was ended by this.
    pub fn lapse(&mut self, now: Timestamp) -> bool {
        let ended_at = self.created_at.saturating_add(ATTEMPT_LIFE).unwrap_or(Timestamp::MAX);
        if self.status != ConnectionStatus::Pending || now <= ended_at {
            return false;
        }
        self.turn(ConnectionStatus::Disconnected);
        self.last_error = Some(Reason::new(
            ReasonCode::NotCompleted,
            "You were sent to the broker and did not come back in time. Connect again.",
        ));
        self.updated_at = self.updated_at.max(ended_at);
        true
    }

    /// Ends it: the tokens are forgotten.
    pub fn end(&mut self, why: Reason, now: Timestamp) {
        self.tokens = None;
        self.turn(ConnectionStatus::Disconnected);
        self.session = SessionState::Closed;
        self.session_lost_at = None;
        self.next_renewal_at = None;
        self.last_error = Some(why);
        self.updated_at = now;
    }

    /// Changes its session. When a lost session is back: how long it was away.
    pub fn turn_session(&mut self, session: SessionState, now: Timestamp) -> Option<SignedDuration> {
        let established = |session: &SessionState| matches!(session, SessionState::Established { .. });
        if established(&session) {
            self.session = session;
            return self.session_lost_at.take().map(|lost_at| now.duration_since(lost_at));
        }
        if established(&self.session) {
            self.session_lost_at = Some(now);
        }
        self.session = session;
        None
    }
}

impl ConnectionStatus {
    /// The contract's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Connected => "connected",
            Self::NeedsConsent => "needs_consent",
            Self::Disconnected => "disconnected",
        }
    }
}

/// Whether the usernames of several users may reach one account: an advisor's and the client's own, for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountSharing {
    /// Each account is one user's.
    Refused,
    /// Only who reaches the very same accounts as another user is taken for the same username.
    Allowed,
}

/// Paper money or real money: never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Paper.
    Paper,
    /// Real.
    Live,
}

/// The brokerage session of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SessionState {
    /// There is none; the next order or the schedule opens one.
    Closed,
    /// It was established, and accounts were asked for.
    Established {
        /// Since when.
        since: Timestamp,
    },
    /// Another login of the same username has it.
    Competing {
        /// Since when that is known.
        since: Timestamp,
    },
}

/// The tokens of a connection, each sealed for this user and this purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedTokens {
    /// The access token.
    pub access_token: Sealed,
    /// The opened access token secret, in hexadecimal.
    pub access_token_secret: Sealed,
    /// The live session token, in base64, and when it ends; `None` until one was proved.
    pub live_session_token: Option<SealedLiveSessionToken>,
}

/// A live session token at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedLiveSessionToken {
    /// The token.
    pub sealed: Sealed,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends: at most 24 hours after its issue.
    pub expires_at: Timestamp,
}

/// A sealed text: AES-256-GCM over the secret, bound to user, connection and purpose. Base64 of key id, nonce,
/// ciphertext and tag; the store makes and opens them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub String);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sealed(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_nobody_came_back_from_ends_by_itself() {
        let begun: Timestamp = "2026-11-24T15:00:00Z".parse().unwrap();
        let ids = ("u-7".parse().unwrap(), "c".repeat(32).parse().unwrap());
        let mut connection = Connection::begin(ids.0, ids.1, ("TESTCONS", "test_realm"), begun);
        let ended_at = begun + ATTEMPT_LIFE;
        assert!(!connection.lapse(ended_at));
        assert_eq!(connection.status, ConnectionStatus::Pending);
        assert!(connection.lapse(ended_at + SignedDuration::from_hours(5)));
        assert_eq!((connection.status, connection.updated_at), (ConnectionStatus::Disconnected, ended_at));
        assert_eq!(connection.last_error.as_ref().unwrap().code, "not_completed");
        assert!(!connection.lapse(ended_at + SignedDuration::from_hours(6)), "it ended before");
        connection.turn(ConnectionStatus::Connected);
        assert!(!connection.lapse(ended_at + SignedDuration::from_hours(7)));
    }
}
