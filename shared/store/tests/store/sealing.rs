//! What is sealed opens only as what it was sealed as.

use domain::{ConnectionId, Sealed, Secret, UserId};
use proptest::prelude::*;
use store::{Purpose, SealError, Sealer, SealingKeys};

use crate::support::{Counting, user};

const PURPOSES: [Purpose; 3] = [Purpose::AccessToken, Purpose::AccessTokenSecret, Purpose::LiveSessionToken];

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn sealer(current: char, previous: Option<char>) -> Sealer {
    let text = |letter: char| secret(&letter.to_string().repeat(32));
    Sealer::new(&SealingKeys { current: text(current), other: previous.map(text) }).unwrap()
}

fn connection(id: &str) -> ConnectionId {
    id.parse().unwrap()
}

fn seal(sealer: &Sealer, text: &str) -> Sealed {
    let entropy = Counting::default();
    sealer.seal(&secret(text), Purpose::AccessToken, &user("u-7"), &connection("c1"), &entropy).unwrap()
}

fn open(keys: &Sealer, sealed: &Sealed) -> Result<String, SealError> {
    let opened = keys.open(sealed, Purpose::AccessToken, &user("u-7"), &connection("c1"))?;
    Ok(opened.expose().to_owned())
}

#[test]
fn what_was_sealed_for_another_user_connection_or_purpose_does_not_open() {
    let keys = sealer('a', None);
    let sealed = seal(&keys, "token");
    let others = [
        (Purpose::AccessTokenSecret, user("u-7"), connection("c1")),
        (Purpose::LiveSessionToken, user("u-7"), connection("c1")),
        (Purpose::AccessToken, user("u-8"), connection("c1")),
        (Purpose::AccessToken, user("u-7"), connection("c2")),
        // The same characters, divided elsewhere.
        (Purpose::AccessToken, user("u-7c"), connection("1")),
    ];
    for (purpose, user_id, connection_id) in others {
        let refused = keys.open(&sealed, purpose, &user_id, &connection_id).map(|_| ());
        assert_eq!(refused, Err(SealError::NotOfThisRow), "{purpose:?} {user_id} {connection_id}");
    }
    assert_eq!(open(&keys, &sealed).unwrap(), "token");
}

#[test]
fn the_previous_key_opens_and_the_current_one_seals() {
    let old = seal(&sealer('a', None), "token");
    let rotated = sealer('b', Some('a'));
    assert_eq!(open(&rotated, &old).unwrap(), "token");
    assert!(!rotated.is_current(&old));
    let new = seal(&rotated, "token");
    assert!(rotated.is_current(&new));
    assert_eq!(open(&sealer('b', None), &new).unwrap(), "token");
}

#[test]
fn a_missing_key_is_named() {
    let sealed = seal(&sealer('a', None), "token");
    let Err(SealError::KeyMissing { needed, at_hand }) = open(&sealer('b', Some('c')), &sealed) else {
        panic!("a key that is not there opened something");
    };
    let id_of = |letter| format!("{:?}", sealer(letter, None));
    assert_eq!(id_of('a'), format!("Sealer({needed})"));
    assert_eq!(format!("{} and {}", id_of('b'), id_of('c')).replace("Sealer(", "").replace(')', ""), at_hand);
}

#[test]
fn a_short_secret_makes_no_key() {
    let keys = SealingKeys { current: secret(&"a".repeat(31)), other: None };
    assert_eq!(Sealer::new(&keys).map(|_| ()), Err(SealError::SecretTooShort { characters: 31 }));
    let keys = SealingKeys { current: secret(&"a".repeat(32)), other: Some(secret("")) };
    assert_eq!(Sealer::new(&keys).map(|_| ()), Err(SealError::SecretTooShort { characters: 0 }));
}

#[test]
fn no_sealed_text_is_told_as_that() {
    for text in ["", "%", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(open(&sealer('a', None), &Sealed(text.to_owned())), Err(SealError::Malformed), "{text}");
    }
}

#[test]
fn the_same_secret_sealed_twice_looks_different() {
    let (sealer, entropy) = (sealer('a', None), Counting::default());
    let once = || sealer.seal(&secret("token"), Purpose::AccessToken, &user("u-7"), &connection("c1"), &entropy);
    assert_ne!(once().unwrap(), once().unwrap());
}

#[test]
fn a_text_sealed_by_an_earlier_build_still_opens() {
    let sealed = seal(&sealer('a', None), "token");
    assert_eq!(sealed.0, GOLDEN);
}

/// Sealed with the key of 32 times `a` and the first nonce of a count from 0. Python's `cryptography` opens it too.
const GOLDEN: &str = "6xnzg69VcPWhgQt694yvS4DI0/BImFzSVRtWwxwoLDUlXQrVjg==";

proptest! {
    #[test]
    fn every_text_comes_back_for_its_own_row_only(
        text in ".{0,200}",
        user_id in "[!-~]{1,128}",
        connection_id in "[A-Za-z0-9-]{1,40}",
        purpose in prop::sample::select(&PURPOSES[..]),
        other in prop::sample::select(&PURPOSES[..]),
    ) {
        let sealer = sealer('a', None);
        let user_id: UserId = user_id.parse().unwrap();
        let connection_id = connection(&connection_id);
        let sealed = sealer.seal(&secret(&text), purpose, &user_id, &connection_id, &Counting::default()).unwrap();
        let opened = sealer.open(&sealed, other, &user_id, &connection_id).map(|secret| secret.expose().to_owned());
        prop_assert_eq!(opened, if other == purpose { Ok(text) } else { Err(SealError::NotOfThisRow) });
    }

    #[test]
    fn a_changed_bit_never_opens(text in ".{1,50}", place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let sealer = sealer('a', None);
        let mut bytes = STANDARD.decode(seal(&sealer, &text).0).unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(open(&sealer, &Sealed(STANDARD.encode(bytes))).is_err());
    }
}
