//! The message of the contract, whole: what is taken, what is refused, and how the refusal speaks.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

use domain::{Command, Contract, OrderType, PlaceOrder, Side, Size, TimeInForce, Trail};
use proptest::prelude::*;
use serde_json::{Value, json};

fn message() -> Value {
    json!({"schema": "courier.order/1", "command": "place", "user_id": "u-7", "order_id": "mr7-20261124-0001",
        "algorithm_id": "mean-reversion-7", "account_id": "DU0000001", "good_until": "2026-11-24T15:04:05Z",
        "contract": {"conid": 265_598},
        "side": "buy", "quantity": "10", "type": "limit", "limit_price": "187.50", "time_in_force": "day"})
}

fn with(changes: &Value) -> Value {
    let mut message = message();
    for (field, value) in changes.as_object().unwrap() {
        if value.is_null() {
            message.as_object_mut().unwrap().remove(field);
        } else {
            message[field] = value.clone();
        }
    }
    message
}

fn placed(message: Value) -> PlaceOrder {
    match Command::from_value(message) {
        Ok(Command::Place(place)) => place,
        other => panic!("not a placed order: {other:?}"),
    }
}

fn faults(message: Value) -> Vec<String> {
    let malformed = Command::from_value(message).expect_err("a refusal");
    malformed.faults.into_iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect()
}

#[test]
fn the_example_of_the_contract_is_read_whole() {
    let place = placed(message());
    assert_eq!(place.key.user_id.as_str(), "u-7");
    assert_eq!(place.key.order_id.as_str(), "mr7-20261124-0001");
    assert_eq!(place.algorithm_id.as_str(), "mean-reversion-7");
    assert_eq!(place.account_id.as_str(), "DU0000001");
    assert_eq!(place.good_until.unwrap().to_string(), "2026-11-24T15:04:05Z");
    assert!(matches!(place.ticket.contract, Contract::Conid { conid } if u64::from(conid) == 265_598));
    assert_eq!(place.ticket.side, Side::Buy);
    assert!(matches!(place.ticket.size, Size::Quantity(quantity) if quantity.to_string() == "10"));
    assert!(matches!(place.ticket.order_type, OrderType::Limit { limit_price } if limit_price.to_string() == "187.5"));
    assert_eq!(place.ticket.time_in_force, TimeInForce::Day);
}

#[test]
fn every_type_is_read_with_the_prices_that_it_needs() {
    let trail = json!({"percent": "1.5"});
    let cases = [
        json!({"type": "market", "limit_price": null}),
        json!({"type": "stop", "limit_price": null, "stop_price": "180"}),
        json!({"type": "stop_limit", "stop_price": "180"}),
        json!({"type": "trailing_stop", "limit_price": null, "trail": trail}),
        json!({"type": "trailing_stop", "limit_price": null, "trail": {"amount": "2"}, "stop_price": "180"}),
        json!({"type": "trailing_stop_limit", "stop_price": "180", "trail": trail}),
        json!({"type": "midprice", "limit_price": null}),
        json!({"type": "midprice"}),
    ];
    for case in cases {
        let place = placed(with(&case));
        assert_eq!(place.ticket.order_type.as_str(), case["type"].as_str().unwrap());
    }
    let trailing = placed(with(&json!({"type": "trailing_stop", "limit_price": null, "trail": trail})));
    assert!(
        matches!(trailing.ticket.order_type, OrderType::TrailingStop { trail: Trail::Percent(percent), .. } if percent.to_string() == "1.5")
    );
}

#[test]
fn a_price_that_a_type_needs_or_cannot_use_is_named() {
    assert_eq!(
        faults(with(&json!({"type": "stop"}))),
        ["stop_price: is missing: a stop order needs it", "limit_price: has no meaning in a stop order",]
    );
    assert_eq!(faults(with(&json!({"type": "market"}))), ["limit_price: has no meaning in a market order"]);
    assert_eq!(faults(with(&json!({"limit_price": null}))), ["limit_price: is missing: a limit order needs it"]);
    assert_eq!(
        faults(with(&json!({"type": "trailing_stop", "limit_price": null, "trail": {"percent": "100"}}))),
        ["trail.percent: must be less than 100"]
    );
}

#[test]
fn a_fault_of_one_field_is_told_of_no_other() {
    let distance = |trail: Value| faults(with(&json!({"type": "trailing_stop", "limit_price": null, "trail": trail})));
    for (percent, fault) in
        [("100", "must be less than 100"), ("150", "must be less than 100"), ("0", "must be greater than zero")]
    {
        assert_eq!(distance(json!({"percent": percent})), [format!("trail.percent: {fault}")]);
    }
    assert_eq!(distance(json!({})), ["trail: needs amount or percent"]);
    assert_eq!(
        distance(json!({"amount": "0", "percent": "1"})),
        ["trail.amount: must be greater than zero", "trail: takes amount or percent, not both"]
    );
    let profit = faults(with(&json!({"attached": {"take_profit": {"price": "190"}}})));
    assert_eq!(
        profit,
        ["attached.take_profit.limit_price: is missing", "attached.take_profit.price: is not a field of this message"]
    );
}

