//! The `Authorization` header of another client, taken apart.

use broker::{
    AccessTokenSecret, FoundHeader, HeaderNote, OAuthHeader, QuerySigning, SignatureFault, SignatureKey, default_realm,
    find_header, judge_signature,
};
use jiff::Timestamp;
use url::Url;

use super::case::{Case, TESTCONS};
use super::causes::{self, Cause};
use super::checks;
use super::exchange::masked_base_string;
use super::report::Finding;

const CHECK: &str = "header";
const SIGNATURE: &str = "header_signature";
const RSA: &str = "RSA-SHA256";
const HMAC: &str = "HMAC-SHA256";
/// Bytes of an RSA signature under the keys that there are, that of the broker's wish first.
const RSA_BYTES: [usize; 3] = [256, 384, 512];
const HMAC_BYTES: usize = 32;
/// What every signed request needs (IBKR Web API, header parameters per call).
const REQUIRED: [&str; 5] =
    ["oauth_consumer_key", "oauth_nonce", "oauth_signature_method", "oauth_timestamp", "oauth_signature"];
/// Digits of a timestamp in seconds, until the year 2286.
const TIMESTAMP_DIGITS: usize = 10;
/// A header may have been made a while before somebody asks about it.
const AGE_TOLD_SECONDS: u64 = 300;

/// A text with a header, and the request that it was made for.
pub(crate) struct ForeignHeader<'a> {
    pub(crate) text: &'a str,
    /// The method that it was made for, if it was given.
    pub(crate) method: Option<&'a str>,
    /// The address that it was made for, if it was given.
    pub(crate) url: Option<&'a Url>,
    /// Base of the broker's addresses, without a slash at its end.
    pub(crate) base: &'a str,
    /// What stands before the base string of a live session token, if it could be opened.
    pub(crate) access_secret: Option<&'a AccessTokenSecret>,
}

/// What the request is (IBKR Web API, header parameters per call).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    RequestToken,
    AccessToken,
    LiveSessionToken,
    Protected,
}

impl Step {
    const OF_OAUTH: [Self; 3] = [Self::RequestToken, Self::AccessToken, Self::LiveSessionToken];

    /// By the address, else by the parameters that only one step has.
    fn of(header: &OAuthHeader, url: Option<&Url>) -> Self {
        if let Some(url) = url {
            let named =
                Self::OF_OAUTH.into_iter().find(|step| step.path().is_some_and(|path| url.path().ends_with(path)));
            return named.unwrap_or(Self::Protected);
        }
        let has = |name| header.get(name).is_some();
        if has("diffie_hellman_challenge") {
            Self::LiveSessionToken
        } else if has("oauth_verifier") {
            Self::AccessToken
        } else if has("oauth_token") && !has("oauth_callback") {
            Self::Protected
        } else {
            Self::RequestToken
        }
    }

    fn path(self) -> Option<&'static str> {
        match self {
            Self::RequestToken => Some("/oauth/request_token"),
            Self::AccessToken => Some("/oauth/access_token"),
            Self::LiveSessionToken => Some("/oauth/live_session_token"),
            Self::Protected => None,
        }
    }

    /// What it needs beside that which every request needs.
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::RequestToken => &["oauth_callback"],
            Self::AccessToken => &["oauth_token", "oauth_verifier"],
            Self::LiveSessionToken => &["oauth_token", "diffie_hellman_challenge"],
            Self::Protected => &["oauth_token"],
        }
    }

    fn method(self) -> (&'static str, &'static Cause) {
        match self {
            Self::Protected => (HMAC, &causes::SIGNATURE_METHOD_PROTECTED),
            _ => (RSA, &causes::SIGNATURE_METHOD),
        }
    }
}

