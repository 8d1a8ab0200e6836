//! Renew: a live session token ahead of its end, and the brokerage session when an order waits for it.

use std::sync::Arc;
use std::time::Duration;

use access::{Tokens, TokensUnusable, open_brokerage_session};
use broker::{Consumer, Grant, NextStep, OAuthError, Session};
use domain::{Clock, Connection, ConnectionId, ConnectionStatus, Reason, SessionState, UserId};
use jiff::{SignedDuration, Timestamp};
use store::{
    Acquired, Connections, DUE_SHARDS, LaneLease, Lanes, OrderQueue, SealError, SessionAsk, SessionAskReason,
    SessionQueue, StoreError, Versioned, Wake,
};

use crate::complete::record_opening;
use crate::renewal::next_renewal;

/// How long an order's session may take to be established.
const SESSION_WAIT: Duration = Duration::from_secs(15);
/// What one renewal may take: two calls, the wait, and the tables. A run begins none that it could not finish.
const RENEWAL_TIME_MAX: SignedDuration = SignedDuration::from_secs(40);
/// Due connections that a run takes from one shard; the rest is the next run's.
const DUE_OF_SHARD_MAX: u32 = 50;
/// A live session token younger than this is not made again, whoever asks: the asks of many orders are one.
const FRESH_FOR: SignedDuration = SignedDuration::from_secs(5);
/// Pauses after a failure, by whose turn it is.
const TRY_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);
const PENALTY: SignedDuration = SignedDuration::from_mins(10);
const OPERATOR_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// The use case, with what it needs.
#[derive(Debug, Clone)]
pub struct Renew {
    /// Where connections are kept.
    pub connections: Connections,
    /// One renewal of a user at a time, and none beside an order.
    pub lanes: Lanes,
    /// What seals tokens.
    pub tokens: Tokens,
    /// Where a user's waiting orders are woken.
    pub order_queue: OrderQueue,
    /// Over which due connections are fanned out.
    pub session_queue: SessionQueue,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// How a renewal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The session is as good as asked for.
    Done,
    /// There was nothing to do: renewed by another, or no longer connected.
    Nothing,
    /// The broker said no; the connection says why, and when it is tried again.
    Failed,
    /// The user's lane is in use; ask again.
    Busy,
}

/// How long the broker must have refused a user's tokens before the user is asked to consent again.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(30);

