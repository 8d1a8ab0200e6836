//! Which consumer key may be stored: a wrong one keeps everybody from connecting, and from trading once their token ends.

use broker::{ConsumerIdentity, ConsumerSecret, default_realm};

use crate::error::CourierError;
use crate::output::count_of;

/// Letters of a consumer key (IBKR Web API, "invalid consumer").
const LETTERS: usize = 9;
const TESTCONS: &str = "TESTCONS";

/// Whether a consumer key has the form of the broker's: nine upper-case letters, or the one that IBKR publishes for tests.
pub(crate) fn is_of_usual_form(key: &str) -> bool {
    key == TESTCONS || key.len() == LETTERS && key.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Names the consumer. What cannot be a key is refused; what is odd, or takes another's place, needs `yes`.
pub(super) fn name(secret: &mut ConsumerSecret, key: &str, realm: Option<&str>, yes: bool) -> Result<(), CourierError> {
    let mut named = ConsumerSecret::default();
    named.name_consumer(key, realm).map_err(|fault| CourierError::ConsumerKeyRefused(fault.to_string()))?;
    let doubts = doubts(&named, secret);
    if !doubts.is_empty() && !yes {
        return Err(CourierError::ConsumerKeyDoubted(doubts.join("; ")));
    }
    secret.name_consumer(key, realm).map_err(|fault| CourierError::ConsumerKeyRefused(fault.to_string()))
}

fn doubts(named: &ConsumerSecret, before: &ConsumerSecret) -> Vec<String> {
    let (key, realm) = (&named.consumer_key, named.realm());
    let mut doubts = Vec::new();
    if !is_of_usual_form(key) {
        let upper = key.to_ascii_uppercase();
        doubts.push(if upper != *key && is_of_usual_form(&upper) {
            format!("IBKR's keys have upper-case letters: {upper}, and not {key}")
        } else {
            let is_long_enough = key.chars().count() == LETTERS;
            let has = if is_long_enough {
                "other characters than letters".to_owned()
            } else {
                count_of(key.chars().count(), "character")
            };
            format!("{key:?} has {has}, and IBKR's keys are nine upper-case letters")
        });
    }
    let fitting = default_realm(key);
    if realm != fitting && named.realm != before.realm {
        doubts.push(format!("the realm that belongs to this key is {fitting}, and not {realm}"));
    }
    let worked = ConsumerIdentity::new(&before.consumer_key, None).is_ok();
    if worked && before.consumer_key != *key {
        doubts.push(format!(
            "the secret names the consumer {:?}: under another key every user who connected has to connect again",
            before.consumer_key
        ));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(key: &str) -> ConsumerSecret {
        let secret = json!({"consumer_key": key, "private_signature_pem": "s", "private_encryption_pem": "e", "dhparam_pem": "d"});
        ConsumerSecret::read(&secret.to_string())
    }

    #[test]
    fn what_cannot_be_a_key_is_never_stored() {
        for key in
            ["COURIER AB", "\"COURIERXX\"", "'COURIERXX'", "", "  ", "COURIER\nXX", "COURIERXÄ", "“COURIERXX”", "a/b"]
        {
            for yes in [false, true] {
                let mut secret = stored("COURIERXX");
                let error = name(&mut secret, key, None, yes).unwrap_err();
                assert!(matches!(error, CourierError::ConsumerKeyRefused(_)), "{key:?}: {error}");
                assert_eq!(secret.consumer_key, "COURIERXX");
            }
        }
        for realm in ["", " ", "limited poa", "\"limited_poa\""] {
            let error = name(&mut stored(""), "COURIERXX", Some(realm), true).unwrap_err();
            assert!(matches!(error, CourierError::ConsumerKeyRefused(_)), "{realm:?}: {error}");
        }
    }

    #[test]
    fn what_is_odd_is_asked_about() {
        for (before, key, realm, says) in [
            ("", "courierxx", None, "COURIERXX, and not courierxx"),
            ("", "COURIERX", None, "8 characters"),
            ("", "COURIER12", None, "other characters than letters, and IBKR's keys are nine upper-case letters"),
            ("", "COURIERXX", Some("test_realm"), "limited_poa"),
            ("", "TESTCONS", Some("limited_poa"), "test_realm"),
            ("COURIERXX", "COURIERYY", None, "connect again"),
        ] {
            let error = name(&mut stored(before), key, realm, false).unwrap_err();
            assert!(
                matches!(&error, CourierError::ConsumerKeyDoubted(doubts) if doubts.contains(says)),
                "{key}: {error}"
            );
            let mut secret = stored(before);
            name(&mut secret, key, realm, true).unwrap();
            assert_eq!((&*secret.consumer_key, secret.faults()), (key, &[][..]));
        }
    }

    #[test]
    fn a_right_key_is_stored_over_none_over_itself_and_over_one_that_nobody_can_use() {
        for (before, key) in [("", " COURIERXX\n"), ("COURIERXX", "COURIERXX"), ("", "TESTCONS")] {
            let mut secret = stored(before);
            name(&mut secret, key, None, false).unwrap();
            assert_eq!((&*secret.consumer_key, secret.realm.as_deref(), secret.faults()), (key.trim(), None, &[][..]));
        }
        let mut secret = stored("COURIER AB");
        assert_eq!(secret.faults().len(), 1);
        name(&mut secret, "COURIERAB", None, false).unwrap();
        assert_eq!(secret.faults(), []);
    }
}
