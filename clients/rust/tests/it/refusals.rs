//! What was refused is an error, and another order's fill is never taken for one's own. The queue and the API are one program
//! on this machine that gives the answers it was told.

#![allow(clippy::unwrap_used, clippy::unused_async, reason = "a test that cannot go on says so by panicking")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use courier_client::{
    Api, Change, Client, Contract, Error, EventReader, LegRole, ModifyOrder, OrderQueue, OrderStatus, PlaceOrder, Side,
    Token,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

#[derive(Clone, Default)]
struct Fake {
    orders: Arc<Mutex<VecDeque<(u16, Value)>>>,
    refusals: Arc<Mutex<Vec<Value>>>,
    sent: Arc<Mutex<u32>>,
}

impl Fake {
    /// The answers to what is asked of the order, the last of them again and again; and what was refused.
    async fn start(orders: &[(u16, Value)], refusals: &[Value]) -> Client {
        let fake = Self::default();
        fake.orders.lock().unwrap().extend(orders.iter().cloned());
        fake.refusals.lock().unwrap().extend(refusals.iter().cloned());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(Self::answer).with_state(fake);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let configuration = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&url)
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        let queue =
            OrderQueue::new(aws_sdk_sqs::Client::from_conf(configuration.build()), &format!("{url}/orders.fifo"));
        let api = Api::new(&url, Token::fixed("jwt".to_owned())).unwrap();
        Client::new("u-7", "a", Some(queue), Some(api)).unwrap()
    }

    async fn answer(State(fake): State<Self>, request: Request) -> (StatusCode, String) {
        let path = request.uri().path();
        if path.starts_with("/orders/") {
            let mut orders = fake.orders.lock().unwrap();
            let (status, body) = if orders.len() > 1 { orders.pop_front() } else { orders.front().cloned() }.unwrap();
            return (StatusCode::from_u16(status).unwrap(), body.to_string());
        }
        if path == "/refusals" {
            let refusals: Vec<Value> = fake.refusals.lock().unwrap().clone();
            return (StatusCode::OK, json!({"refusals": refusals}).to_string());
        }
        let mut sent = fake.sent.lock().unwrap();
        *sent += 1;
        (StatusCode::OK, json!({"MessageId": format!("m-{sent}")}).to_string())
    }
}

fn placed() -> PlaceOrder {
    let price = "187.50".parse().unwrap();
    PlaceOrder::limit("o-1", "DU1", Contract::conid(265_598), Side::Buy, "10".parse().unwrap(), price)
}

fn ticket() -> Value {
    json!({"contract": {"conid": 265_598}, "side": "buy", "quantity": "10", "type": "limit", "limit_price": "187.5",
        "time_in_force": "day"})
}

fn shown(status: &str, changes: &Value) -> (u16, Value) {
    let at = "2026-11-25T06:55:05.524488269Z";
    let mut order = json!({"order_id": "o-1", "user_id": "u-7", "algorithm_id": "a", "account_id": "DU1", "status": status,
        "quantity": "10", "filled_quantity": "0", "average_price": null, "broker_order_ids": [], "client_order_id": "c",
        "revision": 1, "reason": null, "good_until": at, "ticket": ticket(), "created_at": at, "updated_at": at,
        "history": [{"at": at, "status": status}]});
    for (name, value) in changes.as_object().unwrap() {
        order[name] = value.clone();
    }
    (200, order)
}

fn not_there() -> (u16, Value) {
    (404, json!({"status": 404, "title": "Not Found", "code": "not_found", "detail": "Not yet."}))
}

fn refusal(message_id: &str, code: &str) -> Value {
    json!({"at": "2026-11-25T06:55:05Z", "message_id": message_id, "order_id": "o-1", "user_id": "u-7",
        "algorithm_id": "a", "reason": {"code": code, "message": "It was refused."}})
}