/// Why a renewal could not be carried through on our side.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// A table or queue did not do what it should.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens were not opened.
    #[error(transparent)]
    Tokens(#[from] TokensUnusable),
    /// The tokens were not sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Renew {
    /// Finds the connections that are due and asks for each over the queue, so that one that fails stops no other.
    /// Returns how many were asked for. An ask that comes twice is harmless.
    pub async fn fan_out_due(&self, deadline: Timestamp) -> Result<usize, StoreError> {
        let mut asked = 0;
        for shard in 0..DUE_SHARDS {
            let now = self.clock.now();
            if now >= deadline {
                tracing::warn!(shard, "the run ended before all due connections were asked for; the next run goes on");
                break;
            }
            for (user_id, connection_id) in self.connections.due_for_renewal(shard, now, DUE_OF_SHARD_MAX).await? {
                let ask = SessionAsk { user_id, connection_id, reason: SessionAskReason::RenewalDue };
                self.session_queue.ask(&ask).await?;
                asked += 1;
            }
        }
        Ok(asked)
    }

    /// Renews one connection, under its user's lane.
    pub async fn renew(
        &self,
        consumer: &Consumer,
        ask: &SessionAsk,
        holder: &str,
        deadline: Timestamp,
    ) -> Result<Renewed, RenewError> {
        let now = self.clock.now();
        if now + RENEWAL_TIME_MAX > deadline {
            return Ok(Renewed::Busy);
        }
        let Acquired::Leased(lease) = self.lanes.acquire(&ask.user_id, holder, now, deadline).await? else {
            return Ok(Renewed::Busy);
        };
        let renewed = self.under_lease(consumer, ask).await;
        self.give_back(lease).await;
        if ask.reason == SessionAskReason::OrderWaits && matches!(renewed, Ok(Renewed::Done | Renewed::Nothing)) {
            self.wake(&ask.user_id, &ask.connection_id).await?;
        }
        renewed
    }

    async fn under_lease(&self, consumer: &Consumer, ask: &SessionAsk) -> Result<Renewed, RenewError> {
        let Some(mut connection) = self.connections.get(&ask.user_id, &ask.connection_id).await? else {
            return Ok(Renewed::Nothing);
        };
        if connection.value.status != ConnectionStatus::Connected {
            return Ok(Renewed::Nothing);
        }
        let wants_session = ask.reason == SessionAskReason::OrderWaits
            || matches!(connection.value.session, SessionState::Established { .. });
        let session = if self.needs_token(&connection.value, ask.reason) {
            let grant = self.tokens.grant(&connection.value, consumer)?;
            match self.new_token(&mut connection, &grant).await? {
                Some(session) => session,
                None => return Ok(Renewed::Failed),
            }
        } else if wants_session && !matches!(connection.value.session, SessionState::Established { .. }) {
            self.tokens.session(&connection.value, consumer.api(), self.clock.now())?
        } else {
            return Ok(Renewed::Nothing);
        };
        if wants_session { self.open(&mut connection, &session).await } else { Ok(Renewed::Done) }
    }

    fn needs_token(&self, connection: &Connection, reason: SessionAskReason) -> bool {
        let now = self.clock.now();
        let token = connection.tokens.as_ref().and_then(|tokens| tokens.live_session_token.as_ref());
        token.is_none_or(|token| {
            let fresh = now < token.issued_at + FRESH_FOR && now < token.expires_at;
            let due = next_renewal(connection).is_none_or(|due| due <= now);
            !fresh && (due || reason == SessionAskReason::Asked)
        })
    }

    /// A new live session token, written down; `None` if the broker said no, which is written down as well.
    async fn new_token(
        &self,
        connection: &mut Versioned<Connection>,
        grant: &Grant,
    ) -> Result<Option<Session>, RenewError> {
        let proved = match grant.live_session_token().await {
            Ok(proved) => proved,
            Err(error) => {
                self.record_failure(connection, &error).await?;
                return Ok(None);
            }
        };
        let now = self.clock.now();
        let sealed = self.tokens.seal_live_session_token(&connection.value, &proved, now)?;
        if let Some(tokens) = &mut connection.value.tokens {
            tokens.live_session_token = Some(sealed);
        }
        self.tokens.seal_anew(&mut connection.value)?;
        connection.value.next_renewal_at = next_renewal(&connection.value);
        connection.value.last_error = None;
        connection.value.refused_since = None;
        connection.value.updated_at = now;
        self.connections.save(connection).await?;
        Ok(Some(grant.session(proved)))
    }

    async fn open(&self, connection: &mut Versioned<Connection>, session: &Session) -> Result<Renewed, RenewError> {
        let opened = open_brokerage_session(session, false, SESSION_WAIT).await;
        let now = self.clock.now();
        record_opening(&mut connection.value, opened, now);
        connection.value.updated_at = now;
        self.connections.save(connection).await?;
        let established = matches!(connection.value.session, SessionState::Established { .. });
        Ok(if established { Renewed::Done } else { Renewed::Failed })
    }

    async fn record_failure(
        &self,
        connection: &mut Versioned<Connection>,
        error: &OAuthError,
    ) -> Result<(), RenewError> {
        let now = self.clock.now();
        let (code, again_after) = match error.next_step() {
            NextStep::TryAgain => ("renewal_failed", Some(TRY_AGAIN_AFTER)),
            NextStep::WaitOutPenalty => {
                self.lanes.set_penalty(now + PENALTY).await?;
                ("penalty", Some(PENALTY))
            }
            NextStep::AskUser => self.refused(&mut connection.value),
            NextStep::AskOperator => ("operator_needed", Some(OPERATOR_AFTER)),
        };
        tracing::warn!(user_id = %connection.value.user_id, connection_id = %connection.value.connection_id, code, %error, "a live session token was not renewed");
        if again_after.is_none() {
            connection.value.turn(ConnectionStatus::NeedsConsent);
        }
        connection.value.last_error = Some(Reason::new(code, error.to_string()));
        connection.value.next_renewal_at = again_after.map(|pause| now + pause);
        connection.value.updated_at = now;
        Ok(self.connections.save(connection).await?)
    }

    /// A refusal that stays is the user's: they revoked. One alone may be the broker's mishap (IBKR Web API, recovery
    /// ladder: a persistent 401).
    fn refused(&self, connection: &mut Connection) -> (&'static str, Option<SignedDuration>) {
        let now = self.clock.now();
        let since = *connection.refused_since.get_or_insert(now);
        if now.duration_since(since) >= REFUSED_FOR {
            ("consent_gone", None)
        } else {
            ("tokens_refused", Some(REFUSED_FOR))
        }
    }

    async fn give_back(&self, lease: LaneLease) {
        if let Err(error) = self.lanes.release(lease).await {
            // The lease ends by itself.
            tracing::warn!(%error, "a lane was not given back");
        }
    }

    async fn wake(&self, user_id: &UserId, connection_id: &ConnectionId) -> Result<(), StoreError> {
        let wake = Wake { user_id: user_id.clone(), order_id: None };
        // Two wakes within a second are one.
        let deduplication_id = format!("{connection_id}-{}", self.clock.now().as_second());
        self.order_queue.wake(&wake, &deduplication_id).await
    }
}
