//! One broker username belongs to one user: the broker has one session for each, so two users of one would throw each other
//! out, and each would trade in the other's accounts.

use std::time::Duration;

use access::Opened;
use broker::{CallError, Session};
use domain::{AccountId, AccountSharing, Connection, Reason, ReasonCode};
use jiff::Timestamp;
use store::{Connections, REPLACED_MAX, StoreError, Versioned};

use crate::complete::record_opening;

/// How long the broker may take to tell the accounts, while a browser or a terminal waits.
const ACCOUNTS_WAIT: Duration = Duration::from_secs(5);
/// How often the claim is tried anew where a connection that is replaced is written meanwhile.
const TRIES_MAX: usize = 4;
/// What the user reads.
pub(crate) const TAKEN: &str = "This username at the broker, or an account that it reaches, is connected by another user of this platform already. Nothing of theirs was changed, and nothing of it is kept here.";

/// Whose the accounts of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owned {
    /// Its user's: it is written.
    Yes,
    /// Another user's: it is ended, and that is written.
    ByAnother,
}

/// The use case's part of it: where connections are kept, and by which rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ownership<'c> {
    pub(crate) connections: &'c Connections,
    pub(crate) sharing: AccountSharing,
}

impl Ownership<'_> {
    /// Writes down how the opening of a brokerage session ended. It tells the accounts, which may be another user's; then
    /// the session is logged out again.
    pub(crate) async fn keep_opened(
        &self,
        connection: &mut Versioned<Connection>,
        session: &Session,
        opened: Result<Opened, CallError>,
        now: Timestamp,
    ) -> Result<Owned, StoreError> {
        let before = connection.value.clone();
        record_opening(&mut connection.value, opened, now);
        let owned = self.keep(connection, &before, now).await?;
        if owned == Owned::ByAnother
            && let Err(error) = session.logout().await
        {
            tracing::warn!(%error, connection_id = %connection.value.connection_id, "the broker did not take the log-out; its session ends by itself");
        }
        Ok(owned)
    }

    /// Writes a connection, and claims its accounts where they are news.
    pub(crate) async fn keep(
        &self,
        connection: &mut Versioned<Connection>,
        before: &Connection,
        now: Timestamp,
    ) -> Result<Owned, StoreError> {
        let is_news = connection.value.accounts != before.accounts || before.claimed != Some(self.sharing);
        if connection.value.accounts.is_empty() || !is_news {
            self.connections.save(connection).await?;
            return Ok(Owned::Yes);
        }
        connection.value.claimed = Some(self.sharing);
        let anothers = self.claim(connection, now).await?;
        if anothers.is_empty() {
            return Ok(Owned::Yes);
        }
        tracing::warn!(user_id = %before.user_id, connection_id = %before.connection_id, accounts = ?anothers, metric.usernames_refused = u8::from(before.claimed.is_none()), "accounts of a connection are another user's");
        if before.claimed.is_some() {
            return self.go_on_without(connection, before, &anothers).await;
        }
        refuse(&mut connection.value, now);
        self.connections.save(connection).await?;
        Ok(Owned::ByAnother)
    }

    /// Claims the accounts, and ends the user's older connections of the same username in the same transaction. Nobody logs out
    /// at the broker: that would end the session of the new one.
    async fn claim(
        &self,
        connection: &mut Versioned<Connection>,
        now: Timestamp,
    ) -> Result<Vec<AccountId>, StoreError> {
        for _ in 0..TRIES_MAX {
            let mut replaced = self.connections.list(&connection.value.user_id).await?;
            replaced.retain(|other| connection.value.replaces(&other.value));
            replaced.truncate(REPLACED_MAX);
            for old in &mut replaced {
                old.value.end(replaced_by(&connection.value), now);
            }
            match self.connections.save_claiming_over(connection, &mut replaced, self.sharing).await {
                // One of those that are replaced was written meanwhile, as by a renewal.
                Err(StoreError::Conflict { .. }) if !replaced.is_empty() => {}
                Ok(anothers) => {
                    for old in replaced.iter().filter(|_| anothers.is_empty()) {
                        tracing::info!(user_id = %old.value.user_id, connection_id = %old.value.connection_id, by = %connection.value.connection_id, "a connection was replaced by a newer one of the same username");
                    }
                    return Ok(anothers);
                }
                Err(error) => return Err(error),
            }
        }
        self.connections.save_claiming(connection, self.sharing).await
    }

    /// A connection that works and gained another user's account goes on with its own: else whoever connects an account
    /// first could end the connection of an advisor who gains it.
    async fn go_on_without(
        &self,
        connection: &mut Versioned<Connection>,
        before: &Connection,
        anothers: &[AccountId],
    ) -> Result<Owned, StoreError> {
        connection.value.accounts.retain(|account| !anothers.contains(account));
        if connection.value.accounts.is_empty() || connection.value.accounts == before.accounts {
            connection.value.accounts.clone_from(&before.accounts);
            connection.value.claimed = before.claimed;
            connection.value.sequence = before.sequence;
            self.connections.save(connection).await?;
            return Ok(Owned::Yes);
        }
        let still_anothers = self.connections.save_claiming(connection, self.sharing).await?;
        if still_anothers.is_empty() {
            return Ok(Owned::Yes);
        }
        // Somebody claimed another one just now: the next opening decides.
        connection.value.clone_from(before);
        self.connections.save(connection).await?;
        Ok(Owned::Yes)
    }
}

/// What the user reads on the connection that is replaced.
fn replaced_by(connection: &Connection) -> Reason {
    Reason::new(
        ReasonCode::Replaced,
        format!(
            "You connected this username again, as {}. The broker gives one session per username, so the new connection took the place of this one; your grants go on, since they name accounts.",
            connection.connection_id
        ),
    )
}

/// Ends a connection whose username is another user's. It shows nothing of that user's accounts.
pub(crate) fn refuse(connection: &mut Connection, now: Timestamp) {
    connection.accounts.clear();
    connection.claimed = None;
    connection.end(Reason::new(ReasonCode::UsernameTaken, TAKEN), now);
}

/// The accounts of a consent, before anything is opened with it. The read-only tier stands in nobody's way, so a user whose
/// username it is too keeps their session. A broker that does not tell them tells them with the first brokerage session.
pub(crate) async fn accounts_of(session: &Session) -> Vec<AccountId> {
    match tokio::time::timeout(ACCOUNTS_WAIT, session.portfolio_accounts()).await {
        Ok(Ok(accounts)) => accounts,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the broker did not tell the accounts of a new connection yet");
            Vec::new()
        }
        Err(_) => {
            tracing::warn!("the broker did not tell the accounts of a new connection in time");
            Vec::new()
        }
    }
}
