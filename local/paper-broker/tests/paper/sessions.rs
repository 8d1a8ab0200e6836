//! The life of a brokerage session.

use serde_json::json;

use crate::client::Client;
use crate::tickets::{ORDERS, limit_ticket, orders};
use crate::world::{ACCOUNT, USERNAME, quiet_world};

fn init(compete: bool) -> serde_json::Value {
    json!({"publish": true, "compete": compete})
}

#[tokio::test]
async fn reading_works_without_a_brokerage_session_and_trading_does_not() {
    let world = quiet_world();
    let mut client = Client::granted(&world, USERNAME);
    client.log_in().await;
    let accounts = client.get("/portfolio/accounts").await;
    assert_eq!(accounts.json()[0]["accountId"], ACCOUNT);
    assert!(
        accounts
            .headers
            .get_all("set-cookie")
            .iter()
            .any(|cookie| cookie.to_str().unwrap().starts_with("x-sess-uuid="))
    );
    let refused = client.post(ORDERS, &orders(&[limit_ticket("a")])).await;
    assert_eq!((refused.status, refused.error().as_str()), (400, "Bad Request: no bridge"));
    let tickle = client.post("/tickle", &json!({})).await.json();
    assert_eq!(tickle["hmds"]["error"], "no bridge");
    assert_eq!(tickle["iserver"]["authStatus"]["authenticated"], false);
}

#[tokio::test]
async fn init_wants_publish() {
    let world = quiet_world();
    let mut client = Client::granted(&world, USERNAME);
    client.log_in().await;
    assert_eq!(client.post("/iserver/auth/ssodh/init", &json!({"publish": false, "compete": true})).await.status, 500);
}

#[tokio::test]
async fn a_session_is_established_after_its_delay() {
    let world = quiet_world();
    world.broker.change_options(|options| options.established_delay_ms = 3_000);
    let mut client = Client::granted(&world, USERNAME);
    client.log_in().await;
    let status = client.post("/iserver/auth/ssodh/init", &init(true)).await;
    assert!(status.headers.get_all("set-cookie").iter().any(|cookie| cookie.to_str().unwrap().starts_with("api=")));
    assert_eq!((&status.json()["authenticated"], &status.json()["established"]), (&json!(true), &json!(false)));
    assert_eq!(client.get("/iserver/accounts").await.json()["accounts"], json!([]));
    let refused = client.post(ORDERS, &orders(&[limit_ticket("a")])).await;
    assert_eq!(refused.error(), "Bad Request: accountId is not valid: DU0000001");
    world.clock.advance_seconds(3);
    assert_eq!(client.post("/iserver/auth/status", &json!({})).await.json()["established"], true);
    assert_eq!(
        client.post(ORDERS, &orders(&[limit_ticket("a")])).await.error(),
        "Bad Request: Please query /accounts first"
    );
    let accounts = client.get("/iserver/accounts").await.json();
    assert_eq!((&accounts["accounts"][0], &accounts["isPaper"]), (&json!(ACCOUNT), &json!(true)));
    assert_eq!(client.post(ORDERS, &orders(&[limit_ticket("a")])).await.json()[0]["order_status"], "Submitted");
}

#[tokio::test]
async fn another_login_takes_the_session_over() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    world.broker.log_in_elsewhere(USERNAME);
    let status = client.post("/tickle", &json!({})).await.json()["iserver"]["authStatus"].clone();
    assert_eq!((&status["authenticated"], &status["competing"]), (&json!(false), &json!(true)));
    assert_eq!(client.get("/iserver/accounts").await.error(), "Bad Request: no bridge");
    let polite = client.post("/iserver/auth/ssodh/init", &init(false)).await.json();
    assert_eq!((&polite["authenticated"], &polite["competing"]), (&json!(false), &json!(true)));
    assert_eq!(client.post("/iserver/auth/ssodh/init", &init(true)).await.json()["authenticated"], true);
    assert_eq!(client.post("/iserver/auth/ssodh/init", &init(false)).await.json()["competing"], false);
}

