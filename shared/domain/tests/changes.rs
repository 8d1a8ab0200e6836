//! Changes of an order: each revision once, in order, on top of the one before.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]

use domain::{Act, ChangeTaken, Command, Fact, Intent, ModifyOrder, Order, OrderType, Reason, Size};
use jiff::Timestamp;
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2026-11-24T15:00:00Z".parse().unwrap()
}

fn order() -> Order {
    let message = json!({"schema": "courier.order/1", "command": "place", "user_id": "u-7", "order_id": "o-1",
        "algorithm_id": "self", "account_id": "DU0000001", "contract": {"conid": 265_598}, "side": "buy",
        "quantity": "10", "type": "limit", "limit_price": "187.50", "time_in_force": "day"});
    let Ok(Command::Place(place)) = Command::from_value(message) else { panic!("no order") };
    Order::receive(place, now())
}

fn sending() -> Order {
    let mut order = order();
    order.apply(Fact::Intend(Intent { at: now(), epoch: 1, act: Act::Place }), now()).unwrap();
    order
}

fn modify(revision: u64, changes: &Value) -> ModifyOrder {
    let mut message = json!({"schema": "courier.order/1", "command": "modify", "user_id": "u-7", "order_id": "o-1",
        "algorithm_id": "self", "revision": revision});
    for (name, value) in changes.as_object().unwrap() {
        message[name] = value.clone();
    }
    let Ok(Command::Modify(modify)) = Command::from_value(message) else { panic!("no change") };
    modify
}

fn code(taken: ChangeTaken) -> String {
    let ChangeTaken::Refused(reason) = taken else { panic!("{taken:?}") };
    reason.code
}

