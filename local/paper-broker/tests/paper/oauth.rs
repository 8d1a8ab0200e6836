//! Signatures both ways, and every way in which a signed request can be wrong.

use serde_json::json;

use crate::client::{Client, Key, Parts, Spoil};
use crate::world::{
    CALLBACK, CONSUMER, PRIVATE_OTHER, PRIVATE_SIGNATURE, USERNAME, quiet_world, registration, user, world,
};

const OOB: (&str, &str) = ("oauth_callback", "oob");

#[tokio::test]
async fn a_vendor_walks_from_request_token_to_live_session() {
    let world = world();
    let mut client = Client::new(&world);
    let request = client.step("request_token", &[OOB], &|_| ()).await;
    let token = request.json()["oauth_token"].as_str().unwrap().to_owned();
    assert_eq!((request.status, token.len()), (200, 20));
    assert_eq!(request.headers["date"], "Wed, 25 Nov 2026 09:46:40 GMT");

    let location = world.broker.approve(&token, USERNAME).unwrap();
    let verifier =
        location.strip_prefix(&format!("{CALLBACK}?oauth_token={token}&oauth_verifier=")).unwrap().to_owned();
    let answer = client.step("access_token", &[("oauth_token", &token), ("oauth_verifier", &verifier)], &|_| ()).await;
    let access = answer.json();
    assert_eq!(access["is_paper"], true);
    let secret = access["oauth_token_secret"].as_str().unwrap();
    assert_eq!(secret.len(), 344, "base64 of 2048 bits");

    access["oauth_token"].as_str().unwrap().clone_into(&mut client.token);
    client.secret = crate::client::decrypt(secret);
    assert_eq!(client.secret.len(), 32);
    client.log_in().await;
    assert_eq!(client.post("/tickle", &json!({})).await.status, 200);
}

#[tokio::test]
async fn both_sides_agree_whatever_the_top_bit_of_the_shared_secret() {
    let world = world();
    let mut client = Client::granted(&world, USERNAME);
    for _ in 0..8 {
        client.log_in().await;
        assert_eq!(client.get("/portfolio/accounts").await.status, 200);
    }
}

#[tokio::test]
async fn an_unknown_or_inactive_consumer_or_a_wrong_realm_is_an_invalid_consumer() {
    let world = world();
    let client = Client::new(&world);
    let spoils: [Spoil<'_>; 4] = [
        &|parts| parts.realm = "test_realm".to_owned(),
        &|parts| parts.realm = String::new(),
        &|parts| drop(parts.oauth.insert("oauth_consumer_key".to_owned(), "NOBODY123".to_owned())),
        &|parts| drop(parts.oauth.insert("oauth_consumer_key".to_owned(), CONSUMER.to_lowercase())),
    ];
    for spoil in spoils {
        let answer = client.step("request_token", &[OOB], spoil).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["statusCode"]), (401, &json!(401)));
        let error = answer.error();
        assert!(error.starts_with("id: ") && error.ends_with(", error: invalid consumer"), "{error}");
    }
    world.broker.set_consumer_active(CONSUMER, false);
    assert!(client.step("request_token", &[OOB], &|_| ()).await.error().ends_with("invalid consumer"));
    let problem = world.broker.calls().pop().unwrap().problem.unwrap();
    assert_eq!(problem, "invalid consumer: the consumer is not active yet");
}

#[tokio::test]
async fn the_test_consumer_needs_its_own_realm_and_a_paper_username() {
    let world = world();
    world.broker.register_consumer(&registration("TESTCONS")).unwrap();
    let mut client = Client::new(&world);
    "TESTCONS".clone_into(&mut client.consumer);
    assert_eq!(client.step("request_token", &[OOB], &|_| ()).await.status, 401);
    "test_realm".clone_into(&mut client.realm);
    let answer = client.step("request_token", &[OOB], &|_| ()).await;
    let token = answer.json()["oauth_token"].as_str().unwrap().to_owned();
    assert!(world.broker.approve(&token, "live-ada").unwrap_err().contains("paper"));
    assert!(world.broker.approve(&token, USERNAME).is_ok());
}

#[tokio::test]
async fn a_first_party_has_no_request_tokens() {
    let world = world();
    let mut first_party = registration("FIRSTPART");
    first_party.first_party = true;
    world.broker.register_consumer(&first_party).unwrap();
    let mut client = Client::new(&world);
    "FIRSTPART".clone_into(&mut client.consumer);
    assert!(client.step("request_token", &[OOB], &|_| ()).await.error().ends_with("invalid consumer"));
}

