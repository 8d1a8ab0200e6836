//! Keys, parameters, headers and signatures in every form in which people have them: read, or said to be what they are.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Encode as _;
use der::asn1::Uint;
use rsa::pkcs1::{EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use serde_json::Value;
use signing::{
    DiffieHellmanParameters, EncryptionKey, HeaderNote, NoHeader, SignatureFault, SignatureKey, find_header,
    judge_signature, public_key_fingerprint,
};

const DHPARAM: &str = include_str!("../vectors/dhparam.pem");

fn key() -> rsa::PrivateKey {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/independent.json")).unwrap();
    let der = hex::decode(vectors["signature_pkcs8_der_hex"].as_str().unwrap()).unwrap();
    rsa::PrivateKey::from_pkcs8_der(&der).unwrap()
}

/// The forms that a PEM file takes between openssl and whoever reads it.
fn forms(pem: &str) -> Vec<(&'static str, String)> {
    let lines: Vec<&str> = pem.lines().collect();
    let each_line = |form: &dyn Fn(&str) -> String| lines.iter().map(|line| form(line)).collect::<Vec<_>>().concat();
    vec![
        ("as openssl wrote it", pem.to_owned()),
        ("CRLF", pem.replace('\n', "\r\n")),
        ("CR alone", pem.replace('\n', "\r")),
        ("blank lines", pem.replace('\n', "\n\n")),
        ("indented", pem.replace('\n', "\n        ")),
        ("no line end at its end", pem.trim_end().to_owned()),
        ("one line, spaces", pem.replace('\n', " ")),
        ("one line, nothing between", pem.replace('\n', "")),
        ("escaped once", pem.replace('\n', "\\n")),
        ("escaped twice", pem.replace('\n', "\\\\n")),
        ("escaped CRLF", pem.replace('\n', "\\r\\n")),
        ("escaped slashes", pem.replace('/', "\\/")),
        ("escaped as Gson does", pem.replace('=', "\\u003d").replace('\n', "\\n")),
        ("byte order mark", format!("\u{feff}{pem}")),
        ("UTF-16 read as bytes", pem.chars().flat_map(|letter| [letter, '\0']).collect()),
        ("quotes around", format!("\"{}\"", pem.trim_end())),
        ("single quotes around", format!("'{}'", pem.trim_end())),
        ("a program's text", each_line(&|line| format!("    \"{line}\\n\"\n"))),
        ("a list of lines", each_line(&|line| format!("  '{line}',\n"))),
        ("a mail's quote", each_line(&|line| format!("> {line}\n"))),
        ("HTML's entities", pem.replace('+', "&#43;").replace('/', "&#x2F;").replace('=', "&#x3D;")),
        ("a zero-width space in each line", pem.replace('\n', "\u{200b}\n")),
        ("typographic dashes", pem.replace("-----", "—–-")),
        ("a dash too few", pem.replacen("-----BEGIN", "----BEGIN", 1)),
        ("text before and after", format!("Key: (2048 bit, 2 primes)\n    00:a8:fe\n{pem}\nbye\n")),
        ("in base64 as a whole", STANDARD.encode(pem)),
        ("the same block twice", format!("{pem}{pem}")),
        ("the padding lost", pem.replace('=', "")),
    ]
}

#[test]
fn a_key_is_read_in_every_form_by_every_reader() {
    let key = key();
    let fingerprint =
        SignatureKey::from_pem(&key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap().fingerprint().to_owned();
    let private = [key.to_pkcs8_pem(LineEnding::LF).unwrap(), key.to_pkcs1_pem(LineEnding::LF).unwrap()];
    for (form, text) in private.iter().flat_map(|pem| forms(pem)) {
        let signature = SignatureKey::from_pem(&text).unwrap_or_else(|error| panic!("{form}: {error}"));
        let encryption = EncryptionKey::from_pem(&text).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!((signature.fingerprint(), encryption.fingerprint()), (&*fingerprint, &*fingerprint), "{form}");
    }
    let public = key.to_public_key();
    for pem in [public.to_public_key_pem(LineEnding::LF).unwrap(), public.to_pkcs1_pem(LineEnding::LF).unwrap()] {
        for (form, text) in forms(&pem) {
            assert_eq!(public_key_fingerprint("public_signature.pem", &text).as_ref(), Ok(&fingerprint), "{form}");
        }
    }
    // Both halves in one file: each reader takes its own.
    let both = format!("{}{}", private[0].as_str(), public.to_public_key_pem(LineEnding::LF).unwrap());
    assert_eq!(SignatureKey::from_pem(&both).unwrap().fingerprint(), fingerprint);
    assert_eq!(public_key_fingerprint("public_signature.pem", &both).unwrap(), fingerprint);
    let wrongly_labelled = private[1].replace("RSA PRIVATE KEY", "PRIVATE KEY");
    assert_eq!(SignatureKey::from_pem(&wrongly_labelled).unwrap().fingerprint(), fingerprint);
}

#[test]
fn diffie_hellman_parameters_are_read_in_every_form_and_written_anew_as_openssl_does() {
    for (form, text) in forms(DHPARAM) {
        let group = DiffieHellmanParameters::from_pem(&text).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!(group.to_pem().unwrap(), DHPARAM, "{form}");
    }
    let group = DiffieHellmanParameters::from_pem(DHPARAM).unwrap();
    let order = group.prime();
    let block = |label: &str, numbers: &[&[u8]]| {
        let numbers: Vec<Uint> = numbers.iter().map(|number| Uint::new(number).unwrap()).collect();
        der::pem::encode_string(label, LineEnding::LF, &numbers.to_der().unwrap()).unwrap()
    };
    let x942 = block("X9.42 DH PARAMETERS", &[&group.prime(), &[2], &order, &[2]]);
    let with_length = block("DH PARAMETERS", &[&group.prime(), &[2], &[225]]);
    let other_generator = block("DH PARAMETERS", &[&group.prime(), &[5]]);
    for text in [x942, with_length] {
        assert_eq!(DiffieHellmanParameters::from_pem(&text).unwrap().to_pem().unwrap(), DHPARAM);
    }
    assert_eq!(*DiffieHellmanParameters::from_pem(&other_generator).unwrap().generator(), [5]);
}

#[test]
fn what_is_written_for_ibkr_is_loaded_by_openssl_whatever_was_typed() {
    let key = key();
    for (form, text) in forms(&key.to_pkcs1_pem(LineEnding::LF).unwrap()) {
        let written = SignatureKey::from_pem(&text).unwrap().public_pem().unwrap();
        assert_eq!(written, key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap(), "{form}");
    }
    let public = EncryptionKey::from_pem(&key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap().public_pem().unwrap();
    openssl(&["pkey", "-pubin", "-noout"], &public);
    openssl(&["rsa", "-pubin", "-noout"], &public);
    let group = DiffieHellmanParameters::from_pem(&DHPARAM.replace('\n', "\\n")).unwrap();
    openssl(&["dhparam", "-noout"], &group.to_pem().unwrap());
    openssl(&["asn1parse"], &group.to_pem().unwrap());
}

fn openssl(arguments: &[&str], input: &str) {
    let mut command = Command::new("openssl");
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_no_key_is_said_to_be_what_it_is() {
    let key = key();
    let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
    let other = key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let der = String::from_utf8_lossy(key.to_pkcs8_der().unwrap().as_bytes()).into_owned();
    let block = |label: &str| format!("-----BEGIN {label}-----\nMIIB\n-----END {label}-----\n");
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    // An Ed25519 key in PKCS#8 (RFC 8410, section 10.3), and an EC key on P-256.
    let ed25519 = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----";
    let ec = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n-----END PRIVATE KEY-----";
    for (text, says) in [
        (String::new(), "is empty"),
        (other, "a public key, the half that IBKR is sent"),
        (DHPARAM.to_owned(), "Diffie-Hellman parameters"),
        (block("CERTIFICATE"), "a certificate"),
        (block("EC PRIVATE KEY"), "elliptic-curve"),
        (block("OPENSSH PRIVATE KEY"), "SSH's own form"),
        (block("ENCRYPTED PRIVATE KEY"), "passphrase"),
        (
            block("RSA PRIVATE KEY").replace("MIIB", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB"),
            "passphrase",
        ),
        (ed25519.to_owned(), "Ed25519"),
        (ec.to_owned(), "elliptic-curve"),
        (der, "DER"),
        (body, "base64 without its BEGIN and END lines"),
        ("f51d7ab737a45266".repeat(32), "hexadecimal"),
        ("./private_signature.pem".to_owned(), "the name of a file"),
        ("file://keys/private.key".to_owned(), "the name of a file"),
        ("C:\\keys\\private.pem".to_owned(), "the name of a file"),
        (pem.lines().take(5).collect(), "is cut"),
        (pem.lines().skip(1).collect(), "is cut"),
        ("{\"kty\": \"RSA\"}".to_owned(), "JSON Web Key"),
        ("<RSAKeyValue></RSAKeyValue>".to_owned(), "XML"),
        ("ssh-rsa AAAAB3Nza".to_owned(), "SSH"),
        ("PuTTY-User-Key-File-3: ssh-rsa".to_owned(), "PuTTY"),
        (pem.replacen("MII", "M…I", 1), "left out or masked"),
        (pem.replacen("MII", "M$I", 1), "'$'"),
        (pem.replacen("MII", "MI", 1), "characters of base64"),
        (format!("{pem}{}", block("PRIVATE KEY")), "2 blocks that could be meant"),
        ("no key".to_owned(), "is not PEM text"),
    ] {
        let error = SignatureKey::from_pem(&text).unwrap_err().to_string();
        assert!(error.starts_with("private_signature_pem ") && error.contains(says), "{says}: {error}");
        let line = pem.lines().nth(3).unwrap();
        assert!(!error.contains(line), "{error}");
    }
    let error = DiffieHellmanParameters::from_pem(&pem).unwrap_err().to_string();
    assert!(error.contains("a private key, the half that nobody is sent"), "{error}");
    let error = public_key_fingerprint("sent_signature_key", &pem).unwrap_err().to_string();
    assert!(error.contains("a private key, the half that nobody is sent"), "{error}");
}

const HEADER: &str = "OAuth realm=\"limited_poa\", oauth_callback=\"oob\", oauth_consumer_key=\"COURIERXX\", oauth_nonce=\"a1b2\", \
     oauth_signature=\"a%2Bb%2Fc%3D\", oauth_signature_method=\"RSA-SHA256\", oauth_timestamp=\"1795000000\"";

/// A header as tools print it, and what is told of it.
fn printed() -> Vec<(&'static str, String, Vec<HeaderNote>)> {
    let escaped = HEADER.replace('"', "\\\"");
    let folded = HEADER.replace(", ", ",\r\n  ");
    let value = &HEADER["OAuth ".len()..];
    let plain: Vec<HeaderNote> = Vec::new();
    vec![
        ("the value", HEADER.to_owned(), plain.clone()),
        ("the header", format!("Authorization: {HEADER}\r\n"), plain.clone()),
        ("its name in lower case", format!("authorization: {HEADER}"), plain.clone()),
        ("no space after its name", format!("AUTHORIZATION:{HEADER}"), plain.clone()),
        ("byte order mark", format!("\u{feff}Authorization: {HEADER}"), plain.clone()),
        ("UTF-16 read as bytes", HEADER.chars().flat_map(|letter| [letter, '\0']).collect(), plain.clone()),
        (
            "curl -v",
            format!(
                "* Connected to api.ibkr.com\n> POST /v1/api/oauth/request_token HTTP/1.1\r\n> Host: api.ibkr.com\r\n> Authorization: {HEADER}\r\n> Content-Length: 0\r\n>\n< HTTP/1.1 401"
            ),
            plain.clone(),
        ),
        (
            "curl's command",
            format!(
                "curl -X POST 'https://api.ibkr.com/v1/api/oauth/request_token' \\\n  -H 'Authorization: {HEADER}' \\\n  -H 'Content-Length: 0'"
            ),
            plain.clone(),
        ),
        (
            "a Python dict",
            format!("{{'Authorization': '{HEADER}', 'User-Agent': 'python-requests/2.32'}}"),
            plain.clone(),
        ),
        (
            "http.client",
            format!(
                "send: b'POST /v1/api/oauth/request_token HTTP/1.1\\r\\nHost: api.ibkr.com\\r\\nAuthorization: {HEADER}\\r\\nContent-Length: 0\\r\\n\\r\\n'"
            ),
            vec![HeaderNote::Escaped],
        ),
        ("bytes", format!("{{b'Authorization': b'{HEADER}'}}"), plain.clone()),
        ("JSON", format!("{{\"Authorization\": \"{escaped}\", \"User-Agent\": \"x\"}}"), vec![HeaderNote::Escaped]),
        ("HeaderMap", format!("{{\"authorization\": \"{escaped}\", \"accept\": \"*/*\"}}"), vec![HeaderNote::Escaped]),
        ("Node", format!("[Object: null prototype] {{ authorization: '{HEADER}', host: 'x' }}"), plain.clone()),
        (
            "Postman",
            format!(
                "POST /v1/api/oauth/request_token HTTP/1.1\nUser-Agent: PostmanRuntime/7.43\nAuthorization: {}\nAccept: */*",
                HEADER.replace(", ", ",")
            ),
            plain.clone(),
        ),
        ("Go", format!("map[Authorization:[{HEADER}] Content-Length:[0]]"), plain.clone()),
        ("Java", format!("{{Authorization=[{HEADER}], Accept=[*/*]}}"), plain.clone()),
        ("quotes around", format!("\"{HEADER}\""), plain.clone()),
        ("single quotes around", format!("'{HEADER}'"), plain.clone()),
        ("without quotes", HEADER.replace('"', ""), plain.clone()),
        ("single quotes", HEADER.replace('"', "'"), plain.clone()),
        ("doubled quotes", format!("\"{}\"", HEADER.replace('"', "\"\"")), plain.clone()),
        ("HTML", HEADER.replace('"', "&quot;"), vec![HeaderNote::Entities]),
        ("HTML by number", HEADER.replace('"', "&#34;"), vec![HeaderNote::Entities]),
        ("typographic quotes", HEADER.replace("=\"", "=“").replace('"', "”"), vec![HeaderNote::TypographicQuotes]),
        ("folded", format!("Authorization: {folded}\r\nHost: x"), vec![HeaderNote::Folded]),
        ("folded by curl", format!("> Authorization: {}", HEADER.replace(", ", ",\n> ")), vec![HeaderNote::Folded]),
        ("the scheme in lower case", HEADER.replace("OAuth", "oauth"), vec![HeaderNote::Scheme("oauth".to_owned())]),
        ("no scheme", value.to_owned(), vec![HeaderNote::NoScheme]),
        ("spaces round =", HEADER.replace('=', " = "), vec![HeaderNote::SpacesRoundEquals]),
        ("no commas", HEADER.replace(',', ""), vec![HeaderNote::NoComma]),
    ]
}

#[test]
fn a_header_is_found_in_whatever_tools_print_around_it() {
    let expected = find_header(HEADER).unwrap().header;
    assert_eq!(expected.realm.as_deref(), Some("limited_poa"));
    assert_eq!((expected.parameters.len(), expected.signature().as_deref()), (5, Some("a+b/c=")));
    for (form, text, notes) in printed() {
        let found = find_header(&text).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert_eq!((&found.header, found.is_cut, found.twice.len()), (&expected, false, 0), "{form}");
        assert_eq!(found.notes, notes, "{form}");
    }
}

#[test]
fn only_what_is_cut_is_called_cut() {
    for cut in [
        "OAuth",
        "Authorization: OAuth",
        "{'Authorization': 'OAuth'}",
        "OAuth realm=\"limited_poa\"",
        "OAuth realm=\"limited_poa\",",
        "OAuth realm=\"limited_poa\", oauth_consumer_key=\"COUR",
        "OAuth realm=\"limited_poa\", oauth_consumer_key=\"COURIERXX\", oauth_no",
    ] {
        assert!(find_header(cut).unwrap().is_cut, "{cut}");
    }
    let without_key = HEADER.replace("oauth_consumer_key=\"COURIERXX\", ", "");
    let without_signature = HEADER.replace("oauth_signature=\"a%2Bb%2Fc%3D\", ", "");
    for whole in [HEADER, &without_key, &without_signature, &format!("{HEADER},")] {
        assert!(!find_header(whole).unwrap().is_cut, "{whole}");
    }
    let twice = format!("{HEADER}, oauth_nonce=\"c3\", realm=\"x\", oauth_nonce=\"d4\"");
    assert_eq!(find_header(&twice).unwrap().twice, ["oauth_nonce", "realm"]);
}

#[test]
fn what_holds_no_header_is_said_to_be_what_it_is() {
    for (text, expected) in [
        ("", NoHeader::Empty),
        ("\u{feff} \n", NoHeader::Empty),
        ("{\"authorization\": Sensitive, \"accept\": \"*/*\"}", NoHeader::Hidden),
        ("Authorization: [REDACTED]", NoHeader::Hidden),
        ("authorization: <redacted>", NoHeader::Hidden),
        ("Authorization: Bearer eyJhbGciOi", NoHeader::OtherScheme),
        (
            "POST&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Foauth%2Frequest_token&oauth_callback%3Doob",
            NoHeader::BaseString,
        ),
        ("00ff00ffPOST&https%3A%2F%2Fapi.ibkr.com&oauth_callback%3Doob", NoHeader::BaseString),
        ("https://api.ibkr.com/v1/api/oauth/request_token?oauth_consumer_key=X&oauth_nonce=1", NoHeader::Elsewhere),
        ("{\"oauth_consumer_key\": \"X\", \"oauth_nonce\": \"1\"}", NoHeader::NamesAndValues),
        ("POST /v1/api/oauth/request_token HTTP/1.1\nHost: api.ibkr.com\nContent-Length: 0", NoHeader::RequestWithout),
        ("hello", NoHeader::Nothing),
    ] {
        assert_eq!(find_header(text), Err(expected), "{text}");
    }
}

#[test]
fn a_signature_is_judged_by_its_form() {
    use SignatureFault::{
        Empty, EncodedTwice, Hexadecimal, LineBreaks, NoPadding, NotBase64, NotEncoded, PythonBytes, Quoted, Spaces,
        UrlSafe,
    };
    let bytes: Vec<u8> = (0..256_usize).map(|number| u8::try_from(number * 7 % 256).unwrap() | 0xc8).collect();
    let base64 = STANDARD.encode(&bytes);
    assert!(base64.contains('+') && base64.contains('/') && base64.ends_with('='), "{base64}");
    let encode = |text: &str| {
        let pairs = [
            ("%", "%25"),
            ("+", "%2B"),
            ("/", "%2F"),
            ("=", "%3D"),
            ("\n", "%0A"),
            ("\r", "%0D"),
            (" ", "%20"),
            ("'", "%27"),
        ];
        pairs.into_iter().fold(text.to_owned(), |text, (plain, encoded)| text.replace(plain, encoded))
    };
    let right = encode(&base64);
    let (start, end) = base64.split_at(76);
    for (form, raw, faults) in [
        ("right", right.clone(), vec![]),
        ("lower-case encoding", right.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"), vec![]),
        ("empty", String::new(), vec![Empty]),
        ("encoded twice", encode(&right), vec![EncodedTwice]),
        ("encoded thrice", encode(&encode(&right)), vec![EncodedTwice]),
        ("not encoded", base64.clone(), vec![NotEncoded]),
        ("Python's bytes", format!("b'{right}'"), vec![PythonBytes]),
        ("Python's bytes, encoded", encode(&format!("b'{base64}'")), vec![PythonBytes]),
        ("in quotes", encode(&format!("'{base64}'")), vec![Quoted]),
        ("line breaks, encoded", encode(&format!("{start}\n{end}\n")), vec![LineBreaks]),
        ("line breaks, encoded CRLF", encode(&format!("{start}\r\n{end}")), vec![LineBreaks]),
        ("line breaks", format!("{}\n  {}", encode(start), encode(end)), vec![LineBreaks]),
        ("spaces", right.replace("%2B", " "), vec![Spaces]),
        ("spaces, encoded", right.replace("%2B", "%20"), vec![Spaces]),
        ("of addresses", right.replace("%2B", "-").replace("%2F", "_"), vec![UrlSafe]),
        ("hexadecimal", hex::encode(&bytes), vec![Hexadecimal]),
        ("no padding", right.trim_end_matches("%3D").to_owned(), vec![NoPadding]),
    ] {
        let judged = judge_signature(&raw, &[256]);
        assert_eq!(judged.faults, faults, "{form}");
        let meant = if raw.is_empty() { None } else { Some(&base64) };
        assert_eq!(judged.meant.as_ref(), meant, "{form}");
    }
    for cut in [&right[..100], &right[..right.len() - 30], &encode(&STANDARD.encode([1; 32]))] {
        let judged = judge_signature(cut, &[256]);
        assert!(matches!(judged.faults[..], [SignatureFault::Length { expected: 256, .. }]), "{cut}: {judged:?}");
    }
    assert_eq!(judge_signature("%21%21", &[256]).faults, [NotBase64]);
    assert_eq!(judge_signature(&encode(&STANDARD.encode([1; 32])), &[32]).faults, []);
    assert_eq!(judge_signature(&encode(&STANDARD.encode([1; 20])), &[]).faults, []);
}
