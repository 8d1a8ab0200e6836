//! Complete: the user comes back from the broker.

use std::sync::Arc;
use std::time::Duration;

use access::{Opened, Readers, Tokens, customer_time_accounts, open_brokerage_session};
use broker::{
    AccessTokenAnswer, Accounts, CallError, Consumer, EncryptionKey, NextStep, OAuthError, RequestToken, Session,
    SigningError, Verifier,
};
use domain::{
    AccountId, AccountSharing, Clock, Connection, ConnectionId, ConnectionStatus, Environment, Reason, ReasonCode,
    SealedTokens, Secret, SessionState, UserId,
};
use jiff::Timestamp;
use store::{
    Attempt, Attempts, Connections, SealError, SessionAsk, SessionAskReason, SessionQueue, StoreError, Taken, Versioned,
};

use crate::ownership::{Owned, Ownership, TAKEN, accounts_of};
use crate::renewal::{IDLE_ENDS_AFTER, next_due, next_renewal};

/// How long the user's browser waits for the brokerage session. The HTTP API gives up after 30 s.
const SESSION_WAIT: Duration = Duration::from_secs(10);

/// The use case, with what it needs.
#[derive(Debug, Clone)]
pub struct Complete {
    /// Where connections are kept.
    pub connections: Connections,
    /// Where attempts are kept.
    pub attempts: Attempts,
    /// What seals tokens.
    pub tokens: Tokens,
    /// Whether usernames of several users may reach one account.
    pub sharing: AccountSharing,
    /// When the broker may be called for users.
    pub readers: Readers,
    /// Where it is asked that the user's waiting orders be woken.
    pub session_queue: SessionQueue,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// What the browser brought back.
#[derive(Debug)]
pub struct Return {
    /// The request token, unless the user cancelled.
    pub request_token: Option<Secret>,
    /// The verifier, unless the user cancelled.
    pub verifier: Option<Secret>,
    /// The cookie that the attempt's browser was given.
    pub cookie: Option<Secret>,
}

/// How the user's return ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completed {
    /// Connected; the connection's `last_error` says what is left to do, if anything is.
    Connected(ConnectionId),
    /// The user said no at the broker.
    Cancelled(Option<ConnectionId>),
}

