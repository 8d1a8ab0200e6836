//! What can be told without a call.

use broker::{ConsumerSecretFault, Primality};
use url::Url;

use super::case::Case;
use super::causes;
use super::report::Finding;
use crate::keys::is_of_usual_form;
use crate::output::count_of;

/// Bits of a key or a prime that the broker asks for (IBKR Web API, commands).
const BITS: u32 = 2_048;
/// How the prime of IBKR's OAuth demo begins, in hexadecimal (IBKR Web API, TESTCONS).
const DEMO_PRIME: &str = "f51d7ab737a45266";
/// How the prime of IBKR's PDF of 2018 begins.
const PRIME_OF_2018: &str = "13cbe3e3a35f99a3";
/// SHA-256 of the public halves of the two keys that IBKR's PDF of 2018 prints (DER of the SPKI).
const KEYS_OF_2018: [&str; 2] = [
    "d7e654ba839b35e1d24747d3bd5b9506e9243d93a41cc9e4b2f9dd404f5264dd",
    "84f878574a334d7236fdb827526384129b7f4c13a3d128ff7e1cb55ba3849c48",
];
/// Letters of a consumer key (IBKR Web API, "invalid consumer").
const CONSUMER_KEY_LETTERS: usize = 9;
const HOST: &str = "api.ibkr.com";
const PREFIX: &str = "/v1/api";

/// Which primes there are for TESTCONS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestconsPrime {
    Demo,
    Of2018,
    Other,
}

pub(crate) fn testcons_prime(case: &Case) -> TestconsPrime {
    let prime = case.prime_hex();
    if prime.starts_with(DEMO_PRIME) {
        TestconsPrime::Demo
    } else if prime.starts_with(PRIME_OF_2018) {
        TestconsPrime::Of2018
    } else {
        TestconsPrime::Other
    }
}

/// The address that another client's request went to.
pub(crate) fn request_address(url: &Url) -> Finding {
    let check = "header_address";
    if is_old(url) {
        Finding::fault(check, url.as_str(), &causes::OLD_HOST)
    } else if !url.path().starts_with(&format!("{PREFIX}/")) {
        Finding::fault(check, url.as_str(), &causes::PREFIX_MISSING)
    } else {
        Finding::well(check, url.as_str())
    }
}

fn is_old(url: &Url) -> bool {
    url.path().contains("tradingapi") || url.host_str().is_some_and(|host| host.ends_with("interactivebrokers.com"))
}

/// Every check of the consumer itself.
pub(crate) fn of_consumer(case: &Case) -> Vec<Finding> {
    let mut findings = vec![consumer_key(case), realm(case)];
    if case.is_testcons() {
        findings.push(testcons(case));
    }
    findings.extend(rsa_keys(case));
    findings.extend(group(case));
    findings
}

fn consumer_key(case: &Case) -> Finding {
    let key = &case.consumer_key;
    if let Some(fault) = &case.consumer_key_fault {
        let none = *fault == ConsumerSecretFault::NoConsumerKey;
        let why = if none { &causes::CONSUMER_KEY_MISSING } else { &causes::CONSUMER_KEY_UNUSABLE };
        return Finding::fault("consumer_key", fault.to_string(), why);
    }
    if key.is_empty() {
        return Finding::skipped("consumer_key", "the secret cannot be read");
    }
    key_form("consumer_key", key).unwrap_or_else(|| Finding::well("consumer_key", format!("{key:?}")))
}

/// What is wrong with the form of a consumer key, if anything.
pub(crate) fn key_form(check: &'static str, key: &str) -> Option<Finding> {
    if is_of_usual_form(key) {
        return None;
    }
    if key.to_ascii_uppercase() != key {
        return Some(Finding::fault(
            check,
            format!("{key:?} has lower-case letters"),
            &causes::CONSUMER_KEY_LOWER_CASE,
        ));
    }
    let says = match key.chars().count() {
        CONSUMER_KEY_LETTERS => format!("{key:?} is not of letters alone"),
        characters => format!("{key:?} has {}", count_of(characters, "character")),
    };
    Some(Finding::fault(check, says, &causes::CONSUMER_KEY_FORM))
}

fn realm(case: &Case) -> Finding {
    let (realm, fitting) = (case.realm(), case.fitting_realm());
    if let Some(fault) = &case.realm_fault {
        let empty = *fault == ConsumerSecretFault::RealmEmpty;
        let why = if empty { &causes::REALM_MISSING } else { &causes::REALM_UNUSABLE };
        return Finding::fault("realm", format!("{fault}: {fitting:?} for {}", case.consumer_key), why);
    }
    if case.realm.is_none() && case.consumer_key.is_empty() {
        return Finding::skipped("realm", "it is chosen by the consumer key");
    }
    if realm != fitting {
        let says = format!("{realm:?}; {} needs {fitting:?}", case.consumer_key);
        return Finding::fault("realm", says, &causes::REALM_WRONG);
    }
    let chosen = if case.realm.is_some() { "" } else { ", chosen by the consumer key" };
    Finding::well("realm", format!("{realm:?}{chosen}"))
}

