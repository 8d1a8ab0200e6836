//! A minimal client: it signs by the broker's published rules, in process, and lets a test spoil every part.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, to_bytes};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Clock;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Request};
use num_bigint::BigUint;
use paper_broker::{ConnectionDropped, PaperBroker};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rsa::pkcs8::DecodePrivateKey;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;
use tower::ServiceExt;

use crate::world::{ACCOUNT, CONSUMER, PRIVATE_ENCRYPTION, PRIVATE_SIGNATURE, TestClock, USERNAME, World};

pub(crate) const ORIGIN: &str = "https://api.ibkr.com";

/// Parts of a request that a test may spoil.
pub(crate) type Spoil<'a> = &'a dyn Fn(&mut Parts);

#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Sent after the path.
    pub(crate) query: String,
    /// Signed among the parameters.
    pub(crate) signed_query: Vec<(String, String)>,
    /// The URL in the base string.
    pub(crate) signed_url: String,
    pub(crate) realm: String,
    pub(crate) oauth: BTreeMap<String, String>,
    pub(crate) key: Key,
    pub(crate) prepend: String,
    /// Whether the signature is percent-encoded in the header, as it must be.
    pub(crate) encodes_signature: bool,
    pub(crate) body: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

#[derive(Clone)]
pub(crate) enum Key {
    Rsa(&'static str),
    Hmac(Vec<u8>),
}

#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) dropped: Option<ConnectionDropped>,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|problem| panic!("{problem}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The error's text; empty if there is none.
    pub(crate) fn error(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body.get("error").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) broker: PaperBroker,
    clock: Arc<TestClock>,
    nonce: Arc<AtomicU64>,
    pub(crate) consumer: String,
    pub(crate) realm: String,
    pub(crate) token: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) live: Vec<u8>,
}

