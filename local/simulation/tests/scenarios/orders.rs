//! Orders that nothing stands in the way of.

use std::time::Duration;

use domain::OrderStatus;
use paper_broker::{Execution, QuestionRules};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use simulation::World;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_limit_order_works_and_is_filled_at_an_exact_average_when_the_price_comes() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186.00"}));
    world.settle().await;
    assert_eq!(world.status("first").await, "working");
    let order_id = world.tickets("first")[0].order_id;
    for (quantity, price) in [("3", "185.99"), ("1", "185.97")] {
        let (quantity, price) = (decimal(quantity), decimal(price));
        assert!(world.broker().execute_order(Execution { order_id, quantity, price }));
    }
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!(order.status(), OrderStatus::PartiallyFilled);
    assert_eq!((order.filled_quantity, order.average_price), (decimal("4"), Some(decimal("185.985"))));
    world.broker().set_price(265_598, Some(decimal("185.95")));
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!(order.status(), OrderStatus::Filled);
    // (3 x 185.99 + 1 x 185.97 + 6 x 185.95) / 10
    assert_eq!((order.filled_quantity, order.average_price), (decimal("10"), Some(decimal("185.964"))));
    let history: Vec<_> = order.history.iter().map(|entry| entry.status.as_str()).collect();
    assert_eq!(history, ["received", "sending", "working", "partially_filled", "filled"]);
    assert_eq!((order.sequence, order.next_check_at), (5, None));
    assert_eq!(world.tickets("first").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_market_order_is_filled_and_the_api_shows_it() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "market"}));
    world.settle().await;
    let shown = world.api("GET /orders/{order_id}", &json!({"path": {"order_id": "first"}})).await.json;
    assert_eq!((&shown["status"], &shown["average_price"]), (&json!("filled"), &json!("187.5")));
    assert_eq!((&shown["quantity"], &shown["filled_quantity"]), (&json!("10"), &json!("10")));
    assert_eq!(shown["broker_order_ids"], json!([world.tickets("first")[0].order_id.to_string()]));
}

#[tokio::test(start_paused = true)]
async fn a_stop_order_sleeps_until_its_price_and_is_filled_then() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "stop", "side": "sell", "stop_price": "180.00"}));
    world.settle().await;
    assert_eq!(world.status("first").await, "working");
    world.broker().set_price(265_598, Some(decimal("179.90")));
    world.run_for(Duration::from_mins(2)).await;
    let order = world.order("first").await;
    assert_eq!((order.status(), order.average_price), (OrderStatus::Filled, Some(decimal("179.90").normalize())));
}

#[tokio::test(start_paused = true)]
async fn every_type_of_order_reaches_the_broker_with_the_right_fields() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.broker().change_options(|options| options.matching = false);
    let types = [
        ("market", json!({}), "MKT", None),
        ("limit", json!({"limit_price": "186.01"}), "LMT", Some("186.01")),
        ("stop", json!({"stop_price": "190"}), "STP", Some("190")),
        ("stop_limit", json!({"stop_price": "190", "limit_price": "191.5"}), "STOP_LIMIT", Some("191.5")),
        ("trailing_stop", json!({"trail": {"amount": "2.50"}, "stop_price": "190"}), "TRAIL", Some("190")),
        (
            "trailing_stop_limit",
            json!({"trail": {"percent": "1"}, "stop_price": "190", "limit_price": "191"}),
            "TRAILLMT",
            Some("191"),
        ),
        ("midprice", json!({"limit_price": "188"}), "MIDPRICE", Some("188")),
    ];
    for (name, fields, _, _) in &types {
        let mut fields: Value = fields.clone();
        fields["type"] = json!(name);
        fields["contract"] = json!({"conid": 272_093});
        world.place(name, &fields);
    }
    world.settle().await;
    for (name, _, wire, price) in types {
        assert_eq!(world.status(name).await, "working", "{name}: {}", world.reason(name).await);
        let tickets = world.tickets(name);
        assert_eq!(tickets.len(), 1, "{name}");
        let ticket = &tickets[0];
        assert_eq!((ticket.order_type.as_str(), ticket.price), (wire, price.map(decimal)), "{name}");
        assert_eq!((ticket.conid, ticket.side.as_str(), ticket.quantity), (272_093, "BUY", decimal("10")), "{name}");
        assert_eq!(ticket.account_id, simulation::ACCOUNT);
    }
}

