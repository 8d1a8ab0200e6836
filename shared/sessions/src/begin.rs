//! Begin: the user is sent to the broker.

use std::sync::Arc;

use access::PenaltyBox;
use broker::{Consumer, NextStep, OAuthError};
use domain::{ATTEMPT_LIFE, Clock, Connection, ConnectionId, ConnectionStatus, Entropy, Secret, UserId};
use jiff::Timestamp;
use store::{Attempt, Attempts, Connections, SecretHash, StoreError};
use url::Url;

/// Connections that one user may have on record: far more than anybody has usernames.
pub const CONNECTIONS_MAX: usize = 50;
/// Bytes of randomness in the cookie: as strong as the key of a session.
const COOKIE_BYTES: usize = 32;
const CONNECTION_ID_BYTES: usize = 16;

/// The use case, with what it needs.
#[derive(Debug, Clone)]
pub struct Begin {
    /// Where connections are kept.
    pub connections: Connections,
    /// Where attempts are kept.
    pub attempts: Attempts,
    /// Whether the broker refuses our address.
    pub penalty_box: PenaltyBox,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids and cookies.
    pub entropy: Arc<dyn Entropy>,
}

/// A begun connection.
#[derive(Debug)]
pub struct Begun {
    /// Its id.
    pub connection_id: ConnectionId,
    /// Where the user's browser consents.
    pub authorize_url: Url,
    /// When this attempt ends.
    pub expires_at: Timestamp,
    /// What the same browser has to show when it comes back.
    pub cookie: Secret,
}

/// Why a connection was not begun. Nothing is left behind that stands in the way of another try.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The broker gave no request token.
    #[error(transparent)]
    Broker(#[from] OAuthError),
    /// A table did not do what it should.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker refuses our address, for all users.
    #[error("the broker refuses this platform's address until {0}, after too many requests; connect after that")]
    Boxed(Timestamp),
    /// The user has too many connections on record.
    #[error(
        "you have {CONNECTIONS_MAX} connections on record; remove one (DELETE /connections/{{connection_id}}) before you begin another"
    )]
    TooMany,
}

impl BeginError {
    /// Whether the broker does not take the consumer, which only the operator can mend.
    #[must_use]
    pub fn is_for_the_operator(&self) -> bool {
        matches!(self, Self::Broker(error) if error.next_step() == NextStep::AskOperator)
    }
}

impl Begin {
    /// Asks the broker for a request token and binds it to this user and, by a cookie, to their browser: the flow
    /// has no `state` parameter (IBKR Web API, OAuth endpoints), so the binding is ours.
    pub async fn begin(&self, consumer: &Consumer, user_id: &UserId) -> Result<Begun, BeginError> {
        self.make_room(user_id).await?;
        if let Some(until) = self.penalty_box.until().await? {
            return Err(BeginError::Boxed(until));
        }
        let token = match consumer.request_token().await {
            Err(error) if error.next_step() == NextStep::WaitOutPenalty => {
                return Err(BeginError::Boxed(self.penalty_box.shut().await));
            }
            token => token?,
        };
        let now = self.clock.now();
        let expires_at = now + ATTEMPT_LIFE;
        let connection = new_connection(consumer, user_id, self.entropy.as_ref(), now);
        self.connections.put_new(&connection).await?;
        let cookie = Secret::new(random_hex::<COOKIE_BYTES>(self.entropy.as_ref()));
        self.attempts
            .put(&Attempt {
                request_token_hash: SecretHash::of(&Secret::new(token.expose().to_owned())),
                cookie_hash: SecretHash::of(&cookie),
                user_id: user_id.clone(),
                connection_id: connection.connection_id.clone(),
                expires_at,
            })
            .await?;
        let authorize_url = consumer.authorize_url(&token);
        Ok(Begun { connection_id: connection.connection_id, authorize_url, expires_at, cookie })
    }

    /// Attempts that nobody came back from are ended, so that they do not pile up.
    async fn make_room(&self, user_id: &UserId) -> Result<(), BeginError> {
        let now = self.clock.now();
        let mut kept = 0;
        for mut connection in self.connections.list(user_id).await? {
            if connection.value.lapse(now) {
                ended_by_us_or_another(self.connections.save(&mut connection).await)?;
            }
            kept += usize::from(connection.value.status != ConnectionStatus::Disconnected);
        }
        if kept >= CONNECTIONS_MAX { Err(BeginError::TooMany) } else { Ok(()) }
    }
}

/// A connection under a name that nobody can guess.
#[expect(clippy::expect_used, reason = "hexadecimal digits are a connection id by its own rules")]
pub(crate) fn new_connection(
    consumer: &Consumer,
    user_id: &UserId,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Connection {
    let connection_id: ConnectionId = random_hex::<CONNECTION_ID_BYTES>(entropy).parse().expect("a connection id");
    let identity = consumer.identity();
    Connection::begin(user_id.clone(), connection_id, (identity.key(), identity.realm()), now)
}

fn random_hex<const BYTES: usize>(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; BYTES];
    entropy.fill(&mut bytes);
    hex::encode(bytes)
}

/// A conflict means that another invocation did the same: that is as good.
fn ended_by_us_or_another(saved: Result<(), StoreError>) -> Result<(), StoreError> {
    match saved {
        Err(StoreError::Conflict { .. }) => Ok(()),
        saved => saved,
    }
}
