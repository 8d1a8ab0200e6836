//! Headers of other clients, each with what is told of it.

use super::*;

const NOW: i64 = 1_795_000_000;
const SIGNATURE_KEY: &str = include_str!("../../../../shared/broker/tests/it/keys/private_signature.pem");
const BASE: &str = "https://api.ibkr.com/v1/api";

fn case() -> Case {
    Case { signature_key: Some(SignatureKey::from_pem(SIGNATURE_KEY).unwrap()), ..Case::default() }
}

/// A header with its right RSA signature.
fn signed(parameters: &[(&str, &str)], path: &str, secret: Option<&AccessTokenSecret>) -> (String, String) {
    let fields = parameters.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>().join(", ");
    let unsigned = format!("OAuth realm=\"limited_poa\", {fields}");
    let url = Url::parse(&format!("{BASE}{path}")).unwrap();
    let mut base = OAuthHeader::parse(&unsigned).unwrap().base_string("POST", &url, QuerySigning::Omit);
    if let Some(secret) = secret {
        base = base.after_secret(secret);
    }
    let signature = SignatureKey::from_pem(SIGNATURE_KEY).unwrap().sign(&base).unwrap();
    (unsigned, signature)
}

fn encoded(text: &str) -> String {
    [("%", "%25"), ("+", "%2B"), ("/", "%2F"), ("=", "%3D"), ("\n", "%0A")]
        .into_iter()
        .fold(text.to_owned(), |text, (plain, encoded)| text.replace(plain, encoded))
}

fn request_token() -> (String, String) {
    let parameters = [
        ("oauth_callback", "oob"),
        ("oauth_consumer_key", "COURIERXX"),
        ("oauth_nonce", "a1"),
        ("oauth_signature_method", RSA),
        ("oauth_timestamp", "1795000000"),
    ];
    signed(&parameters, "/oauth/request_token", None)
}

fn findings(text: &str, url: Option<&str>, secret: Option<&AccessTokenSecret>) -> Vec<Finding> {
    let url = url.map(|url| Url::parse(url).unwrap());
    let header = ForeignHeader { text, method: None, url: url.as_ref(), base: BASE, access_secret: secret };
    header.examine(&case(), Timestamp::from_second(NOW).unwrap())
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().flat_map(|finding| finding.causes.iter().map(|cause| cause.code)).collect()
}

fn says<'f>(findings: &'f [Finding], check: &str) -> Vec<&'f str> {
    findings.iter().filter(|finding| finding.check == check).map(|finding| finding.says.as_str()).collect()
}

#[test]
fn a_right_header_is_well_however_it_was_printed() {
    let (unsigned, signature) = request_token();
    let header = format!("{unsigned}, oauth_signature=\"{}\"", encoded(&signature));
    for text in [
        header.clone(),
        format!("authorization: {header}"),
        format!("> Authorization: {header}\r\n> Host: api.ibkr.com"),
        format!("{{'Authorization': '{header}', 'Accept': '*/*'}}"),
        format!("{{\"authorization\": \"{}\", \"accept\": \"*/*\"}}", header.replace('"', "\\\"")),
        format!("\u{feff}{header}"),
        header.replace("OAuth", "oauth"),
        header.replace('=', " = "),
        header.replace('"', "&quot;"),
        header.replace(", ", ",\r\n    "),
    ] {
        let found = findings(&text, None, None);
        assert_eq!(codes(&found), Vec::<&str>::new(), "{text}: {found:#?}");
        let compared = says(&found, SIGNATURE);
        assert!(compared[0].contains("is the one that private_signature_pem makes"), "{text}: {compared:?}");
    }
}

#[test]
fn each_mistake_of_the_signature_is_named_and_no_other() {
    let (unsigned, signature) = request_token();
    let right = encoded(&signature);
    let bytes = hex::encode((0..=255_u8).collect::<Vec<u8>>());
    let (start, end) = signature.split_at(76);
    for (raw, expected) in [
        (String::new(), vec!["signature_empty"]),
        (encoded(&right), vec!["signature_encoded_twice"]),
        (format!("b'{right}'"), vec!["signature_python_bytes"]),
        (encoded(&format!("{start}\n{end}\n")), vec!["signature_line_breaks"]),
        (signature.clone(), vec!["signature_not_encoded"]),
        (right.trim_end_matches("%3D").to_owned(), vec!["signature_url_safe"]),
        (right[..200].to_owned(), vec!["signature_cut"]),
        (bytes, vec!["signature_hexadecimal", "signature_differs"]),
    ] {
        let found = findings(&format!("{unsigned}, oauth_signature=\"{raw}\""), None, None);
        assert_eq!(codes(&found), expected, "{raw}: {found:#?}");
    }
    let twice = format!("{unsigned}, oauth_signature=\"{right}\", oauth_nonce=\"a1\"");
    assert_eq!(codes(&findings(&twice, None, None))[0], "parameter_twice");
    let without = codes(&findings(&unsigned, None, None));
    assert_eq!(without, ["parameter_wrong"], "the signature is missing");
}

