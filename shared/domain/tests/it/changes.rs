//! Changes of an order: each revision once, in order, on top of the one before.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]

use domain::{
    ASTRAY_FOR, Act, BrokerStatus, CHANGE_SENDS_MAX, CameLate, ChangeTaken, Command, Fact, Intent, ModifyOrder, Order,
    OrderType, Reason, ReasonCode, Sight, Size,
};
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
    reason.code.to_string()
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
        order.change_unread(Reason::new(ReasonCode::OutcomeUnknown, "No answer was read."), now());
        assert_eq!(order.ask_change(&modify(3, &json!({"quantity": "7"})), now()), ChangeTaken::New);
        assert_eq!(order.ask_change(&modify(3, &json!({"quantity": "7"})), now()), ChangeTaken::Known);
        let hands = (order.change_in_hand().unwrap().revision, order.change().unwrap().revision);
        assert_eq!(hands, (2, 3));
        order
    };
    let refused = Reason::new(ReasonCode::RefusedByBroker, "No.");
    let mut shown = in_doubt();
    shown.change_applied(2, now());
    assert_eq!((shown.revision(), shown.change_in_hand().unwrap().revision), (2, 3));
    // Whatever becomes of the later one, the ticket in force is the one that the broker has.
    shown.change_refused(refused.clone(), now());
    assert_eq!((shown.revision(), shown.change().unwrap().stage.as_str()), (2, "refused"));
    for turn in [
        |order: &mut Order| order.change_not_sent(now()),
        |order: &mut Order| order.change_refused(Reason::new(ReasonCode::OutcomeUnknown, "No."), now()),
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
    order.apply(Fact::Refused(Reason::new(ReasonCode::OutcomeUnknown, "The broker said no.")), now()).unwrap();
    assert_eq!(code(order.ask_change(&modify(2, &json!({"limit_price": "186"})), now())), "order_ended");
}

#[test]
fn a_change_that_waits_ends_with_its_order() {
    let mut order = sending();
    order.ask_change(&modify(2, &json!({"limit_price": "186"})), now());
    order.apply(Fact::Refused(Reason::new(ReasonCode::OutcomeUnknown, "The broker said no.")), now()).unwrap();
    let change = order.change().unwrap();
    assert_eq!((change.stage.as_str(), change.stage.reason().unwrap().code.as_str()), ("refused", "order_ended"));
}

#[test]
fn a_change_that_may_have_reached_the_broker_is_not_said_to_have_failed() {
    let mut order = sending();
    order.ask_change(&modify(2, &json!({"limit_price": "186"})), now());
    order.change_sending(1, now());
    order.apply(Fact::Refused(Reason::new(ReasonCode::OutcomeUnknown, "The broker said no.")), now()).unwrap();
    assert_eq!(order.change().unwrap().stage.reason().unwrap().code, "change_unsettled");
}

fn seen(status: BrokerStatus) -> Fact {
    Fact::Seen(Sight { broker_order_ids: Vec::new(), status, filled_quantity: None, average_price: None })
}

/// A change to 54 went astray; `next`: another to 14 was put in force after it.
fn with_a_change_astray(next: bool) -> Order {
    let mut order = sending();
    order.apply(seen(BrokerStatus::Submitted), now()).unwrap();
    order.ask_change(&modify(2, &json!({"quantity": "54"})), now());
    order.change_sending(1, now());
    order.change_unread(Reason::new(ReasonCode::OutcomeUnknown, "No answer was read."), now());
    if next {
        order.ask_change(&modify(3, &json!({"quantity": "14"})), now());
        order.change_not_shown(now());
        order.change_sending(1, now());
        order.change_applied(3, now());
    } else {
        order.change_given_up(Reason::new(ReasonCode::ChangeUnsettled, "It does not show."), now());
    }
    order
}

fn quantity(order: &Order) -> String {
    order.quantity().unwrap().to_string()
}

#[test]
fn a_change_that_comes_late_is_in_force_where_nothing_followed_it() {
    let mut order = with_a_change_astray(false);
    assert_eq!((order.revision(), quantity(&order).as_str(), order.went_astray(2, None)), (1, "10", true));
    assert_eq!(order.change_came_late(2, None, false, now()), Some(CameLate::Adopted));
    assert_eq!((order.revision(), quantity(&order).as_str()), (2, "54"));
    assert_eq!((order.change().unwrap().stage.as_str(), order.changes_astray().count()), ("applied", 0));
}

