//! The lane's session: opened from the connection's row when an order first needs it, recovered at most once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use access::{Opened, PENALTY, TokensUnusable, customer_time_accounts, open_brokerage_session};
use broker::{CallError, Session};
use domain::{AccountId, Connection, ConnectionStatus, INIT_PAUSE_COMPETING, Reason, ReasonCode, SessionState};
use jiff::{SignedDuration, Timestamp};
use store::{SessionAsk, SessionAskReason, StoreError, Versioned};

use crate::lane::{LEAVE_TIME, Lane};
use crate::send::out_of_time;
use crate::stop::Stop;
use crate::waits::{
    competing, no_brokerage_session, no_connection, no_live_session, no_such_account, opened_often, session_refused,
};

/// How long a brokerage session may take to be established inside an invocation.
const SESSION_WAIT: Duration = Duration::from_secs(12);
/// What must be left of an invocation to open a brokerage session in it.
const OPENING_TIME: SignedDuration = SignedDuration::from_secs(35);
/// A live session token is asked to be renewed once this part of its life is over, in per cent, if an order sees it.
const RENEW_AHEAD_PERCENT: i64 = 80;
/// A live session token must live this long for an order's dialogue, or a tenth of its life if that is shorter.
pub const TOKEN_LIFE_NEEDED: SignedDuration = SignedDuration::from_secs(45);
/// With less than this left no call is begun.
const CALL_TIME: SignedDuration = SignedDuration::from_secs(1);

/// What a lane knows of its user's session.
#[derive(Debug, Default)]
pub(crate) struct LaneSession {
    open: Option<OpenSession>,
    /// Inits are asked for sparingly (IBKR): one in an invocation.
    init_done: bool,
    renewal_asked: bool,
    /// A cancel waits for a session: it is opened more often than for orders.
    for_a_cancel: bool,
    /// The accounts that no session was had for in this invocation, and why: it is looked for once.
    waits: BTreeMap<AccountId, Reason>,
    /// The account that the open session was set to last.
    set_to: Option<AccountId>,
}

impl LaneSession {
    pub(crate) fn is_set_to(&self, account_id: &AccountId) -> bool {
        self.set_to.as_ref() == Some(account_id)
    }

    /// Which account it is set to is not known until the broker answers: the answer may be lost.
    pub(crate) fn is_being_set(&mut self) {
        self.set_to = None;
    }

    pub(crate) fn set_to(&mut self, account_id: &AccountId) {
        self.set_to = Some(account_id.clone());
    }

    /// Whether no session was had for this account.
    pub(crate) fn is_waited_for(&self, account_id: &str) -> bool {
        self.waits.keys().any(|waiting| waiting.as_str() == account_id)
    }
}

#[derive(Debug)]
struct OpenSession {
    connection: Versioned<Connection>,
    session: Arc<Session>,
}