#[tokio::test(start_paused = true)]
async fn every_time_in_force_and_a_cash_quantity_are_taken() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    for tif in ["day", "gtc", "ioc", "opg"] {
        world.place(tif, &json!({"type": "limit", "limit_price": "186", "time_in_force": tif}));
    }
    world.place("cash", &json!({"type": "market", "quantity": null, "cash_quantity": "1875"}));
    world.settle().await;
    for name in ["day", "gtc", "opg"] {
        assert_eq!(world.status(name).await, "working", "{name}");
    }
    assert_eq!(world.status("ioc").await, "cancelled: time_in_force_ended");
    assert_eq!(world.status("cash").await, "filled");
    assert_eq!(world.tickets("cash")[0].quantity, decimal("10"));
}

#[tokio::test(start_paused = true)]
async fn a_symbol_that_names_one_contract_is_resolved() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186", "contract": {"symbol": "AAPL"}}));
    let asx = json!({"symbol": "BHP", "exchange": "ASX", "currency": "AUD"});
    world.place("second", &json!({"type": "limit", "limit_price": "40.90", "contract": asx}));
    world.settle().await;
    assert_eq!((world.status("first").await, world.status("second").await), ("working".into(), "working".into()));
    assert_eq!((world.tickets("first")[0].conid, world.tickets("second")[0].conid), (265_598, 4_036_812));
    // Conids are permanent: the same words are not looked up again.
    let lookups = world.calls("GET /trsrv/stocks").len();
    world.place("third", &json!({"type": "limit", "limit_price": "186", "contract": {"symbol": "AAPL"}}));
    world.settle().await;
    assert_eq!((world.tickets("third")[0].conid, world.calls("GET /trsrv/stocks").len()), (265_598, lookups));
}

#[tokio::test(start_paused = true)]
async fn a_symbol_that_names_several_contracts_is_denied_with_the_candidates() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "market", "contract": {"symbol": "BHP"}}));
    world.place("second", &json!({"type": "market", "contract": {"symbol": "NOSUCH"}}));
    world.settle().await;
    assert_eq!(world.status("first").await, "denied: contract_ambiguous");
    let reason = world.reason("first").await;
    assert!(reason.contains("NYSE, conid 4815747") && reason.contains("ASX, conid 4036812"), "{reason}");
    assert_eq!(world.status("second").await, "denied: contract_unknown");
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_question_on_the_list_is_answered_with_yes() {
    let world = crate::with_every_question_asked().await;
    let rules = QuestionRules { always: vec!["o354".into(), "o10336".into()], ..QuestionRules::default() };
    world.broker().set_questions(rules);
    world.place("first", &json!({"type": "market"}));
    world.settle().await;
    assert_eq!(world.status("first").await, "filled");
    assert_eq!(world.calls("POST /iserver/reply/").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_the_policy_declines_rejects_the_order_with_the_question_as_its_reason() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "limit", "limit_price": "150.00"}));
    world.settle().await;
    assert_eq!(world.status("first").await, "rejected: question_declined");
    let reason = world.reason("first").await;
    assert!(reason.contains("o163") && reason.contains("exceeds the Percentage constraint of 3%"), "{reason}");
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_question_on_no_list_is_answered_with_no_and_named() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules { always: vec!["o99999".into()], ..QuestionRules::none() });
    world.place("first", &json!({"type": "market"}));
    world.settle().await;
    assert_eq!(world.status("first").await, "rejected: question_unlisted");
    assert!(world.reason("first").await.contains("o99999"));
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_never_stops_asking_leaves_the_order_to_be_looked_up() {
    let world = crate::with_every_question_asked().await;
    world.broker().set_questions(QuestionRules { always: vec!["o354".into(); 15], ..QuestionRules::none() });
    let many: Vec<String> =
        ["o354", "o403", "o10151", "o10152", "o10153", "o10164", "o10223", "o10288", "o10331", "o10336", "p6"]
            .map(str::to_owned)
            .into();
    world.broker().set_questions(QuestionRules { always: many, ..QuestionRules::none() });
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "unknown: too_many_questions");
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_refuses_is_rejected_with_its_words() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "market", "contract": {"conid": 9_999}}));
    world.settle().await;
    assert_eq!(world.status("first").await, "rejected: refused_by_broker");
    assert_eq!(world.reason("first").await, "The broker refused the order: No trading permissions.");
    assert!(world.broker().ledger().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_venue_refuses_afterwards_is_rejected() {
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    assert!(world.broker().reject_order(world.tickets("first")[0].order_id, paper_broker::OrderStatus::Inactive));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "rejected: inactive_at_broker");
}
