//! Which causes an answer of the broker has, in the order of their likelihood: a table over what else is known.

use broker::{OAuthError, OAuthStep, SigningError};

use super::causes::{self, Cause};
use Known::{
    AtLiveSessionToken, AtRequestToken, DemoPrime, KeyFormWrong, NoAccessToken, OtherPrime, OutdatedPrime,
    OwnConsumerKey, RealmDiffers, RequestTokenGiven, RequestTokenNotTried, SwapProved, Testcons, UploadsNotCompared,
    UploadsPairUp,
};

/// What an attempt met, apart from its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    ConsumerInvalid,
    SignatureInvalid,
    ClockSkew,
    AccessSecretMissing,
    ProofFailed,
    WrongPath,
    HostRefused,
    Paced,
    Blocked,
    LengthRequired,
    Gone,
    Refused,
    SecretUnusable,
    NotReached,
    Away,
}

/// What is known beside the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Testcons,
    OwnConsumerKey,
    DemoPrime,
    OutdatedPrime,
    OtherPrime,
    RealmDiffers,
    KeyFormWrong,
    AtRequestToken,
    AtLiveSessionToken,
    RequestTokenGiven,
    NoAccessToken,
    RequestTokenNotTried,
    SwapProved,
    UploadsPairUp,
    UploadsNotCompared,
}

/// An answer, what must be known beside it for a cause to be possible, and the cause.
type Row = (Trouble, &'static [Known], &'static Cause);

/// For each answer the likeliest cause first.
#[rustfmt::skip]
static TABLE: &[Row] = &[
    (Trouble::ConsumerInvalid, &[RealmDiffers], &causes::REALM_WRONG),
    (Trouble::ConsumerInvalid, &[Testcons, OutdatedPrime], &causes::TESTCONS_OUTDATED_KEYS),
    (Trouble::ConsumerInvalid, &[Testcons, OtherPrime], &causes::TESTCONS_WITH_OWN_KEYS),
    (Trouble::ConsumerInvalid, &[KeyFormWrong], &causes::CONSUMER_KEY_FORM),
    (Trouble::ConsumerInvalid, &[AtLiveSessionToken, RequestTokenGiven], &causes::TOKEN_REVOKED),
    (Trouble::ConsumerInvalid, &[OwnConsumerKey], &causes::CONSUMER_NOT_ACTIVE),
    (Trouble::ConsumerInvalid, &[OwnConsumerKey], &causes::CONSUMER_CHANGED),
    (Trouble::ConsumerInvalid, &[AtLiveSessionToken, RequestTokenNotTried], &causes::TOKEN_REVOKED),
    (Trouble::ConsumerInvalid, &[OwnConsumerKey, AtRequestToken, NoAccessToken], &causes::FIRST_PARTY_KEY),
    (Trouble::ConsumerInvalid, &[OwnConsumerKey], &causes::OAUTH_NOT_ENABLED),
    (Trouble::ConsumerInvalid, &[OwnConsumerKey], &causes::CONSUMER_NOT_APPROVED),
    (Trouble::ConsumerInvalid, &[Testcons, DemoPrime], &causes::TESTCONS_WITH_OWN_KEYS),
    (Trouble::ConsumerInvalid, &[Testcons, DemoPrime], &causes::TESTCONS_USERNAME),
    (Trouble::SignatureInvalid, &[SwapProved], &causes::KEYS_SWAPPED),
    (Trouble::SignatureInvalid, &[Testcons, OutdatedPrime], &causes::TESTCONS_OUTDATED_KEYS),
    (Trouble::SignatureInvalid, &[Testcons, OtherPrime], &causes::TESTCONS_WITH_OWN_KEYS),
    (Trouble::SignatureInvalid, &[AtLiveSessionToken, RequestTokenGiven], &causes::ENCRYPTION_KEY_DIFFERS),
    (Trouble::SignatureInvalid, &[UploadsNotCompared], &causes::SIGNATURE_KEY_DIFFERS),
    (Trouble::SignatureInvalid, &[AtLiveSessionToken, RequestTokenNotTried, UploadsNotCompared], &causes::KEYS_SWAPPED),
    (Trouble::SignatureInvalid, &[OwnConsumerKey], &causes::CONSUMER_CHANGED),
    (Trouble::SignatureInvalid, &[UploadsPairUp], &causes::SIGNATURE_KEY_DIFFERS),
    (Trouble::SignatureInvalid, &[AtLiveSessionToken, RequestTokenNotTried], &causes::ENCRYPTION_KEY_DIFFERS),
    (Trouble::ProofFailed, &[], &causes::PRIME_DIFFERS),
    (Trouble::ProofFailed, &[], &causes::ENCRYPTION_KEY_DIFFERS),
    (Trouble::ProofFailed, &[], &causes::PROOF_CONSUMER_KEY),
    (Trouble::ClockSkew, &[], &causes::CLOCK_SKEW),
    (Trouble::AccessSecretMissing, &[], &causes::TOKEN_LOST),
    (Trouble::AccessSecretMissing, &[], &causes::TOKEN_REVOKED),
    (Trouble::WrongPath, &[], &causes::PREFIX_MISSING),
    (Trouble::HostRefused, &[], &causes::HOST_REFUSED),
    (Trouble::Paced, &[], &causes::TOO_MANY_REQUESTS),
    (Trouble::Blocked, &[], &causes::BLOCKED),
    (Trouble::LengthRequired, &[], &causes::LENGTH_REQUIRED),
    (Trouble::Gone, &[], &causes::SESSION_GONE),
    (Trouble::SecretUnusable, &[], &causes::SECRET_TRUNCATED),
    (Trouble::NotReached, &[], &causes::NOT_REACHED),
    (Trouble::Away, &[], &causes::BROKER_AWAY),
    (Trouble::Refused, &[AtRequestToken], &causes::PARAMETER_WRONG),
    (Trouble::Refused, &[OwnConsumerKey, AtRequestToken, NoAccessToken], &causes::FIRST_PARTY_KEY),
    (Trouble::Refused, &[AtLiveSessionToken], &causes::TOKEN_REVOKED),
    (Trouble::Refused, &[], &causes::UNKNOWN_REFUSAL),
];