impl Client {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            broker: world.broker.clone(),
            clock: world.clock.clone(),
            nonce: Arc::new(AtomicU64::new(1)),
            consumer: CONSUMER.to_owned(),
            realm: "limited_poa".to_owned(),
            token: String::new(),
            secret: Vec::new(),
            live: Vec::new(),
        }
    }

    /// Logged in as the first user: token, live session, brokerage session, accounts read.
    pub(crate) async fn trading(world: &World) -> Self {
        let mut client = Self::granted(world, USERNAME);
        client.log_in().await;
        client.start_brokerage().await;
        client
    }

    /// With an access token, and nothing more.
    pub(crate) fn granted(world: &World, username: &str) -> Self {
        let mut client = Self::new(world);
        let grant = world.broker.grant(CONSUMER, username).unwrap();
        client.token = grant.access_token;
        client.secret = decrypt(&grant.access_token_secret);
        client
    }

    pub(crate) async fn start_brokerage(&self) {
        let init = self.post("/iserver/auth/ssodh/init", &json!({"publish": true, "compete": true})).await;
        assert_eq!(init.json()["authenticated"], true);
        assert_eq!(self.get("/iserver/accounts").await.json()["accounts"][0], ACCOUNT);
    }

    /// Asks for a live session token, and proves it.
    pub(crate) async fn log_in(&mut self) {
        let answered = self.live_session_token(&|_| ()).await;
        assert_eq!(answered.status, 200, "{}", answered.text());
        self.adopt(&answered.json(), 0xabc_def);
    }

    pub(crate) async fn live_session_token(&self, spoil: Spoil<'_>) -> Answered {
        let (prime, generator) = dh();
        let challenge = generator.modpow(&exponent(0xabc_def), &prime).to_str_radix(16);
        let mut parts = self.parts("POST", "/oauth/live_session_token", Key::Rsa(PRIVATE_SIGNATURE));
        parts.oauth.insert("diffie_hellman_challenge".to_owned(), challenge);
        parts.prepend = hex::encode(&self.secret);
        spoil(&mut parts);
        self.send(parts).await
    }

    fn adopt(&mut self, body: &Value, seed: u64) {
        let response = BigUint::parse_bytes(body["diffie_hellman_response"].as_str().unwrap().as_bytes(), 16).unwrap();
        let shared = response.modpow(&exponent(seed), &dh().0);
        let mut bytes = shared.to_bytes_be();
        if bytes[0] >= 0x80 {
            bytes.insert(0, 0);
        }
        self.live = hmac_sha1(&bytes, &self.secret);
        let proof = hex::encode(hmac_sha1(&self.live, self.consumer.as_bytes()));
        assert_eq!(body["live_session_token_signature"], proof);
    }

    /// An RSA-signed step before there is an access token.
    pub(crate) async fn step(&self, endpoint: &str, oauth: &[(&str, &str)], spoil: Spoil<'_>) -> Answered {
        let mut parts = self.parts("POST", &format!("/oauth/{endpoint}"), Key::Rsa(PRIVATE_SIGNATURE));
        parts.oauth.extend(oauth.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        spoil(&mut parts);
        self.send(parts).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.call("GET", path, None, &|_| ()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answered {
        self.call("POST", path, Some(body), &|_| ()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answered {
        self.call("DELETE", path, None, &|_| ()).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>, spoil: Spoil<'_>) -> Answered {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut parts = self.parts(method, path, Key::Hmac(self.live.clone()));
        query.clone_into(&mut parts.query);
        if let Some(body) = body {
            parts.body = body.to_string();
            parts.headers.push(("content-type", "application/json".to_owned()));
        }
        spoil(&mut parts);
        self.send(parts).await
    }

    pub(crate) fn parts(&self, method: &str, path: &str, key: Key) -> Parts {
        let nonce = format!("n{:031}", self.nonce.fetch_add(1, Ordering::SeqCst));
        let algorithm = if matches!(key, Key::Rsa(_)) { "RSA-SHA256" } else { "HMAC-SHA256" };
        let mut oauth = BTreeMap::from([
            ("oauth_consumer_key".to_owned(), self.consumer.clone()),
            ("oauth_nonce".to_owned(), nonce),
            ("oauth_timestamp".to_owned(), self.clock.now().as_second().to_string()),
            ("oauth_signature_method".to_owned(), algorithm.to_owned()),
        ]);
        if !self.token.is_empty() {
            oauth.insert("oauth_token".to_owned(), self.token.clone());
        }
        Parts {
            method: method.to_owned(),
            path: format!("/v1/api{path}"),
            query: String::new(),
            signed_query: Vec::new(),
            signed_url: format!("{ORIGIN}/v1/api{path}"),
            realm: self.realm.clone(),
            oauth,
            key,
            prepend: String::new(),
            encodes_signature: true,
            body: String::new(),
            headers: vec![("user-agent", "paper-test".to_owned())],
        }
    }

    pub(crate) async fn send(&self, parts: Parts) -> Answered {
        let uri = if parts.query.is_empty() { parts.path.clone() } else { format!("{}?{}", parts.path, parts.query) };
        let mut request = Request::builder().method(parts.method.as_str()).uri(uri);
        request = request.header("authorization", authorization(&parts));
        if parts.method == "POST" && !parts.headers.iter().any(|(name, _)| *name == "no-length") {
            request = request.header("content-length", parts.body.len());
        }
        for (name, value) in parts.headers.iter().filter(|(name, _)| *name != "no-length") {
            request = request.header(*name, value);
        }
        self.raw(request.body(Body::from(parts.body)).unwrap()).await
    }

    pub(crate) async fn raw(&self, request: Request<Body>) -> Answered {
        let response = self.broker.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let dropped = parts.extensions.get::<ConnectionDropped>().copied();
        let body = to_bytes(body, 1 << 20).await.unwrap().to_vec();
        Answered { status: parts.status.as_u16(), headers: parts.headers, body, dropped }
    }
}

pub(crate) fn authorization(parts: &Parts) -> String {
    let mut all = parts.oauth.clone();
    all.extend(parts.signed_query.iter().cloned());
    let joined = all.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&");
    let base = format!("{}{}&{}&{}", parts.prepend, parts.method, encode(&parts.signed_url), encode(&joined));
    let signature = match &parts.key {
        Key::Rsa(pem) => {
            rsa::PrivateKey::from_pkcs8_pem(pem).unwrap().pkcs1v15_sign::<Sha256>(base.as_bytes()).unwrap()
        }
        Key::Hmac(key) => {
            Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(&base).finalize().into_bytes().to_vec()
        }
    };
    let fields: Vec<String> = parts.oauth.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    let signature = STANDARD.encode(signature);
    let signature = if parts.encodes_signature { encode(&signature) } else { signature };
    format!("OAuth realm=\"{}\", {}, oauth_signature=\"{signature}\"", parts.realm, fields.join(", "))
}

pub(crate) fn encode(text: &str) -> String {
    const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encode(text.as_bytes(), &RESERVED).to_string()
}

pub(crate) fn decrypt(secret: &str) -> Vec<u8> {
    let key = rsa::PrivateKey::from_pkcs8_pem(PRIVATE_ENCRYPTION).unwrap();
    key.pkcs1v15_decrypt(&STANDARD.decode(secret).unwrap()).unwrap()
}

/// The prime and the generator as `openssl dhparam -text` prints them.
fn dh() -> (BigUint, BigUint) {
    let prime = include_str!("../keys/prime.hex").trim();
    (BigUint::parse_bytes(prime.as_bytes(), 16).unwrap(), BigUint::from(2_u8))
}

fn exponent(seed: u64) -> BigUint {
    BigUint::from(seed).pow(9)
}

fn hmac_sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<Sha1>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().to_vec()
}