#[test]
fn a_change_that_comes_late_makes_the_one_in_force_go_out_again() {
    let mut order = with_a_change_astray(true);
    assert_eq!(order.change_came_late(2, None, false, now()), Some(CameLate::SendAgain));
    let change = order.change_in_hand().unwrap();
    assert_eq!((change.revision, change.stage.as_str(), order.revision()), (3, "asked", 3));
    assert_eq!(order.warning, None);
    // What is in force stays so, even where it may not be sent again.
    order.change_refused(Reason::new(ReasonCode::Halted, "Trading is halted."), now());
    assert_eq!((order.change().unwrap().stage.as_str(), quantity(&order).as_str()), ("applied", "14"));
    let warning = order.warning.unwrap();
    assert_eq!(warning.code, "change_came_late");
    assert!(warning.message.contains("revision 3, which could not be sent again: Trading is halted."), "{warning:?}");
}

#[test]
fn a_change_that_comes_late_to_an_end_or_under_a_refused_one_is_told() {
    let mut ended = with_a_change_astray(true);
    assert_eq!(ended.change_came_late(2, None, true, now()), Some(CameLate::Told));
    let mut refused = with_a_change_astray(true);
    refused.ask_change(&modify(4, &json!({"quantity": "15"})), now());
    refused.change_refused(Reason::new(ReasonCode::RefusedByBroker, "No."), now());
    assert_eq!(refused.change_came_late(2, None, false, now()), Some(CameLate::Told));
    let mut often = with_a_change_astray(true);
    for _ in 1..CHANGE_SENDS_MAX {
        assert_eq!(often.change_came_late(2, None, false, now()), Some(CameLate::SendAgain));
        often.change_sending(1, now());
        often.change_applied(3, now());
    }
    assert_eq!(often.change_came_late(2, None, false, now()), Some(CameLate::Told));
    for told in [ended, refused, often] {
        assert_eq!(told.warning.as_ref().map(|warning| warning.code.as_str()), Some("change_came_late"));
        assert_eq!((told.revision(), told.changes_astray().count()), (3, 0));
    }
}

#[test]
fn an_order_that_ends_soon_after_a_change_went_astray_says_so() {
    let warning = |order: Order| order.warning.map(|warning| warning.code.to_string());
    let mut soon = with_a_change_astray(true);
    soon.apply(seen(BrokerStatus::Cancelled), now()).unwrap();
    assert_eq!(warning(soon), Some("change_unsettled".to_owned()));
    let mut waits = with_a_change_astray(false);
    assert_eq!(waits.change_came_late(2, None, false, now()), Some(CameLate::Adopted));
    assert_eq!(waits.ask_change(&modify(3, &json!({"quantity": "14"})), now()), ChangeTaken::New);
    waits.change_sending(1, now());
    waits.change_unread(Reason::new(ReasonCode::OutcomeUnknown, "No answer was read."), now());
    waits.change_not_shown(now());
    waits.apply(seen(BrokerStatus::Cancelled), now()).unwrap();
    let stage = &waits.change().unwrap().stage;
    assert_eq!(stage.reason().map(|reason| reason.code.as_str()), Some("change_unsettled"), "it was sent once");
    let mut proved = with_a_change_astray(true);
    proved.did_not_come(2, None);
    let mut forgotten = with_a_change_astray(true);
    forgotten.forget_astray(now() + ASTRAY_FOR);
    for mut order in [proved, forgotten] {
        order.apply(seen(BrokerStatus::Cancelled), now()).unwrap();
        assert_eq!(warning(order), None);
    }
}

#[test]
fn the_number_of_the_next_change_is_shown_whatever_became_of_the_last() {
    let shown = |order: &Order| serde_json::to_value(order.view()).unwrap();
    let mut order = sending();
    assert_eq!(shown(&order)["next_revision"], 2);
    assert_eq!(code(order.ask_change(&modify(2, &json!({"stop_price": "180"})), now())), "change_has_no_place");
    assert_eq!(shown(&order)["next_revision"], 2, "what was never taken has used no number up");
    order.ask_change(&modify(2, &json!({"limit_price": "300"})), now());
    order.change_sending(1, now());
    order.change_refused(Reason::new(ReasonCode::RefusedByBroker, "No."), now());
    let seen = shown(&order);
    assert_eq!((&seen["revision"], &seen["next_revision"]), (&json!(1), &json!(3)));
    assert_eq!(seen["history"].as_array().unwrap().last().unwrap()["revision"], 2, "it says which change was refused");
    assert_eq!(order.ask_change(&modify(3, &json!({"limit_price": "187"})), now()), ChangeTaken::New);
}

