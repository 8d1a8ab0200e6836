//! A third party: IBKR's consumer, and a user who consents in a browser.

use bytes::Bytes;
use domain::Clock;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use paper_broker::MachineClock;
use serde_json::{Value, json};
use url::Url;

use super::operator::{ACCOUNT, ALGORITHM, Operator, PRINCIPAL, Party, USER, USERNAME};

#[tokio::test(flavor = "multi_thread")]
async fn stack_a_third_party_is_set_up_by_the_commands_of_the_deploy_page_and_its_user_connects() {
    let operator = Operator::with_an_empty_stack().await;
    operator.makes_keys_and_introduces_them(Party::Third).await;
    operator.waits_for_the_night(&[]).await;
    operator.parts_the_encryption_key().await;
    operator.sees_a_user_connect().await;
    operator.lets_an_algorithm_trade().await;
    operator.removes_the_algorithm_and_its_token_places_nothing().await;
    operator.stack.stop().await;
}

impl Operator {
    /// Without a word of consent the key stays where it is.
    async fn parts_the_encryption_key(&self) {
        for (words, done) in
            [(&["keys", "part"][..], false), (&["keys", "part"], false), (&["keys", "part", "--yes"], true)]
        {
            let answer = self.does(words).await;
            assert_eq!(answer["done"], done, "{words:?}: {answer:#}");
            assert!(answer["encryption_key_secret"].is_string(), "{answer:#}");
        }
        let (code, told) = self.asks(&["keys", "part"]).await;
        assert!(code == Some(1) && told.as_str().is_some_and(|told| told.contains("of its own already")), "{told}");
    }

    /// The user's browser: begins at the API, consents at the broker, and comes back.
    async fn sees_a_user_connect(&self) {
        let token = self.stack.user_token(USER, None, MachineClock.now()).unwrap();
        let begun = asked(
            Request::post(format!("{}/connections", self.stack.api_url()))
                .header(AUTHORIZATION, format!("Bearer {token}")),
            "",
        )
        .await;
        assert_eq!(begun.status(), 201, "{}", begun.body());
        let cookie = header(&begun, SET_COOKIE.as_str()).split(';').next().unwrap().to_owned();
        let page = serde_json::from_str::<Value>(begun.body()).unwrap()["authorize_url"].as_str().unwrap().to_owned();
        let consented = asked(
            Request::builder()
                .method(Method::POST)
                .uri(&page)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded"),
            &format!("username={USERNAME}&decision=approve"),
        )
        .await;
        let back = Url::parse(&page).unwrap().join(&header(&consented, LOCATION.as_str())).unwrap();
        let arrived = asked(Request::get(back.as_str()).header(COOKIE, cookie), "").await;
        assert_eq!(arrived.status(), 303, "{}", arrived.body());
        let listed = self.does(&["connections", "list", "--user", USER]).await;
        let shown = &listed["connections"][0];
        assert_eq!((&shown["status"], &shown["accounts"]), (&json!("connected"), &json!([ACCOUNT])), "{listed:#}");
    }
}

impl Operator {
    /// What the function behind the API says to this token and body.
    async fn places(&self, token: &str, body: &str) -> (u16, Value) {
        let request = Request::post(format!("{}/orders", self.stack.api_url()))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json");
        let answer = asked(request, body).await;
        (answer.status().as_u16(), serde_json::from_str(answer.body()).unwrap_or_default())
    }

    async fn removes_the_algorithm_and_its_token_places_nothing(&self) {
        let token = self.stack.user_token(USER, Some(ALGORITHM), MachineClock.now()).unwrap();
        let order = |order_id: &str| {
            json!({"user_id": USER, "order_id": order_id, "account_id": ACCOUNT, "contract": {"conid": 265_598}, "side": "buy",
                "quantity": "1", "type": "limit", "limit_price": "186", "time_in_force": "day"})
            .to_string()
        };
        let (status, answer) = self.places(&token, &order("by-token")).await;
        assert_eq!(status, 202, "{answer:#}");
        self.sees("by-token", "working").await;
        let (status, answer) = self.places(&token, &json!({"side": "x".repeat(200_000)}).to_string()).await;
        assert_eq!((status, &answer["code"]), (413, &json!("too_large")), "{answer:#}");
        self.does(&["algorithms", "remove", ALGORITHM]).await;
        let (status, answer) = self.places(&token, &order("after-its-removal")).await;
        assert_eq!((status, &answer["code"]), (403, &json!("algorithm_unknown")), "{answer:#}");
        self.does(&["algorithms", "add", ALGORITHM, "--principal", PRINCIPAL]).await;
        let (status, answer) = self.places(&token, &order("registered-again")).await;
        assert_eq!(status, 202, "{answer:#}");
        self.sees("registered-again", "working").await;
    }
}

async fn asked(request: http::request::Builder, body: &str) -> Response<String> {
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(bytes.to_vec()).unwrap())
}

fn header(answer: &Response<String>, name: &str) -> String {
    let value =
        answer.headers().get(name).unwrap_or_else(|| panic!("no {name}: {} {}", answer.status(), answer.body()));
    value.to_str().unwrap().to_owned()
}
