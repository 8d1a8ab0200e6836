//! Every stage of the published example of the broker, and of vectors that other libraries computed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails like the test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::Uint;
use der::{Encode as _, pem::LineEnding};
use serde_json::Value;
use signing::{
    AccessTokenSecret, BaseString, DiffieHellmanParameters, DiffieHellmanRandom, EncryptionKey, LiveSessionToken,
    Parameters, QuerySigning, SignatureKey, UnprovedLiveSessionToken,
};
use url::Url;

fn ibkr() -> Value {
    serde_json::from_str(include_str!("../vectors/ibkr_2018.json")).unwrap()
}

fn independent() -> Value {
    serde_json::from_str(include_str!("../vectors/independent.json")).unwrap()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}"))
}

fn pem_of(label: &'static str, der_hex: &str) -> String {
    der::pem::encode_string(label, LineEnding::LF, &hex::decode(der_hex).unwrap()).unwrap()
}

fn signature_key(vectors: &Value, field: &str) -> SignatureKey {
    SignatureKey::from_pem(&pem_of("PRIVATE KEY", text(vectors, field))).unwrap()
}

fn encryption_key(vectors: &Value) -> EncryptionKey {
    let field =
        if vectors["consumer_key"].is_string() { "encryption_key_pkcs8_der_hex" } else { "encryption_pkcs8_der_hex" };
    EncryptionKey::from_pem(&pem_of("PRIVATE KEY", text(vectors, field))).unwrap()
}

/// The parameters through a PEM file, as an operator has them.
fn parameters(prime_hex: &str, generator_hex: &str) -> DiffieHellmanParameters {
    let bytes = |digits: &str| {
        let padded = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
        Uint::new(&hex::decode(padded).unwrap()).unwrap()
    };
    let der = vec![bytes(prime_hex), bytes(generator_hex)].to_der().unwrap();
    DiffieHellmanParameters::from_pem(&der::pem::encode_string("DH PARAMETERS", LineEnding::LF, &der).unwrap()).unwrap()
}

fn random_from(big_endian: &[u8]) -> DiffieHellmanRandom {
    let mut bytes = [0; DiffieHellmanRandom::BYTES];
    bytes[DiffieHellmanRandom::BYTES - big_endian.len()..].copy_from_slice(big_endian);
    DiffieHellmanRandom::from_bytes(bytes).unwrap()
}

/// Base 10 to 32 bytes, by hand: the published example prints its random number in decimal.
fn random_from_decimal(decimal: &str) -> DiffieHellmanRandom {
    let mut bytes = [0_u8; DiffieHellmanRandom::BYTES];
    for digit in decimal.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in bytes.iter_mut().rev() {
            let product = u32::from(*byte) * 10 + carry;
            *byte = u8::try_from(product & 0xff).unwrap();
            carry = product >> 8;
        }
    }
    DiffieHellmanRandom::from_bytes(bytes).unwrap()
}

fn oauth(vectors: &Value, step: &Value, method: &str) -> Parameters {
    let mut parameters = Parameters::default()
        .with("oauth_consumer_key", text(vectors, "consumer_key"))
        .with("oauth_nonce", text(step, "nonce"))
        .with("oauth_signature_method", method)
        .with("oauth_timestamp", step["timestamp"].to_string().trim_matches('"'));
    for (name, field) in [
        ("oauth_callback", "callback"),
        ("oauth_token", "oauth_token"),
        ("oauth_verifier", "oauth_verifier"),
        ("diffie_hellman_challenge", "dh_challenge_hex"),
    ] {
        if let Some(value) = step[field].as_str() {
            parameters = parameters.with(name, value);
        }
    }
    parameters
}

fn base_of(vectors: &Value, step: &Value, method: &str) -> BaseString {
    let mut url = Url::parse(text(step, "url")).unwrap();
    let pairs = |field: &str| -> Vec<(String, String)> {
        let fields = step[field].as_object().into_iter().flatten();
        fields.map(|(name, value)| (name.clone(), value.to_string().trim_matches('"').to_owned())).collect()
    };
    if step["query"].is_object() {
        url.query_pairs_mut().extend_pairs(pairs("query"));
    }
    let form = pairs("form");
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    BaseString::new(text(step, "method"), &url, QuerySigning::Include, &oauth(vectors, step, method), &form)
}

#[test]
fn the_published_request_and_access_token_are_signed_to_the_byte() {
    let vectors = ibkr();
    let key = signature_key(&vectors, "signing_key_pkcs8_der_hex");
    for step in ["request_token", "access_token"] {
        let step = &vectors[step];
        let base = base_of(&vectors, step, "RSA-SHA256");
        assert_eq!(base.expose(), text(step, "base_string"));
        assert_eq!(key.sign(&base).unwrap(), text(step, "signature_b64"));
    }
}

#[test]
fn the_published_access_token_secret_opens() {
    let vectors = ibkr();
    let response = &vectors["access_token"]["response"];
    let secret = encryption_key(&vectors).open(text(response, "oauth_token_secret")).unwrap();
    let access_token = &vectors["access_token"];
    let plain = access_token["decrypted_secret_hex"].as_str().or(response["decrypted_secret_hex"].as_str()).unwrap();
    assert_eq!(hex::encode(secret.expose()), plain);
}

