//! The doctor against the paper broker: the real command, one patient for each mistake.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops, its helpers too")]

use std::path::PathBuf;
use std::sync::Arc;

use domain::Clock;
use jiff::{SignedDuration, Timestamp};
use paper_broker::{
    ConsumerRegistration, MachineClock, MachineEntropy, Options, PaperBroker, Serving, TokenLoss, User,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

const SIGNATURE: &str = include_str!("../../../shared/broker/tests/it/keys/private_signature.pem");
const ENCRYPTION: &str = include_str!("../../../shared/broker/tests/it/keys/private_encryption.pem");
const DHPARAM: &str = include_str!("../../../shared/broker/tests/it/keys/dhparam.pem");
const PUBLIC_SIGNATURE: &str = include_str!("../../../shared/broker/tests/it/keys/public_signature.pem");
const PUBLIC_ENCRYPTION: &str = include_str!("../../../shared/broker/tests/it/keys/public_encryption.pem");
/// The group ffdhe2048 of RFC 7919.
const OTHER_DHPARAM: &str = include_str!("../keys/other_dhparam.pem");
const CONSUMER: &str = "COURIERXX";
const USERNAME: &str = "paperuser";

/// A clock that goes wrong by a fixed time.
#[derive(Debug)]
struct WrongBy(SignedDuration);

impl Clock for WrongBy {
    fn now(&self) -> Timestamp {
        MachineClock.now() + self.0
    }
}

/// A broker that knows a consumer, and what an operator has before them.
struct Patient {
    broker: PaperBroker,
    origin: String,
    _serving: Serving,
    folder: TempDir,
    secret: Value,
}

impl Patient {
    async fn well() -> Self {
        Self::with_broker_clock(SignedDuration::ZERO).await
    }

    async fn with_broker_clock(wrong_by: SignedDuration) -> Self {
        let broker = PaperBroker::new(Arc::new(WrongBy(wrong_by)), Arc::new(MachineEntropy), Options::default());
        for key in [CONSUMER, "TESTCONS"] {
            // TESTCONS is somebody else's: its keys are not the patient's.
            let own = key == CONSUMER;
            broker
                .register_consumer(&ConsumerRegistration {
                    consumer_key: key.to_owned(),
                    public_signature_pem: if own { PUBLIC_SIGNATURE } else { PUBLIC_ENCRYPTION }.to_owned(),
                    public_encryption_pem: if own { PUBLIC_ENCRYPTION } else { PUBLIC_SIGNATURE }.to_owned(),
                    dhparam_pem: if own { DHPARAM } else { OTHER_DHPARAM }.to_owned(),
                    callback_url: "https://example.com/oauth/callback".to_owned(),
                    first_party: false,
                    active: true,
                })
                .unwrap();
        }
        let accounts = vec!["DU0000001".to_owned()];
        broker.register_user(User { username: USERNAME.to_owned(), paper: true, accounts }).unwrap();
        let serving = broker.serve_locally().await.unwrap();
        let secret = json!({
            "consumer_key": CONSUMER,
            "private_signature_pem": SIGNATURE,
            "private_encryption_pem": ENCRYPTION,
            "dhparam_pem": DHPARAM,
        });
        Self { broker, origin: serving.url(), _serving: serving, folder: TempDir::new().unwrap(), secret }
    }

    fn with(mut self, field: &str, value: &str) -> Self {
        self.secret[field] = json!(value);
        self
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A user's access token, whose secret may be spoilt.
    fn access_token(&self, spoil: impl FnOnce(String) -> String) -> [String; 2] {
        let grant = self.broker.grant(CONSUMER, USERNAME).unwrap();
        let file = json!({"access_token": grant.access_token, "access_token_secret": spoil(grant.access_token_secret)});
        ["--access-token".to_owned(), self.file("access_token.json", &file.to_string())]
    }

    /// The files that were sent to the broker.
    fn uploads(&self) -> Vec<String> {
        let named = [
            ("--public-signature", "public_signature.pem", PUBLIC_SIGNATURE),
            ("--public-encryption", "public_encryption.pem", PUBLIC_ENCRYPTION),
            ("--dhparam", "dhparam.pem", DHPARAM),
        ];
        named.into_iter().flat_map(|(option, name, text)| [option.to_owned(), self.file(name, text)]).collect()
    }

    async fn output(&self, options: &[String]) -> std::process::Output {
        let secret = self.file("consumer.json", &self.secret.to_string());
        let mut command = Command::new(env!("CARGO_BIN_EXE_courier"));
        command.args(["doctor", "--secret-file", &secret]).args(options);
        if !options.iter().any(|option| option == "--api-url") {
            command.args(["--api-url", &format!("{}/v1/api", self.origin)]);
        }
        command.output().await.unwrap()
    }

    async fn report(&self, options: &[String]) -> (Option<i32>, Value) {
        let output = self.output(&[options, &["--json".to_owned()]].concat()).await;
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let report = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
        (output.status.code(), report)
    }

    /// The causes, the likeliest first, and the code that says that there are some.
    async fn causes(&self, options: &[String]) -> Vec<String> {
        let (code, report) = self.report(options).await;
        assert_eq!(code, Some(1), "{report:#}");
        assert_eq!(report["well"], false);
        let causes = report["causes"].as_array().unwrap();
        causes.iter().map(|cause| cause["code"].as_str().unwrap().to_owned()).collect()
    }
}

fn finding<'r>(report: &'r Value, check: &str) -> &'r Value {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("no {check}: {report:#}"))
}