#[test]
fn a_right_header_of_a_protected_call_has_no_fault() {
    let signature = encoded("3q2+7w/erb7v3q2+796tvu/erb7v3q2+796tvu/erb4=");
    let header = |method: &str, signature: &str| {
        format!(
            "Authorization: OAuth realm=\"limited_poa\", oauth_consumer_key=\"COURIERXX\", oauth_nonce=\"a1\", oauth_signature=\"{signature}\", \
             oauth_signature_method=\"{method}\", oauth_timestamp=\"{NOW}\", oauth_token=\"0123456789abcdef0123\""
        )
    };
    let call = Some("https://api.ibkr.com/v1/api/iserver/accounts");
    for url in [None, call] {
        let found = findings(&header(HMAC, &signature), url, None);
        assert_eq!(codes(&found), Vec::<&str>::new(), "{found:#?}");
        let shown = says(&found, "header_base_string")[0];
        assert!(!shown.contains("0123456789abcdef0123"), "the token is masked: {shown}");
    }
    assert_eq!(codes(&findings(&header(HMAC, &encoded("3q2+7w/erb7v3q2+")), call, None)), ["signature_cut"]);
    for other in [RSA, "HMAC-SHA1", "hmac-sha256"] {
        assert!(
            codes(&findings(&header(other, &signature), call, None)).contains(&"signature_method_protected"),
            "{other}"
        );
    }
    // The same header is none for a step of OAuth.
    let step = Some("https://api.ibkr.com/v1/api/oauth/request_token");
    assert!(codes(&findings(&header(HMAC, &signature), step, None)).contains(&"signature_method"));
}

#[test]
fn a_header_of_a_live_session_token_is_compared_with_the_secret_and_not_without() {
    let secret = AccessTokenSecret::from_bytes(vec![7; 32]);
    let parameters = [
        ("diffie_hellman_challenge", "a1b2"),
        ("oauth_consumer_key", "COURIERXX"),
        ("oauth_nonce", "a1"),
        ("oauth_signature_method", RSA),
        ("oauth_timestamp", "1795000000"),
        ("oauth_token", "0123456789abcdef0123"),
    ];
    let (unsigned, signature) = signed(&parameters, "/oauth/live_session_token", Some(&secret));
    let header = format!("{unsigned}, oauth_signature=\"{}\"", encoded(&signature));
    let found = findings(&header, None, Some(&secret));
    assert!(says(&found, SIGNATURE)[0].contains("is the one"), "{found:#?}");
    let found = findings(&header, None, None);
    assert!(codes(&found).is_empty() && says(&found, SIGNATURE)[0].contains("--access-token"), "{found:#?}");
    let other = AccessTokenSecret::from_bytes(vec![8; 32]);
    assert_eq!(codes(&findings(&header, None, Some(&other))), ["signature_differs"]);
}

#[test]
fn what_is_no_header_or_is_cut_is_told_apart() {
    for (text, expected) in [
        ("OAuth realm=\"limited_poa\",", "header_cut"),
        ("", "header_none"),
        ("{\"authorization\": Sensitive}", "header_none"),
        ("Authorization: Bearer abc", "header_none"),
        ("POST&https%3A%2F%2Fapi.ibkr.com&a", "header_none"),
    ] {
        assert_eq!(codes(&findings(text, None, None)), [expected], "{text}");
    }
}

#[test]
fn the_consumer_key_of_a_header_is_judged_by_its_form() {
    let (unsigned, signature) = request_token();
    let header = format!("{unsigned}, oauth_signature=\"{}\"", encoded(&signature));
    for (key, code) in
        [("abcdefghi", "consumer_key_lower_case"), ("COURIER", "consumer_key_form"), ("COURIER12", "consumer_key_form")]
    {
        let found = findings(&header.replace("COURIERXX", key), None, None);
        assert_eq!(codes(&found)[0], code, "{key}: {found:#?}");
    }
    let testcons = header.replace("COURIERXX", "TESTCONS").replace("limited_poa", "test_realm");
    assert!(says(&findings(&testcons, None, None), "header_consumer_key")[0].contains("publishes in its OAuth demo"));
    assert!(says(&findings(&header, None, None), "header_consumer_key")[0].contains("only IBKR tells"));
}

#[test]
fn the_request_around_a_header_is_read_with_it() {
    let (unsigned, signature) = request_token();
    let header = format!("{unsigned}, oauth_signature=\"{}\"", encoded(&signature));
    let printed = |line: &str, host: &str| {
        format!("> {line} HTTP/2\r\n> Host: {host}\r\n> Authorization: {header}\r\n> Accept: */*")
    };
    let found = findings(&printed("POST /v1/api/oauth/request_token", "api.ibkr.com"), None, None);
    assert_eq!(codes(&found), Vec::<&str>::new(), "{found:#?}");
    assert_eq!(says(&found, "header_address"), ["https://api.ibkr.com/v1/api/oauth/request_token"]);
    for (line, host, code) in [
        ("POST /tradingapi/v1/oauth/request_token", "www.interactivebrokers.com", "old_host"),
        ("POST /oauth/request_token", "api.ibkr.com", "prefix_missing"),
        ("GET /v1/api/oauth/request_token", "api.ibkr.com", "request_method"),
    ] {
        let found = findings(&printed(line, host), None, None);
        assert_eq!(codes(&found)[0], code, "{line}: {found:#?}");
    }
}

#[test]
fn a_missing_parameter_is_told_with_its_value() {
    let (unsigned, _) = request_token();
    let found = findings(&unsigned.replace("oauth_callback=\"oob\", ", ""), None, None);
    assert!(says(&found, "header_parameters")[0].contains("oauth_callback (always `oob`)"), "{found:#?}");
}

#[test]
fn a_header_that_something_broke_into_lines_is_joined() {
    let (unsigned, signature) = request_token();
    let header = format!("Authorization: {unsigned}, oauth_signature=\"{}\"", encoded(&signature));
    for width in [40, 76, 80] {
        let lines: Vec<String> =
            header.chars().collect::<Vec<_>>().chunks(width).map(|line| line.iter().collect()).collect();
        let found = findings(&lines.join("\n"), None, None);
        assert_eq!(codes(&found), Vec::<&str>::new(), "{width}: {found:#?}");
        assert!(says(&found, "header_form")[0].contains("broken into lines"), "{found:#?}");
        assert!(says(&found, SIGNATURE)[0].contains("is the one"), "{found:#?}");
    }
}
