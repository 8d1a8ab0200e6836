//! The HTTP API: one request, one answer. Nothing is repeated here, and no redirect is followed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;

use crate::error::{Error, FieldFault, Problem};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Lambda answers with at most 6 MB.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Characters of an answer that an error repeats.
const ECHO_CHARACTERS_MAX: usize = 200;

/// Gives the JWT, for each request anew: it may renew what has expired. It never shows.
#[derive(Clone)]
pub struct Token(Arc<dyn Fn() -> String + Send + Sync>);

impl Token {
    /// A token that stays the same.
    #[must_use]
    pub fn fixed(jwt: String) -> Self {
        Self(Arc::new(move || jwt.clone()))
    }

    /// A token that is asked for at each request.
    #[must_use]
    pub fn given_by(give: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(give))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// The HTTP API in the name of a token. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    url: Url,
    token: Token,
    http: reqwest::Client,
}

impl Api {
    /// The API at this address: `https`, or this machine's own.
    pub fn new(url: &str, token: Token) -> Result<Self, Error> {
        let not_set_up = |why: &str| Error::NotSetUp(format!("the API's address {url} {why}"));
        let url = Url::parse(url).map_err(|error| not_set_up(&format!("cannot be read: {error}")))?;
        let this_machine = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && this_machine) {
            return Err(not_set_up("must begin with https://, or the token would travel in the open"));
        }
        let http = http_client().map_err(|error| not_set_up(&format!("cannot be asked: {error}")))?;
        Ok(Self { url, token, http })
    }

    /// Asks once. `path` is parts without slashes, each taken as it is.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&Map<String, Value>>,
    ) -> Result<T, Error> {
        let mut url = self.url.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        url.query_pairs_mut().extend_pairs(query);
        let what = format!("{method} /{}", path.join("/"));
        let unreachable = |error: reqwest::Error| Error::Unreachable { what: what.clone(), source: error.into() };
        let mut request = self.http.request(method.clone(), url).bearer_auth((self.token.0)());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = text(response).await.map_err(|error| error.unwrap_or_else(unreachable, &what))?;
        if status.is_success() {
            return serde_json::from_str(&text)
                .map_err(|error| Error::UnexpectedAnswer(format!("the answer to {what} cannot be read: {error}")));
        }
        Err(refusal(&what, status, &text))
    }
}

enum NotRead {
    Network(reqwest::Error),
    TooLarge,
}

impl NotRead {
    fn unwrap_or_else(self, unreachable: impl Fn(reqwest::Error) -> Error, what: &str) -> Error {
        match self {
            Self::Network(error) => unreachable(error),
            Self::TooLarge => {
                Error::UnexpectedAnswer(format!("the answer to {what} has more than {ANSWER_BYTES_MAX} bytes"))
            }
        }
    }
}

async fn text(mut response: Response) -> Result<String, NotRead> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(NotRead::Network)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(NotRead::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Refusal {
    code: Option<String>,
    detail: Option<String>,
    message: Option<String>,
    errors: Vec<FieldFault>,
}

fn refusal(what: &str, status: StatusCode, text: &str) -> Error {
    if !status.is_client_error() && !status.is_server_error() {
        return Error::UnexpectedAnswer(format!("{what} was answered with {status}; is the API's address right?"));
    }
    let read: Refusal = serde_json::from_str(text).unwrap_or_default();
    // Without a code it is the gateway's own word, before any function of the project ran.
    let code = read.code.unwrap_or_else(|| match status {
        StatusCode::UNAUTHORIZED => "unauthorized".to_owned(),
        other => format!("http_{}", other.as_u16()),
    });
    let echo = || text.chars().take(ECHO_CHARACTERS_MAX).collect();
    let detail = read.detail.or(read.message).unwrap_or_else(echo);
    Problem { status: status.as_u16(), code, detail, errors: read.errors }.into()
}

fn http_client() -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(TIMEOUT);
    Ok(client.build()?)
}
