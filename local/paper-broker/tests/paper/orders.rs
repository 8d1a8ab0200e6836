//! Placing, matching, and reading back.

use paper_broker::{Execution, OrderStatus};
use serde_json::{Value, json};

use crate::client::Client;
use crate::tickets::{ORDERS, decimal, limit_ticket, live, orders, place, refused, state, with, without};
use crate::world::{AAPL, quiet_world};

#[tokio::test]
async fn a_limit_order_rests_fills_and_is_read_back() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let id = place(&client, &[limit_ticket("c-1")]).await[0];
    assert_eq!(state(&world, id), OrderStatus::Submitted);
    world.broker.set_price(AAPL, Some(decimal("186.95")));
    let row = live(&client).await[0].clone();
    assert_eq!(row["orderId"], id, "a number here, a text in the acknowledgement");
    assert_eq!(
        (&row["status"], &row["order_ref"], &row["avgPrice"]),
        (&json!("Filled"), &json!("c-1"), &json!("186.95"))
    );
    let status = client.get(&format!("/iserver/account/order/status/{id}")).await.json();
    assert_eq!(
        (&status["order_ccp_status"], &status["cum_fill"], &status["limit_price"]),
        (&json!("2"), &json!("10"), &json!("187"))
    );
    let trades = client.get("/iserver/account/trades?days=3").await.json();
    assert_eq!(
        (&trades[0]["order_ref"], &trades[0]["size"], &trades[0]["price"]),
        (&json!("c-1"), &json!(10), &json!("186.95"))
    );
    assert_eq!(trades[0]["order_id"], id);
    client.get("/portfolio/accounts").await;
    assert_eq!(client.get("/portfolio/DU0000001/positions/0").await.json()[0]["position"], 10);
}

#[tokio::test]
async fn the_first_look_at_live_orders_is_empty_and_force_is_too() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    place(&client, &[limit_ticket("c-1")]).await;
    let look = |query: &'static str| {
        let client = client.clone();
        async move { client.get(&format!("/iserver/account/orders{query}")).await.json() }
    };
    assert_eq!(look("").await, json!({"orders": [], "snapshot": false}));
    assert_eq!(look("").await["orders"].as_array().unwrap().len(), 1);
    assert_eq!(look("?force=true").await, json!({"orders": [], "snapshot": false}));
    let full = look("?accountId=DU0000001").await;
    assert_eq!((full["orders"].as_array().unwrap().len(), &full["snapshot"]), (1, &json!(true)));
    assert_eq!(look("?filters=filled").await["orders"], json!([]));
    assert_eq!(look("?filters=filled,submitted").await["orders"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_client_order_id_is_taken_for_a_day() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    place(&client, &[limit_ticket("c-1")]).await;
    let text = "Order couldn't be submitted: Local order ID=c-1 is already registered.";
    assert_eq!(refused(&client, limit_ticket("c-1")).await, text);
    assert_eq!(world.broker.registered_count("c-1"), 1);
    world.clock.advance_seconds(24 * 60 * 60);
    let mut client = client;
    client.log_in().await;
    client.start_brokerage().await;
    place(&client, &[limit_ticket("c-1")]).await;
    assert_eq!(world.broker.registered_count("c-1"), 2);
}

#[tokio::test]
async fn what_a_type_needs_is_checked() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let base = || limit_ticket("c-1");
    let cases = [
        (without(base(), "price"), "invalid order price fields"),
        (with(base(), &json!({"price": -1})), "invalid order price fields"),
        (with(base(), &json!({"orderType": "STOP_LIMIT"})), "invalid order price fields"),
        (with(base(), &json!({"orderType": "TRAIL"})), "invalid order attribute : trailingAmt and trailingType"),
        (
            with(base(), &json!({"orderType": "TRAIL", "trailingAmt": 1})),
            "invalid order attribute : trailingAmt and trailingType",
        ),
        (with(base(), &json!({"orderType": "LIMIT"})), "invalid order attribute : orderType"),
        (
            with(base(), &json!({"orderType": "MKT", "outsideRTH": true})),
            "invalid order attribute : Outside Regular Trading Hours",
        ),
        (with(base(), &json!({"side": "buy"})), "invalid order attribute : side"),
        (with(base(), &json!({"tif": "day"})), "invalid order attribute : tif"),
        (without(base(), "quantity"), "invalid order attribute : quantity"),
        (with(base(), &json!({"quantity": 1.5})), "Fractional-sized orders are not supported."),
        (with(base(), &json!({"cashQty": 100})), "quantity and cashQty cannot be used together."),
        (with(without(base(), "quantity"), &json!({"cashQty": 100})), "Cash quantity is less than one share."),
        (with(base(), &json!({"conid": 1})), "Contract 1 not found"),
        (with(base(), &json!({"conid": 9999})), "No trading permissions."),
        (with(base(), &json!({"acctId": "DU9"})), "accountId is not valid: DU9"),
        (with(base(), &json!({"parentId": "none"})), "invalid order attribute : cOID of a child order"),
        (
            without(with(base(), &json!({"parentId": "none"})), "cOID"),
            "Order couldn't be submitted: parent order none not found.",
        ),
    ];
    for (ticket, text) in cases {
        assert_eq!(refused(&client, ticket.clone()).await, text, "{ticket}");
    }
    assert!(world.broker.ledger().is_empty());
    assert_eq!(client.post("/iserver/account/DU9/orders", &orders(&[base()])).await.status, 400);
    assert_eq!(client.post(ORDERS, &json!({"order": 1})).await.status, 400);
    let two = client.post(ORDERS, &orders(&[base(), limit_ticket("c-2")])).await;
    assert!(two.error().contains("unrelated"), "{}", two.text());
}