#[tokio::test]
async fn two_tokens_of_one_username_share_one_session() {
    let world = quiet_world();
    let first = Client::trading(&world).await;
    let second = Client::trading(&world).await;
    assert_eq!(second.get("/iserver/accounts").await.status, 200);
    assert_eq!(first.get("/iserver/accounts").await.error(), "Bad Request: no bridge");
    assert_eq!(first.post("/iserver/auth/status", &json!({})).await.json()["competing"], true);
}

#[tokio::test]
async fn a_renewed_token_keeps_the_session_or_ends_it_as_set() {
    let world = quiet_world();
    let mut client = Client::trading(&world).await;
    let older = client.clone();
    client.log_in().await;
    assert_eq!(client.get("/iserver/accounts").await.status, 200);
    assert_eq!(older.get("/iserver/accounts").await.status, 401, "the older token is void");
    world.broker.change_options(|options| options.renewal_ends_session = true);
    client.log_in().await;
    assert_eq!(client.get("/iserver/accounts").await.error(), "Bad Request: no bridge");
}

#[tokio::test]
async fn an_idle_session_ends_and_a_tickled_one_does_not() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    for _ in 0..10 {
        world.clock.advance_seconds(60);
        assert_eq!(client.post("/tickle", &json!({})).await.json()["iserver"]["authStatus"]["authenticated"], true);
    }
    world.clock.advance_seconds(360);
    assert_eq!(client.post("/tickle", &json!({})).await.json()["iserver"]["authStatus"]["authenticated"], false);
}

#[tokio::test]
async fn logout_ends_session_and_token() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    assert_eq!(client.post("/logout", &json!({})).await.json(), json!({"status": true}));
    assert_eq!(client.post("/tickle", &json!({})).await.status, 401);
}

#[tokio::test]
async fn a_gone_session_answers_410_until_a_new_token_is_made() {
    let world = quiet_world();
    let mut client = Client::trading(&world).await;
    world.broker.make_gone(USERNAME);
    assert_eq!(client.post("/tickle", &json!({})).await.status, 410);
    client.log_in().await;
    client.start_brokerage().await;
}

#[tokio::test]
async fn the_daily_reset_ends_the_brokerage_session_and_leaves_reading() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let placed = client.post(ORDERS, &orders(&[limit_ticket("a")])).await.json();
    let status = format!("/iserver/account/order/status/{}", placed[0]["order_id"].as_str().unwrap());
    assert_eq!(client.get(&status).await.json()["order_status"], "Submitted");
    world.broker.set_iserver_down(true);
    assert_eq!(client.get("/iserver/accounts").await.status, 503);
    assert_eq!(client.get("/portfolio/accounts").await.status, 200);
    world.broker.reset_day();
    world.broker.set_iserver_down(false);
    assert_eq!(client.get("/iserver/accounts").await.error(), "Bad Request: no bridge");
    client.start_brokerage().await;
    assert_eq!(client.get(&status).await.status, 503, "an order of an earlier session");
}

#[tokio::test]
async fn accounts_are_selected_by_name() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let select = |account: &'static str| {
        let client = client.clone();
        async move { client.post("/iserver/account", &json!({"acctId": account})).await }
    };
    assert_eq!(select("DU0000002").await.json(), json!({"set": true, "acctId": "DU0000002"}));
    assert_eq!(select("DU0000002").await.json(), json!({"success": "Account already set"}));
    assert_eq!(select("U9").await.status, 500);
    assert_eq!(client.post("/iserver/account", &json!({})).await.status, 400);
}

#[tokio::test]
async fn pacing_shuts_the_box_for_everyone_for_ten_minutes() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    world.clock.advance_seconds(2);
    world.broker.change_options(|options| options.pacing = true);
    assert_eq!(client.get("/iserver/account/trades").await.status, 200);
    assert_eq!(client.get("/iserver/account/trades").await.status, 429);
    let other = Client::granted(&world, "live-ada");
    assert_eq!(other.live_session_token(&|_| ()).await.status, 429);
    world.clock.advance_seconds(599);
    assert_eq!(client.get("/iserver/account/trades").await.status, 429);
    world.clock.advance_seconds(1);
    assert_eq!(client.get("/portfolio/accounts").await.status, 200);
}
