//! Where the broker is, and how one signed request gets there.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::{Clock, Entropy};
use http::{HeaderValue, Method, Request, Response, header};
use jiff::Timestamp;
use serde::Serialize;
use signing::{
    AccessTokenSecret, BaseString, LiveSessionToken, Parameters, QuerySigning, SignatureKey, SigningError,
    authorization_header,
};
use url::Url;

use crate::cookies::Cookies;
use crate::transport::{Transport, TransportError};
use crate::words::ConsumerIdentity;

/// Longest wait for one answer. The broker itself gives up after 10 s, with 503 (IBKR Web API, known errors). Less than the 15 s
/// within which a lost answer is to be settled: where the next call's is lost too, the look waits for that.
pub const CALL_TIMEOUT: Duration = Duration::from_millis(14_700);
/// Bytes of a nonce; twice as many hexadecimal digits, as in IBKR's own samples.
const NONCE_BYTES: usize = 16;
const USER_AGENT: &str = concat!("courier/", env!("CARGO_PKG_VERSION"));

/// Where the broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Base of every signed call, such as `https://api.ibkr.com/v1/api`.
    pub api: Url,
    /// Where a user's browser consents, such as `https://interactivebrokers.com/authorize`.
    pub authorize: Url,
    /// Whether queries are signed.
    pub query_signing: QuerySigning,
}

/// The broker, reached through one transport. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub(crate) address: BrokerAddress,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    calls_per_second_max: Option<NonZeroU32>,
}

/// What is asked: a method, a path below the base, a query, a body.
pub(crate) struct Question {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Bytes,
}

/// With what a request is signed.
pub(crate) enum Signer<'a> {
    /// The steps of OAuth; for the live session token the opened secret goes before the base string.
    SignatureKey(&'a SignatureKey, Option<&'a AccessTokenSecret>),
    /// Everything after them.
    Token(&'a LiveSessionToken),
}

/// Why a question got no answer.
pub(crate) enum AskError {
    /// It cannot be put into a request.
    Invalid(String),
    Signing(SigningError),
    Transport(TransportError),
}

impl Question {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, AskError> {
        let bytes = serde_json::to_vec(body).map_err(|error| AskError::Invalid(error.to_string()))?;
        self.body = bytes.into();
        Ok(self)
    }

    /// The whole address. A path that an URL would fold (`..`) is refused: it would reach another endpoint.
    fn url(&self, base: &Url) -> Result<Url, AskError> {
        let mut url = base.clone();
        let path = format!("{}{}", base.path().trim_end_matches('/'), self.path);
        url.set_path(&path);
        if url.path() != path {
            return Err(AskError::Invalid(format!("{path:?} is not a path that can be sent as it is")));
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

impl Api {
    /// A client of the broker at this address.
    #[must_use]
    pub fn new(
        address: BrokerAddress,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { address, transport, clock, entropy, calls_per_second_max: None }
    }

    /// The same, for each of whose users at most so many calls are made in a second.
    #[must_use]
    pub fn paced(self, calls_per_second_max: NonZeroU32) -> Self {
        Self { calls_per_second_max: Some(calls_per_second_max), ..self }
    }

    /// How many calls are made for one user in a second at most; `None`: any number.
    #[must_use]
    pub fn calls_per_second_max(&self) -> Option<NonZeroU32> {
        self.calls_per_second_max
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn random<const BYTES: usize>(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// Signs the question and sends it once; the exchange ends within `timeout`. `oauth` holds the parameters of this step,
    /// besides those of every request.
    pub(crate) async fn ask(
        &self,
        question: Question,
        identity: &ConsumerIdentity,
        oauth: Parameters,
        signer: &Signer<'_>,
        cookies: Option<&Cookies>,
        timeout: Duration,
    ) -> Result<Response<Bytes>, AskError> {
        let url = question.url(&self.address.api)?;
        let authorization = self.authorization(&question.method, &url, identity, oauth, signer)?;
        let cookie = cookies.and_then(Cookies::header);
        let (method, path) = (question.method.clone(), question.path.clone());
        let request = request(question, &url, authorization, cookie)?;
        let answer = self.transport.send(request, timeout).await;
        match &answer {
            Ok(response) => tracing::debug!(%method, path, status = response.status().as_u16(), "the broker answered"),
            Err(error) => tracing::debug!(%method, path, %error, "the broker did not answer"),
        }
        let response = answer.map_err(AskError::Transport)?;
        if let Some(cookies) = cookies {
            cookies.take(response.headers());
        }
        Ok(response)
    }

    fn authorization(
        &self,
        method: &Method,
        url: &Url,
        identity: &ConsumerIdentity,
        oauth: Parameters,
        signer: &Signer<'_>,
    ) -> Result<HeaderValue, AskError> {
        let signature_method = match signer {
            Signer::SignatureKey(..) => "RSA-SHA256",
            Signer::Token(_) => "HMAC-SHA256",
        };
        let oauth = oauth
            .with("oauth_consumer_key", identity.key())
            .with("oauth_nonce", hex::encode(self.random::<NONCE_BYTES>()))
            .with("oauth_signature_method", signature_method)
            .with("oauth_timestamp", self.now().as_second().to_string());
        let base = BaseString::new(method.as_str(), url, self.address.query_signing, &oauth, &[]);
        let signature = match signer {
            Signer::SignatureKey(key, None) => key.sign(&base),
            Signer::SignatureKey(key, Some(secret)) => key.sign(&base.after_secret(secret)),
            Signer::Token(token) => Ok(token.sign(&base)),
        };
        let header = authorization_header(identity.realm(), &oauth, &signature.map_err(AskError::Signing)?);
        let mut header = HeaderValue::from_str(&header).map_err(|error| AskError::Invalid(error.to_string()))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// The headers that the broker asks for (IBKR Web API, required headers). A POST or DELETE without a length gets 411.
fn request(
    question: Question,
    url: &Url,
    authorization: HeaderValue,
    cookie: Option<HeaderValue>,
) -> Result<Request<Bytes>, AskError> {
    let mut request = Request::builder()
        .method(&question.method)
        .uri(url.as_str())
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::AUTHORIZATION, authorization);
    if question.method != Method::GET {
        request = request.header(header::CONTENT_LENGTH, question.body.len());
    }
    if !question.body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(cookie) = cookie {
        request = request.header(header::COOKIE, cookie);
    }
    request.body(question.body).map_err(|error| AskError::Invalid(error.to_string()))
}

impl fmt::Debug for Api {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Api").field("address", &self.address).finish_non_exhaustive()
    }
}
