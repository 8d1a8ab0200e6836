//! What IBKR is sent, whatever form the secret's keys were typed in.

use serde_json::json;

use super::*;

const SIGNATURE: &str = include_str!("../../../shared/broker/tests/it/keys/private_signature.pem");
const ENCRYPTION: &str = include_str!("../../../shared/broker/tests/it/keys/private_encryption.pem");
const DHPARAM: &str = include_str!("../../../shared/broker/tests/it/keys/dhparam.pem");

#[test]
fn the_public_files_are_the_same_whatever_form_the_private_keys_stand_in() {
    let files = |form: fn(&str) -> String| {
        let secret = json!({
            "consumer_key": "",
            "private_signature_pem": form(SIGNATURE),
            "private_encryption_pem": form(ENCRYPTION),
            "dhparam_pem": form(DHPARAM),
        });
        let secret = usable(ConsumerSecret::read(&secret.to_string())).unwrap();
        Keys::of(&secret).unwrap().public_files().unwrap()
    };
    let expected = files(str::to_owned);
    for (name, text) in &expected {
        assert!(text.starts_with("-----BEGIN ") && text.ends_with("-----\n") && !text.contains("PRIVATE"), "{name}");
    }
    let forms: [fn(&str) -> String; 6] = [
        |pem| pem.replace('\n', "\r\n"),
        |pem| pem.replace('\n', " "),
        |pem| pem.replace('\n', "\\n"),
        |pem| format!("\u{feff}{pem}"),
        |pem| pem.replace('\n', "\n   "),
        |pem| format!("'{pem}'"),
    ];
    for form in forms {
        assert_eq!(files(form), expected);
    }
}

#[test]
fn a_secret_with_a_fault_is_refused_by_its_name_and_one_without_a_right_consumer_key_is_not() {
    let keys =
        json!({"private_signature_pem": SIGNATURE, "private_encryption_pem": ENCRYPTION, "dhparam_pem": DHPARAM});
    for (name, value) in [("consumer_key", "COURIER AB"), ("consumer_key", ""), ("realm", ""), ("realm", "a b")] {
        let mut secret = keys.clone();
        secret[name] = json!(value);
        assert!(usable(ConsumerSecret::read(&secret.to_string())).is_ok(), "{name} {value:?}");
    }
    for (name, value, says) in [
        ("passphrase", json!("x"), "`passphrase` is no field"),
        ("dhparam_pem", json!(null), "dhparam_pem is null"),
        ("private_encryption_pem", json!(""), "private_encryption_pem is missing"),
    ] {
        let mut secret = keys.clone();
        secret[name] = value;
        let error = usable(ConsumerSecret::read(&secret.to_string())).err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
}
