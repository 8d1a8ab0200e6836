//! Laws that hold for every input.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

use proptest::prelude::*;
use signing::{
    AccessTokenSecret, BaseString, DiffieHellmanParameters, DiffieHellmanRandom, Parameters, QuerySigning,
    UnprovedLiveSessionToken,
};
use url::Url;

/// RFC 3526, group 14.
const PRIME: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff";
const EXCHANGES: u32 = 1_000;

fn group() -> DiffieHellmanParameters {
    DiffieHellmanParameters::from_big_endian(&hex::decode(PRIME).unwrap(), &[2]).unwrap()
}

/// Different numbers on every run would make a failure hard to repeat; these come from a seed.
fn randoms() -> impl Iterator<Item = DiffieHellmanRandom> {
    use sha2::{Digest as _, Sha256};
    (0_u32..).map(|seed| DiffieHellmanRandom::from_bytes(Sha256::digest(seed.to_be_bytes()).into()).unwrap())
}

#[test]
fn both_sides_of_a_thousand_exchanges_agree_and_both_kinds_of_bytes_occur() {
    let group = group();
    let mut randoms = randoms();
    let mut with_leading_zero = 0;
    for _ in 0..EXCHANGES {
        let (ours, theirs) = (randoms.next().unwrap(), randoms.next().unwrap());
        let shared = group.shared_secret(&ours, &group.challenge(&theirs)).unwrap();
        let at_the_other_side = group.shared_secret(&theirs, &group.challenge(&ours)).unwrap();
        assert_eq!(shared.expose(), at_the_other_side.expose());
        with_leading_zero += u32::from(has_javas_leading_zero(shared.expose()));
    }
    assert!((300..700).contains(&with_leading_zero), "{with_leading_zero} of {EXCHANGES}");
}

/// The rule by hand: a number whose bit length is a multiple of 8 has a zero byte in front, and no other has.
fn has_javas_leading_zero(bytes: &[u8]) -> bool {
    let number: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let bit_length = number.len() * 8 - number[0].leading_zeros() as usize;
    let expected = usize::from(bit_length.is_multiple_of(8));
    assert_eq!(bytes.len() - number.len(), expected, "bit length {bit_length}");
    expected == 1
}

#[test]
fn a_token_is_proved_only_by_the_other_sides_very_signature() {
    let group = group();
    let mut randoms = randoms();
    let (ours, theirs) = (randoms.next().unwrap(), randoms.next().unwrap());
    let secret = AccessTokenSecret::from_bytes(vec![7; 32]);
    let derive = || {
        let shared = group.shared_secret(&ours, &group.challenge(&theirs)).unwrap();
        UnprovedLiveSessionToken::derive(&shared, &secret)
    };
    for wrong in ["", "zz", "00", &"0".repeat(40), &"0".repeat(41), &"ab".repeat(200)] {
        let error = derive().prove("COURIERXX", wrong).unwrap_err().to_string();
        assert!(error.contains("dhparam_pem") && error.contains("private_encryption_pem"), "{error}");
    }
}

#[test]
fn the_challenge_is_plain_hex_without_padding() {
    let group = group();
    let mut short = [0; 32];
    short[31] = 3;
    assert_eq!(group.challenge(&DiffieHellmanRandom::from_bytes(short).unwrap()), "8");
    let odd = randoms().take(200).map(|random| group.challenge(&random)).find(|challenge| challenge.len() % 2 == 1);
    assert!(odd.is_some_and(|challenge| !challenge.starts_with('0')), "one of 200 challenges has an odd length");
}

proptest! {
    #[test]
    fn parameter_order_never_matters(
        pairs in prop::collection::vec(("[a-z_]{1,6}", "[ -~]{0,8}"), 0..8),
        rotation in 0_usize..8,
        method in "(get|POST|Delete)",
    ) {
        let url = Url::parse("https://api.ibkr.com/v1/api/iserver/accounts").unwrap();
        let oauth = Parameters::default().with("oauth_token", "t").with("oauth_nonce", "n");
        let turned = Parameters::default().with("oauth_nonce", "n").with("oauth_token", "t");
        let form: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut shuffled = form.clone();
        shuffled.rotate_left(rotation.min(form.len()));
        let one = BaseString::new(&method, &url, QuerySigning::Include, &oauth, &form);
        let other = BaseString::new(&method, &url, QuerySigning::Include, &turned, &shuffled);
        prop_assert_eq!(one.expose(), other.expose());
    }

    #[test]
    fn a_parameter_in_the_query_signs_like_one_in_a_form(name in "[a-z]{1,6}", value in "[ -~]{0,12}") {
        let plain = Url::parse("https://api.ibkr.com/v1/api/trsrv/stocks").unwrap();
        let mut with_query = plain.clone();
        with_query.query_pairs_mut().append_pair(&name, &value);
        let oauth = Parameters::default();
        let in_query = BaseString::new("GET", &with_query, QuerySigning::Include, &oauth, &[]);
        let in_form = BaseString::new("GET", &plain, QuerySigning::Omit, &oauth, &[(&name, &value)]);
        prop_assert_eq!(in_query.expose(), in_form.expose());
        let omitted = BaseString::new("GET", &with_query, QuerySigning::Omit, &oauth, &[]);
        prop_assert!(omitted.expose().ends_with("stocks&"));
    }

    #[test]
    fn any_answer_of_the_broker_is_refused_or_used_without_a_panic(response in "\\PC{0,40}", signature in "\\PC{0,50}") {
        let random = DiffieHellmanRandom::from_bytes([1; 32]).unwrap();
        if let Ok(shared) = group().shared_secret(&random, &response) {
            let token = UnprovedLiveSessionToken::derive(&shared, &AccessTokenSecret::from_bytes(vec![1]));
            prop_assert!(token.prove("COURIERXX", &signature).is_err());
        }
    }
}