#[tokio::test]
async fn when_an_order_was_entered_is_said_if_the_account_asks_for_it_and_only_then() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let timed = || with(limit_ticket("c-1"), &json!({"manualOrderTime": 1_795_532_400}));
    let text = "invalid order attribute : manualOrderTime is not allowed";
    assert_eq!(refused(&client, timed()).await, text);
    world.broker.change_options(|options| options.allow_customer_time = true);
    let accounts = client.get("/iserver/accounts").await.json();
    assert_eq!(accounts["acctProps"]["DU0000001"]["allowCustomerTime"], true);
    let text = "invalid order attribute : manualOrderTime is missing";
    assert_eq!(refused(&client, limit_ticket("c-1")).await, text);
    let id = place(&client, &[timed()]).await[0];
    assert_eq!(world.broker.ledger()[0].manual_order_time, Some(1_795_532_400));
    let path = format!("/iserver/account/DU0000001/order/{id}");
    assert_eq!(client.post(&path, &without(timed(), "manualOrderTime")).await.error(), text);
}

#[tokio::test]
async fn numbers_are_read_from_texts_too_and_cash_is_rounded_down() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    place(&client, &[with(limit_ticket("c-1"), &json!({"price": "187.00", "quantity": "3"}))]).await;
    place(&client, &[with(without(limit_ticket("c-2"), "quantity"), &json!({"cashQty": 1000}))]).await;
    let quantities: Vec<_> = world.broker.ledger().iter().map(|entry| entry.quantity).collect();
    assert_eq!(quantities, [decimal("3"), decimal("5")]);
}

#[tokio::test]
async fn every_type_fills_when_its_price_comes() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let sell = |changes: &Value| without(with(with(limit_ticket("x"), &json!({"side": "SELL"})), changes), "cOID");
    // The price at the start is 187.50. Each case: the ticket, prices that do not fill it, and one that does.
    let cases = [
        (sell(&json!({"orderType": "STP", "price": 185})), vec!["186", "190"], "185"),
        (sell(&json!({"orderType": "STOP_LIMIT", "price": 184, "auxPrice": 185})), vec!["186", "183"], "184.50"),
        (
            sell(&json!({"orderType": "TRAIL", "price": 180, "trailingAmt": 2, "trailingType": "amt"})),
            vec!["190", "188.50"],
            "188",
        ),
        (
            without(sell(&json!({"orderType": "TRAIL", "trailingAmt": 10, "trailingType": "%"})), "price"),
            vec!["200", "181"],
            "180",
        ),
        (
            sell(
                &json!({"orderType": "TRAILLMT", "auxPrice": 180, "price": 179, "trailingAmt": 2, "trailingType": "amt"}),
            ),
            vec!["190", "186"],
            "187.50",
        ),
        (sell(&json!({"orderType": "MIDPRICE", "price": 190})), vec!["189"], "190"),
        (sell(&json!({"orderType": "LMT", "price": 190})), vec!["189"], "191"),
    ];
    for (ticket, quiet, filling) in cases {
        world.broker.set_price(AAPL, Some(decimal("187.50")));
        let id = place(&client, std::slice::from_ref(&ticket)).await[0];
        for price in quiet {
            world.broker.set_price(AAPL, Some(decimal(price)));
            assert!(!state(&world, id).is_final(), "{ticket} at {price}");
        }
        world.broker.set_price(AAPL, Some(decimal(filling)));
        assert_eq!(state(&world, id), OrderStatus::Filled, "{ticket} at {filling}");
    }
    let id = place(&client, &[without(sell(&json!({"orderType": "MKT"})), "price")]).await[0];
    assert_eq!(state(&world, id), OrderStatus::Filled);
}

