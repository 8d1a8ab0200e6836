//! Every spelling of an answer that the sources have: IBKR's description of its API, and answers that another client recorded.

use broker::{Answer, CancelAnswer, LiveOrders};
use domain::{AccountId, BrokerOrderId, BrokerStatus, Side};
use rust_decimal::Decimal;

use crate::support::{Order, Recorded, answer, session};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn account() -> AccountId {
    "DU0000001".parse().unwrap()
}

#[tokio::test]
async fn one_orders_fill_is_read_in_both_spellings() {
    let described = r#"{"order_id":7,"order_status":"Filled","order_ccp_status":"2","side":"S","size":"0.0","total_size":"5.0",
        "cum_fill":"5.0","average_price":"192.26","account":"DU0000001","conid":265598,"tif":"DAY"}"#;
    let recorded = r#"{"order_id":7,"order_status":"Filled","side":"SELL","size":"5.0","total_size":"5.0","filled_quantity":"5.0",
        "remaining_quantity":"0.0","avg_fill_price":"192.26","fill_price":"192.26","order_clearing_account":"DU0000001",
        "conid":265598,"tif":"DAY","sub_type":null,"price":"0.0"}"#;
    for body in [described, recorded] {
        let id = BrokerOrderId::new(7).unwrap();
        let detail = session(Recorded::new(vec![Ok(answer(200, body))])).order_status(id).await.unwrap();
        assert_eq!((detail.status, detail.side), (BrokerStatus::Filled, Some(Side::Sell)), "{body}");
        assert_eq!(detail.filled_quantity, Some(decimal("5")), "{body}");
        assert_eq!(detail.average_price, Some(decimal("192.26")), "{body}");
        assert_eq!(detail.total_quantity, Some(decimal("5")), "{body}");
        assert_eq!(detail.account_id, Some(account()), "{body}");
    }
}

#[tokio::test]
async fn live_orders_are_read_in_both_spellings() {
    let described = r#"{"orders":[{"acct":"DU0000001","account":"DU0000001","conid":265598,"orderId":7,"side":"BUY",
        "remainingQuantity":0.0,"filledQuantity":2499.99,"totalSize":2806.46,"totalCashSize":2500.0,"avgPrice":"0.8908",
        "status":"Filled","order_ccp_status":"Filled","lastExecutionTime_r":1714061006000}],"snapshot":true}"#;
    // Rows, and yet no snapshot; numbers with a point, an empty price.
    let recorded = r#"{"orders":[{"account":"DU0000001","conid":265598,"orderId":7,"side":"BUY","price":"","orderType":"Market",
        "remainingQuantity":"0.0","filledQuantity":"2499.99","totalSize":"2806.46","avgPrice":"0.8908","order_status":"Filled",
        "lastExecutionTime_r":1775086847000}],"snapshot":false}"#;
    for body in [described, recorded] {
        let looked = session(Recorded::new(vec![Ok(answer(200, body))])).live_orders(&account()).await.unwrap();
        let LiveOrders::Orders(listing) = looked else { panic!("{looked:?}") };
        assert!(listing.complete, "{body}");
        let order = &listing.rows[0];
        assert_eq!((&order.status, order.filled_quantity), (&BrokerStatus::Filled, Some(decimal("2499.99"))), "{body}");
        assert_eq!(
            (order.average_price, order.account_id.clone()),
            (Some(decimal("0.8908")), Some(account())),
            "{body}"
        );
    }
}

