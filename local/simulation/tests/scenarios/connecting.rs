//! A user connects.

use domain::{Clock, ConnectionStatus, SessionState};
use jiff::SignedDuration;
use paper_broker::{Fault, FaultKind};
use serde_json::json;
use simulation::{ACCOUNT, CONSUMER, World};

#[tokio::test(start_paused = true)]
async fn three_legs_lead_to_a_connection_with_accounts_and_a_session() {
    let world = World::start().await;
    let begun = world.begin().await;
    assert!(begun.authorize_url.as_str().starts_with("https://interactivebrokers.com/authorize?oauth_token="));
    let answered = world.come_back(&world.consent(&begun), Some(&begun.cookie)).await;
    assert_eq!(answered.status, 303, "{}", answered.text);
    assert_eq!(answered.location, Some(format!("../?connection=connected&connection_id={}", begun.connection_id)));
    let shown = world.api("GET /connections", &json!({})).await.json["connections"][0].clone();
    assert_eq!((&shown["status"], &shown["environment"]), (&json!("connected"), &json!("paper")));
    assert_eq!((&shown["accounts"], &shown["last_error"]), (&json!([ACCOUNT]), &json!(null)));
    assert_eq!(shown["session"]["state"], "established");
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_of_a_connection_holds_no_secret_in_the_clear() {
    let world = World::start().await;
    world.connect_user().await;
    let row = serde_json::to_string(&world.connections().await).unwrap();
    for secrets in world.broker().issued_secrets(simulation::USERNAME) {
        assert!(!row.contains(&secrets.access_token));
        assert!(!format!("{:?}", world.connections().await).contains(&secrets.access_token));
    }
    assert!(row.contains("access_token_secret"));
}

#[tokio::test(start_paused = true)]
async fn a_user_who_cancels_at_the_broker_is_recorded_as_such() {
    let world = World::start().await;
    let begun = world.begin().await;
    let back = format!("https://courier.example/oauth/callback?oauth_token={}", begun.request_token());
    let answered = world.come_back(&back.parse().unwrap(), Some(&begun.cookie)).await;
    assert_eq!(answered.status, 303);
    assert_eq!(answered.location, Some(format!("../?connection=cancelled&connection_id={}", begun.connection_id)));
    assert!(answered.cookies[0].ends_with("courier_attempt="), "{:?}", answered.cookies);
    let connection = &world.connections().await[0];
    assert_eq!(connection.status, ConnectionStatus::Disconnected);
    assert_eq!(connection.last_error.as_ref().unwrap().code, "cancelled_by_user");
}

#[tokio::test(start_paused = true)]
async fn a_bare_navigation_to_the_callback_cancels_nothing() {
    let world = World::start().await;
    let begun = world.begin().await;
    let callback = "https://courier.example/oauth/callback";
    for bare in [callback.to_owned(), format!("{callback}?oauth_verifier=1"), format!("{callback}?oauth_token=")] {
        let answered = world.come_back(&bare.parse().unwrap(), Some(&begun.cookie)).await;
        assert_eq!((answered.status, answered.location.as_deref()), (303, Some("../?connection=cancelled")), "{bare}");
        // The browser keeps what binds it to its attempt.
        assert_eq!(answered.cookies, [""; 0], "{bare}");
    }
    // Whoever knows another token, or has another browser, ends nothing.
    let token = begun.request_token();
    for (token, cookie) in [("unheard-of", begun.cookie.as_str()), (token.as_str(), "courier_attempt=0000")] {
        let other = format!("{callback}?oauth_token={token}").parse().unwrap();
        assert_eq!(world.come_back(&other, Some(cookie)).await.status, 303);
    }
    assert_eq!(world.connections().await[0].status, ConnectionStatus::Pending);
    let back = world.consent(&begun);
    assert_eq!(world.come_back(&back, Some(&begun.cookie)).await.status, 303);
    assert_eq!(world.connections().await[0].status, ConnectionStatus::Connected);
}

#[tokio::test(start_paused = true)]
async fn another_browser_is_refused_and_the_attempt_still_stands() {
    let world = World::start().await;
    let begun = world.begin().await;
    let back = world.consent(&begun);
    for other in [None, Some("__Host-courier_attempt=0000")] {
        let answered = world.come_back(&back, other).await;
        assert_eq!(answered.status, 400);
        assert!(answered.text.contains("another browser"), "{}", answered.text);
        assert!(answered.text.contains("<a href=\"../\" rel=\"noreferrer\">"), "{}", answered.text);
    }
    assert_eq!(world.connections().await[0].status, ConnectionStatus::Pending);
    assert_eq!(world.come_back(&back, Some(&begun.cookie)).await.status, 303);
    assert_eq!(world.connections().await[0].status, ConnectionStatus::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_return_is_taken_once() {
    let world = World::start().await;
    let begun = world.begin().await;
    let back = world.consent(&begun);
    assert_eq!(world.come_back(&back, Some(&begun.cookie)).await.status, 303);
    let again = world.come_back(&back, Some(&begun.cookie)).await;
    assert_eq!(again.status, 400);
    assert!(again.text.contains("used before"), "{}", again.text);
    assert_eq!(world.connections().await[0].status, ConnectionStatus::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_return_after_ten_minutes_is_refused_with_the_reason() {
    let world = World::start().await;
    let begun = world.begin().await;
    let back = world.consent(&begun);
    tokio::time::sleep(std::time::Duration::from_secs(601)).await;
    let answered = world.come_back(&back, Some(&begun.cookie)).await;
    assert_eq!(answered.status, 400);
    assert!(answered.text.contains("longer than ten minutes"), "{}", answered.text);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_encryption_key_is_named_as_the_likely_cause_and_nothing_is_kept() {
    let mut world = World::start().await;
    world.replace_consumer_secret(|secret| secret["private_encryption_pem"] = secret["private_signature_pem"].clone());
    let begun = world.begin().await;
    let answered = world.come_back(&world.consent(&begun), Some(&begun.cookie)).await;
    assert_eq!(answered.status, 502);
    assert!(answered.text.contains("private_encryption_pem"), "{}", answered.text);
    let connection = &world.connections().await[0];
    assert_eq!(connection.status, ConnectionStatus::Disconnected);
    assert!(connection.tokens.is_none());
    assert!(connection.last_error.as_ref().unwrap().message.contains("private_encryption_pem"));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_realm_is_named_in_the_error() {
    let mut world = World::start().await;
    world.replace_consumer_secret(|secret| secret["realm"] = json!("test_realm"));
    let answered = world.try_to_begin().await;
    assert_eq!((answered.status, &answered.json["code"]), (502, &json!("broker_refused")));
    let detail = answered.json["detail"].as_str().unwrap();
    assert!(detail.contains(r#"the realm must be "limited_poa" for this key, and is "test_realm""#), "{detail}");
    assert_eq!(world.connections().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_not_active_is_named_in_the_error() {
    let world = World::start().await;
    world.broker().set_consumer_active(CONSUMER, false);
    let answered = world.try_to_begin().await;
    assert_eq!(answered.status, 502);
    let detail = answered.json["detail"].as_str().unwrap();
    assert!(detail.contains("not active yet") && detail.contains(CONSUMER), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ten_minutes_off_is_named_in_the_error() {
    // A look at the clock takes a moment, so a whole second more is told as this one.
    for (ahead, told) in [(600, "-600 s ahead"), (-601, "600 s ahead")] {
        let world = World::start().await;
        world.clock.put_ahead(ahead);
        let answered = world.try_to_begin().await;
        assert_eq!(answered.status, 502);
        let detail = answered.json["detail"].as_str().unwrap();
        assert!(detail.contains("clock") && detail.contains(told), "{detail}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_secret_of_the_consumer_is_our_problem_and_said_so() {
    let mut world = World::start().await;
    world.replace_consumer_secret(|secret| *secret = json!({}));
    let answered = world.try_to_begin().await;
    assert_eq!(answered.status, 503);
    assert!(answered.json["detail"].as_str().unwrap().contains("not set up"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_session_competes_is_connected_and_says_what_is_left_to_do() {
    let world = World::start().await;
    world.broker().log_in_elsewhere(simulation::USERNAME);
    world.connect_user().await;
    let connection = &world.connections().await[0];
    assert_eq!(connection.status, ConnectionStatus::Connected);
    assert!(matches!(connection.session, SessionState::Competing { .. }));
    assert_eq!(connection.last_error.as_ref().unwrap().code, "competing");
}

#[tokio::test(start_paused = true)]
async fn a_live_session_token_is_renewed_by_the_schedule_ahead_of_its_end() {
    let world = World::start().await;
    world.broker().change_options(|options| options.live_session_token_life_seconds = 60 * 60);
    world.connect_user().await;
    let expires_at = |connection: &domain::Connection| {
        connection.tokens.as_ref().unwrap().live_session_token.as_ref().unwrap().expires_at
    };
    let first = expires_at(&world.connections().await[0]);
    world.run_for(std::time::Duration::from_mins(50)).await;
    let second = expires_at(&world.connections().await[0]);
    assert!(second > first && second > world.clock.now() + SignedDuration::from_mins(30), "{first} {second}");
}

#[tokio::test(start_paused = true)]
async fn a_revoked_consent_is_found_at_the_renewal_and_asks_the_user() {
    let world = World::start().await;
    world.broker().change_options(|options| options.live_session_token_life_seconds = 60 * 60);
    world.connect_user().await;
    world.broker().lose_tokens(simulation::USERNAME, paper_broker::TokenLoss::SecretLost);
    world.run_for(std::time::Duration::from_mins(50)).await;
    let connection = &world.connections().await[0];
    assert_eq!(connection.status, ConnectionStatus::NeedsConsent);
    let told = connection.last_error.as_ref().unwrap();
    assert_eq!(told.code, "consent_gone");
    assert!(told.message.ends_with("Connect again: you consent once more at the broker."), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn who_connects_the_same_username_again_replaces_the_old_connection_and_competes_with_nobody() {
    let world = World::with_a_connected_user().await;
    let first = world.connections().await.remove(0);
    tokio::time::sleep(std::time::Duration::from_mins(5)).await;
    let second = world.connect_user().await;
    let connections = world.connections().await;
    assert_eq!(connections.len(), 2);
    let old = connections.iter().find(|connection| connection.connection_id == first.connection_id).unwrap();
    assert_eq!((old.status, &old.tokens, old.next_renewal_at), (ConnectionStatus::Disconnected, &None, None));
    let told = old.last_error.as_ref().unwrap();
    assert!(told.code == "replaced" && told.message.contains(second.as_str()), "{told:?}");
    let new = connections.iter().find(|connection| connection.connection_id == second).unwrap();
    assert!(matches!(new.session, SessionState::Established { .. }), "{:?}", new.last_error);
    assert_eq!(world.calls("POST /logout").len(), 0, "a log-out would end the session of the new one");
    // The grant names the account, so it goes on.
    world.broker().set_questions(paper_broker::QuestionRules::none());
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.run_for(std::time::Duration::from_mins(3)).await;
    assert_eq!(world.status("first").await, "working");
    assert!(matches!(world.connections().await[0].session, SessionState::Established { .. }));
}

#[tokio::test(start_paused = true)]
async fn who_connects_again_after_a_lost_consent_competes_with_nobody() {
    let world = World::with_a_connected_user().await;
    world.broker().lose_tokens(simulation::USERNAME, paper_broker::TokenLoss::SecretLost);
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.run_for(std::time::Duration::from_secs(90)).await;
    assert_eq!(world.connections().await[0].status, ConnectionStatus::NeedsConsent);
    let second = world.connect_user().await;
    let connections = world.connections().await;
    let new = connections.iter().find(|connection| connection.connection_id == second).unwrap();
    assert!(matches!(new.session, SessionState::Established { .. }), "{:?}", new.last_error);
}

#[tokio::test(start_paused = true)]
async fn another_username_of_the_same_user_is_a_connection_of_its_own() {
    let world = World::with_a_connected_user().await;
    world.connect(simulation::USER, "paper-bob").await;
    let connections = world.connections().await;
    assert_eq!(connections.len(), 2);
    assert!(connections.iter().all(|connection| connection.status == ConnectionStatus::Connected));
}

#[tokio::test(start_paused = true)]
async fn a_consent_that_comes_too_late_at_the_broker_is_the_users_to_begin_again() {
    let world = World::start().await;
    let begun = world.begin().await;
    let back = world.consent(&begun);
    world.broker().add_fault(Fault::next("POST", "/oauth/access_token", FaultKind::Unauthorized));
    let answered = world.come_back(&back, Some(&begun.cookie)).await;
    assert_eq!(answered.status, 410, "{}", answered.text);
    assert!(answered.text.contains("came too late"), "{}", answered.text);
    assert!(answered.text.contains("role=\"button\" href=\"../\""), "{}", answered.text);
    assert_eq!(world.connections().await[0].status, ConnectionStatus::Disconnected);
    world.connect_user().await;
    assert_eq!(world.connections().await[0].status, ConnectionStatus::Connected);
}

#[tokio::test(start_paused = true)]
async fn the_cookie_of_an_attempt_belongs_to_its_host_where_there_is_tls() {
    let world = World::start().await;
    let begun = world.begin().await;
    let (name, value) = begun.cookie.split_once('=').unwrap();
    assert_eq!(name, "__Host-courier_attempt");
    let planted = format!("courier_attempt={value}");
    assert_eq!(world.come_back(&world.consent(&begun), Some(&planted)).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_ended_is_forgotten_after_ninety_days_and_one_that_needs_consent_stays() {
    let world = World::with_a_connected_user().await;
    let mut connections = world.store().connections.list(&simulation::USER.parse().unwrap()).await.unwrap();
    assert_eq!(connections[0].value.forgotten_at(), None);
    connections[0].value.turn(ConnectionStatus::NeedsConsent);
    assert_eq!(connections[0].value.forgotten_at(), None);
    let now = world.clock.now();
    connections[0].value.end(domain::Reason::new(domain::ReasonCode::DisconnectedByUser, "You disconnected."), now);
    world.store().connections.save(&mut connections[0]).await.unwrap();
    assert_eq!(connections[0].value.forgotten_at(), Some(now + SignedDuration::from_hours(24 * 90)));
    let shown = async || world.api("GET /connections", &json!({})).await.json["connections"].as_array().unwrap().len();
    assert_eq!(shown().await, 1);
    tokio::time::sleep(std::time::Duration::from_hours(24 * 91)).await;
    assert_eq!(shown().await, 0);
}

#[tokio::test(start_paused = true)]
async fn who_ends_what_was_never_connected_is_told_of_no_access_at_the_broker() {
    let world = World::start().await;
    let (ended, late) = (world.begin().await, world.begin().await);
    let end = async |id: &str| {
        let asked = json!({"path": {"connection_id": id}});
        assert_eq!(world.api("DELETE /connections/{connection_id}", &asked).await.status, 204);
        let connections = world.connections().await;
        let connection = connections.into_iter().find(|connection| connection.connection_id.as_str() == id).unwrap();
        assert_eq!(connection.status, ConnectionStatus::Disconnected);
        connection.last_error.unwrap()
    };
    for _ in ["first", "again"] {
        let told = end(ended.connection_id.as_str()).await;
        assert_eq!(told.code, "disconnected_by_user");
        assert!(told.message.starts_with("You disconnected before anything was connected."), "{}", told.message);
        assert!(!told.message.contains("still names"), "{}", told.message);
    }
    tokio::time::sleep(SignedDuration::from_mins(11).unsigned_abs()).await;
    assert_eq!(end(late.connection_id.as_str()).await.code, "not_completed");
}

#[tokio::test(start_paused = true)]
async fn who_disconnects_is_forgotten_here_and_logged_out_there() {
    let world = World::start().await;
    let id = world.connect_user().await;
    let answered =
        world.api("DELETE /connections/{connection_id}", &json!({"path": {"connection_id": id.as_str()}})).await;
    assert_eq!(answered.status, 204, "{}", answered.text);
    let connection = &world.connections().await[0];
    assert_eq!((connection.status, &connection.tokens), (ConnectionStatus::Disconnected, &None));
    assert_eq!(world.calls("POST /logout").len(), 1);
    assert!(
        world.broker().issued_secrets(simulation::USERNAME).iter().all(|secrets| secrets.live_session_token.is_none())
    );
}

#[tokio::test(start_paused = true)]
async fn a_field_that_beginning_a_connection_does_not_take_is_refused_and_nothing_is_begun() {
    let world = World::start().await;
    let refused = world.api("POST /connections", &json!({"body": {"take_session": true}})).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("take_session") && refused.text.contains("PUT /connections/"), "{}", refused.text);
    assert!(world.connections().await.is_empty());
    assert_eq!(world.api("POST /connections", &json!({"body": {}})).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn a_grant_says_which_of_its_accounts_no_connection_reaches() {
    let world = World::start().await;
    world.connect_user().await;
    let grant = json!({"path": {"algorithm_id": "mr"}, "body": {"account_ids": [simulation::ACCOUNT, "DU1"]}});
    let granted = world.api("PUT /grants/{algorithm_id}", &grant).await;
    assert_eq!(granted.json["not_connected"], json!(["DU1"]), "{}", granted.text);
    let grant = json!({"path": {"algorithm_id": "mr"}, "body": {"account_ids": [simulation::ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.json["not_connected"], json!(null));
}