fn options<const COUNT: usize>(options: [&str; COUNT]) -> Vec<String> {
    options.map(str::to_owned).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_well_is_called_well() {
    let patient = Patient::well().await;
    let all = [patient.uploads(), patient.access_token(|secret| secret).to_vec()].concat();
    let (code, report) = patient.report(&all).await;
    assert_eq!((code, &report["well"], &report["causes"]), (Some(0), &json!(true), &json!([])), "{report:#}");
    for check in
        ["consumer_secret", "realm", "signature_key", "diffie_hellman", "sent_signature_key", "address", "clock"]
    {
        assert_eq!(finding(&report, check)["verdict"], "well", "{check}");
    }
    assert_eq!(finding(&report, "request_token")["verdict"], "well");
    assert_eq!(finding(&report, "live_session_token")["verdict"], "well");
}

/// The question that this project began with: TESTCONS, an own key pair, no realm, `401 invalid consumer`.
#[tokio::test(flavor = "multi_thread")]
async fn testcons_with_own_keys_and_no_realm_is_told_both_faults() {
    let patient = Patient::well().await.with("consumer_key", "TESTCONS").with("realm", "");
    let causes = patient.causes(&[]).await;
    assert_eq!(causes[..2], ["realm_missing", "testcons_with_own_keys"], "{causes:?}");

    let patient = Patient::well().await.with("consumer_key", "TESTCONS").with("realm", "limited_poa");
    let (_, report) = patient.report(&[]).await;
    let codes = [&report["causes"][0]["code"], &report["causes"][1]["code"]];
    assert_eq!(codes, ["realm_wrong", "testcons_with_own_keys"], "{report:#}");
    let words = finding(&report, "request_token")["says"].as_str().unwrap();
    assert!(words.contains("invalid consumer"), "{words}");
    assert!(report["causes"][1]["fix"].as_str().unwrap().contains("f51d7ab737a45266"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_swapped_are_named_from_the_files_and_from_the_broker_alone() {
    let patient =
        Patient::well().await.with("private_signature_pem", ENCRYPTION).with("private_encryption_pem", SIGNATURE);
    assert_eq!(patient.causes(&patient.uploads()).await[0], "keys_swapped");
    // Nobody kept the files: the broker takes the other key's signature.
    assert_eq!(patient.causes(&[]).await[0], "keys_swapped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_realm_is_named_and_the_right_one_tried() {
    let patient = Patient::well().await.with("realm", "test_realm");
    let (code, report) = patient.report(&[]).await;
    assert_eq!((code, &report["causes"][0]["code"]), (Some(1), &json!("realm_wrong")), "{report:#}");
    assert!(finding(&report, "other_realm")["says"].as_str().unwrap().contains("knows the consumer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_host_is_named_and_not_asked() {
    let patient = Patient::well().await;
    let old = options(["--api-url", "https://www.interactivebrokers.com/tradingapi/v1"]);
    assert_eq!(patient.causes(&old).await, ["old_host"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_prefix_is_named() {
    let patient = Patient::well().await;
    let origin = patient.origin.clone();
    let (code, report) = patient.report(&options(["--api-url", &origin])).await;
    assert_eq!((code, &report["causes"][0]["code"]), (Some(1), &json!("prefix_missing")), "{report:#}");
    assert_eq!(patient.broker.calls().last().unwrap().status, Some(404));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ten_minutes_off_is_named() {
    for minutes in [-10, 10] {
        let patient = Patient::with_broker_clock(SignedDuration::from_mins(minutes)).await;
        assert_eq!(patient.causes(&[]).await, ["clock_skew"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_key_in_lower_case_is_named() {
    let patient = Patient::well().await.with("consumer_key", &CONSUMER.to_lowercase());
    assert_eq!(patient.causes(&[]).await[0], "consumer_key_lower_case");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prime_of_another_file_is_named_by_the_file_and_by_the_proof() {
    let patient = Patient::well().await.with("dhparam_pem", OTHER_DHPARAM);
    assert_eq!(patient.causes(&patient.uploads()).await, ["prime_differs"]);
    assert_eq!(patient.causes(&patient.access_token(|secret| secret)).await[0], "prime_differs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_not_active_yet_is_told_to_wait() {
    let patient = Patient::well().await;
    patient.broker.set_consumer_active(CONSUMER, false);
    let causes = patient.causes(&patient.uploads()).await;
    assert_eq!(causes[..3], ["consumer_not_active", "consumer_changed", "first_party_key"], "{causes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_told_from_a_consumer_that_is_not_active() {
    let patient = Patient::well().await;
    let access_token = patient.access_token(|secret| secret);
    patient.broker.lose_tokens(USERNAME, TokenLoss::Revoked);
    assert_eq!(patient.causes(&access_token).await[0], "token_revoked");
    patient.broker.lose_tokens(USERNAME, TokenLoss::SecretLost);
    assert_eq!(patient.causes(&access_token).await[0], "token_lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_copied_badly_is_named() {
    let patient = Patient::well().await;
    let cut = patient.access_token(|secret| secret[..340].to_owned());
    assert_eq!(patient.causes(&cut).await, ["secret_truncated"]);
    let without_its_end = patient.access_token(|secret| secret.trim_end_matches('=').to_owned());
    assert_eq!(patient.causes(&without_its_end).await, ["secret_truncated"]);
}

/// What becomes of a secret that is copied badly.
type Spoil = fn(String) -> String;

/// An accepted signature proves that the broker holds the right file: only the one that was named is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_is_told_from_a_wrong_consumer_by_what_the_broker_accepts() {
    let patient = Patient::well().await;
    let wrong = options(["--public-signature", &patient.file("wrong.pem", PUBLIC_ENCRYPTION)]);
    let (code, report) = patient.report(&wrong).await;
    assert_eq!((code, &report["causes"]), (Some(0), &json!([])), "{report:#}");
    let sent = finding(&report, "sent_signature_key");
    assert_eq!(sent["verdict"], "warning");
    let says = sent["says"].as_str().unwrap();
    for told in
        ["holds another file than the one named here", "consumer works", "nothing is to be sent", "Keep the right"]
    {
        assert!(says.contains(told), "{told}: {says}");
    }
    // A request token says nothing of the encryption key and of the prime: a live session token does.
    let others = options([
        "--public-encryption",
        &patient.file("wrong.pem", PUBLIC_SIGNATURE),
        "--dhparam",
        &patient.file("wrong_dhparam.pem", OTHER_DHPARAM),
    ]);
    assert_eq!(patient.causes(&others).await, ["keys_swapped", "prime_differs"]);
    let (code, report) = patient.report(&[others, patient.access_token(|secret| secret).to_vec()].concat()).await;
    assert_eq!(code, Some(0), "{report:#}");
    for check in ["sent_encryption_key", "sent_diffie_hellman"] {
        assert_eq!(finding(&report, check)["verdict"], "warning", "{check}: {report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_party_without_an_access_token_is_told_that_the_broker_was_not_asked() {
    let patient = Patient::well().await;
    let output = patient.output(&options(["--first-party"])).await;
    let (told, progress) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("the broker was not asked") && told.contains("--access-token FILE"), "{told}");
    assert!(told.ends_with("No fault was found. The broker was not asked.\n"), "{told}");
    assert!(!progress.contains("Asking the broker"), "{progress}");
    assert!(patient.broker.calls().is_empty());
}

/// The same is told without a call.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_copied_badly_is_named_offline() {
    let patient = Patient::well().await;
    let offline = |token: [String; 2]| [token.as_slice(), &["--offline".to_owned()]].concat();
    let (code, report) = patient.report(&offline(patient.access_token(|secret| secret))).await;
    assert_eq!((code, &finding(&report, "access_token_secret")["verdict"]), (Some(0), &json!("well")), "{report:#}");
    let spoils: [(Spoil, &str); 5] = [
        (|secret| secret[..340].to_owned(), "secret_truncated"),
        (|_| "ab".repeat(32), "secret_opened"),
        (|_| "ab".repeat(256), "secret_hexadecimal"),
        (|_| String::new(), "access_token_form"),
        (|_| "not base64 at all".to_owned(), "secret_truncated"),
    ];
    for (spoil, expected) in spoils {
        assert_eq!(patient.causes(&offline(patient.access_token(spoil))).await, [expected]);
    }
    let token = patient.access_token(|secret| secret);
    let patient = patient.with("private_encryption_pem", SIGNATURE).with("private_signature_pem", ENCRYPTION);
    assert_eq!(patient.causes(&offline(token)).await, ["encryption_key_differs"]);
    assert!(patient.broker.calls().is_empty());
}

/// What `courier keys generate` leaves, before IBKR has given a key.
#[tokio::test(flavor = "multi_thread")]
async fn fresh_keys_are_told_that_the_consumer_key_is_missing_and_nothing_else() {
    let patient = Patient::well().await.with("consumer_key", "");
    assert_eq!(patient.causes(&[]).await, ["consumer_key_missing"]);
    let token = patient.access_token(|secret| secret);
    assert_eq!(patient.causes(&token).await, ["consumer_key_missing"]);
}

/// Files of Windows, and files in another form than their name says.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_whatever_wrote_them_or_named_for_what_they_are() {
    let patient = Patient::well().await;
    let utf16 = |text: &str| [vec![0xff, 0xfe], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
    let path = |name: &str, bytes: &[u8]| {
        let path = patient.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let public = path("public.pem", &utf16(PUBLIC_SIGNATURE));
    let dhparam = path("dhparam.pem", format!("\u{feff}{}", DHPARAM.replace('\n', "\r\n")).as_bytes());
    let read = options(["--offline", "--public-signature", &public, "--dhparam", &dhparam]);
    let (code, report) = patient.report(&read).await;
    assert_eq!(code, Some(0), "{report:#}");
    let der = path("public.der", &[0x30, 0x82, 0x01, 0x22, 0x30, 0x0d]);
    let private = path("private.pem", SIGNATURE.as_bytes());
    let wrong = path("wrong.pem", DHPARAM.as_bytes());
    for (file, code, says) in [
        (der, "key_unreadable", "DER"),
        (private, "private_key_sent", "a private key, the half that nobody is sent"),
        (wrong, "another_file", "DH PARAMETERS"),
    ] {
        let cause = json!(code);
        let (code, report) = patient.report(&options(["--offline", "--public-signature", &file])).await;
        let finding = finding(&report, "sent_signature_key");
        assert_eq!((code, &finding["causes"][0]["code"]), (Some(1), &cause), "{report:#}");
        assert!(finding["says"].as_str().unwrap().contains(says), "{finding:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encryption_key_of_another_pair_is_named() {
    let patient = Patient::well().await;
    let access_token = patient.access_token(|secret| secret);
    let patient = patient.with("private_encryption_pem", SIGNATURE);
    let causes = patient.causes(&access_token).await;
    assert!(causes[..2].contains(&"encryption_key_differs".to_owned()), "{causes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_nobody_filled_or_that_lacks_a_field_is_named() {
    let mut patient = Patient::well().await;
    patient.secret = json!({"consumer_key": CONSUMER, "private_signature_pem": "no key", "passphrase": "x"});
    let (code, report) = patient.report(&options(["--offline"])).await;
    assert_eq!(code, Some(1));
    let findings = report["findings"].as_array().unwrap().iter();
    let says: Vec<&str> =
        findings.filter(|one| one["check"] == "consumer_secret").map(|one| one["says"].as_str().unwrap()).collect();
    for field in ["private_encryption_pem is missing", "dhparam_pem is missing", "`passphrase` is no field"] {
        assert!(says.iter().any(|says| says.contains(field)), "{field}: {says:?}");
    }
    assert_eq!(finding(&report, "signature_key")["causes"][0]["code"], "key_unreadable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_party_key_is_recognised_by_the_token_that_works() {
    let patient = Patient::well().await;
    let registration = ConsumerRegistration {
        consumer_key: CONSUMER.to_owned(),
        public_signature_pem: PUBLIC_SIGNATURE.to_owned(),
        public_encryption_pem: PUBLIC_ENCRYPTION.to_owned(),
        dhparam_pem: DHPARAM.to_owned(),
        callback_url: String::new(),
        first_party: true,
        active: true,
    };
    patient.broker.register_consumer(&registration).unwrap();
    let access_token = patient.access_token(|secret| secret);
    let (code, report) = patient.report(&access_token).await;
    assert_eq!((code, &finding(&report, "request_token")["verdict"]), (Some(0), &json!("warning")), "{report:#}");
    let first_party = [access_token.as_slice(), &["--first-party".to_owned()]].concat();
    let (code, report) = patient.report(&first_party).await;
    assert_eq!((code, &finding(&report, "request_token")["verdict"]), (Some(0), &json!("skipped")), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_of_another_client_is_taken_apart() {
    let patient = Patient::well().await;
    let (_, report) = patient.report(&options(["--explain"])).await;
    let (exchange, now) = (&report["exchanges"][0], MachineClock.now().as_second());
    let ours = exchange["authorization"].as_str().unwrap();
    let url = exchange["url"].as_str().unwrap();
    let spoilt: Vec<(String, &str)> = vec![
        (ours.replace("realm=\"limited_poa\", ", ""), "realm_missing"),
        (ours.replace("limited_poa", "test_realm"), "realm_wrong"),
        ("OAuth".to_owned(), "header_cut"),
        (ours.replace("oauth_nonce=", "oauth_nonce=\"a\", oauth_nonce="), "parameter_twice"),
        (ours.replace("oauth_callback=\"oob\"", "oauth_callback=\"https%3A%2F%2Fexample.com\""), "parameter_wrong"),
        (ours.replace("%2B", "+").replace("%2F", "/").replace("%3D", "="), "signature_not_encoded"),
        (ours.replace("RSA-SHA256", "HMAC-SHA1"), "signature_method"),
        (ours.replace(&format!("\"{}", now / 1000), "\"9"), "signature_differs"),
    ];
    for (header, expected) in spoilt {
        let file = patient.file("header.txt", &header);
        let causes = patient.causes(&options(["--offline", "--header", &file, "--header-url", url])).await;
        assert_eq!(causes[0], expected, "{header}");
    }
    let printed = [
        format!("Authorization: {ours}"),
        format!("> authorization: {ours}\r\n> host: api.ibkr.com\r\n"),
        json!({"authorization": ours, "accept": "*/*"}).to_string(),
    ];
    for text in printed {
        let file = patient.file("header.txt", &text);
        let (code, report) = patient.report(&options(["--offline", "--header", &file, "--header-url", url])).await;
        assert_eq!((code, &finding(&report, "header_signature")["verdict"]), (Some(0), &json!("well")), "{report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_shows_the_request_and_no_secret() {
    let patient = Patient::well().await;
    let access_token = patient.access_token(|secret| secret);
    let output = patient.output(&[access_token.as_slice(), &["--explain".to_owned()]].concat()).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("POST&http%3A%2F%2F127.0.0.1"), "{text}");
    assert!(text.contains("<access token secret, 64 hexadecimal digits>POST&"), "{text}");
    assert!(text.contains("No fault was found."), "{text}");
    for issued in patient.broker.issued_secrets(USERNAME) {
        assert!(!text.contains(&issued.access_token));
        assert!(!text.contains(&hex::encode(&issued.access_token_secret)));
    }
    let line = SIGNATURE.lines().nth(1).unwrap();
    assert!(!text.contains(line));
}