#[test]
fn prices_are_judged_only_where_the_type_could_be_read() {
    let names = "must be market, limit, stop, stop_limit, trailing_stop, trailing_stop_limit or midprice";
    assert_eq!(faults(with(&json!({"type": "LMT"}))), [format!("type: {names}, not \"LMT\"")]);
    assert_eq!(faults(with(&json!({"type": null}))), ["type: is missing"]);
    assert_eq!(faults(with(&json!({"type": 1}))), ["type: must be a string, not a number"]);
    let wrong = faults(with(&json!({"type": null, "limit_price": "0", "stop_price": "1", "trail": {"amount": "1"}})));
    assert_eq!(wrong, ["type: is missing", "limit_price: must be greater than zero"]);
}

#[test]
fn a_whole_number_with_a_point_is_told_how_it_is_written() {
    let conid = |conid: Value| faults(with(&json!({"contract": {"conid": conid}})));
    let fault = "contract.conid: must be a whole number that is not negative, not ";
    assert_eq!(conid(json!(265_598.0)), [format!("{fault}265598.0: write it without a point and without an exponent")]);
    assert_eq!(conid(json!(1.5)), [format!("{fault}1.5")]);
    assert_eq!(conid(json!(-1)), [format!("{fault}-1")]);
    assert_eq!(conid(json!("1")), [format!("{fault}a string")]);
}

#[test]
fn a_bracket_by_cash_is_refused() {
    let by_cash = json!({"quantity": null, "cash_quantity": "1000",
        "attached": {"take_profit": {"limit_price": "190"}}});
    assert_eq!(faults(with(&by_cash)), ["attached: needs a quantity: a cash quantity leaves that of the exits open"]);
}

#[test]
fn only_how_much_has_a_side() {
    let negative = "must be a positive decimal string such as \"187.50\"; it is negative";
    assert_eq!(
        faults(with(&json!({"quantity": "-3"}))),
        [format!("quantity: {negative}, and the side says whether it is bought or sold")]
    );
    assert_eq!(faults(with(&json!({"limit_price": "-3"}))), [format!("limit_price: {negative}")]);
}

