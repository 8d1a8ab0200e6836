//! A user's tokens between the row, where they are sealed, and the client, which needs them open.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker::{
    AccessToken, AccessTokenSecret, Api, Consumer, ConsumerIdentity, Grant, LiveSessionToken, ProvedLiveSessionToken,
    Session,
};
use domain::{Connection, ConnectionId, Entropy, Sealed, SealedLiveSessionToken, SealedTokens, Secret, UserId};
use jiff::Timestamp;
use store::{Purpose, SealError, Sealer};

/// Opens and seals the tokens of connections. Its clones share their keys.
#[derive(Debug, Clone)]
pub struct Tokens {
    sealer: Arc<RwLock<Option<Arc<Sealer>>>>,
    entropy: Arc<dyn Entropy>,
}

/// Why a connection's tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensUnusable {
    /// There is no consent behind this connection, or it was ended.
    #[error("the connection holds no tokens: its user has not consented, or has disconnected. Let the user connect")]
    None,
    /// There is no live session token that lives long enough.
    #[error("the connection has no live session token that is still good; it is being renewed")]
    NoLiveSessionToken,
    /// The seal does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The seal opens to something else than a token.
    #[error("the connection's {0} opens to something that is none; let the user connect again")]
    Malformed(&'static str),
}

impl Tokens {
    /// With this sealer, and randomness for its nonces.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>, entropy: Arc<dyn Entropy>) -> Self {
        Self { sealer: Arc::new(RwLock::new(Some(sealer))), entropy }
    }

    /// With keys that come later ([`Tokens::use_sealer`]): until then nothing is opened or sealed.
    #[must_use]
    pub fn awaiting_keys(entropy: Arc<dyn Entropy>) -> Self {
        Self { sealer: Arc::default(), entropy }
    }

    /// Opens and seals with other keys from now on.
    pub fn use_sealer(&self, sealer: Sealer) {
        *self.sealer.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(sealer));
    }

    /// Whether the current key sealed all that the connection holds.
    #[must_use]
    pub fn are_current(&self, connection: &Connection) -> bool {
        let mut sealed = connection.tokens.iter().flat_map(sealed_in);
        self.sealer().is_ok_and(|sealer| sealed.all(|(sealed, _)| sealer.is_current(sealed)))
    }

    /// Seals with the current key whatever another key sealed. Returns whether there was anything.
    pub fn seal_anew(&self, connection: &mut Connection) -> Result<bool, SealError> {
        if self.are_current(connection) {
            return Ok(false);
        }
        let Some(mut tokens) = connection.tokens.clone() else { return Ok(false) };
        for (sealed, purpose) in sealed_in_mut(&mut tokens) {
            let text = self.open(connection, sealed, purpose)?.expose().to_owned();
            *sealed = self.seal(text, purpose, &connection.user_id, &connection.connection_id)?;
        }
        connection.tokens = Some(tokens);
        Ok(true)
    }

    /// Seals what a consent gave.
    pub fn seal_consent(
        &self,
        user_id: &UserId,
        connection_id: &ConnectionId,
        token: &AccessToken,
        secret: &AccessTokenSecret,
    ) -> Result<SealedTokens, SealError> {
        let seal = |text: String, purpose| self.seal(text, purpose, user_id, connection_id);
        Ok(SealedTokens {
            access_token: seal(token.expose().to_owned(), Purpose::AccessToken)?,
            access_token_secret: seal(hex::encode(secret.expose()), Purpose::AccessTokenSecret)?,
            live_session_token: None,
        })
    }

    /// Seals a live session token that was just proved.
    pub fn seal_live_session_token(
        &self,
        connection: &Connection,
        proved: &ProvedLiveSessionToken,
        now: Timestamp,
    ) -> Result<SealedLiveSessionToken, SealError> {
        let text = STANDARD.encode(proved.token.expose());
        let sealed = self.seal(text, Purpose::LiveSessionToken, &connection.user_id, &connection.connection_id)?;
        Ok(SealedLiveSessionToken { sealed, issued_at: now, expires_at: proved.expires_at })
    }

    /// The consent of a connection in a consumer's hands: what makes live session tokens.
    pub fn grant(&self, connection: &Connection, consumer: &Consumer) -> Result<Grant, TokensUnusable> {
        let tokens = connection.tokens.as_ref().ok_or(TokensUnusable::None)?;
        let secret = self.open(connection, &tokens.access_token_secret, Purpose::AccessTokenSecret)?;
        let secret = hex::decode(secret.expose()).map_err(|_| TokensUnusable::Malformed("access token secret"))?;
        Ok(consumer.grant(self.access_token(connection, tokens)?, AccessTokenSecret::from_bytes(secret)))
    }

    /// The session of a connection, by the live session token at hand. It must live at least until `needed_until`.
    pub fn session(
        &self,
        connection: &Connection,
        api: &Api,
        needed_until: Timestamp,
    ) -> Result<Session, TokensUnusable> {
        let tokens = connection.tokens.as_ref().ok_or(TokensUnusable::None)?;
        let stored = tokens.live_session_token.as_ref().filter(|stored| stored.expires_at > needed_until);
        let stored = stored.ok_or(TokensUnusable::NoLiveSessionToken)?;
        let text = self.open(connection, &stored.sealed, Purpose::LiveSessionToken)?;
        let bytes = STANDARD.decode(text.expose()).ok().and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or(TokensUnusable::Malformed("live session token"))?;
        let token = LiveSessionToken::from_stored(bytes);
        let proved = ProvedLiveSessionToken { token, expires_at: stored.expires_at };
        let identity = ConsumerIdentity::new(&connection.consumer_key, Some(&connection.realm))
            .map_err(|_| TokensUnusable::Malformed("consumer key"))?;
        Ok(Session::new(api.clone(), identity, self.access_token(connection, tokens)?, proved))
    }

    fn access_token(&self, connection: &Connection, tokens: &SealedTokens) -> Result<AccessToken, TokensUnusable> {
        let token = self.open(connection, &tokens.access_token, Purpose::AccessToken)?;
        AccessToken::new(token.expose()).map_err(|_| TokensUnusable::Malformed("access token"))
    }

    fn open(&self, connection: &Connection, sealed: &Sealed, purpose: Purpose) -> Result<Secret, SealError> {
        self.sealer()?.open(sealed, purpose, &connection.user_id, &connection.connection_id)
    }

    fn sealer(&self) -> Result<Arc<Sealer>, SealError> {
        self.sealer.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(SealError::NoKeys)
    }

    fn seal(
        &self,
        text: String,
        purpose: Purpose,
        user_id: &UserId,
        connection_id: &ConnectionId,
    ) -> Result<Sealed, SealError> {
        self.sealer()?.seal(&Secret::new(text), purpose, user_id, connection_id, &*self.entropy)
    }
}

fn sealed_in(tokens: &SealedTokens) -> impl Iterator<Item = (&Sealed, Purpose)> {
    let live = tokens.live_session_token.iter().map(|live| (&live.sealed, Purpose::LiveSessionToken));
    [(&tokens.access_token, Purpose::AccessToken), (&tokens.access_token_secret, Purpose::AccessTokenSecret)]
        .into_iter()
        .chain(live)
}

fn sealed_in_mut(tokens: &mut SealedTokens) -> impl Iterator<Item = (&mut Sealed, Purpose)> {
    let live = tokens.live_session_token.iter_mut().map(|live| (&mut live.sealed, Purpose::LiveSessionToken));
    [(&mut tokens.access_token, Purpose::AccessToken), (&mut tokens.access_token_secret, Purpose::AccessTokenSecret)]
        .into_iter()
        .chain(live)
}