/// Why the return led to no connection.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// The return is not one of an attempt that stands.
    #[error("{0}")]
    NotAccepted(&'static str),
    /// The broker gave no access token, or no live session token.
    #[error(transparent)]
    Broker(#[from] OAuthError),
    /// The access token secret was not opened.
    #[error("the broker's access token secret was not opened: {0}")]
    Secret(#[from] SigningError),
    /// The broker refuses our address, for all users.
    #[error("The broker refuses this platform's address until {0}, after too many requests. Begin again after that.")]
    Boxed(Timestamp),
    /// The username at the broker is another user's here.
    #[error("{TAKEN}")]
    UsernameTaken,
    /// A table did not do what it should.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens were not sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl CompleteError {
    /// Whether nothing failed, and the same user mends it by beginning again: the consent came too late, or was withdrawn.
    #[must_use]
    pub fn is_for_the_user(&self) -> bool {
        matches!(self, Self::Broker(error) if error.next_step() == NextStep::AskUser)
    }
}

impl Complete {
    /// Takes the attempt, once, and turns it into a connection.
    pub async fn complete(
        &self,
        consumer: &Consumer,
        encryption_key: &EncryptionKey,
        back: Return,
    ) -> Result<Completed, CompleteError> {
        // Anybody can send a browser here: without the request token nothing of the attempt is touched.
        let Some(token) = &back.request_token else { return Ok(Completed::Cancelled(None)) };
        let Some(verifier) = &back.verifier else { return self.cancelled(token, back.cookie.as_ref()).await };
        if let Some(until) = self.readers.penalty_box().until().await? {
            return Err(CompleteError::Boxed(until));
        }
        let attempt = accepted(self.attempts.take_once(token, back.cookie.as_ref(), self.clock.now()).await?)?;
        let mut connection = self.connection_of(&attempt.user_id, &attempt.connection_id).await?;
        match self.consent(consumer, encryption_key, token, verifier, &mut connection).await {
            Ok(()) => {
                self.wake_orders(&attempt).await;
                Ok(Completed::Connected(attempt.connection_id))
            }
            Err(error) => {
                let error = self.boxed_by(error).await;
                self.record_failure(&attempt, &error).await;
                Err(error)
            }
        }
    }

    async fn boxed_by(&self, error: CompleteError) -> CompleteError {
        match error {
            CompleteError::Broker(refused) if refused.next_step() == NextStep::WaitOutPenalty => {
                CompleteError::Boxed(self.readers.penalty_box().shut().await)
            }
            error => error,
        }
    }

    /// Orders that waited for this connection go on, and those that nobody could look at are looked at.
    async fn wake_orders(&self, attempt: &Attempt) {
        let Attempt { user_id, connection_id, .. } = attempt.clone();
        let ask = SessionAsk { user_id, connection_id, reason: SessionAskReason::OrderWaits };
        if let Err(error) = self.session_queue.ask(&ask).await {
            tracing::warn!(%error, connection_id = %attempt.connection_id, "the user's orders were not woken; they are found when they are due");
        }
    }

    async fn consent(
        &self,
        consumer: &Consumer,
        encryption_key: &EncryptionKey,
        token: &Secret,
        verifier: &Secret,
        connection: &mut Versioned<Connection>,
    ) -> Result<(), CompleteError> {
        let malformed =
            |_| CompleteError::NotAccepted("The broker's answer in the address cannot be read. Connect again.");
        let token = RequestToken::new(token.expose()).map_err(malformed)?;
        let verifier = Verifier::new(verifier.expose()).map_err(malformed)?;
        let answer = consumer.access_token(&token, &verifier).await?;
        let secret = encryption_key.open(answer.sealed_secret.expose())?;
        let grant = consumer.grant(answer.token.clone(), secret.clone());
        // A wrong encryption key opens to other bytes without an error; only this proof tells. Nothing is believed
        // or kept before it.
        let proved = grant.live_session_token().await?;
        let (user_id, connection_id) = (&connection.value.user_id, &connection.value.connection_id);
        let mut tokens = self.tokens.seal_consent(user_id, connection_id, &answer.token, &secret)?;
        let now = self.clock.now();
        tokens.live_session_token = Some(self.tokens.seal_live_session_token(&connection.value, &proved, now)?);
        let session = grant.session(proved).in_turns(self.readers.of(&connection.value.user_id));
        let accounts = accounts_of(&session).await;
        let is_ours = self.keep(connection, &answer, tokens, accounts).await?;
        self.open(connection, &session, is_ours).await
    }

    /// Writes the consent down, which the broker gives once, before anything is opened with it; unless the username is
    /// another user's.
    async fn keep(
        &self,
        connection: &mut Versioned<Connection>,
        answer: &AccessTokenAnswer,
        tokens: SealedTokens,
        accounts: Vec<AccountId>,
    ) -> Result<bool, CompleteError> {
        let (before, now) = (connection.value.clone(), self.clock.now());
        connection.value.tokens = Some(tokens);
        connection.value.turn(ConnectionStatus::Connected);
        connection.value.reach(accounts);
        connection.value.environment = answer.is_paper.map(environment);
        connection.value.next_renewal_at = next_renewal(&connection.value);
        connection.value.updated_at = now;
        let is_ours = self.inherit(connection).await?;
        owned(self.ownership().keep(connection, &before, now).await?)?;
        Ok(is_ours)
    }

    /// Takes over what its user decided about the connection that this one replaces. Whether that one has the broker's session
    /// of the username: then it is ours, and opening it anew pushes nobody else out.
    async fn inherit(&self, connection: &mut Versioned<Connection>) -> Result<bool, StoreError> {
        let mut others = self.connections.list(&connection.value.user_id).await?;
        others.retain(|other| connection.value.replaces(&other.value));
        if let Some(latest) = others.iter().max_by_key(|other| other.value.created_at) {
            connection.value.choices = latest.value.choices;
        }
        let now = self.clock.now();
        Ok(others.iter().any(|other| may_have_the_session(&other.value, now)))
    }

    fn ownership(&self) -> Ownership<'_> {
        Ownership { connections: &self.connections, sharing: self.sharing }
    }

    /// Opens the brokerage session for the first time: it tells the accounts. What goes wrong here leaves a
    /// connection that the schedule takes further.
    async fn open(
        &self,
        connection: &mut Versioned<Connection>,
        session: &Session,
        is_ours: bool,
    ) -> Result<(), CompleteError> {
        let compete = is_ours || connection.value.choices.take_session;
        let opened = open_brokerage_session(session, compete, SESSION_WAIT).await;
        match self.ownership().keep_opened(connection, session, opened, self.clock.now()).await {
            // Its consent is on record, and whoever wrote it meanwhile looked after its session.
            Err(StoreError::Conflict { .. }) => Ok(()),
            kept => owned(kept?),
        }
    }

    async fn cancelled(&self, token: &Secret, cookie: Option<&Secret>) -> Result<Completed, CompleteError> {
        let Taken::Yes(attempt) = self.attempts.take_once(token, cookie, self.clock.now()).await? else {
            return Ok(Completed::Cancelled(None));
        };
        let reason = Reason::new(
            ReasonCode::CancelledByUser,
            "You cancelled at the broker; nothing was connected. Connect again whenever you like.",
        );
        self.end(&attempt, reason).await?;
        Ok(Completed::Cancelled(Some(attempt.connection_id)))
    }

    async fn record_failure(&self, attempt: &Attempt, error: &CompleteError) {
        if matches!(error, CompleteError::UsernameTaken) {
            // It is on record: whoever found it out wrote it down.
            return;
        }
        let reason = Reason::new(ReasonCode::NotConnected, error.to_string());
        if let Err(error) = self.end(attempt, reason).await {
            tracing::error!(%error, connection_id = %attempt.connection_id, "a failed connection could not be recorded");
        }
    }

    async fn end(&self, attempt: &Attempt, reason: Reason) -> Result<(), CompleteError> {
        let mut connection = self.connection_of(&attempt.user_id, &attempt.connection_id).await?;
        if connection.value.status == ConnectionStatus::Pending {
            connection.value.turn(ConnectionStatus::Disconnected);
        }
        connection.value.last_error = Some(reason);
        connection.value.updated_at = self.clock.now();
        Ok(self.connections.save(&mut connection).await?)
    }

    async fn connection_of(
        &self,
        user_id: &UserId,
        connection_id: &ConnectionId,
    ) -> Result<Versioned<Connection>, CompleteError> {
        let connection = self.connections.get(user_id, connection_id).await?;
        connection.ok_or(CompleteError::NotAccepted("The connection that you began is gone. Connect again."))
    }
}

/// That a username is another user's ends the user's return.
pub(crate) fn owned(owned: Owned) -> Result<(), CompleteError> {
    match owned {
        Owned::Yes => Ok(()),
        Owned::ByAnother => Err(CompleteError::UsernameTaken),
    }
}

/// Whether the broker's session of the username is ours through this connection: it was when its consent was lost, and the
/// broker ends it some minutes after (IBKR Web API, tickle).
fn may_have_the_session(connection: &Connection, now: Timestamp) -> bool {
    let lately = connection.last_success_at.is_some_and(|at| now < at + IDLE_ENDS_AFTER);
    match connection.session {
        SessionState::Established { .. } => true,
        SessionState::Competing { .. } => false,
        SessionState::Closed => connection.status == ConnectionStatus::NeedsConsent && lately,
    }
}

fn turn_session(connection: &mut Connection, session: SessionState, now: Timestamp) {
    if let Some(lost) = connection.turn_session(session, now) {
        tracing::info!(connection_id = %connection.connection_id, metric.session_lost_seconds = lost.as_secs(), "a lost session is back");
    }
}

/// Writes down how the opening of a brokerage session ended, and when it is looked after next.
pub fn record_opening(connection: &mut Connection, opened: Result<Opened, CallError>, now: Timestamp) {
    connection.count_init(now);
    connection.updated_at = now;
    connection.last_error = match opened {
        Ok(Opened::Established(accounts)) => {
            take_accounts(connection, accounts);
            turn_session(connection, SessionState::Established { since: now }, now);
            connection.succeeded(now);
            connection.accounts.is_empty().then(no_account)
        }
        Ok(not_opened) => {
            let competes = matches!(not_opened, Opened::Competing { .. });
            let session = if competes { SessionState::Competing { since: now } } else { SessionState::Closed };
            turn_session(connection, session, now);
            not_opened.reason()
        }
        Err(error) => {
            turn_session(connection, SessionState::Closed, now);
            Some(Reason::new(
                ReasonCode::SessionFailed,
                format!("The trading session was not opened: {error}. It is tried again by itself."),
            ))
        }
    };
    connection.next_renewal_at = next_due(connection, now);
}

/// What the broker named has not the form of an account, or it named nothing: no order can be for this connection.
fn no_account() -> Reason {
    Reason::new(
        ReasonCode::NoAccount,
        "The broker opened the session and named no account that can be traded here, so no order can be sent. Accounts look like U1234567. The operator's log says what was named instead.",
    )
}

fn take_accounts(connection: &mut Connection, accounts: Accounts) {
    if let Some(is_paper) = accounts.is_paper {
        connection.environment = Some(environment(is_paper));
    }
    connection.customer_time_accounts = customer_time_accounts(&accounts);
    connection.reach(accounts.accounts.into_iter().map(|account| account.account_id).collect());
}

fn environment(is_paper: bool) -> Environment {
    if is_paper { Environment::Paper } else { Environment::Live }
}

fn accepted(taken: Taken) -> Result<Attempt, CompleteError> {
    let why = match taken {
        Taken::Yes(attempt) => return Ok(attempt),
        Taken::Unknown => "This return from the broker belongs to no connection that was begun here. Connect again.",
        Taken::Expired => "You took longer than ten minutes. Connect again.",
        Taken::AlreadyTaken => "This return from the broker was used before. If you are not connected, connect again.",
        Taken::OtherBrowser => {
            "This connection was begun in another browser. Finish it there, or begin again in this one."
        }
    };
    Err(CompleteError::NotAccepted(why))
}

#[cfg(test)]
mod tests {
    use broker::Account;
    use domain::Condition;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    #[test]
    fn a_session_without_an_account_is_not_called_ready() {
        let (user, id) = ("u-7".parse().unwrap(), "c-1".parse().unwrap());
        let mut connection = Connection::begin(user, id, ("COURIERXX", "limited_poa"), at(0));
        connection.turn(ConnectionStatus::Connected);
        let opened = |accounts: &[&str]| {
            let account = |id: &&str| Account {
                account_id: id.parse().unwrap(),
                supports_cash_quantity: None,
                supports_fractions: None,
                allow_customer_time: None,
            };
            let accounts = accounts.iter().map(account).collect();
            Ok(Opened::Established(Accounts { accounts, selected: None, is_paper: Some(true) }))
        };
        record_opening(&mut connection, opened(&[]), at(1));
        assert_eq!(connection.condition(), Condition::NoAccount);
        assert!(connection.last_error.as_ref().unwrap().message.contains("no account that can be traded"));
        record_opening(&mut connection, opened(&["DU0000001"]), at(2));
        assert_eq!((connection.condition(), connection.last_error), (Condition::Ready, None));
    }
}