#[tokio::test]
async fn every_missing_parameter_is_named() {
    let world = world();
    let client = Client::new(&world);
    for missing in ["oauth_consumer_key", "oauth_nonce", "oauth_timestamp", "oauth_signature_method", "oauth_callback"]
    {
        let answer = client.step("request_token", &[OOB], &|parts| drop(parts.oauth.remove(missing))).await;
        assert!(answer.error().ends_with(&format!("missing parameter {missing}")), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_wrong_callback_method_timestamp_or_key_is_refused() {
    let world = world();
    let client = Client::new(&world);
    let set = |key: &'static str, value: &'static str| {
        move |parts: &mut Parts| drop(parts.oauth.insert(key.to_owned(), value.to_owned()))
    };
    let cases: [(Spoil<'_>, &str); 7] = [
        (&set("oauth_callback", "https://app.example"), "invalid callback"),
        (&set("oauth_signature_method", "HMAC-SHA256"), "invalid signature method"),
        (&set("oauth_timestamp", "1795599000"), "invalid timestamp"),
        (&set("oauth_timestamp", "1795600000000"), "invalid timestamp"),
        (&|parts| parts.key = Key::Rsa(PRIVATE_OTHER), "Invalid signature"),
        (&|parts| parts.signed_url.push('x'), "Invalid signature"),
        (&|parts| parts.encodes_signature = false, "Invalid signature"),
    ];
    for (spoil, text) in cases {
        let answer = client.step("request_token", &[OOB], spoil).await;
        assert_eq!(answer.status, 401);
        assert!(answer.error().ends_with(text), "{} instead of {text}", answer.error());
    }
}

#[tokio::test]
async fn a_nonce_is_taken_once() {
    let world = world();
    let client = Client::new(&world);
    let parts = {
        let mut parts = client.parts("POST", "/oauth/request_token", Key::Rsa(PRIVATE_SIGNATURE));
        parts.oauth.insert("oauth_callback".to_owned(), "oob".to_owned());
        parts
    };
    assert_eq!(client.send(parts.clone()).await.status, 200);
    assert!(client.send(parts).await.error().contains("invalid nonce"));
}

#[tokio::test]
async fn request_token_and_verifier_are_single_use_and_expire() {
    let world = world();
    let client = Client::new(&world);
    let fresh = || async {
        client.step("request_token", &[OOB], &|_| ()).await.json()["oauth_token"].as_str().unwrap().to_owned()
    };
    let verifier_of = |location: &str| location.rsplit_once('=').unwrap().1.to_owned();
    let exchange = |token: String, verifier: String| {
        let client = &client;
        async move { client.step("access_token", &[("oauth_token", &token), ("oauth_verifier", &verifier)], &|_| ()).await }
    };
    let token = fresh().await;
    assert!(exchange(token.clone(), "0".repeat(20)).await.error().ends_with("invalid verifier"), "not approved yet");
    let verifier = verifier_of(&world.broker.approve(&token, USERNAME).unwrap());
    assert!(world.broker.approve(&token, USERNAME).is_err(), "approved twice");
    assert!(exchange(token.clone(), "0".repeat(20)).await.error().ends_with("invalid verifier"));
    assert_eq!(exchange(token.clone(), verifier.clone()).await.status, 200);
    assert!(exchange(token, verifier).await.error().ends_with("invalid request token"));
    let late = fresh().await;
    world.clock.advance_seconds(601);
    assert!(world.broker.approve(&late, USERNAME).is_err());
    assert!(exchange(late, "0".repeat(20)).await.error().ends_with("invalid request token"));
}

#[tokio::test]
async fn the_live_session_token_needs_the_prepend_and_a_fitting_challenge() {
    let world = world();
    let client = Client::granted(&world, USERNAME);
    let challenge = |text: &'static str| {
        move |parts: &mut Parts| drop(parts.oauth.insert("diffie_hellman_challenge".to_owned(), text.to_owned()))
    };
    let cases: [(Spoil<'_>, &str); 5] = [
        (&|parts| parts.prepend.clear(), "LST failed, Invalid signature"),
        (&|parts| parts.key = Key::Rsa(PRIVATE_OTHER), "LST failed, Invalid signature"),
        (
            &|parts| drop(parts.oauth.insert("oauth_token".to_owned(), "ff".repeat(10))),
            "No access secret key found for ffffffffffffffffffff",
        ),
        (&challenge("0xabc"), "diffie_hellman_challenge"),
        (&challenge("ABC"), "diffie_hellman_challenge"),
    ];
    for (spoil, text) in cases {
        let answer = client.live_session_token(spoil).await;
        assert_eq!(answer.status, 401);
        assert!(answer.error().contains(text), "{} instead of {text}", answer.error());
    }
}

#[tokio::test]
async fn a_revoked_consent_and_a_lost_secret_are_told_apart() {
    let world = world();
    let client = Client::granted(&world, USERNAME);
    world.broker.lose_tokens(USERNAME, paper_broker::TokenLoss::SecretLost);
    assert!(client.live_session_token(&|_| ()).await.error().contains("No access secret key found"));
    world.broker.lose_tokens(USERNAME, paper_broker::TokenLoss::Revoked);
    assert!(client.live_session_token(&|_| ()).await.error().ends_with("invalid consumer"));
}

#[tokio::test]
async fn protected_calls_are_refused_with_a_wrong_key_or_after_expiry() {
    let world = world();
    let mut client = Client::granted(&world, USERNAME);
    assert_eq!(client.get("/portfolio/accounts").await.status, 401, "no live session token yet");
    client.log_in().await;
    assert_eq!(client.get("/portfolio/accounts").await.status, 200);
    let wrong = client.call("GET", "/portfolio/accounts", None, &|parts| parts.key = Key::Hmac(vec![1; 20])).await;
    assert!(wrong.error().ends_with("Invalid signature"));
    let bare = client.call("GET", "/portfolio/accounts", None, &|parts| parts.encodes_signature = false).await;
    assert!(bare.error().ends_with("Invalid signature"));
    world.clock.advance_seconds(24 * 60 * 60);
    assert_eq!(client.get("/portfolio/accounts").await.status, 401);
    client.log_in().await;
    assert_eq!(client.get("/portfolio/accounts").await.status, 200);
}

#[tokio::test]
async fn a_query_may_be_signed_in_three_ways_or_in_the_one_that_is_asked_for() {
    use paper_broker::QueryStyle::{InUrl, Include, Omit};
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let path = "/trsrv/stocks?symbols=AAPL%2CMSFT";
    let include = |parts: &mut Parts| parts.signed_query.push(("symbols".to_owned(), "AAPL,MSFT".to_owned()));
    let in_url = |parts: &mut Parts| parts.signed_url.push_str("?symbols=AAPL%2CMSFT");
    let wrong = |parts: &mut Parts| parts.signed_query.push(("symbols".to_owned(), "IBM".to_owned()));
    for (accepted, expected) in [
        (vec![Omit, Include, InUrl], [200, 200, 200, 401]),
        (vec![Omit], [200, 401, 401, 401]),
        (vec![Include], [401, 200, 401, 401]),
        (vec![InUrl], [401, 401, 200, 401]),
    ] {
        world.broker.change_options(|options| options.query_styles = accepted);
        let spoils: [Spoil<'_>; 4] = [&|_| (), &include, &in_url, &wrong];
        for (spoil, expected) in spoils.into_iter().zip(expected) {
            assert_eq!(client.call("GET", path, None, spoil).await.status, expected);
        }
    }
}

#[tokio::test]
async fn the_network_in_front_wants_an_agent_a_length_and_the_prefix() {
    let world = world();
    let client = Client::new(&world);
    let no_agent = client.step("request_token", &[OOB], &|parts| parts.headers.clear()).await;
    assert_eq!(no_agent.status, 403);
    assert!(no_agent.text().contains("Access Denied"));
    let no_length =
        client.step("request_token", &[OOB], &|parts| parts.headers.push(("no-length", String::new()))).await;
    assert_eq!(no_length.status, 411);
    let no_prefix = client.step("request_token", &[OOB], &|parts| parts.path = "/oauth/request_token".to_owned()).await;
    assert_eq!(no_prefix.status, 404);
}

#[tokio::test]
async fn registrations_are_checked() {
    let world = world();
    let register = |spoil: &dyn Fn(&mut paper_broker::ConsumerRegistration)| {
        let mut entry = registration("SOMETHING");
        spoil(&mut entry);
        world.broker.register_consumer(&entry).map_err(|problem| problem.to_string())
    };
    assert!(register(&|_| ()).is_ok());
    assert!(register(&|entry| entry.consumer_key = "short".to_owned()).unwrap_err().contains("nine upper-case"));
    assert!(register(&|entry| entry.dhparam_pem = "nothing".to_owned()).unwrap_err().contains("dhparam_pem"));
    assert!(
        register(&|entry| entry.public_signature_pem = String::new()).unwrap_err().contains("public_signature_pem")
    );
    assert!(world.broker.register_user(user("x", true, &["U1"])).unwrap_err().to_string().contains("DU"));
    assert!(world.broker.register_user(user("x", false, &["DU1"])).is_err());
    assert!(world.broker.register_user(user("x", true, &[])).is_err());
    assert!(world.broker.grant(CONSUMER, "x").unwrap_err().to_string().contains("register it first"));
}
