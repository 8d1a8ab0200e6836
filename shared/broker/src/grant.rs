//! A user's consent: what makes live session tokens.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use signing::{AccessTokenSecret, DiffieHellmanRandom, LiveSessionToken, Parameters, UnprovedLiveSessionToken};

use crate::consumer::Consumer;
use crate::oauth_error::{OAuthError, OAuthStep};
use crate::session::Session;
use crate::wire::answers::LiveSessionTokenBody;
use crate::words::AccessToken;

/// How often an empty `diffie_hellman_response` is asked for again (IBKR's own demo asks again as well).
const EMPTY_RESPONSE_TRIES_MAX: u32 = 3;
/// The life of a live session token (IBKR Web API, session life times).
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// A consumer with one user's access token and its opened secret.
#[derive(Clone)]
pub struct Grant {
    consumer: Consumer,
    token: AccessToken,
    secret: AccessTokenSecret,
}

/// A live session token that the broker proved, and when it ends.
#[derive(Debug, Clone)]
pub struct ProvedLiveSessionToken {
    /// The token.
    pub token: LiveSessionToken,
    /// When it ends: by the broker's word, and never later than 24 hours from now.
    pub expires_at: Timestamp,
}

impl Grant {
    pub(crate) fn new(consumer: Consumer, token: AccessToken, secret: AccessTokenSecret) -> Self {
        Self { consumer, token, secret }
    }

    /// Makes a live session token and has it proved.
    ///
    /// # Errors
    /// An [`OAuthError`] with its likely causes.
    pub async fn live_session_token(&self) -> Result<ProvedLiveSessionToken, OAuthError> {
        for _ in 0..EMPTY_RESPONSE_TRIES_MAX {
            let random = DiffieHellmanRandom::from_bytes(self.consumer.api.random())?;
            let body = self.exchange(&random).await?;
            if let Some(response) = body.diffie_hellman_response.text() {
                return self.proved(&random, response, &body);
            }
        }
        Err(OAuthError::EmptyResponse { tries: EMPTY_RESPONSE_TRIES_MAX })
    }

    /// The session that a proved token opens.
    #[must_use]
    pub fn session(&self, proved: ProvedLiveSessionToken) -> Session {
        let Consumer { api, identity, .. } = self.consumer.clone();
        Session::new(api, identity, self.token.clone(), proved)
    }

    async fn exchange(&self, random: &DiffieHellmanRandom) -> Result<LiveSessionTokenBody, OAuthError> {
        let oauth = Parameters::default()
            .with("diffie_hellman_challenge", self.consumer.group.challenge(random))
            .with("oauth_token", self.token.expose());
        self.consumer.step(OAuthStep::LiveSessionToken, oauth, Some(&self.secret)).await
    }

    fn proved(
        &self,
        random: &DiffieHellmanRandom,
        response: &str,
        body: &LiveSessionTokenBody,
    ) -> Result<ProvedLiveSessionToken, OAuthError> {
        let shared = self.consumer.group.shared_secret(random, response)?;
        let signature = body.live_session_token_signature.text().unwrap_or_default();
        let token =
            UnprovedLiveSessionToken::derive(&shared, &self.secret).prove(self.consumer.identity.key(), signature)?;
        let stated = body.live_session_token_expiration.integer().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let stated = stated.ok_or_else(|| OAuthError::Unread {
            step: OAuthStep::LiveSessionToken,
            why: "200 without live_session_token_expiration".to_owned(),
        })?;
        Ok(ProvedLiveSessionToken { token, expires_at: stated.min(self.consumer.api.now() + TOKEN_LIFE) })
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Grant").field("identity", self.consumer.identity()).finish_non_exhaustive()
    }
}
