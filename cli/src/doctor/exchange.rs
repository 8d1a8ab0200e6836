//! Every request that the doctor makes, as it left and as it was answered; and what may be shown of it.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use broker::{OAuthHeader, QuerySigning, Sending, Transport};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use crate::output::count_of;

/// Characters of an answer that are shown.
const ANSWER_CHARACTERS_MAX: usize = 300;
/// Characters of a token that stay readable.
const READABLE_CHARACTERS: usize = 4;
/// Parameters of a header that are secret, or lead to a secret.
const SECRET_PARAMETERS: [&str; 2] = ["oauth_token", "oauth_verifier"];

/// One request and its answer. Secrets are masked by `x`, so that base strings keep their length and form.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) url: String,
    /// What the signature signs.
    pub(crate) base_string: String,
    /// In base64.
    pub(crate) signature: String,
    pub(crate) authorization: String,
    pub(crate) user_agent: String,
    pub(crate) content_length: String,
    /// The status and, unless it was a success, the words; or why there is no answer.
    pub(crate) answer: String,
    /// The broker's `Date`.
    pub(crate) broker_time: Option<Timestamp>,
    /// Our time when the answer came.
    #[serde(skip)]
    pub(crate) our_time: Timestamp,
}

/// A transport that remembers.
#[derive(Debug)]
pub(crate) struct Recorder {
    inner: Arc<dyn Transport>,
    clock: Arc<dyn domain::Clock>,
    exchanges: Mutex<Vec<Exchange>>,
}

impl Recorder {
    pub(crate) fn new(inner: Arc<dyn Transport>, clock: Arc<dyn domain::Clock>) -> Self {
        Self { inner, clock, exchanges: Mutex::default() }
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Transport for Recorder {
    fn send(&self, request: Request<Bytes>, timeout: Duration) -> Sending<'_> {
        Box::pin(async move {
            let mut exchange = begun(&request, self.clock.now());
            let answer = self.inner.send(request, timeout).await;
            exchange.our_time = self.clock.now();
            match &answer {
                Ok(response) => {
                    exchange.answer = words(response);
                    exchange.broker_time = date(response.headers());
                }
                Err(error) => exchange.answer = error.to_string(),
            }
            self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
            answer
        })
    }
}

impl Exchange {
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} {}\n", self.method, self.url);
        let broker_time = self.broker_time.map(|time| time.to_string()).unwrap_or_default();
        let rows = [
            ("base string", &self.base_string),
            ("signature", &self.signature),
            ("Authorization", &self.authorization),
            ("User-Agent", &self.user_agent),
            ("Content-Length", &self.content_length),
            ("answer", &self.answer),
            ("broker's time", &broker_time),
        ];
        for (name, value) in rows {
            // Writing to a string does not fail.
            let _ = writeln!(text, "    {name:<15} {value}");
        }
        text.push('\n');
        text
    }
}

fn begun(request: &Request<Bytes>, now: Timestamp) -> Exchange {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let authorization = text(header::AUTHORIZATION);
    let (method, url) = (request.method().to_string(), request.uri().to_string());
    let shown = shown(&method, &url, &authorization);
    Exchange {
        method,
        url,
        base_string: shown.base_string,
        signature: shown.signature,
        authorization: shown.authorization,
        user_agent: text(header::USER_AGENT),
        content_length: text(header::CONTENT_LENGTH),
        answer: String::new(),
        broker_time: None,
        our_time: now,
    }
}

/// What may be shown of a signed request.
pub(crate) struct Shown {
    pub(crate) base_string: String,
    pub(crate) signature: String,
    pub(crate) authorization: String,
}

/// Reads the header back from the wire, whoever wrote it, and masks what is secret in it.
pub(crate) fn shown(method: &str, url: &str, authorization: &str) -> Shown {
    let (Some(mut header), Ok(url)) = (OAuthHeader::parse(authorization), Url::parse(url)) else {
        return Shown { base_string: String::new(), signature: String::new(), authorization: String::new() };
    };
    let mut authorization = authorization.to_owned();
    for (name, value) in &mut header.parameters {
        if SECRET_PARAMETERS.contains(&name.as_str()) && !value.is_empty() {
            let masked = masked(value);
            authorization = authorization.replace(value.as_str(), &masked);
            *value = masked;
        }
    }
    Shown {
        base_string: base_string(method, &url, &header),
        signature: header.signature().unwrap_or_default(),
        authorization,
    }
}

/// What a header's signature signs, with what is secret in it masked.
pub(crate) fn masked_base_string(method: &str, url: &Url, header: &OAuthHeader) -> String {
    let mut header = header.clone();
    for (name, value) in &mut header.parameters {
        if SECRET_PARAMETERS.contains(&name.as_str()) {
            *value = masked(value);
        }
    }
    base_string(method, url, &header)
}

fn base_string(method: &str, url: &Url, header: &OAuthHeader) -> String {
    let base = header.base_string(method, url, QuerySigning::Omit);
    let before = if header.get("diffie_hellman_challenge").is_some() {
        "<access token secret, 64 hexadecimal digits>"
    } else {
        ""
    };
    format!("{before}{}", base.expose())
}

/// The same length, and only the end readable.
fn masked(text: &str) -> String {
    let hidden = text.chars().count().saturating_sub(READABLE_CHARACTERS);
    "x".repeat(hidden) + &text.chars().skip(hidden).collect::<String>()
}

fn words(response: &Response<Bytes>) -> String {
    let status = response.status();
    if status.is_success() {
        // It holds a token.
        return format!("{status}, {}", count_of(response.body().len(), "byte"));
    }
    let body = String::from_utf8_lossy(response.body());
    let body: String =
        body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(ANSWER_CHARACTERS_MAX).collect();
    format!("{status} {body}")
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_masked_in_the_header_and_in_the_base_string_alike() {
        let header = r#"OAuth realm="limited_poa", oauth_token="0123456789abcdef0123", oauth_signature="a%2Bb%3D""#;
        let shown = shown("POST", "https://api.ibkr.com/v1/api/oauth/access_token", header);
        assert!(shown.base_string.ends_with("&oauth_token%3Dxxxxxxxxxxxxxxxx0123"), "{}", shown.base_string);
        assert!(shown.authorization.contains("oauth_token=\"xxxxxxxxxxxxxxxx0123\""), "{}", shown.authorization);
        assert_eq!(shown.signature, "a+b=");
    }
}
