//! Whatever a request is made of: its base string has three parts, of unreserved characters only, and the order of its
//! parameters never matters (RFC 5849, 3.4.1). A file of the corpus is a method, an address, and a parameter a line.

use std::path::Path;

use signing::{BaseString, Parameters, QuerySigning};
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
