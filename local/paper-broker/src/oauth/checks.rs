//! The checks that every signed request passes, in the broker's order: consumer and realm before any signature.

use sha2::{Digest, Sha256};

use super::base_string::{QueryStyle, candidates};
use super::header::OAuthHeader;
use super::registry::{Consumer, TEST_CONSUMER};
use super::session_token::hmac_sha256;
use crate::answer::Answer;
use crate::call::Call;
use crate::state::Desk;

/// How far a timestamp may lie from the broker's clock, in seconds.
const TIMESTAMP_WINDOW_SECONDS: i64 = 5 * 60;
/// The reading of the URL for calls that carry no query.
const NO_QUERY: [QueryStyle; 1] = [QueryStyle::Omit];

/// Whose live session a protected call belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) access_token: String,
    pub(crate) username: String,
}

/// The four kinds of signed requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    RequestToken,
    AccessToken,
    LiveSessionToken,
    Protected,
}

impl Step {
    fn required(self) -> &'static [&'static str] {
        match self {
            Self::RequestToken => &["oauth_callback"],
            Self::AccessToken => &["oauth_token", "oauth_verifier"],
            Self::LiveSessionToken => &["oauth_token", "diffie_hellman_challenge"],
            Self::Protected => &["oauth_token"],
        }
    }

    fn signature_method(self) -> &'static str {
        if self == Self::Protected { "HMAC-SHA256" } else { "RSA-SHA256" }
    }
}

/// Whose access token a call names, proved or not; `None`: nobody's.
pub(crate) fn username(desk: &Desk<'_>, call: &Call) -> Option<String> {
    let header = OAuthHeader::parse(call.header(http::header::AUTHORIZATION)).ok()?;
    desk.state.registry.access.get(header.get("oauth_token")).map(|access| access.username.clone())
}

/// Checks a protected call; its caller has a live session token that is neither expired nor gone.
pub(crate) fn authenticate(desk: &mut Desk<'_>, call: &Call) -> Result<Caller, Answer> {
    let header = parameters(desk, call, Step::Protected)?;
    let token = header.get("oauth_token");
    let access =
        desk.state.registry.access.get(token).filter(|access| access.consumer_key == header.get("oauth_consumer_key"));
    let Some((access, live)) = access.and_then(|access| Some((access, access.live.as_ref()?))) else {
        return Err(Answer::error(401, "Unauthorized"));
    };
    if live.gone {
        return Err(Answer::error(410, "gone"));
    }
    if live.expires_at <= desk.now || access.loss.is_some() {
        return Err(Answer::error(401, "Unauthorized"));
    }
    let caller = Caller { access_token: token.to_owned(), username: access.username.clone() };
    let verified = candidates(call, &header.signed, &desk.state.options.query_styles)
        .iter()
        .any(|candidate| hmac_sha256(&live.key, candidate.as_bytes()) == header.signature);
    if !verified || !header.signature_encoded {
        return Err(signature_problem(desk, &header, "Invalid signature"));
    }
    take_nonce(desk, &header)?;
    Ok(caller)
}

/// Everything but the signature: parameters, consumer, realm, method, timestamp.
pub(crate) fn parameters(desk: &mut Desk<'_>, call: &Call, step: Step) -> Result<OAuthHeader, Answer> {
    let header =
        OAuthHeader::parse(call.header(http::header::AUTHORIZATION)).map_err(|problem| oauth_error(desk, problem))?;
    let always = ["oauth_consumer_key", "oauth_nonce", "oauth_timestamp", "oauth_signature_method"];
    if let Some(missing) = always.iter().chain(step.required()).find(|key| header.get(key).is_empty()) {
        return Err(oauth_error(desk, &format!("missing parameter {missing}")));
    }
    if header.signature.is_empty() {
        return Err(oauth_error(desk, "missing parameter oauth_signature"));
    }
    known_consumer(desk, &header, step)?;
    if header.get("oauth_signature_method") != step.signature_method() {
        return Err(oauth_error(desk, "invalid signature method"));
    }
    if header.signed.get("oauth_callback").is_some_and(|callback| callback != "oob") {
        return Err(oauth_error(desk, "invalid callback"));
    }
    let seconds = header.get("oauth_timestamp").parse::<i64>().ok();
    let distance = seconds.map(|seconds| seconds.abs_diff(desk.now.as_second()));
    if distance.is_none_or(|distance| distance > TIMESTAMP_WINDOW_SECONDS.unsigned_abs()) {
        return Err(oauth_error(desk, "invalid timestamp"));
    }
    Ok(header)
}

/// Checks the RSA signature of the three OAuth steps, then the nonce. `prepend_hex` is empty but for the live session token.
pub(crate) fn rsa_signature(
    desk: &mut Desk<'_>,
    call: &Call,
    header: &OAuthHeader,
    prepend_hex: &str,
    text: &str,
) -> Result<(), Answer> {
    let digest = consumer_of(desk, header).and_then(|consumer| consumer.signature_key.signed_digest(&header.signature));
    let verified = digest.is_some_and(|digest| {
        candidates(call, &header.signed, &NO_QUERY)
            .iter()
            .any(|candidate| Sha256::digest(format!("{prepend_hex}{candidate}").as_bytes()).as_slice() == digest)
    });
    if !verified || !header.signature_encoded {
        return Err(signature_problem(desk, header, text));
    }
    take_nonce(desk, header)
}

/// The consumer that a header names.
pub(crate) fn consumer_of<'a>(desk: &'a Desk<'_>, header: &OAuthHeader) -> Option<&'a Consumer> {
    desk.state.registry.consumers.get(header.get("oauth_consumer_key"))
}

/// 401 with the running number that the broker puts in front.
pub(crate) fn oauth_error(desk: &mut Desk<'_>, text: &str) -> Answer {
    let number = desk.state.next_trace_number();
    let mut answer = Answer::error(401, format!("id: {number}, error: {text}"));
    answer.problem = Some(text.to_owned());
    answer
}

fn known_consumer(desk: &mut Desk<'_>, header: &OAuthHeader, step: Step) -> Result<(), Answer> {
    let realm = if header.get("oauth_consumer_key") == TEST_CONSUMER { "test_realm" } else { "limited_poa" };
    let third_party_step = matches!(step, Step::RequestToken | Step::AccessToken);
    let problem = match consumer_of(desk, header) {
        None => "the consumer key is not registered",
        Some(consumer) if !consumer.active => "the consumer is not active yet",
        Some(consumer) if consumer.first_party && third_party_step => "a first party has no request tokens",
        Some(_) if header.realm != realm => "the realm is wrong for this consumer",
        Some(_) => return Ok(()),
    };
    let mut answer = oauth_error(desk, "invalid consumer");
    answer.problem = Some(format!("invalid consumer: {problem}"));
    Err(answer)
}

fn signature_problem(desk: &mut Desk<'_>, header: &OAuthHeader, text: &str) -> Answer {
    let mut answer = oauth_error(desk, text);
    if !header.signature_encoded {
        answer.problem = Some(format!("{text}: the signature is not percent-encoded in the header"));
    }
    answer
}

fn take_nonce(desk: &mut Desk<'_>, header: &OAuthHeader) -> Result<(), Answer> {
    let (consumer_key, token, nonce) =
        (header.get("oauth_consumer_key"), header.get("oauth_token"), header.get("oauth_nonce"));
    if desk.state.registry.take_nonce(consumer_key, token, nonce, desk.now) {
        return Ok(());
    }
    Err(oauth_error(desk, "invalid nonce: used before"))
}