/// The causes that are possible with what is known, the likeliest first.
pub(crate) fn causes_of(trouble: Trouble, known: &[Known]) -> Vec<&'static Cause> {
    let possible = |needed: &[Known]| needed.iter().all(|fact| known.contains(fact));
    let rows = TABLE.iter().filter(|(answer, needed, _)| *answer == trouble && possible(needed));
    rows.map(|(_, _, cause)| *cause).collect()
}

/// What an attempt met.
pub(crate) fn trouble(error: &OAuthError) -> Trouble {
    match error {
        OAuthError::ConsumerInvalid { .. } => Trouble::ConsumerInvalid,
        OAuthError::SignatureInvalid { .. } => Trouble::SignatureInvalid,
        OAuthError::ClockSkew { .. } => Trouble::ClockSkew,
        OAuthError::AccessSecretMissing { .. } => Trouble::AccessSecretMissing,
        OAuthError::ProofFailed(_) => Trouble::ProofFailed,
        OAuthError::WrongPath { .. } => Trouble::WrongPath,
        OAuthError::HostRefused { .. } => Trouble::HostRefused,
        OAuthError::Paced => Trouble::Paced,
        OAuthError::Forbidden => Trouble::Blocked,
        OAuthError::Refused { status: 411, .. } => Trouble::LengthRequired,
        OAuthError::Refused { status: 410, .. } => Trouble::Gone,
        OAuthError::Refused { .. } => Trouble::Refused,
        OAuthError::Signing(SigningError::Secret { .. }) => Trouble::SecretUnusable,
        OAuthError::NotSent(_) | OAuthError::Signing(_) => Trouble::NotReached,
        OAuthError::Unread { .. } | OAuthError::EmptyResponse { .. } => Trouble::Away,
    }
}

/// Where it was met.
pub(crate) fn at(step: OAuthStep) -> Known {
    match step {
        OAuthStep::RequestToken | OAuthStep::AccessToken => Known::AtRequestToken,
        OAuthStep::LiveSessionToken => Known::AtLiveSessionToken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_has_a_cause_whatever_is_known() {
        let key = [[Known::OwnConsumerKey, Known::OtherPrime], [Known::Testcons, Known::DemoPrime]];
        let troubles = [
            Trouble::ConsumerInvalid,
            Trouble::SignatureInvalid,
            Trouble::ClockSkew,
            Trouble::AccessSecretMissing,
            Trouble::ProofFailed,
            Trouble::WrongPath,
            Trouble::HostRefused,
            Trouble::Paced,
            Trouble::Blocked,
            Trouble::LengthRequired,
            Trouble::Gone,
            Trouble::Refused,
            Trouble::SecretUnusable,
            Trouble::NotReached,
            Trouble::Away,
        ];
        for (trouble, key) in troubles.into_iter().flat_map(|trouble| key.map(|key| (trouble, key))) {
            for step in [Known::AtRequestToken, Known::AtLiveSessionToken] {
                let known = [key.as_slice(), &[step, Known::UploadsNotCompared]].concat();
                assert!(!causes_of(trouble, &known).is_empty(), "{trouble:?} {known:?}");
            }
        }
    }

    #[test]
    fn a_token_is_called_revoked_before_the_consumer_is_doubted_if_the_consumer_has_just_worked() {
        let known = [Known::OwnConsumerKey, Known::AtLiveSessionToken, Known::RequestTokenGiven];
        assert_eq!(causes_of(Trouble::ConsumerInvalid, &known)[0], &causes::TOKEN_REVOKED);
    }
}
