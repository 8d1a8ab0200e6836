//! End: the user disconnects.

use std::sync::Arc;

use access::{Readers, Tokens};
use broker::Api;
use domain::{Clock, Connection, ConnectionId, ConnectionStatus, Reason, ReasonCode, UserId};
use store::{Connections, StoreError, Versioned};

/// How often an end is begun anew when somebody else writes the connection at the same time.
const TRIES_MAX: u32 = 5;

/// Who ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// Its user.
    User,
    /// The operator.
    Operator,
}

impl EndedBy {
    /// What the user reads of it. Of a connection that was never made, nothing is at the broker.
    fn reason(self, was: ConnectionStatus) -> Reason {
        let (code, who) = match self {
            Self::User => (ReasonCode::DisconnectedByUser, "You disconnected"),
            Self::Operator => (ReasonCode::DisconnectedByOperator, "The operator of this platform disconnected you"),
        };
        let rest = match was {
            ConnectionStatus::Pending => {
                " before anything was connected. If you did consent at the broker, remove this platform from its list of third parties."
            }
            _ => ". The broker's own list of third parties still names this platform until you remove it there.",
        };
        Reason::new(code, format!("{who}{rest}"))
    }
}

/// The use case, with what it needs.
#[derive(Debug, Clone)]
pub struct End {
    /// Where connections are kept.
    pub connections: Connections,
    /// What opens tokens.
    pub tokens: Tokens,
    /// The broker.
    pub api: Api,
    /// When it may be called; `None`: by the session's own pace, as from a person's own machine.
    pub readers: Option<Readers>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl End {
    /// Logs out at the broker and forgets the tokens; `false` if there is no such connection. Ending twice is ending
    /// once. The tokens go first: whatever the broker says, nothing of this connection is sent after it.
    pub async fn end(&self, user_id: &UserId, connection_id: &ConnectionId) -> Result<bool, StoreError> {
        self.end_by(EndedBy::User, user_id, connection_id).await
    }

    /// The same, and the user reads who did it.
    pub async fn end_by(
        &self,
        by: EndedBy,
        user_id: &UserId,
        connection_id: &ConnectionId,
    ) -> Result<bool, StoreError> {
        let mut tries = 0;
        loop {
            let Some(mut connection) = self.connections.get(user_id, connection_id).await? else { return Ok(false) };
            let before = connection.value.clone();
            match self.forget(&mut connection, by).await {
                Ok(()) => {
                    self.log_out(&before).await;
                    return Ok(true);
                }
                Err(StoreError::Conflict { .. }) if tries < TRIES_MAX => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn forget(&self, connection: &mut Versioned<Connection>, by: EndedBy) -> Result<(), StoreError> {
        let (was, now) = (connection.value.status, self.clock.now());
        // What ended before has its own reason.
        if was == ConnectionStatus::Disconnected || connection.value.lapse(now) {
            connection.value.tokens = None;
        } else {
            connection.value.end(by.reason(was), now);
        }
        self.connections.save(connection).await
    }

    /// A log-out that fails leaves a session without a key, which the broker ends within minutes.
    async fn log_out(&self, connection: &Connection) {
        let Ok(mut session) = self.tokens.session(connection, &self.api, self.clock.now()) else { return };
        if let Some(readers) = &self.readers {
            session = session.in_turns(readers.of(&connection.user_id));
        }
        if let Err(error) = session.logout().await {
            tracing::warn!(%error, connection_id = %connection.connection_id, "the broker did not take the log-out; its session ends by itself");
        }
    }
}
