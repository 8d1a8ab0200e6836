//! Import: a first party's access token becomes a connection, without the consent page.

use std::sync::Arc;
use std::time::Duration;

use access::{Tokens, open_brokerage_session};
use broker::{AccessToken, Consumer, EncryptionKey};
use domain::{Clock, Connection, ConnectionStatus, Entropy, Secret, UserId};
use store::Connections;

use crate::begin::new_connection;
use crate::complete::{CompleteError, record_opening};
use crate::renewal::next_renewal;

/// How long a person at a terminal waits for the brokerage session.
const SESSION_WAIT: Duration = Duration::from_secs(30);

/// The use case, with what it needs.
#[derive(Debug, Clone)]
pub struct Import {
    /// Where connections are kept.
    pub connections: Connections,
    /// What seals tokens.
    pub tokens: Tokens,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids.
    pub entropy: Arc<dyn Entropy>,
}

impl Import {
    /// Opens the secret, has a live session token proved, seals all of it for this user, and opens the brokerage session.
    /// Nothing is kept before the proof. What goes wrong with the brokerage session leaves a connection that the schedule
    /// takes further; its `last_error` says what it was.
    pub async fn import(
        &self,
        consumer: &Consumer,
        encryption_key: &EncryptionKey,
        user_id: &UserId,
        token: AccessToken,
        sealed_secret: &Secret,
    ) -> Result<Connection, CompleteError> {
        let secret = encryption_key.open(sealed_secret.expose())?;
        let grant = consumer.grant(token.clone(), secret.clone());
        let proved = grant.live_session_token().await?;
        let mut connection = new_connection(consumer, user_id, self.entropy.as_ref(), self.clock.now());
        connection.status = ConnectionStatus::Connected;
        let mut tokens = self.tokens.seal_consent(user_id, &connection.connection_id, &token, &secret)?;
        tokens.live_session_token =
            Some(self.tokens.seal_live_session_token(&connection, &proved, self.clock.now())?);
        connection.tokens = Some(tokens);
        connection.next_renewal_at = next_renewal(&connection);
        let mut connection = self.connections.put_new(&connection).await?;
        let opened = open_brokerage_session(&grant.session(proved), false, SESSION_WAIT).await;
        let now = self.clock.now();
        record_opening(&mut connection.value, opened, now);
        self.connections.save(&mut connection).await?;
        Ok(connection.value)
    }
}