/// IBKR publishes its demo's keys, not their fingerprints; the prime tells whose files these are.
fn testcons(case: &Case) -> Finding {
    let signature = case.signature_key.as_ref().map(broker::SignatureKey::fingerprint);
    let encryption = case.encryption_key.as_ref().map(broker::EncryptionKey::fingerprint);
    if signature.into_iter().chain(encryption).any(|ours| KEYS_OF_2018.contains(&ours)) {
        return Finding::fault("testcons", "these are the keys of IBKR's PDF of 2018", &causes::TESTCONS_OUTDATED_KEYS);
    }
    match testcons_prime(case) {
        TestconsPrime::Demo => Finding::warning(
            "testcons",
            "the prime is that of IBKR's demo. It works only with the demo's two private keys, and with a paper username",
        ),
        TestconsPrime::Of2018 => {
            Finding::fault("testcons", "the prime is that of IBKR's PDF of 2018", &causes::TESTCONS_OUTDATED_KEYS)
        }
        TestconsPrime::Other => Finding::fault(
            "testcons",
            format!("the prime begins {}; that of IBKR's demo begins {DEMO_PRIME}", beginning(&case.prime_hex())),
            &causes::TESTCONS_WITH_OWN_KEYS,
        ),
    }
}

fn rsa_keys(case: &Case) -> Vec<Finding> {
    let signature = case.signature_key.as_ref().map(|key| (key.bits(), key.fingerprint()));
    let encryption = case.encryption_key.as_ref().map(|key| (key.bits(), key.fingerprint()));
    let forms = [&case.signature_pem, &case.encryption_pem].map(|pem| {
        let pkcs1 = pem.as_ref().is_some_and(|pem| pem.expose().contains("BEGIN RSA PRIVATE KEY"));
        if pkcs1 { "PKCS#1" } else { "PKCS#8" }
    });
    let mut findings = Vec::new();
    for ((check, key), form) in [("signature_key", signature), ("encryption_key", encryption)].into_iter().zip(forms) {
        let Some((bits, fingerprint)) = key else { continue };
        let says = format!("{form}, {bits} bits, SHA-256 of its public half {fingerprint}");
        findings.push(match bits {
            BITS => Finding::well(check, says),
            _ => Finding::fault(check, says, &causes::KEY_SIZE),
        });
    }
    if let (Some((_, one)), Some((_, other))) = (signature, encryption)
        && one == other
    {
        findings.push(Finding::fault("two_keys", "signature and encryption have one key", &causes::SAME_KEY));
    }
    findings
}

fn group(case: &Case) -> Vec<Finding> {
    let Some(group) = &case.group else { return Vec::new() };
    let (prime, generator) = (case.prime_hex(), hex::encode(group.generator()));
    let bits = bits_of(&group.prime());
    let says = format!("a prime of {bits} bits that begins {}, generator 0x{generator}", beginning(&prime));
    let mut findings = vec![match (bits, group.primality()) {
        (_, Primality::Composite) => {
            Finding::fault("diffie_hellman", format!("{says}; it is not prime"), &causes::NOT_PRIME)
        }
        (BITS, Primality::SafePrime) => Finding::well("diffie_hellman", says),
        (BITS, Primality::Prime) => Finding::warning(
            "diffie_hellman",
            format!("{says}; it is no safe prime, as `openssl dhparam` makes them (was it made with -dsaparam?)"),
        ),
        _ => Finding::fault("diffie_hellman", says, &causes::KEY_SIZE),
    }];
    if *group.generator() != [2] {
        findings.push(Finding::warning(
            "generator",
            "openssl's files and IBKR's demo have the generator 2; Courier uses the one of the file",
        ));
    }
    findings
}

fn bits_of(big_endian: &[u8]) -> u32 {
    let Some(first) = big_endian.first() else { return 0 };
    u32::try_from(big_endian.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(first.leading_zeros())
}

pub(crate) fn beginning(hex: &str) -> String {
    format!("{}…", hex.chars().take(DEMO_PRIME.len()).collect::<String>())
}

/// The address of the broker.
pub(crate) fn address(text: &str) -> (Option<Url>, Finding) {
    let check = "address";
    let Some(url) = Url::parse(text).ok().filter(|url| url.has_host() && ["http", "https"].contains(&url.scheme()))
    else {
        return (None, Finding::fault(check, format!("{text:?}"), &causes::ADDRESS_UNUSABLE));
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    let path = url.path().trim_end_matches('/').to_owned();
    let here = host == "localhost" || host == "127.0.0.1" || host == "[::1]";
    let finding = if is_old(&url) {
        Finding::fault(check, text, &causes::OLD_HOST)
    } else if path != PREFIX {
        Finding::fault(check, text, &causes::PREFIX_MISSING)
    } else if here || host == HOST && url.scheme() == "https" {
        Finding::well(check, text)
    } else {
        Finding::warning(check, format!("{text}; IBKR's own is https://{HOST}{PREFIX}"))
    };
    (Some(url), finding)
}
