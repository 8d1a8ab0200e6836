//! The exact bytes that leave.

use crate::support::{Order, Recorded, answer, session, session_signing};
use broker::{CallError, QuerySigning, ReplyId};
use bytes::Bytes;
use domain::{BrokerOrderId, Side};
use http::Request;
use serde_json::{Value, json};

const CLIENT_ORDER_ID_CHARACTERS: usize = 32;

fn body(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

/// Places the ticket and gives the wire's tickets, without what every ticket has.
async fn tickets(ticket: &str) -> Vec<Value> {
    let order = Order::of(&format!(r#"{{"contract":{{"conid":265598}},"side":"sell",{ticket}}}"#));
    let transport = Recorded::new(vec![Ok(answer(200, "[]"))]);
    let _ = session(transport.clone()).place(&order.request()).await;
    let mut tickets = body(&transport.request(0))["orders"].as_array().unwrap().clone();
    for ticket in &mut tickets {
        let ticket = ticket.as_object_mut().unwrap();
        assert_eq!(ticket.remove("acctId").unwrap(), "DU0000001");
        assert_eq!(ticket.remove("conid").unwrap(), 265_598);
    }
    assert_eq!(tickets[0]["cOID"], order.client_order_id.as_str());
    tickets[0].as_object_mut().unwrap().remove("cOID");
    tickets
}

#[tokio::test]
async fn a_limit_order_is_written_to_the_byte() {
    let order = Order::limit();
    let transport = Recorded::new(vec![Ok(answer(200, "[]"))]);
    let _ = session(transport.clone()).place(&order.request()).await;
    let request = transport.request(0);
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "https://api.ibkr.com/v1/api/iserver/account/DU0000001/orders");
    let client_order_id = order.client_order_id.as_str();
    assert_eq!(client_order_id.len(), CLIENT_ORDER_ID_CHARACTERS);
    let expected = format!(
        r#"{{"orders":[{{"acctId":"DU0000001","conid":265598,"cOID":"{client_order_id}","orderType":"LMT","side":"BUY","tif":"DAY","quantity":10,"price":187.5}}]}}"#
    );
    assert_eq!(request.body(), &expected);
    let headers = request.headers();
    assert_eq!(headers["content-length"], expected.len().to_string());
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["accept"], "*/*");
    assert_eq!(headers["user-agent"], concat!("courier/", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn every_type_of_order_has_its_prices_where_the_broker_reads_them() {
    let quantity = r#""quantity":"100","time_in_force":"gtc""#;
    for (ticket, expected) in [
        (r#""type":"market""#, json!({"orderType": "MKT"})),
        (r#""type":"stop","stop_price":"9.99""#, json!({"orderType": "STP", "price": 9.99})),
        (
            r#""type":"stop_limit","stop_price":"9.99","limit_price":"9.5""#,
            json!({"orderType": "STOP_LIMIT", "price": 9.5, "auxPrice": 9.99}),
        ),
        (
            r#""type":"trailing_stop","trail":{"amount":"0.25"},"stop_price":"9""#,
            json!({"orderType": "TRAIL", "price": 9, "trailingAmt": 0.25, "trailingType": "amt"}),
        ),
        (
            r#""type":"trailing_stop","trail":{"percent":"1.5"}"#,
            json!({"orderType": "TRAIL", "trailingAmt": 1.5, "trailingType": "%"}),
        ),
        (
            r#""type":"trailing_stop_limit","trail":{"amount":"1"},"stop_price":"9","limit_price":"8.9""#,
            json!({"orderType": "TRAILLMT", "price": 8.9, "auxPrice": 9, "trailingAmt": 1, "trailingType": "amt"}),
        ),
        (r#""type":"midprice","limit_price":"10""#, json!({"orderType": "MIDPRICE", "price": 10})),
        (r#""type":"midprice""#, json!({"orderType": "MIDPRICE"})),
    ] {
        let mut expected = expected;
        expected
            .as_object_mut()
            .unwrap()
            .extend(json!({"side": "SELL", "tif": "GTC", "quantity": 100}).as_object().unwrap().clone());
        assert_eq!(tickets(&format!("{ticket},{quantity}")).await, [expected], "{ticket}");
    }
}

#[tokio::test]
async fn options_and_cash_are_written() {
    let ticket = r#""type":"market","cash_quantity":"2500.75","time_in_force":"ioc","outside_regular_hours":true"#;
    let expected = json!({"orderType": "MKT", "side": "SELL", "tif": "IOC", "cashQty": 2500.75, "outsideRTH": true});
    assert_eq!(tickets(ticket).await, [expected]);
    let opening =
        tickets(r#""type":"market","quantity":"1","time_in_force":"opg","outside_regular_hours":false"#).await;
    assert_eq!((&opening[0]["tif"], &opening[0]["outsideRTH"]), (&json!("OPG"), &json!(false)));
}

#[tokio::test]
async fn a_brackets_exits_name_their_parent_and_go_the_other_way() {
    let ticket = r#""type":"limit","limit_price":"10","quantity":"100","time_in_force":"gtc",
        "attached":{"take_profit":{"limit_price":"9"},"stop_loss":{"stop_price":"11","limit_price":"11.5"}}"#;
    let tickets = tickets(ticket).await;
    assert_eq!(tickets.len(), 3);
    let parent = Order::limit().client_order_id;
    for exit in &tickets[1..] {
        assert_eq!(
            (&exit["parentId"], &exit["side"], &exit["tif"]),
            (&json!(parent.as_str()), &json!("BUY"), &json!("GTC"))
        );
        assert!(exit.get("cOID").is_none());
        assert_eq!(exit["quantity"], 100);
    }
    assert_eq!((&tickets[1]["orderType"], &tickets[1]["price"]), (&json!("LMT"), &json!(9)));
    assert_eq!(
        (&tickets[2]["orderType"], &tickets[2]["price"], &tickets[2]["auxPrice"]),
        (&json!("STOP_LIMIT"), &json!(11.5), &json!(11))
    );
}

#[tokio::test]
async fn a_bracket_of_a_cash_quantity_is_not_sent() {
    let order = Order::of(
        r#"{"contract":{"conid":265598},"side":"buy","cash_quantity":"100","type":"market","time_in_force":"day",
            "attached":{"stop_loss":{"stop_price":"1"}}}"#,
    );
    let transport = Recorded::new(vec![]);
    let meant = session(transport.clone()).place(&order.request()).await;
    assert!(matches!(meant, Err(CallError::Invalid(_))));
    assert_eq!(transport.count(), 0);
}

#[tokio::test]
async fn decimals_leave_digit_for_digit() {
    let ticket = r#"{"contract":{"conid":1},"side":"buy","quantity":"123456789012.12345678","type":"limit","limit_price":"0.1",
        "time_in_force":"day"}"#;
    let order = Order::of(ticket);
    let transport = Recorded::new(vec![Ok(answer(200, "[]"))]);
    let _ = session(transport.clone()).place(&order.request()).await;
    let body = String::from_utf8(transport.request(0).body().to_vec()).unwrap();
    assert!(body.contains(r#""quantity":123456789012.12345678"#) && body.contains(r#""price":0.1"#), "{body}");
}

#[tokio::test]
async fn a_modification_is_a_bare_ticket_without_client_order_id() {
    let order = Order::limit();
    let transport = Recorded::new(vec![Ok(answer(200, "[]"))]);
    let _ = session(transport.clone()).modify(BrokerOrderId::new(77).unwrap(), &order.request()).await;
    let request = transport.request(0);
    assert_eq!(request.uri().path(), "/v1/api/iserver/account/DU0000001/order/77");
    let expected = json!({"acctId": "DU0000001", "conid": 265_598, "orderType": "LMT", "side": "BUY", "tif": "DAY",
        "quantity": 10, "price": 187.5});
    assert_eq!(body(&request), expected);
}

#[tokio::test]
async fn the_time_of_entry_is_sent_only_when_given() {
    let order = Order::limit();
    let transport = Recorded::new(vec![Ok(answer(200, "[]"))]);
    let mut request = order.request();
    request.manual_order_time = Some("2026-11-24T15:00:00Z".parse().unwrap());
    let _ = session(transport.clone()).place(&request).await;
    assert_eq!(body(&transport.request(0))["orders"][0]["manualOrderTime"], 1_795_532_400);
}

#[tokio::test]
async fn a_reply_and_an_empty_post_have_their_lengths() {
    let transport = Recorded::new(vec![Ok(answer(200, "[]")), Ok(answer(200, "{}"))]);
    let session = session(transport.clone());
    let _ = session.reply(&ReplyId::new("07a1-x").unwrap(), false).await;
    let _ = session.logout().await;
    let (reply, logout) = (transport.request(0), transport.request(1));
    assert_eq!(
        (reply.uri().path(), reply.body()),
        ("/v1/api/iserver/reply/07a1-x", &Bytes::from(r#"{"confirmed":false}"#))
    );
    assert_eq!((logout.method().as_str(), &logout.headers()["content-length"]), ("POST", &"0".parse().unwrap()));
    assert!(logout.headers().get("content-type").is_none());
}

/// The header's parameters, unquoted.
fn oauth(request: &Request<Bytes>) -> Vec<(String, String)> {
    let header = request.headers()["authorization"].to_str().unwrap().strip_prefix("OAuth ").unwrap();
    let pair = |field: &str| {
        let (name, value) = field.split_once('=').unwrap();
        (name.to_owned(), value.trim_matches('"').to_owned())
    };
    header.split(", ").map(pair).collect()
}

#[tokio::test]
async fn every_request_is_signed_with_a_nonce_and_a_time_of_its_own() {
    let transport = Recorded::new(vec![Ok(answer(200, "{}")), Ok(answer(200, "{}"))]);
    let session = session(transport.clone());
    let _ = session.tickle().await;
    let _ = session.tickle().await;
    let (first, second) = (oauth(&transport.request(0)), oauth(&transport.request(1)));
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "realm",
            "oauth_token",
            "oauth_consumer_key",
            "oauth_nonce",
            "oauth_signature_method",
            "oauth_timestamp",
            "oauth_signature"
        ]
    );
    let value =
        |fields: &[(String, String)], name: &str| fields.iter().find(|field| field.0 == name).unwrap().1.clone();
    assert_eq!(value(&first, "realm"), "limited_poa");
    assert_eq!(value(&first, "oauth_signature_method"), "HMAC-SHA256");
    assert_eq!(value(&first, "oauth_timestamp"), "1795532400");
    let nonce = value(&first, "oauth_nonce");
    assert!(nonce.len() >= 16 && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_ne!(nonce, value(&second, "oauth_nonce"));
    assert_ne!(value(&first, "oauth_signature"), value(&second, "oauth_signature"));
}

#[tokio::test]
async fn signing_the_query_changes_the_signature_and_not_the_address() {
    let signature = async |query_signing| {
        let transport = Recorded::new(vec![Ok(answer(200, "[]"))]);
        session_signing(transport.clone(), query_signing).trades(7).await.unwrap();
        let request = transport.request(0);
        assert_eq!(request.uri(), "https://api.ibkr.com/v1/api/iserver/account/trades?days=7");
        oauth(&request).pop().unwrap().1
    };
    assert_ne!(signature(QuerySigning::Omit).await, signature(QuerySigning::Include).await);
}

#[tokio::test]
async fn the_sessions_cookies_come_back_and_end_with_it() {
    let mut first = answer(200, "{}");
    first.headers_mut().append("set-cookie", "api=one; Path=/; Secure".parse().unwrap());
    let transport = Recorded::new(vec![Ok(first), Ok(answer(200, "{}")), Ok(answer(200, "{}"))]);
    let session = session(transport.clone());
    let _ = session.tickle().await;
    let _ = session.logout().await;
    let _ = session.contract_rules(265_598_u64.try_into().unwrap(), Side::Buy).await;
    assert!(transport.request(0).headers().get("cookie").is_none());
    assert_eq!(transport.request(1).headers()["cookie"], "api=one");
    assert!(transport.request(2).headers().get("cookie").is_none());
    assert_eq!(transport.request(2).body(), &r#"{"conid":265598,"exchange":"SMART","isBuy":true}"#);
}