#[test]
fn a_change_that_went_with_a_refused_one_is_told_like_it() {
    let mut order = sending();
    order.ask_change(&modify(2, &json!({"quantity": "7"})), now());
    order.ask_change(&modify(3, &json!({"limit_price": "186"})), now());
    order.change_refused(Reason::new(ReasonCode::RefusedByBroker, "No."), now());
    let told: Vec<Option<u64>> =
        order.history.iter().filter(|entry| entry.revision.is_some()).map(|entry| entry.revision).collect();
    assert_eq!(told, [Some(2), Some(3)]);
    assert_eq!((order.revision(), order.next_revision()), (1, 4));
    // One that came into force with the later one is not.
    let mut order = sending();
    order.ask_change(&modify(2, &json!({"quantity": "7"})), now());
    order.ask_change(&modify(3, &json!({"limit_price": "186"})), now());
    order.change_applied(3, now());
    assert!(order.history.iter().all(|entry| entry.revision.is_none()));
}

#[test]
fn the_ticket_that_was_last_seen_in_force_is_known_however_many_changes_the_broker_took_since() {
    let quantities = |order: &Order| -> Vec<String> {
        let sizes =
            order.tickets_at_the_broker(None).map(|ticket| serde_json::to_value(ticket).unwrap()["quantity"].clone());
        sizes.map(|size| size.as_str().unwrap().to_owned()).collect()
    };
    let taken = || {
        let mut order = sending();
        for (revision, fields) in [(2, json!({"quantity": "2"})), (3, json!({"limit_price": "186"}))] {
            order.ask_change(&modify(revision, &fields), now());
            order.change_sending(1, now());
            order.change_taken(revision, now());
        }
        order
    };
    assert!(quantities(&taken()).contains(&"10".to_owned()), "{:?}", quantities(&taken()));
    let mut order = taken();
    order.change_not_carried_out(None, |_| false, true, now());
    assert_eq!((order.revision(), quantity(&order).as_str()), (1, "10"));
    let mut order = taken();
    order.change_not_carried_out(None, |ticket| limit_price_of(ticket) == "187.5", true, now());
    assert_eq!((order.revision(), quantity(&order).as_str()), (2, "2"), "the one in between shows");
}

#[test]
fn an_order_that_trades_and_ends_before_a_taken_change_is_shown_says_so() {
    let filled = |quantity: i64, price: &str| {
        let (filled_quantity, average_price) = (Some(quantity.into()), Some(price.parse().unwrap()));
        let status = if quantity == 10 { BrokerStatus::Filled } else { BrokerStatus::Cancelled };
        Fact::Seen(Sight { broker_order_ids: Vec::new(), status, filled_quantity, average_price })
    };
    // Bought at 187.5 at most before, and at 188 since.
    for (quantity, price, told) in
        [(10, "187.4", true), (10, "187.6", false), (4, "187.5", true), (4, "187.9", false), (0, "1", false)]
    {
        let mut order = sending();
        order.apply(seen(BrokerStatus::Submitted), now()).unwrap();
        order.ask_change(&modify(2, &json!({"limit_price": "188"})), now());
        order.change_sending(1, now());
        order.change_taken(2, now());
        order.apply(filled(quantity, price), now()).unwrap();
        let warning = order.warning.as_ref().map(|warning| warning.code.as_str());
        assert_eq!(warning, told.then_some("change_unsettled"), "{quantity} at {price}");
        assert_eq!(order.changes_taken().len(), 0);
    }
}

#[test]
fn no_warning_keeps_another_from_being_told() {
    let mut order = sending();
    let (exit, position) = (ReasonCode::ExitTooLarge, ReasonCode::UnprotectedPosition);
    for code in [exit.clone(), position.clone(), exit.clone()] {
        order.warn(Reason::new(code, "Look."), now());
    }
    assert_eq!(order.warning.as_ref().unwrap().code, position);
    assert!(order.has_warned(&exit) && order.has_warned(&position));
    assert_eq!(order.warnings_told(), 2);
    let told: Vec<&str> = order.history.iter().filter_map(|entry| Some(entry.reason.as_ref()?.code.as_str())).collect();
    assert_eq!(told, ["exit_too_large", "unprotected_position"], "each is an event, once");
}

fn limit_price_of(ticket: &domain::Ticket) -> String {
    serde_json::to_value(ticket).unwrap()["limit_price"].as_str().unwrap_or_default().to_owned()
}
