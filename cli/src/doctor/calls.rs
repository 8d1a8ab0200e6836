//! What only the broker can tell: its clock, whether it knows the consumer, and whether the tokens work.

use std::sync::Arc;

use broker::{
    AccessToken, AccessTokenSecret, Api, BrokerAddress, Consumer, ConsumerIdentity, OAuthError, OAuthStep,
    QuerySigning, SignatureKey, Transport,
};
use domain::{Clock, Entropy};
use jiff::SignedDuration;

use super::case::Case;
use super::causes;
use super::checks::{TestconsPrime, testcons_prime};
use super::errors::{Known, Trouble, at, causes_of, trouble};
use super::exchange::{Exchange, Recorder};
use super::report::{CALLS, Finding, Verdict};
use crate::output::tell;

/// Clocks further apart than this make the broker refuse requests.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);
/// Clocks further apart than this are told.
const SKEW_TOLD: SignedDuration = SignedDuration::from_secs(30);

/// What the calls go through.
pub(crate) struct Instruments {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

const NO_ADDRESS: &str = "the broker was not asked: its address cannot be used";
const INCOMPLETE: &str = "the broker was not asked: the secret lacks what a request needs";
const NO_ACCESS_TOKEN: &str = "the broker was not asked: a first party has no request token, and no access token is here to ask with \
     (--access-token FILE). A consumer key that is not active yet looks well all the same";

const UNOPENED_SECRET: &str = "the broker was not asked: a first party has no request token, and the access token's secret cannot be opened (access_token_secret says why)";

/// What the calls showed.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    pub(crate) findings: Vec<Finding>,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) proved: Proved,
}

impl Examined {
    fn without_a_call(why: &str) -> Self {
        Self { findings: vec![Finding::skipped(CALLS, why)], ..Self::default() }
    }
}

/// What the broker's answers prove of the files that it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Proved {
    /// It took a signature: it holds the other half of `private_signature_pem`.
    pub(crate) signature_key: bool,
    /// A live session token was given and proved: it holds the other half of `private_encryption_pem`, and the same prime.
    pub(crate) encryption_key_and_prime: bool,
}

/// What was tried, and how it ended.
#[derive(Default)]
struct Tries {
    request_token: Option<Result<(), OAuthError>>,
    /// After `invalid consumer` with a realm that does not fit: whether the fitting one helps.
    with_fitting_realm: Option<bool>,
    /// After `Invalid signature`: whether the other key signs rightly.
    with_other_key: Option<bool>,
    live_session_token: Option<Result<(), OAuthError>>,
}

/// Makes the calls; with the access token's secret, where it could be opened.
pub(crate) async fn examine(case: &Case, secret: Option<AccessTokenSecret>, instruments: Instruments) -> Examined {
    let recorder = Arc::new(Recorder::new(instruments.transport, Arc::clone(&instruments.clock)));
    let Some(address) = case.address.clone() else { return Examined::without_a_call(NO_ADDRESS) };
    let address = BrokerAddress { authorize: address.clone(), api: address, query_signing: QuerySigning::Omit };
    let api = Api::new(address, Arc::clone(&recorder) as _, instruments.clock, instruments.entropy);
    let Some(own) = consumer(case, &api, case.realm.as_deref(), case.signature_key.as_ref()) else {
        return Examined::without_a_call(INCOMPLETE);
    };
    let token = case.access.as_ref().and_then(|access| AccessToken::new(access.token.expose()).ok());
    let access = token.zip(secret);
    if case.first_party && access.is_none() {
        return Examined::without_a_call(if case.access.is_some() { UNOPENED_SECRET } else { NO_ACCESS_TOKEN });
    }
    tell("Asking the broker …");
    let tries = Tries::make(case, &api, &own, access).await;
    let exchanges = recorder.exchanges();
    let mut findings = Vec::from_iter(clock(&exchanges));
    findings.extend(tries.findings(case));
    Examined { findings, exchanges, proved: tries.proved() }
}

/// The consumer as it is sent. A realm that cannot stand in a header is left to Courier's choice.
fn consumer(case: &Case, api: &Api, realm: Option<&str>, pem: Option<&SignatureKey>) -> Option<Consumer> {
    let realm = realm.filter(|realm| !realm.is_empty());
    let identity = ConsumerIdentity::new(&case.consumer_key, realm).ok()?;
    Some(Consumer::new(api.clone(), identity, pem?.clone(), case.group.clone()?))
}

impl Tries {
    async fn make(case: &Case, api: &Api, own: &Consumer, access: Option<(AccessToken, AccessTokenSecret)>) -> Self {
        let mut tries = Self::default();
        if !case.first_party {
            let answer = own.request_token().await.map(drop);
            tries.experiment(case, api, &answer).await;
            tries.request_token = Some(answer);
        }
        if let Some((token, secret)) = access {
            tries.live_session_token = Some(own.grant(token, secret).live_session_token().await.map(drop));
        }
        tries
    }

    fn proved(&self) -> Proved {
        let proved = self.live_session_token == Some(Ok(()));
        Proved { signature_key: proved || self.request_token == Some(Ok(())), encryption_key_and_prime: proved }
    }

    /// One more request where it turns a likelihood into a proof.
    async fn experiment(&mut self, case: &Case, api: &Api, answer: &Result<(), OAuthError>) {
        match answer {
            Err(OAuthError::ConsumerInvalid { .. }) if !case.realm_fits() && !case.realm().is_empty() => {
                let other = consumer(case, api, Some(case.fitting_realm()), case.signature_key.as_ref());
                self.with_fitting_realm = known_with(other).await;
            }
            Err(OAuthError::SignatureInvalid { .. }) => {
                let other_key = case.encryption_pem.as_ref().and_then(|pem| SignatureKey::from_pem(pem.expose()).ok());
                let other = consumer(case, api, case.realm.as_deref(), other_key.as_ref());
                self.with_other_key = match other {
                    Some(other) => Some(other.request_token().await.is_ok()),
                    None => None,
                };
            }
            _ => {}
        }
    }

