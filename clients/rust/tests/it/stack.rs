//! The client against the real functions: `local/stack/with-stack cargo nextest run -p courier-client --run-ignored only`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on says so by panicking")]

use std::time::Duration;

use courier_client::{Api, Client, Contract, Error, OrderStatus, OrdersWanted, PlaceOrder, Side, Token};

const SEEN_WITHIN: Duration = Duration::from_mins(1);

/// The client as the README makes it; the JWT comes from the stack's own issuer.
async fn client() -> Client {
    let url = format!("{}?user=demo-user&algorithm=demo-algorithm", std::env::var("COURIER_TEST_TOKEN_URL").unwrap());
    // For this question alone: the client brings its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let token = reqwest::get(url).await.unwrap().text().await.unwrap();
    let api = Api::new(&std::env::var("COURIER_API_URL").unwrap(), Token::fixed(token)).unwrap();
    Client::from_environment("demo-user", "demo-algorithm").await.unwrap().with_api(api)
}

fn named(what: &str) -> String {
    format!("{what}-{}", &uuid::Uuid::new_v4().simple().to_string()[..12])
}

fn apple() -> Contract {
    Contract::conid(265_598)
}

#[tokio::test]
#[ignore = "needs a running local stack"]
async fn stack_an_order_goes_in_by_the_queue_and_is_filled_once() {
    let client = client().await;
    let order = PlaceOrder::market(&named("rust"), "DU0000001", apple(), Side::Buy, "1".parse().unwrap());
    client.place(&order).await.unwrap();
    let filled = client.wait(&order.order_id, &[OrderStatus::Filled], SEEN_WITHIN).await.unwrap();
    assert_eq!(filled.filled_quantity.to_string(), "1");
    let again = client.place_by_http(&order).await.unwrap();
    assert_eq!((again.created_at, again.broker_order_ids), (filled.created_at, filled.broker_order_ids));
    let newest = client.orders(&OrdersWanted::default(), 1).await.unwrap();
    assert_eq!(newest[0].order_id, order.order_id);
    let other = PlaceOrder { quantity: Some("2".parse().unwrap()), ..order };
    let Error::Problem(problem) = client.place_by_http(&other).await.unwrap_err() else { panic!("it was taken") };
    assert_eq!((problem.status, problem.code.as_str()), (409, "order_differs"));
}

#[tokio::test]
#[ignore = "needs a running local stack"]
async fn stack_an_order_that_works_is_open_until_it_is_cancelled() {
    let client = client().await;
    let (quantity, price) = ("1".parse().unwrap(), "185.00".parse().unwrap());
    let order = PlaceOrder::limit(&named("rust"), "DU0000001", apple(), Side::Buy, quantity, price);
    client.place(&order).await.unwrap();
    client.wait(&order.order_id, &[OrderStatus::Working], SEEN_WITHIN).await.unwrap();
    let open = OrdersWanted { only_open: true, ..OrdersWanted::default() };
    let is_open = async || client.orders(&open, 100).await.unwrap().iter().any(|one| one.order_id == order.order_id);
    assert!(is_open().await);
    client.cancel(&order.order_id).await.unwrap();
    let ended = client.wait(&order.order_id, &OrderStatus::FINAL, SEEN_WITHIN).await.unwrap();
    assert_eq!(ended.status, OrderStatus::Cancelled);
    assert!(!is_open().await);
}
