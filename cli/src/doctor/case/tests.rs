//! One secret, read by the doctor and by the functions: they agree on each, in the same words.

use std::sync::Arc;

use broker::{Api, BrokerAddress, HttpTransport, QuerySigning};
use platform::{SystemClock, SystemEntropy};
use serde_json::{Value, json};

use super::*;
use crate::doctor::checks;
use crate::doctor::report::Verdict;

const SIGNATURE: &str = include_str!("../../../../shared/broker/tests/it/keys/private_signature.pem");
const ENCRYPTION: &str = include_str!("../../../../shared/broker/tests/it/keys/private_encryption.pem");
const DHPARAM: &str = include_str!("../../../../shared/broker/tests/it/keys/dhparam.pem");

fn right() -> Value {
    json!({
        "consumer_key": "COURIERXX",
        "private_signature_pem": SIGNATURE,
        "private_encryption_pem": ENCRYPTION,
        "dhparam_pem": DHPARAM,
    })
}

fn with(name: &str, value: Value) -> String {
    let mut secret = right();
    secret[name] = value;
    secret.to_string()
}

/// What the functions make of a secret: nothing, or why it cannot be used.
fn functions(text: &str) -> Option<String> {
    let address: Url = "https://api.ibkr.com/v1/api".parse().unwrap();
    let address = BrokerAddress { authorize: address.clone(), api: address, query_signing: QuerySigning::Omit };
    let transport = Arc::new(HttpTransport::new().unwrap());
    let api = Api::new(address, transport, Arc::new(SystemClock), Arc::new(SystemEntropy));
    ConsumerSecret::read(text).consumer(api).err().map(|problems| problems.to_string())
}

fn faults(text: &str) -> Vec<Finding> {
    let (case, mut findings) = Case::read(ConsumerSecret::read(text));
    findings.extend(checks::of_consumer(&case));
    findings.retain(|finding| finding.verdict == Verdict::Fault);
    findings
}

#[test]
fn what_the_functions_take_the_doctor_takes() {
    let pretty = serde_json::to_string_pretty(&right()).unwrap();
    for (form, text) in [
        ("plain", right().to_string()),
        ("pretty, CRLF", pretty.replace('\n', "\r\n")),
        ("byte order mark", format!("\u{feff}{pretty}\n")),
        ("JSON within JSON", json!(right().to_string()).to_string()),
        ("realm null", with("realm", json!(null))),
        ("realm with a line break", with("realm", json!("limited_poa\n"))),
        ("key with a line break", with("consumer_key", json!(" COURIERXX\r\n"))),
        ("one line", with("private_signature_pem", json!(SIGNATURE.replace('\n', " ")))),
        ("escaped twice", with("private_signature_pem", json!(SIGNATURE.replace('\n', "\\n")))),
        ("CRLF", with("private_encryption_pem", json!(ENCRYPTION.replace('\n', "\r\n")))),
        ("byte order mark in a key", with("private_encryption_pem", json!(format!("\u{feff}{ENCRYPTION}")))),
        ("indented", with("dhparam_pem", json!(DHPARAM.replace('\n', "\n    ")))),
    ] {
        assert_eq!((functions(&text), faults(&text).len()), (None, 0), "{form}: {:#?}", faults(&text));
    }
}

#[test]
fn what_the_functions_refuse_the_doctor_names_in_the_same_words() {
    let twice = |name: &str| right().to_string().replacen('{', &format!("{{\"{name}\":\"COURIERYY\","), 1);
    let renamed = |old: &str, new: &str| right().to_string().replace(&format!("\"{old}\""), &format!("\"{new}\""));
    let broken = right().to_string();
    for (text, says, code) in [
        (String::new(), "it is empty", "secret_empty"),
        ("\u{feff} ".to_owned(), "it is empty", "secret_empty"),
        ("[]".to_owned(), "a list", "secret_malformed"),
        (SIGNATURE.to_owned(), "PEM text alone", "secret_malformed"),
        (broken.replace("\\n", "\n"), "a real line break", "secret_malformed"),
        (broken.replace('"', "'"), "single quotes", "secret_malformed"),
        (broken[..200].to_owned(), "is cut", "secret_malformed"),
        (broken.replacen('"', "“", 2), "typographic quotes", "secret_malformed"),
        (broken.replace('}', ",}"), "a comma stands after the last field", "secret_malformed"),
        (twice("consumer_key"), "`consumer_key` stands twice", "secret_malformed"),
        (
            twice("realm").replacen("{\"realm\"", "{\"realm\":\"limited_poa\",\"realm\"", 1),
            "stands twice",
            "secret_malformed",
        ),
        (renamed("consumer_key", "Consumer_Key"), "write it as consumer_key", "secret_malformed"),
        (renamed("dhparam_pem", "dhparamPem"), "write it as dhparam_pem", "secret_malformed"),
        (
            renamed("private_signature_pem", "private_signature"),
            "write it as private_signature_pem",
            "secret_malformed",
        ),
        (with("oauth_token_secret", json!("x")), "a file of its own", "secret_malformed"),
        (with("passphrase", json!("x")), "without a passphrase", "secret_malformed"),
        (with("private_signature_pem", json!(null)), "private_signature_pem is null", "secret_malformed"),
        (with("dhparam_pem", json!(" ")), "dhparam_pem is empty", "secret_malformed"),
        (with("dhparam_pem", json!(["a", "b"])), "dhparam_pem is a list", "secret_malformed"),
        (with("consumer_key", json!("")), "consumer_key is empty", "consumer_key_missing"),
        (with("consumer_key", json!(null)), "consumer_key is empty", "consumer_key_missing"),
        (with("consumer_key", json!("COURIER AB")), "white space", "consumer_key_unusable"),
        (with("consumer_key", json!("\"COURIERXX\"")), "quotes of its own", "consumer_key_unusable"),
        (with("realm", json!("")), "realm is empty", "realm_missing"),
        (with("realm", json!("limited poa")), "white space", "realm_unusable"),
        (with("realm", json!(5)), "realm is a number", "realm_unusable"),
        (with("private_signature_pem", json!("./private_signature.pem")), "the name of a file", "key_unreadable"),
        (with("dhparam_pem", json!(SIGNATURE)), "a private key", "key_unreadable"),
    ] {
        let problem = functions(&text).unwrap_or_else(|| panic!("the functions take it: {says}"));
        assert!(problem.contains(says), "{says}: {problem}");
        let found = faults(&text);
        let named = |finding: &&Finding| finding.causes.iter().any(|cause| cause.code == code);
        let told = found.iter().filter(named).any(|finding| finding.says.contains(says));
        assert!(told, "{says}: not told with {code} in {found:#?}");
        let line = SIGNATURE.lines().nth(1).unwrap();
        assert!(!problem.contains(line), "{problem}");
    }
}

#[test]
fn fresh_keys_lack_the_consumer_key_alone() {
    let found = faults(&with("consumer_key", json!("")));
    let codes: Vec<&str> = found.iter().flat_map(|finding| finding.causes.iter().map(|cause| cause.code)).collect();
    assert_eq!(codes, ["consumer_key_missing"], "{found:#?}");
}