#[test]
fn the_published_live_session_token_is_derived_and_proved() {
    let vectors = ibkr();
    let step = &vectors["live_session_token"];
    let group = parameters(text(&vectors, "dh_prime_hex"), text(&vectors, "dh_generator_hex"));
    let random = random_from_decimal(text(step, "dh_private_a_decimal"));
    assert_eq!(group.challenge(&random), text(step, "dh_challenge_hex"));

    let secret =
        encryption_key(&vectors).open(text(&vectors["access_token"]["response"], "oauth_token_secret")).unwrap();
    let base = base_of(&vectors, step, "RSA-SHA256").after_secret(&secret);
    assert_eq!(base.expose(), text(step, "base_string"));
    let key = signature_key(&vectors, "signing_key_pkcs8_der_hex");
    assert_eq!(key.sign(&base).unwrap(), text(step, "signature_b64"));

    let shared = group.shared_secret(&random, text(step, "dh_response_hex")).unwrap();
    let token = UnprovedLiveSessionToken::derive(&shared, &secret);
    let token = token.prove(text(&vectors, "consumer_key"), text(step, "lst_signature_hex")).unwrap();
    assert_eq!(STANDARD.encode(token.expose()), text(step, "lst_b64"));

    let get = &vectors["get"];
    let base = base_of(&vectors, get, "HMAC-SHA256");
    assert_eq!(base.expose(), text(get, "base_string"));
    assert_eq!(token.sign(&base), text(get, "signature_b64"));
}

#[test]
fn the_published_form_post_signs_its_fields() {
    let vectors = ibkr();
    let step = &vectors["post_form"];
    let base = base_of(&vectors, step, "HMAC-SHA256");
    assert_eq!(base.expose(), text(step, "base_string"));
    let token = STANDARD.decode(text(step, "lst_b64")).unwrap();
    assert_eq!(LiveSessionToken::from_stored(token.try_into().unwrap()).sign(&base), text(step, "signature_b64"));
}

#[test]
fn a_shared_secret_of_whole_bytes_gets_its_leading_zero() {
    let vectors = ibkr();
    let step = &vectors["synthetic_leading_zero"];
    let group = parameters(text(&vectors, "dh_prime_hex"), text(&vectors, "dh_generator_hex"));
    let random = random_from_decimal(text(step, "dh_private_a_decimal"));
    let shared = group.shared_secret(&random, text(step, "dh_response_hex")).unwrap();
    assert_eq!(hex::encode(shared.expose()), format!("00{}", text(step, "shared_secret_K_hex")));

    let secret =
        encryption_key(&vectors).open(text(&vectors["access_token"]["response"], "oauth_token_secret")).unwrap();
    let token = UnprovedLiveSessionToken::derive(&shared, &secret);
    let token = token.prove(text(&vectors, "consumer_key"), text(step, "lst_signature_hex")).unwrap();
    assert_eq!(STANDARD.encode(token.expose()), text(step, "lst_b64"));
}

#[test]
fn every_independent_request_is_signed_to_the_byte() {
    let vectors = independent();
    let requests = vectors["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 7);
    for request in requests {
        let name = text(request, "name");
        let query = if name.contains("query signed") { QuerySigning::Include } else { QuerySigning::Omit };
        let mut parameters = Parameters::default();
        for (name, value) in request["oauth"].as_object().unwrap() {
            parameters = parameters.with(name.clone().leak(), value.as_str().unwrap());
        }
        let url = Url::parse(text(request, "url")).unwrap();
        let mut base = BaseString::new(text(request, "method"), &url, query, &parameters, &[]);
        if !text(request, "prepend").is_empty() {
            base = base.after_secret(&AccessTokenSecret::from_bytes(hex::decode(text(request, "prepend")).unwrap()));
        }
        assert_eq!(base.expose(), text(request, "base_string"), "{name}");
        let signature = match text(request, "key") {
            field @ "signature_pkcs8_der_hex" => signature_key(&vectors, field).sign(&base).unwrap(),
            token => LiveSessionToken::from_stored(STANDARD.decode(token).unwrap().try_into().unwrap()).sign(&base),
        };
        assert_eq!(signature, text(request, "signature"), "{name}");
    }
}

#[test]
fn every_independent_live_session_token_is_derived_and_proved() {
    let vectors = independent();
    let key = encryption_key(&vectors);
    for step in vectors["live_session_tokens"].as_array().unwrap() {
        let generator = step["dh_generator"].to_string();
        let group = parameters(text(step, "dh_prime"), generator.trim_matches('"'));
        let random = random_from(&hex::decode(text(step, "dh_random")).unwrap());
        assert_eq!(group.challenge(&random), text(step, "diffie_hellman_challenge"));
        let secret = key.open(text(step, "access_token_secret")).unwrap();
        assert_eq!(hex::encode(secret.expose()), text(step, "decrypted_secret_hex"));
        let shared = group.shared_secret(&random, text(step, "diffie_hellman_response")).unwrap();
        assert_eq!(hex::encode(shared.expose()), text(step, "shared_secret_bytes"));
        let token = UnprovedLiveSessionToken::derive(&shared, &secret);
        let token = token.prove(text(step, "consumer_key"), text(step, "live_session_token_signature")).unwrap();
        assert_eq!(STANDARD.encode(token.expose()), text(step, "live_session_token"));
    }
}

#[test]
fn a_key_in_pkcs1_is_the_key_in_pkcs8() {
    let vectors = independent();
    let pkcs8 = signature_key(&vectors, "signature_pkcs8_der_hex");
    let pkcs1 = SignatureKey::from_pem(&pem_of("RSA PRIVATE KEY", text(&vectors, "signature_pkcs1_der_hex"))).unwrap();
    assert_eq!(pkcs1.fingerprint(), pkcs8.fingerprint());
    assert_eq!(pkcs1.fingerprint().len(), 64);
}
