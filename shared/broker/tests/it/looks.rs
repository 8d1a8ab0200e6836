//! Opening, watching and ending a session, and what it shows.

use std::time::Duration;

use broker::{CallError, Establishment, LiveOrders, MarketPrice, NotOfNow, Staleness};
use domain::{BrokerOrderId, BrokerStatus, Side};
use rust_decimal::Decimal;

use crate::support::{Order, Recorded, answer, api, session, session_until};

const ESTABLISHED: &str = r#"{"authenticated":true,"established":true,"competing":false,"connected":true,"message":"","MAC":"98",
    "serverInfo":{"serverName":"x","serverVersion":"y"},"hardware_info":"z","fail":""}"#;
const NOT_YET: &str = r#"{"authenticated":true,"established":false,"competing":false,"connected":true}"#;
const COMPETING: &str = r#"{"authenticated":false,"competing":true,"connected":true,"message":"taken"}"#;

#[expect(clippy::unnecessary_wraps, reason = "it stands beside fields that may be empty")]
fn decimal(text: &str) -> Option<Decimal> {
    Some(text.parse().unwrap())
}

#[tokio::test]
async fn init_publishes_and_competes_only_when_asked() {
    for compete in [false, true] {
        let transport = Recorded::new(vec![Ok(answer(200, ESTABLISHED))]);
        let status = session(transport.clone()).init(compete).await.unwrap();
        assert!(status.authenticated && status.established && status.message.is_none());
        let request = transport.request(0);
        assert_eq!(request.uri().path(), "/v1/api/iserver/auth/ssodh/init");
        assert_eq!(request.body(), &format!(r#"{{"publish":true,"compete":{compete}}}"#));
    }
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_with_the_session_or_with_another_login_or_in_time() {
    let wait = async |answers: Vec<&str>| {
        let transport = Recorded::new(answers.iter().map(|body| Ok(answer(200, body))).collect());
        let ended =
            session(transport.clone()).wait_until_established(Duration::from_secs(10), Duration::from_secs(3)).await;
        (ended, transport.count())
    };
    assert_eq!(wait(vec![NOT_YET, NOT_YET, ESTABLISHED]).await, (Ok(Establishment::Established), 3));
    let (ended, _) = wait(vec![NOT_YET, COMPETING]).await;
    assert!(matches!(ended, Ok(Establishment::Competing(status)) if status.message.as_deref() == Some("taken")));
    let (ended, looks) = wait(vec![NOT_YET; 9]).await;
    assert!(matches!(ended, Ok(Establishment::NotYet(_))) && looks <= 4, "{looks}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_or_bridgeless_look_is_taken_again_and_a_refused_one_is_not() {
    let transport = Recorded::new(vec![
        Ok(answer(503, "")),
        Ok(answer(400, r#"{"error":"Bad Request: no bridge"}"#)),
        Ok(answer(200, ESTABLISHED)),
    ]);
    let pause = Duration::from_secs(1);
    let ended = session(transport).wait_until_established(10 * pause, pause).await;
    assert_eq!(ended, Ok(Establishment::Established));
    let transport = Recorded::new(vec![Ok(answer(401, ""))]);
    let ended = session(transport).wait_until_established(10 * pause, pause).await;
    assert!(matches!(ended, Err(CallError::Unauthorized { .. })));
}

#[tokio::test]
async fn a_token_that_has_run_out_sends_nothing() {
    let transport = Recorded::new(vec![]);
    let session = session_until(api(transport.clone(), broker::QuerySigning::Omit), "2026-11-24T15:00:00Z");
    let error = session.place(&Order::limit().request()).await.unwrap_err();
    assert!(matches!(error, CallError::Unauthorized { .. }) && error.proves_not_delivered());
    assert_eq!(transport.count(), 0);
}

#[tokio::test]
async fn a_tickle_tells_where_the_session_stands() {
    let body = format!(r#"{{"session":"abc","hmds":{{"error":"no bridge"}},"iserver":{{"authStatus":{COMPETING}}}}}"#);
    let status = session(Recorded::new(vec![Ok(answer(200, &body))])).tickle().await.unwrap();
    assert!(status.competing && !status.authenticated && !status.established);
}

#[tokio::test]
async fn accounts_tell_paper_from_live_and_what_each_may_do() {
    let body = r#"{"accounts":["DU0000001","DU0000002"],"acctProps":{"DU0000001":{"supportsCashQty":true,"supportsFractions":false,
        "allowCustomerTime":false}},"aliases":{},"selectedAccount":"DU0000001","isPaper":true,"isFT":false}"#;
    let accounts = session(Recorded::new(vec![Ok(answer(200, body))])).accounts().await.unwrap();
    assert_eq!((accounts.accounts.len(), accounts.is_paper), (2, Some(true)));
    assert_eq!(accounts.accounts[0].allow_customer_time, Some(false));
    assert_eq!(accounts.accounts[1].supports_cash_quantity, None);
    assert_eq!(accounts.selected.unwrap().as_str(), "DU0000001");
}

#[tokio::test]
async fn suppression_sends_the_list_and_knows_its_limit() {
    let transport = Recorded::new(vec![Ok(answer(200, r#"{"status":"submitted"}"#))]);
    let session = session(transport.clone());
    session.suppress(&["o354", "o10151"]).await.unwrap();
    assert_eq!(transport.request(0).body(), &r#"{"messageIds":["o354","o10151"]}"#);
    assert!(matches!(session.suppress(&["o1"; 52]).await, Err(CallError::Invalid(_))));
}

#[tokio::test]
async fn the_preflight_of_live_orders_is_no_answer() {
    for body in [r#"{"orders":[],"snapshot":false}"#, r#"{"orders":[]}"#] {
        let looked =
            session(Recorded::new(vec![Ok(answer(200, body))])).live_orders(&"DU0000001".parse().unwrap()).await;
        assert_eq!(looked, Ok(LiveOrders::NoAnswerYet), "{body}");
    }
    let looked = session(Recorded::new(vec![Ok(answer(200, r#"{"orders":[],"snapshot":true}"#))]))
        .live_orders(&"DU0000001".parse().unwrap())
        .await;
    assert!(matches!(looked, Ok(LiveOrders::Orders(listing)) if listing.complete && listing.rows.is_empty()));
    let transport = Recorded::new(vec![Ok(answer(200, r#"{"orders":[],"snapshot":false}"#))]);
    session(transport.clone()).refresh_live_orders().await.unwrap();
    assert_eq!(transport.request(0).uri().query(), Some("force=true"));
}

#[tokio::test]
async fn a_live_order_is_read_with_numbers_as_text_and_empty_fields() {
    let body = r#"{"orders":[{"acct":"DU0000001","account":"DU0000001","conid":265598,"conidex":"265598","orderId":1234,
        "ticker":"AAPL","secType":"STK","side":"BUY","orderType":"Limit","timeInForce":"CLOSE","price":"187.50",
        "totalSize":"10.0","filledQuantity":4.0,"remainingQuantity":"6","avgPrice":"","status":"Submitted",
        "order_ccp_status":"Submitted","order_ref":"c123","lastExecutionTime":"261124150000","lastExecutionTime_r":1795532400000},
        {"orderId":1235,"parentId":1234,"status":"PreSubmitted","side":"SELL"}],"snapshot":true}"#;
    let looked =
        session(Recorded::new(vec![Ok(answer(200, body))])).live_orders(&"DU0000001".parse().unwrap()).await.unwrap();
    let LiveOrders::Orders(listing) = looked else { panic!("{looked:?}") };
    assert!(listing.complete);
    let [order, exit] = listing.rows.as_slice() else { panic!("{listing:?}") };
    assert_eq!((order.order_id.get(), order.client_order_id.as_deref()), (1234, Some("c123")));
    assert_eq!((order.side, &order.status), (Some(Side::Buy), &BrokerStatus::Submitted));
    assert_eq!((order.total_quantity, order.filled_quantity), (decimal("10"), decimal("4")));
    assert_eq!((order.price, order.average_price), (decimal("187.5"), None));
    assert_eq!(order.last_execution_at.unwrap().to_string(), "2026-11-24T15:00:00Z");
    assert_eq!(exit.parent_order_id, Some(order.order_id));
}

#[tokio::test]
async fn a_list_with_a_row_that_cannot_be_read_proves_nothing() {
    let body =
        r#"{"orders":[{"orderId":-1,"status":"Submitted"},{"orderId":7,"status":"Filled"},{"x":1}],"snapshot":true}"#;
    let looked =
        session(Recorded::new(vec![Ok(answer(200, body))])).live_orders(&"DU0000001".parse().unwrap()).await.unwrap();
    assert!(matches!(looked, LiveOrders::Orders(listing) if !listing.complete && listing.rows.len() == 1));
    let row = r#"{"orderId":7,"status":"Filled"}"#;
    let full = format!(r#"{{"orders":[{}],"snapshot":true}}"#, vec![row; 1000].join(","));
    let looked =
        session(Recorded::new(vec![Ok(answer(200, &full))])).live_orders(&"DU0000001".parse().unwrap()).await.unwrap();
    assert!(matches!(looked, LiveOrders::Orders(listing) if !listing.complete && listing.rows.len() == 1000));
}

#[tokio::test]
async fn trades_are_read_by_execution() {
    let body = r#"[{"execution_id":"0000e0d5.1","symbol":"AAPL","side":"B","order_ref":"c123","order_id":1234,"size":4,
        "price":"187.45","commission":"1.01","net_amount":749.8,"account":"DU0000001","conid":265598,
        "trade_time":"20261124-15:00:00","trade_time_r":1795532400000}]"#;
    let transport = Recorded::new(vec![Ok(answer(200, body))]);
    let session = session(transport.clone());
    let trades = session.trades(2).await.unwrap();
    assert_eq!(transport.request(0).uri().query(), Some("days=2"));
    let trade = &trades.rows[0];
    assert_eq!(
        (trade.execution_id.as_str(), trade.side, trade.price),
        ("0000e0d5.1", Some(Side::Buy), decimal("187.45").unwrap())
    );
    assert_eq!((trade.commission, trade.client_order_id.as_deref()), (decimal("1.01"), Some("c123")));
    assert!(trades.complete);
    for days in [0, 8] {
        assert!(matches!(session.trades(days).await, Err(CallError::Invalid(_))));
    }
}

#[tokio::test]
async fn one_order_is_read_and_an_old_one_is_no_answer() {
    let body = r#"{"order_id":1234,"order_status":"Filled","order_ccp_status":"2","side":"S","cum_fill":"10","total_size":"10.0",
        "average_price":"187.40","limit_price":"187.50","stop_price":"","tif":"DAY","account":"DU0000001","conid":265598,
        "order_not_editable":true,"cannot_cancel_order":true}"#;
    let id = BrokerOrderId::new(1234).unwrap();
    let detail = session(Recorded::new(vec![Ok(answer(200, body))])).order_status(id).await.unwrap();
    assert_eq!((detail.status, detail.side, detail.stop_price), (BrokerStatus::Filled, Some(Side::Sell), None));
    assert_eq!((detail.filled_quantity, detail.not_editable), (decimal("10"), Some(true)));
    let old = session(Recorded::new(vec![Ok(answer(503, ""))])).order_status(id).await;
    assert!(matches!(old, Err(CallError::Unknown { .. })));
}

#[tokio::test]
async fn contracts_are_found_by_symbol() {
    let stocks = r#"{"AAPL":[{"name":"APPLE INC","chineseName":"x","assetClass":"STK","contracts":[
        {"conid":265598,"exchange":"NASDAQ","isUS":true},{"conid":38708077,"exchange":"MEXI","isUS":false}]}]}"#;
    let search = r#"[{"conid":"265598","companyHeader":"APPLE INC - NASDAQ","companyName":"APPLE INC","symbol":"AAPL",
        "description":"NASDAQ","sections":[{"secType":"STK"},{"secType":"OPT","months":"DEC26"}]}]"#;
    let transport = Recorded::new(vec![Ok(answer(200, stocks)), Ok(answer(200, search))]);
    let session = session(transport.clone());
    let stocks = session.stocks("AAPL").await.unwrap();
    assert_eq!((stocks.len(), stocks[0].is_us, stocks[1].exchange.as_deref()), (2, Some(true), Some("MEXI")));
    let found = session.search_contracts("AAPL", Some("STK")).await.unwrap();
    assert_eq!(u64::from(found[0].conid), 265_598);
    assert_eq!(found[0].security_types, ["STK", "OPT"]);
    assert_eq!(transport.request(1).uri().query(), Some("symbol=AAPL&secType=STK"));
}

#[tokio::test]
async fn rules_and_previews_are_read() {
    let rules = r#"{"orderTypes":["limit","market"],"tifTypes":["DAY/o,a"],"increment":0.01,"incrementDigits":2,"sizeIncrement":100,
        "canTradeAcctIds":["DU0000001"],"error":null}"#;
    let preview = r#"{"amount":{"amount":"1,875 USD (10 Shares)","commission":"1 USD","total":"1,876 USD"},
        "equity":{"current":"1,000,000","change":"-1","after":"999,999"},"initial":{"current":"0","change":"500","after":"500"},
        "maintenance":{},"warn":"21/You are trying to submit an order without market data.","error":null}"#;
    let transport = Recorded::new(vec![Ok(answer(200, rules)), Ok(answer(200, preview))]);
    let session = session(transport.clone());
    let rules = session.contract_rules(265_598_u64.try_into().unwrap(), Side::Sell).await.unwrap();
    assert_eq!((rules.price_steps.len(), rules.accounts.len(), rules.error), (1, 1, None));
    assert_eq!(Some(rules.price_steps[0].increment), decimal("0.01"));
    let preview = session.preview(&Order::limit().request()).await.unwrap();
    assert_eq!(
        (preview.amount, preview.commission, preview.equity_after),
        (decimal("1875"), decimal("1"), decimal("999999"))
    );
    assert!(preview.warning.is_some() && preview.error.is_none());
    assert_eq!(transport.request(1).uri().path(), "/v1/api/iserver/account/DU0000001/orders/whatif");
    let asked: serde_json::Value = serde_json::from_slice(transport.request(1).body()).unwrap();
    assert!(asked["orders"][0].get("cOID").is_none(), "a preview uses up no client order id: {asked}");
}

#[tokio::test]
async fn the_steps_of_prices_are_read_by_edge_and_half_a_list_is_none() {
    let cases = [
        (
            r#"{"increment":0.01,"incrementRules":[{"lowerEdge":1,"increment":0.01},{"lowerEdge":0,"increment":0.0001}]}"#,
            "0:0.0001 1:0.01",
        ),
        (
            r#"{"increment":"0.05","incrementRules":[{"lowerEdge":0,"increment":""},{"lowerEdge":5,"increment":0.1}]}"#,
            "0:0.05",
        ),
        (r#"{"increment":0,"incrementRules":[]}"#, ""),
        ("{}", ""),
    ];
    let transport = Recorded::new(cases.iter().map(|(body, _)| Ok(answer(200, body))).collect());
    let session = session(transport);
    for (body, steps) in cases {
        let rules = session.contract_rules(265_598_u64.try_into().unwrap(), Side::Buy).await.unwrap();
        let read: Vec<String> =
            rules.price_steps.iter().map(|step| format!("{}:{}", step.lower_edge, step.increment)).collect();
        assert_eq!(read.join(" "), steps, "{body}");
    }
}

#[tokio::test]
async fn the_markets_price_is_the_last_one_else_the_middle_and_a_mere_subscription_has_none() {
    let now = |text: &str| MarketPrice::Now(decimal(text).unwrap());
    let instead = |text: &str, kind| MarketPrice::NotOfNow(NotOfNow { price: decimal(text), kind });
    let rows = [
        (r#"[{"conid":265598,"conidEx":"265598"}]"#, MarketPrice::None),
        (r#"[{"conid":265598,"6509":"RB"}]"#, MarketPrice::None),
        (r#"[{"conid":265598,"31":"187.50","84":"187.49","86":"187.51","6509":"RpB"}]"#, now("187.5")),
        (r#"[{"conid":"265598","31":187.5,"6509":"S"}]"#, now("187.5")),
        (r#"[{"conid":265598,"31":"187.50"}]"#, MarketPrice::AgeNotTold(decimal("187.5").unwrap())),
        (r#"[{"conid":265598,"84":"187.40","86":"187.50","6509":"RpB"}]"#, now("187.45")),
        (r#"[{"conid":265598,"31":"C186.00","84":"187.40","86":"187.50","6509":"RpB"}]"#, now("187.45")),
        (r#"[{"conid":265598,"31":"C186.00","6509":"RpB"}]"#, instead("186", Staleness::PreviousClose)),
        (r#"[{"conid":265598,"31":"C186.00"}]"#, instead("186", Staleness::PreviousClose)),
        (
            r#"[{"conid":265598,"31":"H186","84":"187.40","86":"187.50","6509":"RpB"}]"#,
            instead("186", Staleness::Halted),
        ),
        (r#"[{"conid":265598,"31":"186","6509":"DPB"}]"#, instead("186", Staleness::Delayed)),
        (r#"[{"conid":265598,"31":"186","6509":"Z"}]"#, instead("186", Staleness::Frozen)),
        (r#"[{"conid":265598,"31":"186","6509":"YB"}]"#, instead("186", Staleness::Frozen)),
        (r#"[{"conid":265598,"31":"186","6509":"i"}]"#, instead("186", Staleness::NotSubscribed)),
        (
            r#"[{"conid":265598,"6509":"N"}]"#,
            MarketPrice::NotOfNow(NotOfNow { price: None, kind: Staleness::NotSubscribed }),
        ),
        (r#"[{"conid":265598,"84":"187.40","6509":"R"}]"#, MarketPrice::None),
        (r#"[{"conid":272093,"31":"415","6509":"R"}]"#, MarketPrice::None),
        ("[]", MarketPrice::None),
    ];
    for (body, expected) in rows {
        let transport = Recorded::new(vec![Ok(answer(200, body))]);
        let price = session(transport.clone()).market_price(265_598_u64.try_into().unwrap()).await.unwrap();
        assert_eq!(price, expected, "{body}");
        assert_eq!(transport.request(0).uri().path(), "/v1/api/iserver/marketdata/snapshot");
        assert_eq!(transport.request(0).uri().query(), Some("conids=265598&fields=31%2C84%2C86%2C6509"));
    }
}

#[tokio::test]
async fn a_look_that_fails_says_what_to_do() {
    for (response, expected) in [
        (answer(410, ""), CallError::Gone),
        (answer(429, ""), CallError::Paced),
        (answer(500, r#"{"error":"Please query /accounts first"}"#), CallError::AccountsNotAsked),
        (answer(200, r#"{"error":"no bridge"}"#), CallError::NoBridge),
        (answer(400, r#"{"error":"bad days"}"#), CallError::Refused { message: "bad days".into() }),
        (answer(200, r#"{"error":"not today"}"#), CallError::Refused { message: "not today".into() }),
    ] {
        let looked = session(Recorded::new(vec![Ok(response)])).trades(1).await;
        assert_eq!(looked, Err(expected));
    }
    let looked = session(Recorded::new(vec![Ok(answer(200, "[{\"execution_id\":"))])).trades(1).await;
    assert!(matches!(looked, Err(CallError::Unknown { .. })));
}