#[tokio::test]
async fn ioc_ends_at_once_and_opg_waits_for_the_open() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let ioc = place(&client, &[with(limit_ticket("c-1"), &json!({"tif": "IOC"}))]).await[0];
    assert_eq!(state(&world, ioc), OrderStatus::Cancelled);
    let opg =
        place(&client, &[without(with(limit_ticket("c-2"), &json!({"tif": "OPG", "orderType": "MKT"})), "price")])
            .await[0];
    assert_eq!(state(&world, opg), OrderStatus::PreSubmitted);
    world.broker.open_market();
    assert_eq!(state(&world, opg), OrderStatus::Filled);
}

#[tokio::test]
async fn parts_fill_by_hand_and_never_more_than_remains() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let id = place(&client, &[limit_ticket("c-1")]).await[0];
    let execute = |quantity: &str| {
        world.broker.execute_order(Execution { order_id: id, quantity: decimal(quantity), price: decimal("186") })
    };
    assert!(execute("4"));
    let row = live(&client).await[0].clone();
    assert_eq!(
        (&row["filledQuantity"], &row["remainingQuantity"], &row["sizeAndFills"]),
        (&json!(4), &json!(6), &json!("4/10"))
    );
    assert!(execute("100"));
    assert_eq!(state(&world, id), OrderStatus::Filled);
    assert!(!execute("1"), "a final order executes no more");
    let trades = client.get("/iserver/account/trades").await.json();
    let sizes: Vec<&Value> = trades.as_array().unwrap().iter().map(|trade| &trade["size"]).collect();
    assert_eq!(sizes, [&json!(6), &json!(4)]);
    assert_ne!(trades[0]["execution_id"], trades[1]["execution_id"]);
}

#[tokio::test]
async fn contracts_are_found_and_their_prices_come_with_the_second_look() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let stocks = client.get("/trsrv/stocks?symbols=AAPL,BHP,XX").await.json();
    assert_eq!(stocks["AAPL"][0]["contracts"][0], json!({"conid": AAPL, "exchange": "NASDAQ", "isUS": true}));
    assert_eq!((stocks["BHP"].as_array().unwrap().len(), &stocks["XX"]), (2, &json!([])));
    assert_eq!(client.get("/iserver/secdef/search?symbol=IBM").await.json()[0]["conid"], "8314");
    assert_eq!(client.get("/iserver/secdef/info?conid=8314").await.json()[0]["listingExchange"], "NYSE");
    assert_eq!(
        client.post("/iserver/contract/rules", &json!({"conid": AAPL, "isBuy": true})).await.json()["increment"],
        0.01
    );
    assert_eq!(client.get("/iserver/contract/265598/info-and-rules").await.json()["rules"]["incrementDigits"], 2);
    let snapshot = "/iserver/marketdata/snapshot?conids=265598&fields=31,84,86";
    assert!(client.get(snapshot).await.json()[0]["31"].is_null());
    let row = client.get(snapshot).await.json()[0].clone();
    assert_eq!((&row["31"], &row["84"], &row["86"]), (&json!("187.50"), &json!("187.49"), &json!("187.51")));
}

#[tokio::test]
async fn live_orders_list_an_order_only_after_the_delay_that_is_set() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    world.broker.change_options(|options| options.live_orders_delay_ms = 8_000);
    place(&client, &[limit_ticket("c-1")]).await;
    assert_eq!(live(&client).await, Vec::<serde_json::Value>::new());
    world.clock.advance_seconds(8);
    assert_eq!(live(&client).await.len(), 1);
}