impl ForeignHeader<'_> {
    /// Everything that can be told of it. Without keys the signature is judged by its form alone.
    pub(crate) fn examine(&self, case: &Case, now: Timestamp) -> Vec<Finding> {
        let found = match find_header(self.text) {
            Ok(found) => found,
            Err(what) => return vec![Finding::fault(CHECK, what.to_string(), &causes::HEADER_NONE)],
        };
        if found.is_cut {
            return vec![cut(&found)];
        }
        let header = &found.header;
        let request = Request::of(self);
        let step = Step::of(header, request.url.as_ref());
        let mut findings = request.findings(step);
        findings.extend(form(&found));
        findings.extend(header.get("oauth_consumer_key").map(consumer_key));
        findings.push(realm(header));
        findings.extend(parameters(header, step));
        findings.push(timestamp(header, now));
        let ours = |step: Step| Url::parse(&format!("{}{}", self.base, step.path()?)).ok();
        let request = Request { url: request.url.or_else(|| ours(step)), ..request };
        findings.extend(self.signature(header, step, &request, case));
        findings.push(match &request.url {
            Some(url) => Finding::skipped("header_base_string", masked_base_string(&request.method, url, header)),
            None => Finding::skipped(
                "header_base_string",
                "it is the header of a protected call: --header-url and --header-method say which, and then its base string is shown",
            ),
        });
        findings
    }

    fn signature(&self, header: &OAuthHeader, step: Step, request: &Request, case: &Case) -> Vec<Finding> {
        // That it is missing is told among the parameters.
        let Some(raw) = header.raw_signature.as_deref() else { return Vec::new() };
        let named = header.get("oauth_signature_method").unwrap_or_default();
        let (method, why) = step.method();
        let mut findings = Vec::new();
        let bits = case.signature_key.as_ref().map(|key| key.bits() as usize / 8);
        let lengths = match (named, bits) {
            (RSA, Some(bytes)) => vec![bytes],
            (RSA, None) => RSA_BYTES.to_vec(),
            (HMAC, _) => vec![HMAC_BYTES],
            _ => Vec::new(),
        };
        let judged = judge_signature(raw, &lengths);
        findings
            .extend(judged.faults.iter().map(|fault| Finding::fault(SIGNATURE, fault.to_string(), cause_of(fault))));
        if named != method {
            findings.push(Finding::fault(SIGNATURE, format!("oauth_signature_method is {named:?}"), why));
            return findings;
        }
        let Some(meant) = judged.meant else { return findings };
        findings.extend(match (step, &case.signature_key, &request.url) {
            (Step::Protected, _, _) => Some(Finding::skipped(
                SIGNATURE,
                "its form is that of HMAC-SHA256; it cannot be compared without the live session token",
            )),
            (_, Some(key), Some(url)) => Some(self.compared(header, &meant, (key, &request.method, url), case)),
            _ => None,
        });
        findings
    }

    /// RSASSA-PKCS1-v1_5 gives one signature for one key and text, so ours can be compared with theirs.
    fn compared(&self, header: &OAuthHeader, theirs: &str, with: (&SignatureKey, &str, &Url), case: &Case) -> Finding {
        let (key, method, url) = with;
        let mut base = header.base_string(method, url, QuerySigning::Omit);
        if header.get("diffie_hellman_challenge").is_some() {
            let Some(secret) = self.access_secret else {
                let says = "it signs the access token secret too: give that with --access-token, and it is compared";
                return Finding::skipped(SIGNATURE, says);
            };
            base = base.after_secret(secret);
        }
        let made_by = |key: &SignatureKey| key.sign(&base).is_ok_and(|ours| ours == theirs);
        if made_by(key) {
            return Finding::well(SIGNATURE, "it is the one that private_signature_pem makes over this base string");
        }
        let other = case.encryption_pem.as_ref().and_then(|pem| SignatureKey::from_pem(pem.expose()).ok());
        if other.is_some_and(|other| made_by(&other)) {
            return Finding::fault(SIGNATURE, "private_encryption_pem made it", &causes::KEYS_SWAPPED);
        }
        Finding::fault(SIGNATURE, format!("it is not over {method} {url}"), &causes::SIGNATURE_DIFFERS)
    }
}

/// The request that the header was made for, as the command line or the text around the header says it.
struct Request {
    method: String,
    url: Option<Url>,
    /// Whether the text says it.
    is_printed: bool,
}

impl Request {
    fn of(header: &ForeignHeader<'_>) -> Self {
        let printed = printed_request(header.text).filter(|_| header.url.is_none());
        let is_printed = printed.is_some();
        let (method, url) = printed.map_or((None, header.url.cloned()), |(method, url)| (Some(method), Some(url)));
        let method = header.method.map(str::to_owned).or(method).unwrap_or_else(|| "POST".to_owned());
        Self { method, url, is_printed }
    }

    /// What is wrong with the request itself.
    fn findings(&self, step: Step) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            self.url.iter().filter(|_| self.is_printed).map(checks::request_address).collect();
        if self.is_printed && step != Step::Protected && self.method != "POST" {
            let says = format!("the request is {}", self.method);
            findings.push(Finding::fault("header_request", says, &causes::REQUEST_METHOD));
        }
        findings
    }
}

/// Method and address of a request that a tool printed: its first line, and the line of its host.
fn printed_request(text: &str) -> Option<(String, Url)> {
    let lines = || text.lines().map(|line| line.trim_start_matches(['>', ' ']).trim_end());
    let (method, target) = lines().find_map(|line| {
        let mut words = line.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let is_request = ["GET", "POST", "PUT", "DELETE"].contains(&method)
            && words.next().is_none_or(|version| version.starts_with("HTTP/"));
        is_request.then_some((method, target))
    })?;
    if target.starts_with("http") {
        return Some((method.to_owned(), Url::parse(target).ok()?));
    }
    let host = lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then_some(value.trim())
    })?;
    let url = Url::parse(&format!("https://{host}{target}")).ok().filter(|_| target.starts_with('/'))?;
    Some((method.to_owned(), url))
}

