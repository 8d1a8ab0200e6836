//! The three-legged flow, and what its refusals mean.

use std::sync::Arc;

use broker::{
    DiffieHellmanParameters, NextStep, OAuthError, OAuthStep, ProvedLiveSessionToken, QuerySigning, RequestToken,
    TransportError, Verifier,
};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;
use signing::{AccessTokenSecret, DiffieHellmanRandom, UnprovedLiveSessionToken};

use crate::support::{DHPARAM_PEM, NOW, Player, Recorded, SECRET, answer, api, consumer, consumer_of, grant, page};

fn token() -> RequestToken {
    RequestToken::new("25ebcc75204da80b73f4").unwrap()
}

fn header(request: &Request<Bytes>) -> String {
    request.headers()["authorization"].to_str().unwrap().to_owned()
}

async fn refused(response: Response<Bytes>) -> OAuthError {
    consumer(Recorded::new(vec![Ok(response)])).request_token().await.unwrap_err()
}

#[tokio::test]
async fn a_request_token_is_asked_for_with_the_callback_out_of_band() {
    let transport = Recorded::new(vec![Ok(answer(200, r#"{"oauth_token":"25ebcc75204da80b73f4"}"#))]);
    let consumer = consumer(transport.clone());
    let token = consumer.request_token().await.unwrap();
    assert_eq!(token.expose(), "25ebcc75204da80b73f4");
    assert_eq!(format!("{token:?}"), "RequestToken(redacted)");
    let request = transport.request(0);
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/api/oauth/request_token"));
    assert_eq!(request.headers()["content-length"], "0");
    let header = header(&request);
    assert!(header.starts_with(r#"OAuth realm="limited_poa", oauth_callback="oob", oauth_consumer_key="COURIERXX""#));
    assert!(header.contains(r#"oauth_signature_method="RSA-SHA256""#) && header.contains("oauth_signature=\""));
    assert_eq!(
        consumer.authorize_url(&token).as_str(),
        "https://interactivebrokers.com/authorize?oauth_token=25ebcc75204da80b73f4"
    );
}

#[tokio::test]
async fn the_paper_flag_is_read_under_both_of_its_names_and_may_be_missing() {
    for (flag, expected) in [
        (r#""is_paper":true"#, Some(true)),
        (r#""is_true":"false""#, Some(false)),
        (r#""is_paper":null"#, None),
        (r#""x":1"#, None),
    ] {
        let body = format!(r#"{{{flag},"oauth_token":"6f531f8fd316915af53f","oauth_token_secret":"AAAA"}}"#);
        let transport = Recorded::new(vec![Ok(answer(200, &body))]);
        let verifier = Verifier::new("61c107d4cf34ac6d9f2b").unwrap();
        let answer = consumer(transport.clone()).access_token(&token(), &verifier).await.unwrap();
        assert_eq!((answer.is_paper, answer.sealed_secret.expose()), (expected, "AAAA"));
        let header = header(&transport.request(0));
        assert!(header.contains(r#"oauth_token="25ebcc75204da80b73f4", oauth_verifier="61c107d4cf34ac6d9f2b""#));
        assert!(!format!("{answer:?}").contains("6f531f"), "tokens never show");
    }
}

#[tokio::test]
async fn an_invalid_consumer_names_its_likely_causes_for_this_key_and_realm() {
    let body = r#"{"error":"id: 8291, error: invalid consumer","statusCode":401}"#;
    let causes_for = async |key: &str, realm: Option<&str>| {
        let api = api(Recorded::new(vec![Ok(answer(401, body))]), QuerySigning::Omit);
        let error = consumer_of(api, key, realm).request_token().await.unwrap_err();
        assert_eq!(error.next_step(), NextStep::AskOperator);
        error.to_string()
    };
    let ordinary = causes_for("COURIERXX", None).await;
    assert!(ordinary.contains("(1) the key is not active yet") && ordinary.contains("COURIERXX"), "{ordinary}");
    let wrong_realm = causes_for("COURIERXX", Some("test_realm")).await;
    assert!(wrong_realm.contains(r#"(1) the realm must be "limited_poa""#), "{wrong_realm}");
    let lower_case = causes_for("courierxx", None).await;
    assert!(lower_case.contains("(1) consumer keys have 9 upper-case letters"), "{lower_case}");
    let testcons = causes_for("TESTCONS", Some("limited_poa")).await;
    assert!(
        testcons.contains(r#"(1) the realm must be "test_realm""#) && testcons.contains("IBKR's own demo"),
        "{testcons}"
    );
    assert!(!testcons.contains("not active yet"), "{testcons}");
}

#[tokio::test]
async fn each_refusal_has_its_meaning_and_its_next_step() {
    type Meant = fn(&OAuthError) -> bool;
    let cases: [(Response<Bytes>, Meant, NextStep); 10] = [
        (
            answer(401, r#"{"error":"LST failed, Invalid signature"}"#),
            |error| matches!(error, OAuthError::SignatureInvalid { signature_key_fingerprint, .. } if signature_key_fingerprint.len() == 64),
            NextStep::AskOperator,
        ),
        (
            answer(401, r#"{"error":"LST failed, error: No access secret key found for COURIERXX"}"#),
            |error| matches!(error, OAuthError::AccessSecretMissing { .. }),
            NextStep::AskUser,
        ),
        (
            answer(401, r#"{"error":"oauth_nonce missing"}"#),
            |error| error.to_string().contains("A part of the header is missing"),
            NextStep::AskOperator,
        ),
        (
            answer(404, ""),
            |error| error.to_string().contains("https://api.ibkr.com/v1/api/oauth/request_token"),
            NextStep::AskOperator,
        ),
        (page(403), |error| *error == OAuthError::Forbidden, NextStep::AskOperator),
        (
            answer(403, "IP not authorized, use api.ibkr.com instead"),
            |error| matches!(error, OAuthError::HostRefused { .. }),
            NextStep::AskOperator,
        ),
        (answer(429, ""), |error| *error == OAuthError::Paced, NextStep::WaitOutPenalty),
        (answer(410, "gone"), |error| matches!(error, OAuthError::Refused { status: 410, .. }), NextStep::TryAgain),
        (answer(503, ""), |error| matches!(error, OAuthError::Unread { .. }), NextStep::TryAgain),
        (answer(200, "<html>"), |error| matches!(error, OAuthError::Unread { .. }), NextStep::TryAgain),
    ];
    for (response, meant, next) in cases {
        let error = refused(response).await;
        assert!(meant(&error), "{error}");
        assert_eq!(error.next_step(), next, "{error}");
    }
}

#[tokio::test]
async fn clocks_more_than_five_minutes_apart_explain_a_refused_signature() {
    let at = |date: &'static str| {
        let mut response = answer(401, r#"{"error":"Invalid signature"}"#);
        response.headers_mut().insert("date", date.parse().unwrap());
        response
    };
    let error = refused(at("Tue, 24 Nov 2026 15:10:00 GMT")).await;
    assert!(matches!(error, OAuthError::ClockSkew { seconds_ahead: 600, .. }), "{error}");
    let error = refused(at("Tue, 24 Nov 2026 14:50:00 GMT")).await;
    assert!(matches!(error, OAuthError::ClockSkew { seconds_ahead: -600, .. }), "{error}");
    let error = refused(at("Tue, 24 Nov 2026 15:04:00 GMT")).await;
    assert!(matches!(error, OAuthError::SignatureInvalid { .. }), "{error}");
}

#[tokio::test]
async fn a_lasting_refusal_of_one_users_token_is_the_users_turn() {
    let transport = Recorded::new(vec![Ok(answer(401, r#"{"error":"LST failed, unknown token"}"#))]);
    let error = grant(transport).live_session_token().await.unwrap_err();
    assert!(matches!(error, OAuthError::Refused { step: OAuthStep::LiveSessionToken, status: 401, .. }), "{error}");
    assert_eq!(error.next_step(), NextStep::AskUser);
}

#[tokio::test]
async fn a_connection_that_was_not_made_and_an_answer_that_was_not_read_are_told_apart() {
    let transport = Recorded::new(vec![
        Err(TransportError::NotSent("connection refused".into())),
        Err(TransportError::Unread("timed out".into())),
    ]);
    let consumer = consumer(transport);
    assert!(matches!(consumer.request_token().await, Err(OAuthError::NotSent(_))));
    assert!(matches!(consumer.request_token().await, Err(OAuthError::Unread { .. })));
}

/// Plays the broker's side of the exchange, with this secret, and a token life in milliseconds from 1970.
fn exchange(secret: [u8; 32], expiration: serde_json::Value) -> Player {
    Box::new(move |request| {
        let header = header(request);
        let challenge = header.split("diffie_hellman_challenge=\"").nth(1).unwrap().split('"').next().unwrap();
        let group = DiffieHellmanParameters::from_pem(DHPARAM_PEM).unwrap();
        let random = DiffieHellmanRandom::from_bytes([0x3c; 32]).unwrap();
        let shared = group.shared_secret(&random, challenge).unwrap();
        let secret = AccessTokenSecret::from_bytes(secret.to_vec());
        let body = json!({
            "diffie_hellman_response": group.challenge(&random),
            "live_session_token_signature": proof(&shared, &secret),
            "live_session_token_expiration": expiration,
        });
        answer(200, &body.to_string())
    })
}

/// HMAC-SHA1 of the consumer key under the token.
fn proof(shared: &signing::SharedSecret, secret: &AccessTokenSecret) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let hmac = |key: &[u8], message: &[u8]| {
        Hmac::<sha1::Sha1>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes()
    };
    hex::encode(hmac(&hmac(shared.expose(), secret.expose()), b"COURIERXX"))
}

async fn live_session_token(answers: Vec<Player>) -> (Arc<Recorded>, Result<ProvedLiveSessionToken, OAuthError>) {
    let transport = Recorded::playing(answers.into_iter().map(Ok).collect());
    let result = grant(transport.clone()).live_session_token().await;
    (transport, result)
}

#[tokio::test]
async fn a_live_session_token_is_proved_and_lives_by_the_brokers_word_but_never_longer_than_a_day() {
    let in_an_hour = 1_795_532_400_000_i64 + 3_600_000;
    let (transport, proved) = live_session_token(vec![exchange(SECRET, json!(in_an_hour))]).await;
    assert_eq!(proved.unwrap().expires_at.to_string(), "2026-11-24T16:00:00Z");
    let header = header(&transport.request(0));
    assert!(header.contains("diffie_hellman_challenge=\"") && header.contains(r#"oauth_token="a0a0a0"#));
    let (_, proved) = live_session_token(vec![exchange(SECRET, json!("9999999999999"))]).await;
    assert_eq!(proved.unwrap().expires_at.to_string(), "2026-11-25T15:00:00Z", "a day after {NOW}");
    let (_, proved) = live_session_token(vec![exchange(SECRET, json!(null))]).await;
    assert!(matches!(proved, Err(OAuthError::Unread { .. })), "a missing end is no end");
}

#[tokio::test]
async fn a_token_that_the_broker_did_not_prove_is_never_given_out() {
    let (_, proved) = live_session_token(vec![exchange([1; 32], json!(9_999_999_999_999_i64))]).await;
    let error = proved.unwrap_err();
    assert!(matches!(error, OAuthError::ProofFailed(_)), "{error}");
    assert_eq!(error.next_step(), NextStep::AskOperator);
}

#[tokio::test]
async fn an_empty_response_is_asked_for_again_a_few_times_with_a_new_challenge() {
    let empty = || -> Player { Box::new(|_| answer(200, r#"{"diffie_hellman_response":""}"#)) };
    let (transport, proved) = live_session_token(vec![empty(), exchange(SECRET, json!(9_999_999_999_999_i64))]).await;
    assert!(proved.is_ok());
    assert_ne!(header(&transport.request(0)), header(&transport.request(1)));
    let (transport, proved) = live_session_token(vec![empty(), empty(), empty(), empty()]).await;
    assert_eq!(proved.unwrap_err(), OAuthError::EmptyResponse { tries: 3 });
    assert_eq!(transport.count(), 3);
}

#[tokio::test]
async fn a_number_outside_the_group_is_refused() {
    for response in ["1", "0", "xyz"] {
        let body = format!(r#"{{"diffie_hellman_response":"{response}"}}"#);
        let (_, proved) = live_session_token(vec![Box::new(move |_| answer(200, &body))]).await;
        let error = proved.unwrap_err();
        assert!(matches!(error, OAuthError::Signing(_)) && error.next_step() == NextStep::TryAgain, "{error}");
    }
}

#[test]
fn the_other_sides_token_is_the_same() {
    // The helper above and the crate agree on the token, so that the tests above fail for the reason they name.
    let group = DiffieHellmanParameters::from_pem(DHPARAM_PEM).unwrap();
    let [ours, theirs] = [[9; 32], [0x3c; 32]].map(|bytes| DiffieHellmanRandom::from_bytes(bytes).unwrap());
    let shared = group.shared_secret(&ours, &group.challenge(&theirs)).unwrap();
    let secret = AccessTokenSecret::from_bytes(SECRET.to_vec());
    let signature = proof(&shared, &secret);
    assert!(UnprovedLiveSessionToken::derive(&shared, &secret).prove("COURIERXX", &signature).is_ok());
}

#[test]
fn a_word_that_cannot_stand_in_a_header_is_refused() {
    for text in ["", "a b", "a\"b", "a\nb", &"a".repeat(129)] {
        assert!(RequestToken::new(text).is_err() && Verifier::new(text).is_err(), "{text:?}");
    }
}