    fn findings(&self, case: &Case) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.push(match &self.request_token {
            Some(answer) => self.finding(case, OAuthStep::RequestToken, answer),
            None => Finding::skipped("request_token", "a first party has none"),
        });
        if let Some(helps) = self.with_fitting_realm {
            let verb = if helps { "knows the consumer" } else { "does not know the consumer either" };
            findings
                .push(Finding::warning("other_realm", format!("with {:?} the broker {verb}", case.fitting_realm())));
        }
        if let Some(helps) = self.with_other_key {
            let verb = if helps { "takes" } else { "refuses" };
            findings.push(Finding::warning(
                "other_key",
                format!("the broker {verb} a signature of private_encryption_pem"),
            ));
        }
        findings.push(match &self.live_session_token {
            Some(answer) => self.finding(case, OAuthStep::LiveSessionToken, answer),
            None if case.access.is_some() => Finding::skipped(
                "live_session_token",
                "the access token's secret cannot be opened: access_token_secret says why",
            ),
            None => Finding::skipped("live_session_token", "it needs an access token (--access-token FILE)"),
        });
        findings
    }

    fn finding(&self, case: &Case, step: OAuthStep, answer: &Result<(), OAuthError>) -> Finding {
        let check = match step {
            OAuthStep::LiveSessionToken => "live_session_token",
            OAuthStep::RequestToken | OAuthStep::AccessToken => "request_token",
        };
        let error = match answer {
            Ok(()) if step == OAuthStep::LiveSessionToken => {
                return Finding::well(check, "given, and proved: keys, prime and token belong together");
            }
            Ok(()) => return Finding::well(check, "given: the broker knows the consumer and the signature key"),
            Err(error) => error,
        };
        let trouble = trouble(error);
        if trouble == Trouble::ConsumerInvalid
            && step == OAuthStep::RequestToken
            && self.live_session_token == Some(Ok(()))
        {
            let says = format!("refused, and the live session token is given: {}", causes::FIRST_PARTY_KEY.what);
            return Finding::warning(check, says);
        }
        let causes = causes_of(trouble, &self.known(case, step));
        Finding { check, verdict: Verdict::Fault, says: words(error), causes }
    }

    fn known(&self, case: &Case, step: OAuthStep) -> Vec<Known> {
        let prime = match testcons_prime(case) {
            TestconsPrime::Demo => Known::DemoPrime,
            TestconsPrime::Of2018 => Known::OutdatedPrime,
            TestconsPrime::Other => Known::OtherPrime,
        };
        let conditions = [
            (case.is_testcons(), Known::Testcons),
            (!case.is_testcons(), Known::OwnConsumerKey),
            (!case.realm_fits() && !case.realm().is_empty(), Known::RealmDiffers),
            (!case.key_form_fits(), Known::KeyFormWrong),
            (self.request_token == Some(Ok(())), Known::RequestTokenGiven),
            (self.request_token.is_none(), Known::RequestTokenNotTried),
            (case.access.is_none(), Known::NoAccessToken),
            (self.with_other_key == Some(true), Known::SwapProved),
            (case.uploads_pair_up, Known::UploadsPairUp),
            (!case.uploads_pair_up, Known::UploadsNotCompared),
        ];
        let known = conditions.into_iter().filter(|(holds, _)| *holds).map(|(_, known)| known);
        known.chain([prime, at(step)]).collect()
    }
}

/// Whether the broker knows a consumer, whatever else it says.
async fn known_with(consumer: Option<Consumer>) -> Option<bool> {
    match consumer?.request_token().await {
        Ok(_) | Err(OAuthError::SignatureInvalid { .. }) => Some(true),
        Err(OAuthError::ConsumerInvalid { .. }) => Some(false),
        Err(_) => None,
    }
}

/// The broker's words, without the causes: those are in the table.
fn words(error: &OAuthError) -> String {
    match error {
        OAuthError::ConsumerInvalid { consumer_key, realm, message, .. } => {
            format!("refused for consumer {consumer_key:?} and realm {realm:?}: {message}")
        }
        OAuthError::SignatureInvalid { message, .. }
        | OAuthError::AccessSecretMissing { message }
        | OAuthError::HostRefused { message }
        | OAuthError::Refused { message, .. } => format!("refused: {message}"),
        OAuthError::ClockSkew { message, seconds_ahead, .. } => {
            format!("refused: {message}; the broker's clock is {seconds_ahead} s ahead of ours")
        }
        OAuthError::ProofFailed(_) => {
            "given, and not proved: the broker's signature over the consumer key differs".to_owned()
        }
        other => other.to_string(),
    }
}

fn clock(exchanges: &[Exchange]) -> Option<Finding> {
    let exchange = exchanges.iter().find(|exchange| exchange.broker_time.is_some())?;
    let ahead = exchange.broker_time?.duration_since(exchange.our_time);
    let says = format!("the broker's is {} s ahead of ours", ahead.as_secs());
    Some(match ahead.abs() {
        skew if skew > SKEW_MAX => Finding::fault("clock", says, &causes::CLOCK_SKEW),
        skew if skew > SKEW_TOLD => Finding::warning("clock", says),
        _ => Finding::well("clock", says),
    })
}