/// The form of the consumer key. Whether IBKR knows it stands in no header.
fn consumer_key(key: &str) -> Finding {
    let check = "header_consumer_key";
    if key == TESTCONS {
        let says = "TESTCONS, which works only with the RSA keys and the prime that IBKR publishes in its OAuth demo, and with a paper username. With keys of your own it answers `invalid consumer`: sign with the demo's, or ask api-solutions@interactivebrokers.com for a consumer key of your own";
        return Finding::warning(check, says);
    }
    let well = || Finding::well(check, format!("{key:?}; whether IBKR knows it yet, only IBKR tells"));
    checks::key_form(check, key).unwrap_or_else(well)
}

fn cut(found: &FoundHeader) -> Finding {
    let realm = found.header.realm.as_ref().map(|_| "realm");
    let last = found.header.parameters.last().map(|(name, _)| name.as_str()).or(realm);
    let says = last
        .map_or_else(|| "it ends after `OAuth`".to_owned(), |last| format!("it ends after or in what follows {last}"));
    Finding::fault(CHECK, says, &causes::HEADER_CUT)
}

/// How it is written, and what stands there twice.
fn form(found: &FoundHeader) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for note in &found.notes {
        let says = format!("it is written {note}");
        findings.push(match note {
            HeaderNote::NoComma => Finding::fault("header_form", says, &causes::HEADER_FORM),
            HeaderNote::Entities | HeaderNote::Escaped => {
                Finding::well("header_form", format!("{says}: read all the same"))
            }
            _ => {
                Finding::warning("header_form", format!("{says}: read all the same; look whether it leaves like that"))
            }
        });
    }
    if !found.twice.is_empty() {
        let says = format!("more than once: {}", found.twice.join(", "));
        findings.push(Finding::fault("header_parameters", says, &causes::PARAMETER_TWICE));
    }
    findings
}

fn cause_of(fault: &SignatureFault) -> &'static Cause {
    match fault {
        SignatureFault::Empty => &causes::SIGNATURE_EMPTY,
        SignatureFault::PythonBytes | SignatureFault::Quoted => &causes::SIGNATURE_PYTHON_BYTES,
        SignatureFault::LineBreaks => &causes::SIGNATURE_LINE_BREAKS,
        SignatureFault::Spaces => &causes::SIGNATURE_SPACES,
        SignatureFault::EncodedTwice => &causes::SIGNATURE_ENCODED_TWICE,
        SignatureFault::NotEncoded => &causes::SIGNATURE_NOT_ENCODED,
        SignatureFault::UrlSafe | SignatureFault::NoPadding => &causes::SIGNATURE_URL_SAFE,
        SignatureFault::Hexadecimal => &causes::SIGNATURE_HEXADECIMAL,
        SignatureFault::NotBase64 | SignatureFault::Length { .. } => &causes::SIGNATURE_CUT,
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

fn parameters(header: &OAuthHeader, step: Step) -> Vec<Finding> {
    let has = |name: &str| match name {
        "oauth_signature" => header.raw_signature.is_some(),
        _ => header.get(name).is_some(),
    };
    let missing: Vec<&str> = REQUIRED.iter().chain(step.needs()).copied().filter(|name| !has(name)).collect();
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let named: Vec<String> = missing.into_iter().map(|name| format!("{name}{}", value_of(name))).collect();
        let says = format!("missing: {}", named.join(", "));
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

/// What a missing parameter must hold, where that is always the same.
fn value_of(name: &str) -> &'static str {
    match name {
        "oauth_callback" => " (always `oob`)",
        "oauth_nonce" => " (letters and digits, new for each request)",
        "oauth_timestamp" => " (seconds since 1970)",
        _ => "",
    }
}

fn timestamp(header: &OAuthHeader, now: Timestamp) -> Finding {
    let check = "header_timestamp";
    let text = header.get("oauth_timestamp").unwrap_or_default();
    let Ok(seconds) = text.parse::<i64>() else {
        let fraction = text.contains('.') && text.parse::<f64>().is_ok();
        let why = if fraction { "has a fraction, and whole seconds are sent" } else { "is no number of seconds" };
        return Finding::fault(check, format!("{text:?} {why}"), &causes::PARAMETER_WRONG);
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

#[cfg(test)]
mod tests;