impl Lane<'_> {
    /// The session that reaches this account, with its brokerage session open. Where none is had, no later order of this
    /// invocation looks again.
    pub(crate) async fn session_for(&mut self, account_id: &AccountId) -> Result<Arc<Session>, Stop> {
        if let Some(reason) = self.session.waits.get(account_id) {
            return Err(Stop::Wait(reason.clone()));
        }
        let session = self.open_session_for(account_id).await;
        if let Err(Stop::Wait(reason)) = &session {
            self.session.waits.insert(account_id.clone(), reason.clone());
        }
        session
    }

    /// As [`Lane::session_for`], for a cancel: a day that had many openings keeps it waiting for a minute at most.
    pub(crate) async fn session_for_a_cancel(&mut self, account_id: &AccountId) -> Result<Arc<Session>, Stop> {
        self.session.waits.retain(|waiting, why| waiting != account_id || why.code != ReasonCode::SessionPaused);
        self.session.for_a_cancel = true;
        let session = self.session_for(account_id).await;
        self.session.for_a_cancel = false;
        session
    }

    async fn open_session_for(&mut self, account_id: &AccountId) -> Result<Arc<Session>, Stop> {
        let reaches = |open: &OpenSession| open.connection.value.accounts.contains(account_id);
        if !self.session.open.as_ref().is_some_and(reaches) {
            self.load(account_id).await?;
        }
        self.ensure_established().await?;
        self.open_session().ok_or_else(|| Stop::Wait(no_connection(self.lease.user_id())))
    }

    /// The session that is open already.
    pub(crate) fn open_session(&self) -> Option<Arc<Session>> {
        self.session.open.as_ref().map(|open| Arc::clone(&open.session))
    }

    /// The connection that the session in use is of.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.session.open.as_ref().map(|open| &open.connection.value)
    }

    async fn load(&mut self, account_id: &AccountId) -> Result<(), Stop> {
        if let Some(until) = self.readings.penalty_until(self.desk).await?.filter(|until| *until > self.now()) {
            return Err(Stop::Wait(Reason::new(
                ReasonCode::Pacing,
                format!("The broker refuses our address until {until}, after too many requests. The order waits."),
            )));
        }
        let connected = self.connected(account_id).await?;
        let reaching = connected.iter().filter(|connection| connection.value.accounts.contains(account_id));
        // The oldest of several: another username may not see what was placed through it.
        let oldest = reaching.min_by_key(|connection| connection.value.created_at);
        let Some(connection) = oldest.cloned() else {
            // Before the first brokerage session a connection's accounts are not known.
            return match connected.iter().find(|connection| connection.value.accounts.is_empty()) {
                Some(connection) => Err(self.ask_for_session(&connection.value, no_live_session()).await?),
                None if connected.is_empty() => Err(Stop::Wait(no_connection(self.lease.user_id()))),
                None => Err(Stop::Deny(no_such_account(account_id))),
            };
        };
        let needed_until = self.needed_until(&connection.value);
        match self.desk.tokens.session(&connection.value, &self.desk.api, needed_until) {
            Ok(session) => {
                // No call of it keeps this invocation from ending in good order: others' messages may be in the same batch.
                let session = session.done_by(self.deadline - LEAVE_TIME);
                self.renew_ahead(&connection.value).await?;
                self.desk.known_connections.remember(self.lease.user_id(), &connection.value.connection_id);
                let session = session.in_turns(Arc::clone(&self.turns) as _);
                self.session.open = Some(OpenSession { connection, session: Arc::new(session) });
                self.session.set_to = None;
                Ok(())
            }
            Err(TokensUnusable::NoLiveSessionToken) => {
                Err(self.ask_for_session(&connection.value, no_live_session()).await?)
            }
            Err(error) => {
                tracing::error!(%error, connection_id = %connection.value.connection_id, "a connection's tokens cannot be used");
                Err(Stop::Wait(Reason::new(ReasonCode::TokensUnusable, error.to_string())))
            }
        }
    }

    /// The user's connections that are connected: the one that carried orders before, if it was read with them and
    /// reaches the account, else all.
    async fn connected(&mut self, account_id: &AccountId) -> Result<Vec<Versioned<Connection>>, StoreError> {
        let is_connected = |connection: &Versioned<Connection>| connection.value.status == ConnectionStatus::Connected;
        let read = self.readings.take_connection(self.lease.epoch());
        if let Some(read) = read.filter(|read| is_connected(read) && read.value.accounts.contains(account_id)) {
            return Ok(vec![read]);
        }
        let mut connections = self.desk.connections.list(self.lease.user_id()).await?;
        connections.retain(is_connected);
        Ok(connections)
    }

    /// Opens the brokerage session if the row says that there is none, or a call just showed it.
    async fn ensure_established(&mut self) -> Result<(), Stop> {
        let Some(open) = &self.session.open else { return Err(Stop::Wait(no_connection(self.lease.user_id()))) };
        if matches!(open.connection.value.session, SessionState::Established { .. }) {
            return Ok(());
        }
        let connection = open.connection.value.clone();
        if self.session.init_done || !self.has_time(OPENING_TIME) {
            let told = connection.last_error.as_ref().filter(|error| error.code == "session_refused");
            let waits = told.map_or_else(no_brokerage_session, session_refused);
            return Err(self.ask_for_session(&connection, waits).await?);
        }
        let now = self.now();
        let waits_until = if self.session.for_a_cancel {
            connection.init_for_cancel_waits_until(now)
        } else {
            connection.init_waits_until(now)
        };
        if let Some(until) = waits_until {
            let competes = matches!(connection.session, SessionState::Competing { .. });
            let waits = if competes && until <= now + INIT_PAUSE_COMPETING { competing() } else { opened_often(until) };
            return Err(Stop::Wait(waits));
        }
        self.session.init_done = true;
        let Some(open) = &mut self.session.open else { return Err(Stop::Wait(no_connection(self.lease.user_id()))) };
        open.connection.value.count_init(now);
        let session = Arc::clone(&open.session);
        self.session.set_to = None;
        match open_brokerage_session(&session, connection.choices.take_session, SESSION_WAIT).await {
            Ok(Opened::Established(accounts)) => {
                if let Some(open) = &mut self.session.open {
                    open.connection.value.customer_time_accounts = customer_time_accounts(&accounts);
                }
                self.note_session(SessionState::Established { since: self.now() }, None).await?;
                Ok(())
            }
            Ok(not_opened @ Opened::Competing { .. }) => {
                self.note_session(SessionState::Competing { since: self.now() }, not_opened.reason()).await?;
                Err(Stop::Wait(competing()))
            }
            Ok(not_opened @ Opened::NotYet { .. }) => {
                // Without a word of the broker it is slow, and nothing is wrong.
                let told = not_opened.reason().filter(|reason| reason.code == "session_refused");
                let waits = told.as_ref().map_or_else(no_brokerage_session, session_refused);
                self.note_session(SessionState::Closed, told).await?;
                Err(Stop::Wait(waits))
            }
            Err(error) => Err(Stop::Wait(self.session_failed(&error).await?)),
        }
    }

    /// Takes in that a look on the way to the broker failed.
    pub(crate) async fn look_failed(&mut self, error: &CallError) -> Result<Stop, StoreError> {
        let closed =
            matches!(error, CallError::NoBridge | CallError::AccountsNotAsked | CallError::AccountInvalid { .. });
        let reason = self.session_failed(error).await?;
        Ok(if closed && !self.session.init_done { Stop::Reopen(reason) } else { Stop::Wait(reason) })
    }

    /// Takes in that a call failed for a reason that lies in the session. Returns why the order waits.
    pub(crate) async fn session_failed(&mut self, error: &CallError) -> Result<Reason, StoreError> {
        match error {
            CallError::Unauthorized { .. } | CallError::Gone => {
                self.note_token_lost(error).await?;
                Ok(no_live_session())
            }
            CallError::NoBridge | CallError::AccountsNotAsked | CallError::AccountInvalid { .. } => {
                self.note_session(SessionState::Closed, None).await?;
                Ok(no_brokerage_session())
            }
            CallError::Paced => {
                // Who made the call has shut the box.
                let until = self.now() + PENALTY;
                Ok(Reason::new(
                    ReasonCode::Pacing,
                    format!("The broker refuses our address until {until}, after too many requests. The order waits."),
                ))
            }
            CallError::TooMany { why, .. } => Ok(Reason::new(ReasonCode::Pacing, format!("The order waits: {why}."))),
            CallError::NotSent(_) if !self.has_time(CALL_TIME) => Ok(out_of_time()),
            other => Ok(Reason::new(
                ReasonCode::BrokerUnreachable,
                format!("The broker was not reached: {other}. The order waits."),
            )),
        }
    }

    async fn note_token_lost(&mut self, error: &CallError) -> Result<(), StoreError> {
        let Some(mut open) = self.session.open.take() else { return Ok(()) };
        tracing::warn!(%error, connection_id = %open.connection.value.connection_id, "the live session token is lost");
        if let Some(tokens) = &mut open.connection.value.tokens {
            tokens.live_session_token = None;
        }
        let now = self.now();
        open.connection.value.turn_session(SessionState::Closed, now);
        open.connection.value.next_renewal_at = Some(now);
        let ask = ask(&open.connection.value);
        self.save(&mut open.connection).await?;
        self.desk.session_queue.ask(&ask).await
    }

    async fn note_session(&mut self, session: SessionState, last_error: Option<Reason>) -> Result<(), StoreError> {
        let Some(mut open) = self.session.open.take() else { return Ok(()) };
        let now = self.now();
        if matches!(session, SessionState::Established { .. }) {
            open.connection.value.succeeded(now);
        }
        if let Some(lost) = open.connection.value.turn_session(session, now) {
            tracing::info!(connection_id = %open.connection.value.connection_id, metric.session_lost_seconds = lost.as_secs(), "a lost session is back");
        }
        open.connection.value.last_error = last_error;
        // Another writer has newer news of this connection: then ours is forgotten, and the row is read again.
        if self.save(&mut open.connection).await? {
            self.session.open = Some(open);
        }
        Ok(())
    }

    /// Has the session kept warm for a while, because an order was just sent over it, or is open.
    pub(crate) async fn keep_warm(&mut self) {
        let now = self.now();
        if !self.session.open.as_mut().is_some_and(|open| open.connection.value.warm_after_order(now)) {
            return;
        }
        let Some(mut open) = self.session.open.take() else { return };
        match self.save(&mut open.connection).await {
            Ok(true) => self.session.open = Some(open),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a session is not kept warm; the next order may have to open one"),
        }
    }

    async fn save(&self, connection: &mut Versioned<Connection>) -> Result<bool, StoreError> {
        connection.value.updated_at = self.now();
        match self.desk.connections.save(connection).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn ask_for_session(&mut self, connection: &Connection, reason: Reason) -> Result<Stop, StoreError> {
        if !self.session.renewal_asked {
            self.desk.session_queue.ask(&ask(connection)).await?;
            self.session.renewal_asked = true;
        }
        Ok(Stop::Wait(reason))
    }

    async fn renew_ahead(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let Some(token) = connection.tokens.as_ref().and_then(|tokens| tokens.live_session_token.as_ref()) else {
            return Ok(());
        };
        let life = token.expires_at.as_millisecond() - token.issued_at.as_millisecond();
        let due = token.issued_at + SignedDuration::from_millis(life / 100 * RENEW_AHEAD_PERCENT);
        if self.now() >= due && !self.session.renewal_asked {
            self.session.renewal_asked = true;
            let ask = SessionAsk { reason: SessionAskReason::RenewalDue, ..ask(connection) };
            self.desk.session_queue.ask(&ask).await?;
        }
        Ok(())
    }

    fn needed_until(&self, connection: &Connection) -> Timestamp {
        let token = connection.tokens.as_ref().and_then(|tokens| tokens.live_session_token.as_ref());
        let tenth =
            token.map_or(0, |token| (token.expires_at.as_millisecond() - token.issued_at.as_millisecond()) / 10);
        self.now() + TOKEN_LIFE_NEEDED.min(SignedDuration::from_millis(tenth))
    }
}

fn ask(connection: &Connection) -> SessionAsk {
    SessionAsk {
        user_id: connection.user_id.clone(),
        connection_id: connection.connection_id.clone(),
        reason: SessionAskReason::OrderWaits,
    }
}
