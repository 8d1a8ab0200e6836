//! What a refusal of an OAuth step means (IBKR Web API, "invalid consumer" and other OAuth-step errors).

use bytes::Bytes;
use http::{Response, header};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::api::AskError;
use crate::meaning::{excerpt, is_page};
use crate::oauth_error::{OAuthError, OAuthStep};
use crate::transport::TransportError;
use crate::words::ConsumerIdentity;

/// Clocks further apart than this explain a refused signature.
const CLOCK_SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);

/// What is known of the request that was refused.
pub(crate) struct Asked<'a> {
    pub(crate) step: OAuthStep,
    pub(crate) identity: &'a ConsumerIdentity,
    pub(crate) signature_key_fingerprint: &'a str,
    pub(crate) api_url: &'a str,
    pub(crate) now: Timestamp,
}

impl Asked<'_> {
    /// The body of a success, or what the answer means.
    pub(crate) fn read<T: for<'a> Deserialize<'a>>(&self, response: &Response<Bytes>) -> Result<T, OAuthError> {
        if response.status() != http::StatusCode::OK {
            return Err(self.refusal(response));
        }
        serde_json::from_slice(response.body())
            .map_err(|error| self.unread(format!("200 whose body cannot be read ({error})")))
    }

    pub(crate) fn unread(&self, why: String) -> OAuthError {
        OAuthError::Unread { step: self.step, why }
    }

    pub(crate) fn not_asked(&self, error: AskError) -> OAuthError {
        match error {
            AskError::Invalid(why) | AskError::Transport(TransportError::NotSent(why)) => OAuthError::NotSent(why),
            AskError::Transport(TransportError::Unread(why)) => self.unread(why),
            AskError::Signing(error) => OAuthError::Signing(error),
        }
    }

    fn refusal(&self, response: &Response<Bytes>) -> OAuthError {
        let message = excerpt(response);
        match response.status().as_u16() {
            _ if message.to_lowercase().contains("ip not authorized") => OAuthError::HostRefused { message },
            401 => self.unauthorized(response, message),
            403 if is_page(response) => OAuthError::Forbidden,
            404 => OAuthError::WrongPath { url: format!("{}{}", self.api_url.trim_end_matches('/'), self.step.path()) },
            429 => OAuthError::Paced,
            status @ 400..500 => self.refused(status, message),
            status => self.unread(format!("{status}: {message}")),
        }
    }

    fn unauthorized(&self, response: &Response<Bytes>, message: String) -> OAuthError {
        let said = message.to_lowercase();
        let step = self.step;
        if said.contains("invalid consumer") {
            return self.invalid_consumer(message);
        }
        if said.contains("no access secret") {
            return OAuthError::AccessSecretMissing { message };
        }
        if let Some(seconds_ahead) = self.clock_skew_seconds(response) {
            return OAuthError::ClockSkew { step, message, seconds_ahead };
        }
        if said.contains("invalid signature") {
            let signature_key_fingerprint = self.signature_key_fingerprint.to_owned();
            return OAuthError::SignatureInvalid { step, message, signature_key_fingerprint };
        }
        self.refused(401, message)
    }

    fn refused(&self, status: u16, message: String) -> OAuthError {
        let hint = match self.step {
            OAuthStep::RequestToken => {
                "A part of the header is missing or wrong (the broker names it), or a first-party key was used, which has no request tokens"
            }
            OAuthStep::AccessToken => "A request token and its verifier work once, and for minutes: connect again",
            OAuthStep::LiveSessionToken => {
                "If it happens to one user only and stays, that user revoked the access: they must connect again. If it \
                 happens to all, the consumer is at fault"
            }
        };
        OAuthError::Refused { step: self.step, status, message, hint }
    }

    /// How far the broker's `Date` is ahead of our clock, if it is too far.
    fn clock_skew_seconds(&self, response: &Response<Bytes>) -> Option<i64> {
        let date = response.headers().get(header::DATE)?.to_str().ok()?;
        let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
        let ahead = theirs.duration_since(self.now);
        (ahead.abs() > CLOCK_SKEW_MAX).then(|| ahead.as_secs())
    }

    fn invalid_consumer(&self, message: String) -> OAuthError {
        OAuthError::ConsumerInvalid {
            step: self.step,
            consumer_key: self.identity.key().to_owned(),
            realm: self.identity.realm().to_owned(),
            message,
            causes: numbered(&self.causes()),
        }
    }

    /// In order of likelihood, for this key and realm.
    fn causes(&self) -> Vec<String> {
        let (key, realm) = (self.identity.key(), self.identity.realm());
        let expected = signing::default_realm(key);
        let mut causes = Vec::new();
        if realm != expected {
            causes.push(format!("the realm must be {expected:?} for this key, and is {realm:?}"));
        }
        if key == "TESTCONS" {
            causes.push(
                "TESTCONS works only with the key pairs and the prime of IBKR's own demo, and with a paper username"
                    .into(),
            );
            return causes;
        }
        if key.len() != 9 || !key.bytes().all(|byte| byte.is_ascii_uppercase()) {
            causes.push("consumer keys have 9 upper-case letters: look for a typing error".into());
        }
        causes.extend([
            "the key is not active yet: a new one works after a night, at worst after two weeks".into(),
            "keys or settings were changed at the broker, each of which takes effect only after the next night".into(),
            "the consumer is registered for the other kind of account (live or paper), OAuth access is off, or its agreement is not signed".into(),
            "the broker has not approved this key for third parties".into(),
        ]);
        causes
    }
}

fn numbered(causes: &[String]) -> String {
    let lines: Vec<String> = causes.iter().zip(1..).map(|(cause, number)| format!("({number}) {cause}")).collect();
    lines.join("; ")
}
