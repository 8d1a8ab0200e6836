//! Import: a first party's access token becomes a connection, without the consent page.

use std::sync::Arc;
use std::time::Duration;

use access::{Tokens, open_brokerage_session};
use broker::{AccessToken, Consumer, EncryptionKey};
use domain::{AccountSharing, Clock, Connection, ConnectionStatus, Entropy, Secret, UserId};
use store::Connections;

use crate::begin::new_connection;
use crate::complete::{CompleteError, owned};
use crate::ownership::{Ownership, accounts_of};
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
    /// Whether usernames of several users may reach one account.
    pub sharing: AccountSharing,
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
        let connection = new_connection(consumer, user_id, self.entropy.as_ref(), self.clock.now());
        let mut tokens = self.tokens.seal_consent(user_id, &connection.connection_id, &token, &secret)?;
        tokens.live_session_token =
            Some(self.tokens.seal_live_session_token(&connection, &proved, self.clock.now())?);
        let session = grant.session(proved);
        let accounts = accounts_of(&session).await;
        let mut connection = self.connections.put_new(&connection).await?;
        let before = connection.value.clone();
        connection.value.tokens = Some(tokens);
        connection.value.turn(ConnectionStatus::Connected);
        connection.value.reach(accounts);
        connection.value.next_renewal_at = next_renewal(&connection.value);
        let ownership = Ownership { connections: &self.connections, sharing: self.sharing };
        owned(ownership.keep(&mut connection, &before, self.clock.now()).await?)?;
        let opened = open_brokerage_session(&session, false, SESSION_WAIT).await;
        owned(ownership.keep_opened(&mut connection, &session, opened, self.clock.now()).await?)?;
        Ok(connection.value)
    }
}
