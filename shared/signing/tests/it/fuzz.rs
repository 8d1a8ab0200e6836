//! Whatever a request is made of: its base string has three parts, of unreserved characters only, and the order of its
//! parameters never matters (RFC 5849, 3.4.1). A file of the corpus is a method, an address, and a parameter a line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops, its helpers too")]

use std::path::Path;

use signing::{
    BaseString, DiffieHellmanParameters, EncryptionKey, Parameters, QuerySigning, SignatureKey, find_header,
    judge_signature, public_key_fingerprint,
};
use url::Url;

#[test]
fn no_request_makes_a_base_string_that_could_be_read_as_another() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let fuzzed = fuzzing::fuzz(&corpus, outcome).unwrap();
    println!("{fuzzed:?}");
    assert!(fuzzed.outcomes > 20, "the corpus reaches few outcomes: {fuzzed:?}");
}

fn outcome(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let (method, address) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let url = match Url::parse(address) {
        Ok(url) => url,
        Err(error) => return format!("no address: {error}"),
    };
    let mut form: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('=')).collect();
    let oauth = Parameters::default().with("oauth_consumer_key", "COURIERXX").with("oauth_nonce", "n");
    let base = |form: &[(&str, &str)], query| BaseString::new("POST", &url, query, &oauth, form).expose().to_owned();
    let included = base(&form, QuerySigning::Include);
    let omitted = base(&form, QuerySigning::Omit);
    for base in [&included, &omitted] {
        assert_eq!(base.split('&').count(), 3, "{base}");
        let unreserved = |letter: char| letter.is_ascii_alphanumeric() || "-._~%&".contains(letter);
        assert!(base.chars().all(unreserved), "{base}");
        assert!(!base.contains('?') && !base.contains('#'), "{base}");
    }
    form.reverse();
    assert_eq!(base(&form, QuerySigning::Include), included);
    // A method is a word of ours; that it is none is no reason to panic.
    let _ = BaseString::new(method, &url, QuerySigning::Omit, &oauth, &form);
    format!(
        "{} parameters {} {} {}",
        form.len().min(6),
        included != omitted,
        included.contains("%2525"),
        url.cannot_be_a_base() || url.query().is_some()
    )
}

/// What somebody puts where a key, parameters or a header should stand: read or named, never a panic, and never shown.
#[test]
fn no_text_makes_the_readers_of_keys_and_headers_panic_or_tell_what_stands_in_it() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus_texts");
    let fuzzed = fuzzing::fuzz(&corpus, |input| outcome_of_readers(&String::from_utf8_lossy(input))).unwrap();
    println!("{fuzzed:?}");
    assert!(fuzzed.outcomes > 40, "the corpus reaches few outcomes: {fuzzed:?}");
}

fn outcome_of_readers(text: &str) -> String {
    let group = DiffieHellmanParameters::from_pem(text);
    if let Ok(group) = &group {
        let again = DiffieHellmanParameters::from_pem(&group.to_pem().unwrap()).unwrap();
        assert_eq!((again.prime(), again.generator()), (group.prime(), group.generator()));
    }
    let keys = [
        SignatureKey::from_pem(text).map(|key| key.fingerprint().to_owned()),
        EncryptionKey::from_pem(text).map(|key| key.fingerprint().to_owned()),
        public_key_fingerprint("public_signature.pem", text),
        group.map(|group| format!("{:?}", group.generator())),
    ];
    let header = find_header(text).map(|found| {
        let faults = found.header.raw_signature.map(|raw| judge_signature(&raw, &[256]).faults);
        format!("{:?} {} {} {faults:?}", found.notes, found.twice.len(), found.is_cut)
    });
    let words = keys.map(|key| key.map_or_else(|error| error.to_string(), |_| "read".to_owned()));
    let longest = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| word.len() > 40);
    for word in longest {
        assert!(words.iter().all(|words| !words.contains(word)), "{words:?}");
    }
    format!("{words:?} {header:?}")
}
