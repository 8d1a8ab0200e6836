//! The operator's side of the three-legged flow, before a user has consented.

use std::fmt;
use std::sync::Arc;

use domain::Secret;
use signing::{AccessTokenSecret, DiffieHellmanParameters, Parameters, SignatureKey};
use url::Url;

use crate::api::{Api, CALL_TIMEOUT, Question, Signer};
use crate::grant::Grant;
use crate::oauth_error::{OAuthError, OAuthStep};
use crate::oauth_meaning::Asked;
use crate::wire::answers::{AccessTokenBody, RequestTokenBody};
use crate::words::{AccessToken, ConsumerIdentity, RequestToken, Verifier};

/// The consumer: its name at the broker, the key that signs, and the group of its key exchanges. It cannot open an access
/// token secret: only the completion of a connection holds the key for that.
#[derive(Clone)]
pub struct Consumer {
    pub(crate) api: Api,
    pub(crate) identity: ConsumerIdentity,
    pub(crate) signature_key: Arc<SignatureKey>,
    pub(crate) group: Arc<DiffieHellmanParameters>,
}

/// The broker's answer to a consent.
#[derive(Debug, Clone)]
pub struct AccessTokenAnswer {
    /// Names the consent, until the user revokes it.
    pub token: AccessToken,
    /// Base64; only [`signing::EncryptionKey::open`] reads it.
    pub sealed_secret: Secret,
    /// Whether the username is a paper one, where the broker tells.
    pub is_paper: Option<bool>,
}

impl Consumer {
    /// A consumer with its keys.
    #[must_use]
    pub fn new(
        api: Api,
        identity: ConsumerIdentity,
        signature_key: SignatureKey,
        group: DiffieHellmanParameters,
    ) -> Self {
        Self { api, identity, signature_key: Arc::new(signature_key), group: Arc::new(group) }
    }

    /// The broker that it talks to.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Its name at the broker.
    #[must_use]
    pub fn identity(&self) -> &ConsumerIdentity {
        &self.identity
    }

    /// First leg: a request token. The callback is always `oob`; the real one is registered with the consumer.
    ///
    /// # Errors
    /// An [`OAuthError`] with its likely causes.
    pub async fn request_token(&self) -> Result<RequestToken, OAuthError> {
        let oauth = Parameters::default().with("oauth_callback", "oob");
        let body: RequestTokenBody = self.step(OAuthStep::RequestToken, oauth, None).await?;
        RequestToken::new(&body.oauth_token).map_err(|error| unusable(OAuthStep::RequestToken, &error))
    }

    /// Second leg: where the user's browser goes to consent.
    #[must_use]
    pub fn authorize_url(&self, token: &RequestToken) -> Url {
        let mut url = self.api.address.authorize.clone();
        url.query_pairs_mut().append_pair("oauth_token", token.expose());
        url
    }

    /// Third leg: the access token, and the secret that goes with it, sealed.
    ///
    /// # Errors
    /// An [`OAuthError`] with its likely causes.
    pub async fn access_token(
        &self,
        token: &RequestToken,
        verifier: &Verifier,
    ) -> Result<AccessTokenAnswer, OAuthError> {
        let oauth = Parameters::default()
            .with("oauth_callback", "oob")
            .with("oauth_token", token.expose())
            .with("oauth_verifier", verifier.expose());
        let body: AccessTokenBody = self.step(OAuthStep::AccessToken, oauth, None).await?;
        Ok(AccessTokenAnswer {
            token: AccessToken::new(&body.oauth_token).map_err(|error| unusable(OAuthStep::AccessToken, &error))?,
            sealed_secret: Secret::new(body.oauth_token_secret),
            is_paper: body.is_paper.boolean().or_else(|| body.is_true.boolean()),
        })
    }

    /// A user's consent, in this consumer's hands.
    #[must_use]
    pub fn grant(&self, token: AccessToken, secret: AccessTokenSecret) -> Grant {
        Grant::new(self.clone(), token, secret)
    }

    /// One signed step.
    pub(crate) async fn step<T: for<'a> serde::Deserialize<'a>>(
        &self,
        step: OAuthStep,
        oauth: Parameters,
        secret: Option<&AccessTokenSecret>,
    ) -> Result<T, OAuthError> {
        let asked = Asked {
            step,
            identity: &self.identity,
            signature_key_fingerprint: self.signature_key.fingerprint(),
            api_url: self.api.address.api.as_str(),
            now: self.api.now(),
        };
        let signer = Signer::SignatureKey(&self.signature_key, secret);
        let question = Question::post(step.path());
        let response = self.api.ask(question, &self.identity, oauth, &signer, None, CALL_TIMEOUT).await;
        asked.read(&response.map_err(|error| asked.not_asked(error))?)
    }
}

fn unusable(step: OAuthStep, error: &dyn fmt::Display) -> OAuthError {
    OAuthError::Unread { step, why: format!("200 with a token that cannot be used ({error})") }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Consumer").field("identity", &self.identity).finish_non_exhaustive()
    }
}