fn limit_price(order: &Order) -> String {
    match &order.request.as_ref().unwrap().ticket.order_type {
        OrderType::Limit { limit_price } => limit_price.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_not_sent_is_changed_at_once() {
    let mut order = order();
    assert_eq!(order.ask_change(&modify(2, &json!({"limit_price": "186", "quantity": "7"})), now()), ChangeTaken::New);
    assert_eq!((limit_price(&order).as_str(), order.revision()), ("186", 2));
    assert!(
        matches!(order.request.as_ref().unwrap().ticket.size, Size::Quantity(quantity) if quantity.to_string() == "7")
    );
}

#[test]
fn a_change_of_what_is_sent_waits_and_later_ones_come_on_top() {
    let mut order = sending();
    assert_eq!(order.ask_change(&modify(2, &json!({"limit_price": "186"})), now()), ChangeTaken::New);
    assert_eq!((limit_price(&order).as_str(), order.revision()), ("187.5", 1));
    assert_eq!(order.ask_change(&modify(3, &json!({"quantity": "7"})), now()), ChangeTaken::New);
    order.change_sending(1, now());
    order.change_applied(3, now());
    assert_eq!((limit_price(&order).as_str(), order.revision()), ("186", 3));
}

#[test]
fn a_revision_is_applied_once_and_counts_up() {
    let mut order = sending();
    let second = modify(2, &json!({"limit_price": "186"}));
    assert_eq!(order.ask_change(&second, now()), ChangeTaken::New);
    assert_eq!(order.ask_change(&second, now()), ChangeTaken::Known);
    assert_eq!(code(order.ask_change(&modify(2, &json!({"limit_price": "185"})), now())), "revision_differs");
    assert_eq!(code(order.ask_change(&modify(4, &json!({"limit_price": "185"})), now())), "revision_skipped");
    assert_eq!(order.ask_change(&modify(3, &json!({"limit_price": "185"})), now()), ChangeTaken::New);
    assert_eq!(order.ask_change(&second, now()), ChangeTaken::Known, "an old one that comes again");
}

#[test]
fn a_result_of_an_earlier_change_does_not_end_a_later_one() {
    let mut order = sending();
    order.ask_change(&modify(2, &json!({"limit_price": "186"})), now());
    order.change_sending(1, now());
    order.ask_change(&modify(3, &json!({"limit_price": "185"})), now());
    order.change_applied(2, now());
    assert_eq!((order.change().unwrap().revision, order.change().unwrap().stage.as_str()), (3, "asked"));
    assert_eq!(order.revision(), 2, "what is in force is known though a later change was asked for");
}

#[test]
fn a_change_waits_while_it_is_not_known_whether_the_one_before_it_is_in_force() {
    let in_doubt = || {
        let mut order = sending();
        order.ask_change(&modify(2, &json!({"limit_price": "186"})), now());
        order.change_sending(1, now());
        order.change_unread(Reason::new("outcome_unknown", "No answer was read."), now());
        assert_eq!(order.ask_change(&modify(3, &json!({"quantity": "7"})), now()), ChangeTaken::New);
        assert_eq!(order.ask_change(&modify(3, &json!({"quantity": "7"})), now()), ChangeTaken::Known);
        let hands = (order.change_in_hand().unwrap().revision, order.change().unwrap().revision);
        assert_eq!(hands, (2, 3));
        order
    };
    let refused = Reason::new("refused_by_broker", "No.");
    let mut shown = in_doubt();
    shown.change_applied(2, now());
    assert_eq!((shown.revision(), shown.change_in_hand().unwrap().revision), (2, 3));
    // Whatever becomes of the later one, the ticket in force is the one that the broker has.
    shown.change_refused(refused.clone(), now());
    assert_eq!((shown.revision(), shown.change().unwrap().stage.as_str()), (2, "refused"));
    for turn in [
        |order: &mut Order| order.change_not_sent(now()),
        |order: &mut Order| order.change_refused(Reason::new("test", "No."), now()),
    ] {
        let mut order = in_doubt();
        turn(&mut order);
        let change = order.change_in_hand().unwrap();
        assert_eq!((order.revision(), change.revision, change.stage.as_str(), change.sends), (1, 3, "asked", 0));
    }
    let mut ended = in_doubt();
    ended.apply(Fact::Refused(refused), now()).unwrap();
    let change = ended.change().unwrap();
    assert_eq!((change.revision, change.stage.reason().unwrap().code.as_str()), (3, "change_unsettled"));
}

#[test]
fn of_the_changes_that_wait_the_latest_counts_and_holds_the_others_fields() {
    let mut order = sending();
    order.ask_change(&modify(2, &json!({"limit_price": "186"})), now());
    order.change_sending(1, now());
    order.ask_change(&modify(3, &json!({"quantity": "7"})), now());
    order.ask_change(&modify(4, &json!({"limit_price": "185"})), now());
    order.change_applied(2, now());
    let change = order.change_in_hand().unwrap();
    let ticket = serde_json::to_value(&change.ticket).unwrap();
    assert_eq!((change.revision, &ticket["quantity"], &ticket["limit_price"]), (4, &json!("7"), &json!("185")));
    let again: Order = serde_json::from_value(serde_json::to_value(&order).unwrap()).unwrap();
    assert_eq!(again, order);
}

#[test]
fn what_has_no_place_in_the_ticket_and_what_has_ended_is_refused() {
    let mut order = sending();
    assert_eq!(code(order.ask_change(&modify(2, &json!({"stop_price": "186"})), now())), "change_has_no_place");
    order.apply(Fact::Refused(Reason::new("test", "The broker said no.")), now()).unwrap();
    assert_eq!(code(order.ask_change(&modify(2, &json!({"limit_price": "186"})), now())), "order_ended");
}

#[test]
fn a_change_that_waits_ends_with_its_order() {
    let mut order = sending();
    order.ask_change(&modify(2, &json!({"limit_price": "186"})), now());
    order.apply(Fact::Refused(Reason::new("test", "The broker said no.")), now()).unwrap();
    let change = order.change().unwrap();
    assert_eq!((change.stage.as_str(), change.stage.reason().unwrap().code.as_str()), ("refused", "order_ended"));
}

#[test]
fn a_change_that_may_have_reached_the_broker_is_not_said_to_have_failed() {
    let mut order = sending();
    order.ask_change(&modify(2, &json!({"limit_price": "186"})), now());
    order.change_sending(1, now());
    order.apply(Fact::Refused(Reason::new("test", "The broker said no.")), now()).unwrap();
    assert_eq!(order.change().unwrap().stage.reason().unwrap().code, "change_unsettled");
}
