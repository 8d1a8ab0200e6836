//! A sealing key is rotated without a moment in which somebody cannot open what another sealed.

use domain::Secret;
use jiff::Timestamp;
use store::{Purpose, RotationStage, SealError, Sealer, SealingSecret};

use crate::support::{Counting, user};

fn read(text: &str) -> SealingSecret {
    SealingSecret::parse(Secret::new(text.to_owned())).unwrap()
}

fn again(secret: &SealingSecret) -> SealingSecret {
    read(secret.text().expose())
}

fn now() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

/// Whether what `one` seals is opened by `other`.
fn opens(one: &Sealer, other: &Sealer) -> bool {
    let (user, connection, purpose) = (user("u-7"), "c1".parse().unwrap(), Purpose::AccessToken);
    let token = Secret::new("a token".to_owned());
    let sealed = one.seal(&token, purpose, &user, &connection, &Counting::default()).unwrap();
    other.open(&sealed, purpose, &user, &connection).is_ok()
}

#[test]
fn whoever_is_one_step_behind_opens_what_is_sealed_and_is_opened() {
    let (old, new) = ("a".repeat(32), "b".repeat(32));
    let steps = [
        read(&old),
        again(&read(&old).announce(Secret::new(new.clone()), now())),
        again(&read(&old).announce(Secret::new(new.clone()), now()).replace(now())),
    ];
    let sealers: Vec<Sealer> = steps.iter().map(|step| Sealer::new(&step.keys).unwrap()).collect();
    for (before, after) in [(0, 1), (1, 2)] {
        assert!(
            opens(&sealers[before], &sealers[after]) && opens(&sealers[after], &sealers[before]),
            "{before}, {after}"
        );
    }
    assert!(!opens(&sealers[2], &sealers[0]), "so no step may be left out");
}

#[test]
fn a_rotation_ends_with_the_new_key_alone() {
    let announced = again(&read(&"a".repeat(32)).announce(Secret::new("b".repeat(32)), now()));
    assert_eq!(
        announced.rotation.map(|rotation| (rotation.stage, rotation.since)),
        Some((RotationStage::Announced, now()))
    );
    let replaced = again(&announced.replace(now()));
    assert_eq!(replaced.rotation.map(|rotation| rotation.stage), Some(RotationStage::Replaced));
    let finished = replaced.finish();
    assert_eq!((finished.text().expose(), finished.rotation), ("b".repeat(32).as_str(), None));
}

#[test]
fn a_secret_that_cannot_be_read_shows_no_piece_of_itself() {
    let error = SealingSecret::parse(Secret::new(r#"{"current": "hush-hush"}"#.to_owned())).unwrap_err();
    assert_eq!(error, SealError::SecretMalformed);
    assert!(!error.to_string().contains("hush"));
}

#[test]
fn a_random_text_that_begins_with_a_brace_is_a_key() {
    let text = format!("{{{}", "x".repeat(63));
    assert!(read(&text).rotation.is_none());
}