#[tokio::test]
async fn trades_are_read_in_both_spellings_and_before_their_commission_is_known() {
    let rows = [
        (
            r#""side":"S","price":"192.26","commission":"1.01","account":"DU0000001","order_id":17437897932"#,
            Some("1.01"),
        ),
        (r#""side":"SLD","price":192.26,"submitter":"DU0000001""#, None),
        (r#""side":"SELL","price":192.26,"commission":"","accountCode":"DU0000001""#, None),
        (r#""side":"S","price":192.26,"commission":"0","order_id":"17437897932""#, Some("0")),
        (r#""side":"S","price":192.26,"commission":"1.01 USD""#, Some("1.01")),
    ];
    for (fields, commission) in rows {
        let body = format!(
            r#"[{{"execution_id":"0000e0d5.6576fd38.01.01","order_ref":"Order123","size":5.0,"conid":265598,{fields}}}]"#
        );
        let trades = session(Recorded::new(vec![Ok(answer(200, &body))])).trades(1).await.unwrap();
        assert!(trades.complete, "{body}");
        let trade = &trades.rows[0];
        assert_eq!(
            (trade.side, trade.quantity, trade.price),
            (Some(Side::Sell), decimal("5"), decimal("192.26")),
            "{body}"
        );
        assert_eq!(trade.commission, commission.map(decimal), "{body}");
    }
}

#[tokio::test]
async fn an_advisors_list_holds_accounts_and_names_that_are_none() {
    let lists = [
        r#"{"accounts":["DU0000001"],"acctProps":null,"aliases":{"All":"All"},"groups":["All"]}"#,
        r#"{"accounts":["All","DU0000001"],"acctProps":{"DU0000001":null},"selectedAccount":"All"}"#,
        r#"{"accounts":["My Group","DU0000001",null,7,{}],"acctProps":{"My Group":[],"DU0000001":{"supportsCashQty":{}}}}"#,
        r#"{"accounts":["U7654321","DU0000001"],"groups":["U7654321",null],"profiles":null}"#,
    ];
    for body in lists {
        let accounts = session(Recorded::new(vec![Ok(answer(200, body))])).accounts().await.unwrap();
        let ids: Vec<&str> = accounts.accounts.iter().map(|account| account.account_id.as_str()).collect();
        assert_eq!((ids, accounts.selected), (vec!["DU0000001"], None), "{body}");
    }
    let rows = r#"[{"id":"All","accountId":"All"},{"id":"My Group"},[],null,{"id":7},{"accountId":"DU0000001"},{"id":"U1234567-P"}]"#;
    let accounts = session(Recorded::new(vec![Ok(answer(200, rows))])).portfolio_accounts().await.unwrap();
    let ids: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
    assert_eq!(ids, ["DU0000001", "U1234567-P"]);
}

#[tokio::test]
async fn a_session_is_read_with_flags_as_text_and_fields_that_are_missing() {
    for (body, established) in [
        (r#"{"authenticated":true,"established":true,"competing":false,"connected":true,"fail":"","MAC":"00"}"#, true),
        (r#"{"authenticated":"true","established":"true"}"#, true),
        (r#"{"authenticated":true,"competing":false}"#, false),
    ] {
        let status = session(Recorded::new(vec![Ok(answer(200, body))])).status().await.unwrap();
        assert_eq!((status.authenticated, status.established), (true, established), "{body}");
        let tickle = format!(r#"{{"session":"a","hmds":{{"error":"no bridge"}},"iserver":{{"authStatus":{body}}}}}"#);
        let status = session(Recorded::new(vec![Ok(answer(200, &tickle))])).tickle().await.unwrap();
        assert_eq!((status.authenticated, status.established), (true, established), "{tickle}");
    }
    let failed =
        session(Recorded::new(vec![Ok(answer(200, r#"{"error":"failed to process request"}"#))])).tickle().await;
    assert!(failed.is_err());
}

#[tokio::test]
async fn the_answers_to_placing_and_cancelling_are_read_alone_and_in_a_list() {
    let placed = r#"{"order_id":"1370093239","order_status":"PreSubmitted","encrypt_message":"1"}"#;
    let cancelled = r#"{"msg":"Request was submitted","order_id":602801486,"conid":-1,"account":null}"#;
    for wrap in [str::to_owned, |object: &str| format!("[{object}]")] {
        let transport = Recorded::new(vec![Ok(answer(200, &wrap(placed))), Ok(answer(200, &wrap(cancelled)))]);
        let session = session(transport);
        let Ok(Answer::Placed(orders)) = session.place(&Order::limit().request()).await else { panic!("{placed}") };
        assert_eq!((orders[0].order_id.get(), &orders[0].status), (1_370_093_239, &BrokerStatus::PreSubmitted));
        let id = BrokerOrderId::new(602_801_486).unwrap();
        assert_eq!(session.cancel(&account(), id).await, Ok(CancelAnswer::Requested));
    }
}

#[tokio::test]
async fn rules_previews_and_contracts_are_read_with_nulls_where_lists_belong() {
    let conid = 265_598_u64.try_into().unwrap();
    let rules = r#"{"canTradeAcctIds":["DU0000001"],"increment":0.01,"incrementRules":null,"tifTypes":null,"orderTypes":["limit"],
        "sizeIncrement":40,"error":null}"#;
    let preview = r#"{"amount":{"amount":"1 USD (1 Shares)","commission":"0.01 USD","total":"1.01 USD"},"equity":null,
        "initial":{"after":"8,801"},"error":null,"warn":"21/…"}"#;
    let search = r#"[{"conid":"756733","symbol":"SPY","description":"ARCA","sections":[{"secType":"STK"},{"conid":"1","secType":"CFD"}]},
        {"conid":"2147483647","companyName":null,"symbol":null,"description":null,"sections":null,"issuers":[{"id":"e1"}]}]"#;
    let definitions = r#"{"secdef":[{"assetClass":"STK","conid":265598,"currency":"USD","multiplier":0.0,"strike":"0"},
        null,{"conid":"8314","currency":"usd"},{"conid":9,"currency":"CHF"}]}"#;
    let bodies = [rules, preview, search, definitions];
    let session = session(Recorded::new(bodies.iter().map(|body| Ok(answer(200, body))).collect()));
    let rules = session.contract_rules(conid, Side::Buy).await.unwrap();
    assert_eq!((rules.price_steps.len(), rules.order_types.len(), rules.times_in_force.len()), (1, 1, 0));
    let preview = session.preview(&Order::limit().request()).await.unwrap();
    assert_eq!((preview.amount, preview.initial_margin_after), (Some(Decimal::ONE), Some(decimal("8801"))));
    assert_eq!(preview.equity_after, None);
    assert_eq!(session.search_contracts("SPY", None).await.unwrap().len(), 2);
    let asked = [conid, 8_314_u64.try_into().unwrap()];
    let told = session.contract_definitions(&asked).await.unwrap();
    let currencies: Vec<Option<&str>> = told.values().map(|details| details.currency.as_deref()).collect();
    assert_eq!(currencies, [Some("USD"), Some("USD")], "what was not asked for is not believed");
}
