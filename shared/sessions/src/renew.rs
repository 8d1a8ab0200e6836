//! Renew: a live session token ahead of its end, and the brokerage session when an order waits for it.

use std::sync::Arc;
use std::time::Duration;

use access::{Calendar, HolderTurns, PenaltyBox, Tokens, TokensUnusable, open_brokerage_session};
use broker::{Consumer, Grant, Session};
use domain::{AccountSharing, Clock, Connection, SessionState, UserId};
use jiff::{SignedDuration, Timestamp};
use store::{
    Acquired, Connections, LaneLease, Lanes, OrderQueue, SealError, SessionAsk, SessionAskReason, SessionQueue,
    StoreError, Versioned, Wake,
};

use crate::care::{Step, next_step, settle_due, wait_out_penalty, wait_out_quiet};
use crate::ownership::Ownership;
use crate::renewal::next_due;
use crate::warm::take_tickle;

/// How long an order's session may take to be established.
const SESSION_WAIT: Duration = Duration::from_secs(15);
/// What one renewal may take: two calls, the wait, and the tables. A run begins none that it could not finish.
const RENEWAL_TIME_MAX: SignedDuration = SignedDuration::from_secs(40);

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
    /// When the broker is away.
    pub calendar: Calendar,
    /// Whether usernames of several users may reach one account.
    pub sharing: AccountSharing,
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
        let penalty_box = PenaltyBox::new(self.lanes.clone(), Arc::clone(&self.clock));
        let most = consumer.api().calls_per_second_max();
        let turns = Arc::new(HolderTurns::new(most, penalty_box, &lease.book().calls));
        let renewed = self.under_lease(consumer, ask, &turns).await;
        self.give_back(lease, &turns.recent()).await;
        let (renewed, is_back) = renewed?;
        let waits = ask.reason == SessionAskReason::OrderWaits && matches!(renewed, Renewed::Done | Renewed::Nothing);
        if waits || is_back {
            self.wake(&ask.user_id).await?;
        }
        Ok(renewed)
    }

    /// How it ended, and whether a session that was away is back: orders that nobody could look at wait for that.
    async fn under_lease(
        &self,
        consumer: &Consumer,
        ask: &SessionAsk,
        turns: &Arc<HolderTurns>,
    ) -> Result<(Renewed, bool), RenewError> {
        let Some(mut connection) = self.connections.get(&ask.user_id, &ask.connection_id).await? else {
            return Ok((Renewed::Nothing, false));
        };
        let was_away = is_away(&connection.value, self.clock.now());
        let renewed = self.look_after(consumer, ask.reason, turns, &mut connection).await?;
        let is_back = was_away && renewed == Renewed::Done && !is_away(&connection.value, self.clock.now());
        Ok((renewed, is_back))
    }

    async fn look_after(
        &self,
        consumer: &Consumer,
        reason: SessionAskReason,
        turns: &Arc<HolderTurns>,
        connection: &mut Versioned<Connection>,
    ) -> Result<Renewed, RenewError> {
        let now = self.clock.now();
        let step = next_step(&connection.value, reason, now);
        if step == Step::Nothing {
            return Ok(Renewed::Nothing);
        }
        if let Some(quiet) = self.calendar.quiet_at(now) {
            wait_out_quiet(&mut connection.value, &quiet, now);
            self.connections.save(connection).await?;
            return Ok(Renewed::Nothing);
        }
        if step.calls_the_broker()
            && let Some(until) = self.lanes.penalty_until().await?.filter(|until| *until > now)
        {
            wait_out_penalty(&mut connection.value, until, now);
            self.connections.save(connection).await?;
            return Ok(Renewed::Failed);
        }
        self.take(step, consumer, turns, connection).await
    }

    async fn take(
        &self,
        step: Step,
        consumer: &Consumer,
        turns: &Arc<HolderTurns>,
        connection: &mut Versioned<Connection>,
    ) -> Result<Renewed, RenewError> {
        let now = self.clock.now();
        let in_turns = |session: Session| session.in_turns(Arc::clone(turns) as _);
        match step {
            Step::Nothing => Ok(Renewed::Nothing),
            Step::NewToken { and_open } => {
                let grant = self.tokens.grant(&connection.value, consumer)?;
                let Some(session) = self.new_token(consumer, connection, &grant).await? else {
                    return Ok(Renewed::Failed);
                };
                if and_open { self.open(connection, &in_turns(session)).await } else { Ok(Renewed::Done) }
            }
            Step::Tickle => {
                let session = self.tokens.session(&connection.value, consumer.api(), now)?;
                self.keep_warm(connection, &in_turns(session)).await
            }
            Step::Open => {
                let session = self.tokens.session(&connection.value, consumer.api(), now)?;
                self.open(connection, &in_turns(session)).await
            }
            Step::Settle => {
                if settle_due(&mut connection.value, now) {
                    self.connections.save(connection).await?;
                }
                Ok(Renewed::Nothing)
            }
        }
    }

    /// One call that keeps the broker from ending the session for idleness, and tells if it ended otherwise.
    async fn keep_warm(
        &self,
        connection: &mut Versioned<Connection>,
        session: &Session,
    ) -> Result<Renewed, RenewError> {
        let told = session.tickle().await;
        let now = self.clock.now();
        let done = take_tickle(&mut connection.value, &told, now);
        if let Err(error) = &told {
            tracing::warn!(user_id = %connection.value.user_id, connection_id = %connection.value.connection_id, %error, "a session was not kept warm");
        }
        connection.value.updated_at = now;
        self.connections.save(connection).await?;
        Ok(if done { Renewed::Done } else { Renewed::Failed })
    }

    /// A new live session token, written down; `None` if the broker said no, which is written down as well.
    async fn new_token(
        &self,
        consumer: &Consumer,
        connection: &mut Versioned<Connection>,
        grant: &Grant,
    ) -> Result<Option<Session>, RenewError> {
        let proved = match grant.live_session_token().await {
            Ok(proved) => proved,
            Err(error) => {
                self.record_failure(consumer, connection, &error).await?;
                return Ok(None);
            }
        };
        let now = self.clock.now();
        let sealed = self.tokens.seal_live_session_token(&connection.value, &proved, now)?;
        if let Some(tokens) = &mut connection.value.tokens {
            tokens.live_session_token = Some(sealed);
        }
        connection.value.succeeded(now);
        connection.value.next_renewal_at = next_due(&connection.value, now);
        connection.value.updated_at = now;
        self.connections.save(connection).await?;
        self.lanes.note_consumer_good(&connection.value.consumer_key, now).await?;
        Ok(Some(grant.session(proved)))
    }

    async fn open(&self, connection: &mut Versioned<Connection>, session: &Session) -> Result<Renewed, RenewError> {
        let asked_at = self.clock.now();
        if let Some(until) = connection.value.init_waits_until(asked_at) {
            connection.value.next_renewal_at = Some(until);
            connection.value.updated_at = asked_at;
            self.connections.save(connection).await?;
            return Ok(Renewed::Failed);
        }
        // Whose session it would be is not known before the accounts are: then nobody is pushed out of it.
        let compete = connection.value.choices.take_session && connection.value.claimed.is_some();
        let opened = open_brokerage_session(session, compete, SESSION_WAIT).await;
        let ownership = Ownership { connections: &self.connections, sharing: self.sharing };
        ownership.keep_opened(connection, session, opened, self.clock.now()).await?;
        let established = matches!(connection.value.session, SessionState::Established { .. });
        Ok(if established { Renewed::Done } else { Renewed::Failed })
    }

    async fn give_back(&self, lease: LaneLease, calls: &[Timestamp]) {
        if let Err(error) = self.lanes.release(lease, calls).await {
            // The lease ends by itself.
            tracing::warn!(%error, "a lane was not given back");
        }
    }

    async fn wake(&self, user_id: &UserId) -> Result<(), StoreError> {
        let wake = Wake { user_id: user_id.clone(), order_id: None };
        self.order_queue.wake(&wake).await
    }
}

/// Whether nothing can be asked of the broker over this connection: no live session token, or another login has the session.
fn is_away(connection: &Connection, now: Timestamp) -> bool {
    let token = connection.tokens.as_ref().and_then(|tokens| tokens.live_session_token.as_ref());
    token.is_none_or(|token| token.expires_at <= now) || matches!(connection.session, SessionState::Competing { .. })
}