#[test]
fn one_reading_names_every_fault() {
    let found = faults(with(&json!({"side": "hold", "quantity": "-3", "limit_price": 187.5, "colour": "red",
        "contract": {"conid": 1, "symbol": "AAPL"}, "time_in_force": null, "account_id": ""})));
    for part in [
        "side: must be buy or sell",
        "quantity: must be a positive decimal string",
        "limit_price: must be a string, not a number",
        "colour: is not a field of this message",
        "contract.symbol: stands beside conid: give one of the two",
        "time_in_force: is missing",
        "account_id: must be 1 to 24",
    ] {
        assert!(found.iter().any(|fault| fault.starts_with(part)), "{part} is not in {found:#?}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn absurd_amounts_are_refused() {
    for quantity in [
        "0",
        "0.0",
        "-1",
        "1e9",
        "NaN",
        "1,000",
        "",
        ".",
        "1.",
        ".5",
        " 1",
        "+1",
        "0x10",
        "1234567890123",
        "1.123456789",
    ] {
        assert_eq!(faults(with(&json!({"quantity": quantity}))).len(), 1, "{quantity}");
    }
}

#[test]
fn a_size_is_given_once() {
    assert_eq!(
        faults(with(&json!({"cash_quantity": "100"}))),
        ["cash_quantity: stands beside quantity: give one of the two"]
    );
    assert_eq!(faults(with(&json!({"quantity": null}))), ["quantity: is missing: give quantity or cash_quantity"]);
    let by_cash = placed(with(&json!({"quantity": null, "cash_quantity": "100"})));
    assert!(matches!(by_cash.ticket.size, Size::CashQuantity(_)));
}

#[test]
fn times_must_be_in_utc() {
    for time in ["2026-11-24T15:04:05", "2026-11-24T15:04:05+01:00", "tomorrow", "2026-13-01T00:00:00Z"] {
        assert_eq!(faults(with(&json!({"good_until": time}))).len(), 1, "{time}");
    }
    assert!(placed(with(&json!({"good_until": null}))).good_until.is_none());
    let expected = "good_until: must be a time in UTC by RFC 3339, such as \"2026-11-24T15:04:05Z\"";
    for zone in ["+02:00", "-05:30"] {
        let time = format!("2026-11-24T15:04:05{zone}");
        assert_eq!(faults(with(&json!({"good_until": time}))), [format!("{expected}; convert it: {zone} is not UTC")]);
    }
    for time in ["2026-11-24T15:04:05", "2026-11-24T15:04:05-00:00", "tomorrow", "+02:00", "ü02:00"] {
        assert_eq!(faults(with(&json!({"good_until": time}))), [expected], "{time}");
    }
}

#[test]
fn what_is_no_message_is_refused_as_a_whole() {
    for text in ["", "{", "[]", "null", "\"place\"", "{\"schema\"", "\u{0}"] {
        assert_eq!(Command::parse(text).expect_err("a refusal").faults.len(), 1, "{text:?}");
    }
    let long = "x".repeat(200_000);
    let refused = Command::parse(&long).expect_err("a refusal").to_string();
    assert!(refused.contains("200000 bytes"), "{refused}");
}

#[test]
fn an_identity_is_read_even_where_the_rest_is_wrong() {
    let malformed = Command::from_value(with(&json!({"side": "hold"}))).expect_err("a refusal");
    assert_eq!(malformed.identity.user_id.unwrap().as_str(), "u-7");
    assert_eq!(malformed.identity.order_id.unwrap().as_str(), "mr7-20261124-0001");
    assert_eq!(malformed.identity.algorithm_id.unwrap().as_str(), "mean-reversion-7");
    assert!(malformed.is_place);
    for command in ["modify", "cancel", "remove"] {
        let malformed =
            Command::from_value(with(&json!({"command": command, "colour": "red"}))).expect_err("a refusal");
        assert!(!malformed.is_place && malformed.identity.order_id.is_some(), "{command}");
    }
}

#[test]
fn an_account_id_cannot_steer_a_path() {
    for account_id in ["..", ".", "DU1/../x", "DU1?x", "DU 1", "DU1%2e"] {
        assert_eq!(faults(with(&json!({"account_id": account_id}))).len(), 1, "{account_id}");
    }
}

#[test]
fn a_bracket_needs_an_exit() {
    let place = placed(with(&json!({"attached": {"take_profit": {"limit_price": "200"},
        "stop_loss": {"stop_price": "180", "limit_price": "179"}}})));
    let attached = place.ticket.attached.unwrap();
    assert!(attached.take_profit.is_some() && attached.stop_loss.unwrap().limit_price.is_some());
    assert_eq!(faults(with(&json!({"attached": {}}))), ["attached: needs take_profit, stop_loss, or both"]);
    assert_eq!(faults(with(&json!({"attached": {"stop_loss": {"price": "1"}}}))).len(), 2);
}

#[test]
fn an_exit_on_the_wrong_side_of_its_entry_is_refused() {
    let bracket = |side: &str, entry: &Value, profit: &str, stop: &str| {
        let mut fields = json!({"side": side, "attached": {"take_profit": {"limit_price": profit}, "stop_loss": {"stop_price": stop}}});
        for (name, value) in entry.as_object().unwrap() {
            fields[name] = value.clone();
        }
        with(&fields)
    };
    let (profit, stop) = ("attached.take_profit.limit_price", "attached.stop_loss.stop_price");
    let limit = json!({"type": "limit", "limit_price": "187"});
    let market = json!({"type": "market", "limit_price": null});
    let at_a_stop = json!({"type": "stop", "limit_price": null, "stop_price": "187"});
    let both = json!({"type": "stop_limit", "stop_price": "187", "limit_price": "188"});
    for (side, entry, prices, wrong) in [
        ("buy", &limit, ("190", "184"), vec![]),
        ("buy", &limit, ("184", "190"), vec![profit, stop]),
        ("buy", &limit, ("187", "184"), vec![profit]),
        ("buy", &limit, ("190", "187"), vec![stop]),
        ("sell", &limit, ("184", "190"), vec![]),
        ("sell", &limit, ("190", "184"), vec![profit, stop]),
        ("buy", &at_a_stop, ("190", "184"), vec![]),
        ("sell", &at_a_stop, ("188", "186"), vec![profit, stop]),
        ("buy", &both, ("187.5", "187.5"), vec![]),
        ("buy", &both, ("187", "188"), vec![profit, stop]),
        ("buy", &market, ("190", "184"), vec![]),
        ("buy", &market, ("184", "190"), vec![stop]),
        ("sell", &market, ("190", "184"), vec![stop]),
    ] {
        let message = bracket(side, entry, prices.0, prices.1);
        let named = match Command::from_value(message.clone()) {
            Ok(_) => Vec::new(),
            Err(malformed) => malformed.faults.into_iter().map(|fault| fault.field).collect(),
        };
        assert_eq!(named, wrong, "{message}");
    }
    let told = faults(bracket("buy", &limit, "200", "190"));
    assert_eq!(
        told,
        [
            "attached.stop_loss.stop_price: must be below the entry's 187: this exit would trade as soon as the entry is filled"
        ]
    );
}

#[test]
fn a_change_says_what_and_which_revision() {
    let identity = json!({"schema": "courier.order/1", "command": "modify", "user_id": "u", "order_id": "o",
        "algorithm_id": "a", "revision": 2, "limit_price": "5"});
    assert!(matches!(Command::from_value(identity.clone()), Ok(Command::Modify(modify)) if modify.revision == 2));
    let mut first = identity.clone();
    first["revision"] = json!(1);
    assert_eq!(faults(first).len(), 1);
    let mut nothing = identity;
    nothing.as_object_mut().unwrap().remove("limit_price");
    assert_eq!(faults(nothing.clone()).len(), 1);
    let asks = |field: &str, value: Value| {
        let mut change = nothing.clone();
        change[field] = value;
        faults(change)
    };
    assert_eq!(asks("limit_price", json!(186.5)), ["limit_price: must be a string, not a number"]);
    for field in ["account_id", "good_until", "contract", "side", "cash_quantity", "type", "outside_regular_hours"] {
        let fault = format!("{field}: cannot be changed: cancel the order, and place a new one under a new id");
        assert_eq!(asks(field, json!("x")), [fault]);
    }
    let whole = "attached: cannot be changed as a whole: name the exit by leg, and give its new prices";
    assert_eq!(asks("attached", json!({})), [whole]);
    assert_eq!(asks("colour", json!("red")).len(), 2, "an unknown field asks for nothing");
}

#[test]
fn the_same_order_has_the_same_fingerprint_however_it_is_spelled() {
    let first = placed(message()).fingerprint();
    assert_eq!(placed(with(&json!({"limit_price": "187.5", "quantity": "10.000"}))).fingerprint(), first);
    for change in
        [json!({"quantity": "11"}), json!({"side": "sell"}), json!({"good_until": null}), json!({"account_id": "DU2"})]
    {
        assert_ne!(placed(with(&change)).fingerprint(), first, "{change}");
    }
}

#[test]
fn two_orders_differ_in_these_fields() {
    let order = |changes: &Value| placed(with(changes));
    let first = order(&json!({}));
    assert!(first.differing_fields(&order(&json!({"limit_price": "187.5"}))).is_empty());
    let other = json!({"quantity": null, "cash_quantity": "100", "side": "sell", "good_until": null});
    assert_eq!(first.differing_fields(&order(&other)), ["cash_quantity", "good_until", "quantity", "side"]);
}

#[test]
fn a_name_that_stands_twice_is_refused_at_any_depth() {
    let text = message().to_string();
    for (name, twice) in [("side", r#""side":"sell","side":"#), ("conid", r#""conid":1,"conid":"#)] {
        let text = text.replace(&format!("\"{name}\":"), twice);
        let malformed = Command::parse(&text).unwrap_err();
        assert!(malformed.faults[0].message.contains("stands twice"), "{malformed}");
    }
}

#[test]
fn a_time_has_the_form_of_rfc_3339_and_no_other() {
    for good in ["2026-11-24T15:04:05Z", "2026-11-24T15:04:05.5Z", "2026-11-24T15:04:05+00:00"] {
        assert!(Command::from_value(with(&json!({"good_until": good}))).is_ok(), "{good}");
    }
    for bad in [
        "2026-11-24T15:04Z",
        "2026-11-24T15Z",
        "20261124T150405Z",
        "2026-11-24T150405Z",
        "+002026-11-24T15:04:05Z",
        "2026-11-24T15:04:05,5Z",
        "2026-11-24 15:04:05Z",
        "2026-11-24T15:04:05+01:00",
        "2026-11-24T15:04:05.Z",
        "2026-13-24T15:04:05Z",
    ] {
        assert!(Command::from_value(with(&json!({"good_until": bad}))).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".*") {
        let _ = Command::parse(&text);
    }

    #[test]
    fn a_spoilt_message_is_refused_or_still_an_order(field in prop::sample::select(vec![
        "schema", "command", "user_id", "order_id", "algorithm_id", "account_id", "good_until", "contract", "side",
        "quantity", "type", "limit_price", "time_in_force", "attached", "trail", "outside_regular_hours"]),
        text in ".{0,40}") {
        let spoilt = with(&json!({field: text}));
        match Command::from_value(spoilt) {
            Ok(command) => prop_assert!(matches!(command, Command::Place(_))),
            Err(malformed) => prop_assert!(!malformed.faults.is_empty()),
        }
    }
}
