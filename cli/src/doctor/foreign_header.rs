//! The `Authorization` header of another client, taken apart.

use broker::{OAuthHeader, QuerySigning, SignatureKey, default_realm};
use jiff::Timestamp;
use url::Url;

use super::case::Case;
use super::causes;
use super::exchange::shown;
use super::report::Finding;

const CHECK: &str = "header";
/// Every parameter that a request token needs (IBKR Web API, header parameters per call).
const REQUIRED: [&str; 6] = [
    "oauth_callback",
    "oauth_consumer_key",
    "oauth_nonce",
    "oauth_signature_method",
    "oauth_timestamp",
    "oauth_signature",
];
/// Digits of a timestamp in seconds, until the year 2286.
const TIMESTAMP_DIGITS: usize = 10;
/// A header may have been made a while before somebody asks about it.
const AGE_TOLD_SECONDS: u64 = 300;

/// A header, and the request that it was made for.
pub(crate) struct ForeignHeader<'a> {
    pub(crate) text: &'a str,
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
}

impl ForeignHeader<'_> {
    /// Everything that can be told of it. Without keys the signature is not looked into.
    pub(crate) fn examine(&self, case: &Case, now: Timestamp) -> Vec<Finding> {
        let text = self.text.trim();
        let text = text.strip_prefix("Authorization:").unwrap_or(text).trim();
        let Some(header) = OAuthHeader::parse(text).filter(|header| header.get("oauth_consumer_key").is_some()) else {
            let says = "it does not read `OAuth name=\"value\", …` with an oauth_consumer_key";
            return vec![Finding::fault(CHECK, says, &causes::HEADER_CUT)];
        };
        let mut findings = vec![realm(&header)];
        findings.extend(parameters(&header));
        findings.push(timestamp(&header, now));
        findings.extend(self.signature(&header, case));
        findings.push(Finding::skipped("header_base_string", shown(self.method, self.url.as_str(), text).base_string));
        findings
    }

    fn signature(&self, header: &OAuthHeader, case: &Case) -> Vec<Finding> {
        let mut findings = Vec::new();
        let raw = header.raw_signature.as_deref().unwrap_or_default();
        if raw.contains(['+', '/', '=']) {
            let says = "oauth_signature is not percent-encoded";
            findings.push(Finding::fault("header_signature", says, &causes::SIGNATURE_NOT_ENCODED));
        }
        let method = header.get("oauth_signature_method").unwrap_or_default();
        if method != "RSA-SHA256" {
            let says = format!("oauth_signature_method is {method:?}");
            findings.push(Finding::fault("header_signature", says, &causes::SIGNATURE_METHOD));
        }
        if let Some(key) = &case.signature_key {
            findings.push(self.compared(header, key, case));
        }
        findings
    }

    /// RSASSA-PKCS1-v1_5 gives one signature for one key and text, so ours can be compared with theirs.
    fn compared(&self, header: &OAuthHeader, key: &SignatureKey, case: &Case) -> Finding {
        let check = "header_signature";
        let base = header.base_string(self.method, self.url, QuerySigning::Omit);
        let theirs = header.signature();
        if key.sign(&base).ok() == theirs {
            return Finding::well(check, "it is the one that private_signature_pem makes over this base string");
        }
        let other = case.encryption_pem.as_ref().and_then(|pem| SignatureKey::from_pem(pem.expose()).ok());
        if other.is_some_and(|other| other.sign(&base).ok() == theirs) {
            return Finding::fault(check, "private_encryption_pem made it", &causes::KEYS_SWAPPED);
        }
        Finding::fault(check, format!("it is not over {} {}", self.method, self.url), &causes::SIGNATURE_DIFFERS)
    }
}

fn realm(header: &OAuthHeader) -> Finding {
    let fitting = default_realm(header.get("oauth_consumer_key").unwrap_or_default());
    match header.realm.as_deref().unwrap_or_default() {
        "" => Finding::fault("header_realm", format!("there is none; it must be {fitting:?}"), &causes::REALM_MISSING),
        realm if realm == fitting => Finding::well("header_realm", format!("{realm:?}")),
        realm => Finding::fault("header_realm", format!("{realm:?}; it must be {fitting:?}"), &causes::REALM_WRONG),
    }
}

fn parameters(header: &OAuthHeader) -> Vec<Finding> {
    let has = |name: &str| {
        if name == "oauth_signature" { header.raw_signature.is_some() } else { header.get(name).is_some() }
    };
    // The callback belongs to the request token alone.
    let needed = REQUIRED.into_iter().filter(|name| *name != "oauth_callback" || header.get("oauth_token").is_none());
    let missing: Vec<&str> = needed.filter(|name| !has(name)).collect();
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let says = format!("missing: {}", missing.join(", "));
        findings.push(Finding::fault("header_parameters", says, &causes::PARAMETER_WRONG));
    }
    if let Some(callback) = header.get("oauth_callback").filter(|callback| *callback != "oob") {
        let says =
            format!("oauth_callback is {callback:?}; it is always `oob`: the real one is registered with the consumer");
        findings.push(Finding::fault("header_parameters", says, &causes::PARAMETER_WRONG));
    }
    if findings.is_empty() {
        findings.push(Finding::well("header_parameters", "all that the step needs"));
    }
    findings
}

fn timestamp(header: &OAuthHeader, now: Timestamp) -> Finding {
    let check = "header_timestamp";
    let text = header.get("oauth_timestamp").unwrap_or_default();
    let Ok(seconds) = text.parse::<i64>() else {
        return Finding::fault(check, format!("{text:?} is no number"), &causes::PARAMETER_WRONG);
    };
    if text.len() > TIMESTAMP_DIGITS {
        return Finding::fault(check, format!("{text} has {} digits", text.len()), &causes::TIMESTAMP_MILLISECONDS);
    }
    let seconds = now.as_second().saturating_sub(seconds);
    if seconds.unsigned_abs() > AGE_TOLD_SECONDS {
        let says =
            format!("it is {seconds} s behind this machine's clock: well if the header is as old, else a wrong clock");
        return Finding::warning(check, says);
    }
    Finding::well(check, "in seconds, and now")
}
