//! The client against an API on this machine that gives the answers it was told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unused_async,
    reason = "a test that cannot go on says so by panicking"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use courier_client::{Api, Client, Contract, Error, OrderStatus, OrdersWanted, PlaceOrder, Side, Token};
use serde_json::{Value, json};

#[derive(Clone, Default)]
struct Fake {
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn start(answers: &[(u16, Value)]) -> (Self, Client) {
        let fake = Self::default();
        fake.answers.lock().unwrap().extend(answers.iter().map(|(status, body)| (*status, body.to_string())));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        let router = Router::new().fallback(Self::answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let api = Api::new(&url, Token::fixed("jwt".to_owned())).unwrap();
        (fake, Client::new("u-7", "a", None, Some(api)).unwrap())
    }

    async fn answer(State(fake): State<Self>, request: Request) -> Response {
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer jwt");
        fake.asked.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
        let (status, body) = fake.answers.lock().unwrap().pop_front().expect("an answer");
        (StatusCode::from_u16(status).unwrap(), body).into_response()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn shown(statuses: &[&str]) -> Value {
    let at = "2026-11-25T06:55:05.524488269Z";
    let history: Vec<Value> = statuses.iter().map(|status| json!({"at": at, "status": status})).collect();
    json!({"order_id": "o-1", "user_id": "u-7", "algorithm_id": "a", "account_id": "DU1", "status": statuses.last(),
        "quantity": "10", "filled_quantity": "0", "average_price": null, "broker_order_ids": ["1"], "client_order_id": "c",
        "revision": 1, "reason": {"code": "no", "message": "No."}, "good_until": at, "ticket": {}, "created_at": at,
        "updated_at": at, "history": history, "symbol": "AAPL", "shown_by_a_later_version": true})
}

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn waiting_outlasts_an_order_that_is_not_there_yet_and_an_api_that_is_away() {
    let problem = |status: u16| (status, json!({"status": status, "title": "-", "code": "x", "detail": "-"}));
    let working = shown(&["received", "sending", "working"]);
    let (fake, client) =
        Fake::start(&[problem(404), problem(503), (429, json!({"message": "slow"})), (200, working)]).await;
    let order = client.wait("o-1", &[OrderStatus::Working], SOON).await.unwrap();
    assert_eq!(order.symbol.as_deref(), Some("AAPL"));
    assert_eq!(fake.asked(), ["GET /base/orders/o-1?user_id=u-7"; 4]);
}

#[tokio::test]
async fn a_status_that_was_passed_through_counts_and_one_that_is_out_of_reach_ends_the_waiting() {
    let filled = shown(&["received", "working", "filled"]);
    let (_, client) = Fake::start(&[(200, filled.clone()), (200, filled)]).await;
    assert_eq!(client.wait("o-1", &[OrderStatus::Working], SOON).await.unwrap().status, OrderStatus::Filled);
    let Error::OrderEnded(ended) = client.wait("o-1", &[OrderStatus::Cancelled], SOON).await.unwrap_err() else {
        panic!("it was waited for in vain");
    };
    assert_eq!(ended.to_string(), "the order \"o-1\" is filled, not cancelled: No. (no)");
}

#[tokio::test]
async fn an_end_that_was_none_does_not_end_the_waiting() {
    let mut life = vec!["received", "sending", "working"];
    for end in ["rejected", "cancelled", "not_placed"] {
        life.extend([end, "working"]);
        let at_work = (200, shown(&life));
        let cancelled = (200, shown(&[life.as_slice(), &["cancelling", "cancelled"]].concat()));
        let (fake, client) = Fake::start(&[at_work.clone(), cancelled]).await;
        assert_eq!(client.wait("o-1", &OrderStatus::FINAL, SOON).await.unwrap().status, OrderStatus::Cancelled);
        assert_eq!(fake.asked().len(), 2, "{end}");
        // What is not final was reached, whatever came after it.
        let (_, client) = Fake::start(&[at_work]).await;
        assert_eq!(client.wait("o-1", &[OrderStatus::Sending], SOON).await.unwrap().status, OrderStatus::Working);
    }
}

#[tokio::test]
async fn a_final_status_that_was_taken_back_is_not_the_one_that_was_awaited() {
    let (_, client) = Fake::start(&[(200, shown(&["received", "cancelled", "working", "filled"]))]).await;
    let error = client.wait("o-1", &[OrderStatus::Cancelled], SOON).await.unwrap_err();
    assert!(matches!(error, Error::OrderEnded(_)), "{error}");
}

#[tokio::test]
async fn time_that_runs_out_says_what_was_last_seen() {
    let (_, client) = Fake::start(&[(200, shown(&["received"]))]).await;
    let error = client.wait("o-1", &OrderStatus::FINAL, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "the order \"o-1\" has not ended yet: it is received: No. (no)");
    let Error::WaitTimeout(timeout) = error else { panic!("{error}") };
    assert_eq!(timeout.order.unwrap().status, OrderStatus::Received);
}

#[tokio::test]
async fn a_refusal_names_its_fields_and_nothing_is_repeated() {
    let body = json!({"status": 400, "title": "Bad Request", "code": "bad_fields", "detail": "No.",
        "errors": [{"field": "side", "message": "must be buy or sell"}]});
    let (fake, client) = Fake::start(&[(400, body), (401, json!({"message": "Unauthorized"}))]).await;
    let order = PlaceOrder::market("o-1", "DU1", Contract::conid(1), Side::Sell, "1".parse().unwrap());
    let Error::Problem(problem) = client.place_by_http(&order).await.unwrap_err() else { panic!("it was taken") };
    assert_eq!((problem.status, problem.errors[0].field.as_str()), (400, "side"));
    let Error::Problem(problem) = client.order("o-1").await.unwrap_err() else { panic!("it was shown") };
    assert_eq!((problem.status, problem.code.as_str()), (401, "unauthorized"));
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_list_follows_its_cursor_and_keeps_its_filters() {
    let page = |cursor: Option<&str>| (200, json!({"orders": [shown(&["received"])], "cursor": cursor}));
    let (fake, client) = Fake::start(&[page(Some("next")), page(None)]).await;
    let wanted =
        OrdersWanted { only_open: true, statuses: vec![OrderStatus::Held, OrderStatus::Working], ..Default::default() };
    assert_eq!(client.orders(&wanted, 10).await.unwrap().len(), 2);
    assert_eq!(
        fake.asked(),
        [
            "GET /base/orders?status=held%2Cworking&open=true&user_id=u-7",
            "GET /base/orders?status=held%2Cworking&open=true&cursor=next&user_id=u-7",
        ]
    );
}

#[tokio::test]
async fn an_api_that_does_not_answer_is_unreachable_and_one_in_the_open_is_not_asked() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let api = Api::new(&url, Token::fixed("jwt".to_owned())).unwrap();
    let client = Client::new("u-7", "a", None, Some(api)).unwrap();
    assert!(matches!(client.order("o-1").await, Err(Error::Unreachable { .. })));
    assert!(matches!(Api::new("http://example.com", Token::fixed(String::new())), Err(Error::NotSetUp(_))));
    let nothing = Client::new("u-7", "a", None, None).unwrap();
    assert!(matches!(nothing.cancel("o-1").await, Err(Error::NotSetUp(_))));
    assert!(matches!(nothing.order("o-1").await, Err(Error::NotSetUp(_))));
}

#[test]
fn a_token_does_not_show() {
    assert!(!format!("{:?}", Token::fixed("secret".to_owned())).contains("secret"));
}