#[tokio::test]
async fn an_order_that_was_refused_is_an_error_with_its_reason() {
    let client = Fake::start(&[not_there()], &[refusal("m-9", "other"), refusal("m-1", "account_not_granted")]).await;
    client.place(&placed()).await.unwrap();
    let Error::OrderRefused(refused) = client.wait("o-1", &[OrderStatus::Filled], SOON).await.unwrap_err() else {
        panic!("it was waited for in vain");
    };
    assert_eq!(refused.refusal.message_id, "m-1");
    assert!(refused.to_string().ends_with("It was refused. (account_not_granted)"), "{refused}");
    assert_eq!(client.refusals(Some("o-1"), 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_used_id_never_gives_the_first_orders_fill() {
    let mut others = vec![json!({"account_id": "DU2"}), json!({"algorithm_id": "another"})];
    for (field, value) in [
        ("quantity", json!("11")),
        ("side", json!("sell")),
        ("limit_price", json!("187.51")),
        ("contract", json!({"conid": 8})),
    ] {
        let mut other = ticket();
        other[field] = value;
        others.push(json!({"ticket": other}));
    }
    for other in others {
        let client = Fake::start(&[shown("filled", &other)], &[]).await;
        client.place(&placed()).await.unwrap();
        let error = client.wait("o-1", &[OrderStatus::Filled], SOON).await.unwrap_err();
        assert!(matches!(&error, Error::IdAlreadyUsed(used) if used.order.order_id == "o-1"), "{other}: {error}");
    }
    // A change made it look otherwise, and so only the refusal tells.
    let mut changed = ticket();
    changed["quantity"] = json!("7");
    let changed = shown("filled", &json!({"ticket": changed, "revision": 2}));
    let client = Fake::start(std::slice::from_ref(&changed), &[refusal("m-1", "order_differs")]).await;
    client.place(&placed()).await.unwrap();
    let error = client.wait("o-1", &[OrderStatus::Filled], SOON).await.unwrap_err();
    assert!(error.to_string().ends_with("It was refused. (order_differs)"), "{error}");
    let client = Fake::start(&[changed], &[]).await;
    client.place(&placed()).await.unwrap();
    assert_eq!(client.wait("o-1", &[OrderStatus::Filled], SOON).await.unwrap().revision, 2);
}

#[tokio::test]
async fn what_a_client_of_another_user_sent_is_remembered_by_the_next_one_of_that_user() {
    let mut other = ticket();
    other["quantity"] = json!("7");
    let client = Fake::start(&[shown("filled", &json!({"ticket": other}))], &[]).await;
    client.for_user("u-8").unwrap().place(&placed()).await.unwrap();
    // The same id of the user before is another order.
    assert!(client.wait("o-1", &[OrderStatus::Filled], SOON).await.is_ok());
    let error = client.for_user("u-8").unwrap().wait("o-1", &[OrderStatus::Filled], SOON).await.unwrap_err();
    assert!(matches!(error, Error::IdAlreadyUsed(_)), "{error}");
}

#[tokio::test]
async fn the_same_order_again_is_the_first_one_and_a_mended_one_is_not_held_against_the_refusal_before() {
    let client = Fake::start(&[not_there(), shown("filled", &json!({}))], &[refusal("m-1", "no_grant")]).await;
    client.place(&placed()).await.unwrap();
    client.place(&placed()).await.unwrap();
    let order = client.wait("o-1", &[OrderStatus::Filled], SOON).await.unwrap();
    assert_eq!(order.status, OrderStatus::Filled);
}

#[tokio::test]
async fn a_refused_change_is_an_error_once_and_the_order_goes_on() {
    let change = json!({"revision": 2, "status": "refused", "ticket": ticket(), "asked_at": "2026-11-25T06:55:05Z",
        "reason": {"code": "price_between_steps", "message": "Between two steps."}});
    let working = shown("working", &json!({"change": change}));
    let client = Fake::start(&[working.clone(), working, shown("filled", &json!({"change": change}))], &[]).await;
    let asked = ModifyOrder {
        order_id: "o-1".to_owned(),
        revision: 2,
        limit_price: Some("187.50".parse().unwrap()),
        ..ModifyOrder::default()
    };
    client.modify(&asked).await.unwrap();
    let Error::ChangeRefused(refused) = client.wait("o-1", &[OrderStatus::Filled], SOON).await.unwrap_err() else {
        panic!("it was not told");
    };
    assert_eq!((refused.revision, refused.reason.as_ref().unwrap().code.as_str()), (2, "price_between_steps"));
    assert_eq!(client.wait("o-1", &[OrderStatus::Filled], SOON).await.unwrap().status, OrderStatus::Filled);
}

#[tokio::test]
async fn a_new_change_is_not_held_against_the_refused_one_under_the_same_number() {
    let change = json!({"revision": 2, "status": "refused", "ticket": ticket(), "asked_at": "2026-11-25T06:55:05Z",
        "reason": {"code": "question_declined", "message": "No."}});
    let asked = ModifyOrder {
        order_id: "o-1".to_owned(),
        revision: 2,
        limit_price: Some("187.40".parse().unwrap()),
        ..ModifyOrder::default()
    };
    for (status, revision) in [("refused", 1), ("applied", 2)] {
        let mut change = change.clone();
        change["status"] = json!(status);
        let shown = shown("working", &json!({"change": change, "revision": revision, "next_revision": 3}));
        let client = Fake::start(&[shown], &[refusal("m-1", "revision_differs")]).await;
        client.modify(&asked).await.unwrap();
        let Error::ChangeRefused(refused) = client.wait_change("o-1", 2, SOON).await.unwrap_err() else {
            panic!("it was not told");
        };
        assert_eq!(refused.reason.as_ref().unwrap().code, "revision_differs");
        assert_eq!(refused.order.next_revision(), 3);
    }
    let older = Fake::start(&[shown("working", &json!({"change": change}))], &[]).await;
    assert_eq!(older.order("o-1").await.unwrap().next_revision(), 3, "an older server shows no next number");
}

#[tokio::test]
async fn a_refused_cancel_is_told_once_and_what_is_placed_afterwards_is_not_held_against_it() {
    let client = Fake::start(&[not_there(), shown("filled", &json!({}))], &[refusal("m-1", "no_such_order")]).await;
    client.cancel("o-1").await.unwrap();
    let error = client.wait("o-1", &OrderStatus::FINAL, SOON).await.unwrap_err();
    assert!(matches!(&error, Error::OrderRefused(refused) if refused.refusal.message_id == "m-1"), "{error}");
    client.place(&placed()).await.unwrap();
    assert_eq!(client.wait("o-1", &OrderStatus::FINAL, SOON).await.unwrap().status, OrderStatus::Filled);
    let client = Fake::start(&[shown("working", &json!({}))], &[refusal("m-1", "no_such_leg")]).await;
    client.cancel_leg("o-1", LegRole::StopLoss).await.unwrap();
    let error = client.wait("o-1", &OrderStatus::FINAL, SOON).await.unwrap_err();
    assert!(error.to_string().contains("no_such_leg"), "{error}");
    let soon = Duration::from_millis(1);
    assert!(matches!(client.wait("o-1", &OrderStatus::FINAL, soon).await, Err(Error::WaitTimeout(_))));
}

#[tokio::test]
async fn a_cancel_that_an_order_without_exits_shows_is_not_asked_after_any_more() {
    let shows = [shown("sending", &json!({"cancel_asked": true})), shown("cancelled", &json!({}))];
    let client = Fake::start(&shows, &[refusal("m-1", "is not read")]).await;
    client.cancel("o-1").await.unwrap();
    assert_eq!(client.wait("o-1", &OrderStatus::FINAL, SOON).await.unwrap().status, OrderStatus::Cancelled);
}

#[tokio::test]
async fn a_change_is_waited_for_until_it_is_in_force_refused_or_too_late() {
    let client = Fake::start(&[shown("working", &json!({})), shown("working", &json!({"revision": 2}))], &[]).await;
    assert_eq!(client.wait_change("o-1", 2, SOON).await.unwrap().revision, 2);
    let client = Fake::start(&[shown("working", &json!({}))], &[refusal("m-1", "revision_skipped")]).await;
    let asked = ModifyOrder {
        order_id: "o-1".to_owned(),
        revision: 7,
        quantity: Some("1".parse().unwrap()),
        ..ModifyOrder::default()
    };
    client.modify(&asked).await.unwrap();
    let error = client.wait_change("o-1", 7, SOON).await.unwrap_err();
    assert!(matches!(&error, Error::ChangeRefused(refused) if refused.revision == 7), "{error}");
    let client = Fake::start(&[shown("filled", &json!({}))], &[]).await;
    assert!(matches!(client.wait_change("o-1", 2, SOON).await, Err(Error::OrderEnded(_))));
}

/// The exits of a bracket; `stop` changes what its stop loss shows.
fn exits(stop: &Value) -> Value {
    let exit = |role: &str, prices: &Value| {
        let mut exit = json!({"role": role, "broker_order_id": "7", "status": "working", "quantity": "10", "filled_quantity": "0",
            "average_price": null, "executions": [], "ticket": ticket(), "cancel_asked": false, "reason": null});
        for (name, value) in prices.as_object().unwrap() {
            exit[name] = value.clone();
        }
        exit
    };
    json!([exit("take_profit", &json!({})), exit("stop_loss", stop)])
}

fn asked(leg: Option<LegRole>) -> ModifyOrder {
    let amount = |text: &str| Some(text.parse().unwrap());
    let change = ModifyOrder { order_id: "o-1".to_owned(), revision: 2, leg, ..ModifyOrder::default() };
    match leg {
        None => ModifyOrder { quantity: amount("15"), ..change },
        Some(_) => ModifyOrder { stop_price: amount("185"), ..change },
    }
}

fn change_of_the_stop(status: &str, ticket: &Value) -> Value {
    json!({"revision": 2, "leg": "stop_loss", "status": status, "ticket": ticket, "asked_at": "2026-11-25T06:55:05Z",
        "reason": {"code": "x", "message": "No."}})
}

#[tokio::test]
async fn a_change_of_a_filled_brackets_exit_is_waited_for_until_it_is_in_force_or_the_exits_have_ended() {
    let legs = exits(&json!({}));
    let ticket = json!({"type": "stop", "stop_price": "185"});
    let working = shown("filled", &json!({"legs": legs, "change": change_of_the_stop("sending", &ticket)}));
    let applied =
        shown("filled", &json!({"legs": legs, "revision": 2, "change": change_of_the_stop("applied", &ticket)}));
    let client = Fake::start(&[working.clone(), applied], &[]).await;
    client.modify(&asked(Some(LegRole::StopLoss))).await.unwrap();
    assert_eq!(client.wait_change("o-1", 2, SOON).await.unwrap().revision, 2);
    let mut ended = exits(&json!({"status": "cancelled"}));
    ended[0]["status"] = json!("filled");
    let client = Fake::start(&[working, shown("filled", &json!({"legs": ended}))], &[]).await;
    client.modify(&asked(Some(LegRole::StopLoss))).await.unwrap();
    assert!(matches!(client.wait_change("o-1", 2, SOON).await, Err(Error::OrderEnded(_))));
}

#[tokio::test]
async fn a_quantity_is_in_force_while_the_exits_follow_it() {
    let legs = exits(&json!({}));
    let mut larger = ticket();
    larger["quantity"] = json!("15");
    for status in ["asked", "sending", "applied", "refused"] {
        let change = change_of_the_stop(status, &larger);
        let in_force = shown("working", &json!({"ticket": larger, "revision": 2, "legs": legs, "change": change}));
        let client = Fake::start(&[in_force], &[]).await;
        client.modify(&asked(None)).await.unwrap();
        for _ in 0..2 {
            // The second time of what this client is told of already.
            assert_eq!(client.wait_change("o-1", 2, SOON).await.unwrap().revision, 2, "{status}");
        }
    }
    // Another's change of the exit has this number: the entry is for what it was.
    let other = change_of_the_stop("applied", &json!({"type": "stop", "stop_price": "185"}));
    let other = shown("working", &json!({"revision": 2, "legs": legs, "change": other}));
    let client = Fake::start(&[other], &[refusal("m-1", "revision_differs")]).await;
    client.modify(&asked(None)).await.unwrap();
    let error = client.wait_change("o-1", 2, SOON).await.unwrap_err();
    assert!(matches!(&error, Error::ChangeRefused(refused) if refused.revision == 2), "{error}");
}

#[tokio::test]
async fn a_used_id_is_told_once_and_what_is_sent_later_is_waited_for() {
    let orders =
        [shown("working", &json!({})), shown("working", &json!({})), shown("working", &json!({"revision": 2}))];
    let client = Fake::start(&orders, &[refusal("m-1", "order_differs")]).await;
    client.place(&placed()).await.unwrap();
    let error = client.wait("o-1", &[OrderStatus::Filled], SOON).await.unwrap_err();
    assert!(matches!(error, Error::IdAlreadyUsed(_)), "{error}");
    client.modify(&asked(None)).await.unwrap();
    assert_eq!(client.wait_change("o-1", 2, SOON).await.unwrap().revision, 2);
}

#[tokio::test]
async fn an_exit_is_waited_for_until_it_has_ended() {
    let filled = |stop: &Value| shown("filled", &json!({"legs": exits(stop)}));
    let asked = json!({"cancel_asked": true});
    let ended = json!({"status": "cancelled", "cancel_asked": true});
    let client = Fake::start(&[not_there(), filled(&json!({})), filled(&asked), filled(&ended)], &[]).await;
    client.cancel_leg("o-1", LegRole::StopLoss).await.unwrap();
    let exit = client.wait_leg("o-1", LegRole::StopLoss, SOON).await.unwrap();
    assert_eq!((exit.role, exit.status), (LegRole::StopLoss, OrderStatus::Cancelled));
    let error = client.wait_leg("o-1", LegRole::TakeProfit, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "the take_profit of the order \"o-1\" has not ended yet: it is working");
    let client = Fake::start(&[shown("filled", &json!({}))], &[]).await;
    let error = client.wait_leg("o-1", LegRole::StopLoss, SOON).await.unwrap_err();
    assert_eq!(error.to_string(), "the order \"o-1\" has no stop_loss");
}

#[tokio::test]
async fn the_refused_cancel_of_an_exit_is_told_once_and_for_that_exit() {
    let refusals = [refusal("m-2", "take_profit_refused"), refusal("m-1", "stop_loss_refused")];
    let client = Fake::start(&[shown("filled", &json!({"legs": exits(&json!({}))}))], &refusals).await;
    let roles = [LegRole::StopLoss, LegRole::TakeProfit];
    for role in roles {
        client.cancel_leg("o-1", role).await.unwrap();
    }
    for role in roles {
        let error = client.wait_leg("o-1", role, SOON).await.unwrap_err();
        assert!(matches!(&error, Error::OrderRefused(_)), "{error}");
        assert!(error.to_string().contains(role.as_str()), "{error}");
    }
    let again = client.wait_leg("o-1", LegRole::StopLoss, Duration::ZERO).await.unwrap_err();
    assert!(matches!(again, Error::WaitTimeout(_)), "{again}");
}

#[test]
fn a_refused_message_is_told_once() {
    let event = include_str!("../../../../schemas/examples/events/refusal-of-a-used-id.json");
    let mut reader = EventReader::new();
    let told = reader.take(event).unwrap();
    let [Change::Refused(refusal)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(refusal.reason.code, "order_differs");
    assert_eq!(reader.take(event).unwrap(), []);
    let unreadable = include_str!("../../../../schemas/examples/events/refusal-of-what-is-no-json.json");
    let told = reader.take(unreadable).unwrap();
    assert!(matches!(told.as_slice(), [Change::Refused(refusal)] if refusal.order_id.is_none()), "{told:?}");
}
