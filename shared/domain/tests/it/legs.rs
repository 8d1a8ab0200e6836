//! Legs: the exits of a bracket, each with a state of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]

use domain::{
    Act, BrokerOrderId, BrokerStatus, CancelCalls, CancelTaken, ChangeTaken, Command, Fact, GivesBack, Intent,
    LegCancelTaken, LegFact, LegRole, LegSight, ModifyOrder, Order, OrderStatus, Reason, ReasonCode, Sight, Size,
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde_json::{Value, json};

const TAKE: LegRole = LegRole::TakeProfit;
const STOP: LegRole = LegRole::StopLoss;

fn now() -> Timestamp {
    "2026-11-24T15:00:00Z".parse().unwrap()
}

fn bracket() -> Order {
    let message = json!({"schema": "courier.order/1", "command": "place", "user_id": "u-7", "order_id": "o-1",
        "algorithm_id": "self", "account_id": "DU0000001", "contract": {"conid": 265_598}, "side": "buy",
        "quantity": "10", "type": "limit", "limit_price": "187.50", "time_in_force": "day",
        "attached": {"take_profit": {"limit_price": "190"}, "stop_loss": {"stop_price": "185"}}});
    let Ok(Command::Place(place)) = Command::from_value(message) else { panic!("no order") };
    Order::receive(place, now())
}

fn number(number: i64) -> BrokerOrderId {
    BrokerOrderId::new(number).unwrap()
}

fn seen(ids: &[i64], status: BrokerStatus, filled: i64) -> Fact {
    Fact::Seen(Sight {
        broker_order_ids: ids.iter().copied().map(number).collect(),
        status,
        filled_quantity: Some(filled.into()),
        average_price: Some(Decimal::from(187)),
    })
}

/// At the broker, as its answer to the placing said.
fn placed() -> Order {
    let mut order = bracket();
    order.apply(Fact::Intend(Intent { at: now(), epoch: 1, act: Act::Place }), now()).unwrap();
    order.apply(seen(&[7, 8, 9], BrokerStatus::Submitted, 0), now()).unwrap();
    order
}

fn filled() -> Order {
    let mut order = placed();
    order.apply(seen(&[7], BrokerStatus::Filled, 10), now()).unwrap();
    order
}

fn sight(role: LegRole, status: BrokerStatus, filled: i64) -> LegSight {
    LegSight {
        role,
        broker_order_id: None,
        status,
        quantity: None,
        filled_quantity: Some(filled.into()),
        average_price: Some(Decimal::from(190)),
    }
}

fn statuses(order: &Order) -> [OrderStatus; 2] {
    [TAKE, STOP].map(|role| order.leg(role).unwrap().status())
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

#[test]
fn until_the_broker_has_them_exits_are_where_their_order_is() {
    let mut order = bracket();
    assert_eq!(statuses(&order), [OrderStatus::Received; 2]);
    order.apply(Fact::Intend(Intent { at: now(), epoch: 1, act: Act::Place }), now()).unwrap();
    assert_eq!(statuses(&order), [OrderStatus::Sending; 2]);
    // Only the parent is shown: nobody knows of the exits.
    let mut found = order.clone();
    found.apply(seen(&[7], BrokerStatus::Submitted, 0), now()).unwrap();
    assert_eq!(statuses(&found), [OrderStatus::Unknown; 2]);
    let mut refused = order.clone();
    refused.apply(Fact::Refused(Reason::new(ReasonCode::RefusedByBroker, "No.")), now()).unwrap();
    assert_eq!(statuses(&refused), [OrderStatus::Rejected; 2]);
    assert!(refused.is_over() && refused.next_check_at.is_none());
    let mut denied = bracket();
    denied.apply(Fact::Deny(Reason::new(ReasonCode::RefusedByBroker, "No.")), now()).unwrap();
    assert_eq!(statuses(&denied), [OrderStatus::Denied; 2]);
    assert!(denied.is_over());
}

#[test]
fn an_answer_to_a_placing_numbers_the_exits_in_the_tickets_order() {
    let order = placed();
    assert_eq!(statuses(&order), [OrderStatus::Working; 2]);
    assert_eq!(order.leg(TAKE).unwrap().broker_order_id, Some(number(8)));
    assert_eq!(order.leg(STOP).unwrap().broker_order_id, Some(number(9)));
    assert_eq!(order.sequence, 3, "one news for the order and its exits together");
}

#[test]
fn an_answer_that_names_an_exit_before_its_entry_leaves_no_exit_without_a_number() {
    // The entry was taken to be 7; its trades say 9, and the exits have left the list.
    let mut order = placed();
    order.numbers_are(number(9), &[], now());
    assert_eq!(order.broker_order_ids.first(), Some(&number(9)));
    assert_eq!(order.leg(TAKE).unwrap().broker_order_id, Some(number(8)));
    assert_eq!(order.leg(STOP).unwrap().broker_order_id, Some(number(7)), "the only number that is left");
}

#[test]
fn a_filled_bracket_is_open_until_each_exit_ended() {
    let mut order = filled();
    assert_eq!((order.status(), order.is_over(), order.gives_back()), (OrderStatus::Filled, false, GivesBack::Nothing));
    assert!(order.next_check_at.is_some() && order.may_be_at_the_broker());
    let before = order.sequence;
    order.legs_seen(&[sight(TAKE, BrokerStatus::Submitted, 0)], now());
    assert_eq!(order.sequence, before, "nothing new");
    order.legs_seen(&[sight(TAKE, BrokerStatus::Submitted, 4)], now());
    order.legs_seen(&[sight(TAKE, BrokerStatus::Filled, 10), sight(STOP, BrokerStatus::Cancelled, 0)], now());
    assert_eq!(statuses(&order), [OrderStatus::Filled, OrderStatus::Cancelled]);
    assert_eq!((order.sequence, order.history.len() as u64), (before + 3, before + 3));
    let told = order.history.last().unwrap();
    assert_eq!((told.status, told.leg.as_ref().map(|leg| leg.role)), (OrderStatus::Filled, Some(STOP)));
    assert!(order.is_over() && order.next_check_at.is_none());
    assert_eq!(order.gives_back(), GivesBack::OpenOrder);
}

#[test]
fn what_an_exit_has_filled_stays_filled_and_what_ended_stays_ended() {
    let mut order = filled();
    order.legs_seen(&[sight(TAKE, BrokerStatus::Submitted, 4)], now());
    order.legs_seen(&[sight(TAKE, BrokerStatus::Submitted, 3)], now());
    assert_eq!(order.leg(TAKE).unwrap().filled_quantity, Decimal::from(4));
    order.legs_seen(&[sight(STOP, BrokerStatus::Cancelled, 0)], now());
    order.legs_seen(&[sight(STOP, BrokerStatus::Submitted, 0)], now());
    order.leg_fact(STOP, &LegFact::CancelSent, now());
    assert_eq!(statuses(&order), [OrderStatus::PartiallyFilled, OrderStatus::Cancelled]);
    // But for what traded after all.
    order.legs_seen(&[sight(STOP, BrokerStatus::Filled, 10)], now());
    assert_eq!(order.leg(STOP).unwrap().status(), OrderStatus::Filled);
}

#[test]
fn that_an_exit_is_refused_is_not_believed_at_once() {
    let mut order = filled();
    order.legs_seen(&[sight(STOP, BrokerStatus::Inactive, 0)], now());
    assert_eq!(order.leg(STOP).unwrap().status(), OrderStatus::Working);
    assert_eq!(order.leg(STOP).unwrap().unclear_since, Some(now()));
    order.leg_fact(STOP, &LegFact::Refused, now());
    assert_eq!(order.leg(STOP).unwrap().status(), OrderStatus::Rejected);
}

#[test]
fn a_cancel_of_a_leg_that_is_not_there_is_refused_and_one_of_a_leg_that_ended_does_nothing() {
    let mut order = filled();
    order.legs_seen(&[sight(STOP, BrokerStatus::Cancelled, 0)], now());
    assert_eq!(order.ask_leg_cancel(STOP, now()), LegCancelTaken::Ended);
    let mut plain = bracket();
    assert_eq!(plain.ask_leg_cancel(TAKE, now()), LegCancelTaken::Asked);
    assert_eq!(plain.request.as_ref().unwrap().ticket.exits().len(), 1, "it is not sent any more");
    assert_eq!(plain.leg(TAKE).unwrap().status(), OrderStatus::Cancelled);
    let attached = plain.request.as_mut().unwrap();
    attached.ticket.attached = None;
    let plain = Order::receive(attached.clone(), now());
    let LegCancelTaken::Refused(reason) = plain.clone().ask_leg_cancel(TAKE, now()) else { panic!("taken") };
    assert_eq!(reason.code, "no_such_leg");
}

#[test]
fn each_request_to_end_a_leg_makes_a_call_also_one_that_comes_while_the_broker_is_asked() {
    let mut order = filled();
    let requests = |order: &Order| order.cancel_calls_of(Some(STOP)).map_or(0, CancelCalls::requests);
    let after = |seconds| now() + SignedDuration::from_secs(seconds);
    assert_eq!(order.ask_leg_cancel(STOP, now()), LegCancelTaken::Asked);
    assert_eq!(order.leg_cancel_due(now()), Some(STOP));
    let in_the_call = requests(&order);
    assert_eq!(order.ask_leg_cancel(STOP, now()), LegCancelTaken::Asked);
    order.leg_cancel_called(STOP, in_the_call, CancelTaken::Yes, now());
    assert_eq!(order.leg_cancel_due(now()), Some(STOP), "the second request has no call yet");
    order.leg_cancel_called(STOP, requests(&order), CancelTaken::Yes, now());
    assert_eq!((order.leg_cancel_due(after(9)), order.leg_cancel_due(after(10))), (None, Some(STOP)), "pauses grow");
}

#[test]
fn an_answer_that_was_not_read_says_nothing_of_the_leg() {
    let mut order = filled();
    assert_eq!(order.ask_leg_cancel(STOP, now()), LegCancelTaken::Asked);
    order.leg_cancel_called(STOP, 1, CancelTaken::Unread, now());
    assert_eq!(order.leg(STOP).unwrap().status(), OrderStatus::Working);
    order.leg_cancel_called(STOP, 1, CancelTaken::NotFound, now());
    assert!(order.leg(STOP).unwrap().cancel.as_ref().unwrap().calls.found_nothing());
}

#[test]
fn the_end_of_the_whole_order_is_that_of_its_exits_once_they_are_all_that_is_left() {
    let mut order = placed();
    order.remember_cancel(now());
    order.ask_legs_to_end(now());
    assert!(
        order.legs().iter().all(|leg| leg.cancel.is_none() && !order.leg_is_to_end(leg)),
        "the parent takes them along"
    );
    order.apply(seen(&[7], BrokerStatus::Filled, 10), now()).unwrap();
    assert!(order.legs().iter().all(|leg| order.leg_is_to_end(leg)));
}

#[test]
fn one_change_of_each_part_waits_at_most_and_none_of_another_part_is_lost_to_it() {
    let mut order = placed();
    let take =
        |revision: u64, price: u64| modify(revision, &json!({"leg": "take_profit", "limit_price": price.to_string()}));
    assert_eq!(order.ask_change(&modify(2, &json!({"limit_price": "186"})), now()), ChangeTaken::New);
    order.change_sending(1, now());
    for revision in (3..60).step_by(2) {
        assert_eq!(order.ask_change(&take(revision, 190 + revision), now()), ChangeTaken::New);
        let entry = modify(revision + 1, &json!({"quantity": (10 + revision).to_string()}));
        assert_eq!(order.ask_change(&entry, now()), ChangeTaken::New);
    }
    let waiting: Vec<_> = order.changes().map(|change| (change.revision, change.leg)).collect();
    assert_eq!(waiting, [(2, None), (59, Some(TAKE)), (60, None)]);
    // What was not sent makes way for the later one of the entry, which brings its price; the exit's is not lost.
    order.change_not_sent(now());
    let waiting: Vec<_> = order.changes().map(|change| (change.revision, change.leg)).collect();
    assert_eq!(waiting, [(59, Some(TAKE)), (60, None)]);
    order.change_sending(1, now());
    order.change_not_sent(now());
    assert_eq!(order.change_in_hand().map(|change| change.revision), Some(59), "it goes out again");
}

#[test]
fn a_change_of_an_exit_that_waits_is_not_lost_to_the_quantity_of_its_entry() {
    let mut order = placed();
    assert_eq!(order.ask_change(&modify(2, &json!({"quantity": "14"})), now()), ChangeTaken::New);
    order.change_sending(1, now());
    let price = modify(3, &json!({"leg": "take_profit", "limit_price": "191"}));
    assert_eq!(order.ask_change(&price, now()), ChangeTaken::New);
    order.change_taken(2, now());
    let waiting: Vec<_> = order.changes().map(|change| (change.revision, change.leg)).collect();
    assert_eq!(waiting, [(3, Some(TAKE)), (2, Some(STOP))]);
    let change = serde_json::to_value(order.change_in_hand().unwrap()).unwrap();
    assert_eq!((&change["ticket"]["limit_price"], &change["ticket"]["quantity"]), (&json!("191"), &json!("14")));
}

#[test]
fn changes_of_the_entry_and_of_exits_share_their_numbers_and_wait_for_each_other() {
    let mut order = placed();
    assert_eq!(order.ask_change(&modify(2, &json!({"limit_price": "186"})), now()), ChangeTaken::New);
    assert_eq!(
        order.ask_change(&modify(3, &json!({"leg": "stop_loss", "stop_price": "184"})), now()),
        ChangeTaken::New
    );
    assert_eq!(order.ask_change(&modify(4, &json!({"leg": "stop_loss", "quantity": "5"})), now()), ChangeTaken::New);
    assert_eq!(order.changes().map(|change| change.revision).collect::<Vec<_>>(), [2, 4]);
    order.change_applied(2, now());
    let in_hand = order.change_in_hand().unwrap();
    assert_eq!((in_hand.revision, in_hand.leg), (4, Some(STOP)));
    order.change_applied(4, now());
    assert_eq!((order.revision(), order.revision_of(None), order.revision_of(Some(STOP))), (4, 2, 4));
    let ticket = json!(order.request.as_ref().unwrap().ticket);
    assert_eq!((&ticket["limit_price"], &ticket["quantity"]), (&json!("186"), &json!("10")));
    assert_eq!(ticket["attached"]["stop_loss"]["stop_price"], "184");
    assert_eq!(order.leg(STOP).unwrap().quantity(), Decimal::from(5));
    assert_eq!(order.ask_change(&modify(5, &json!({"limit_price": "185"})), now()), ChangeTaken::New);
}

#[test]
fn the_end_of_the_entry_ends_its_changes_and_not_those_of_its_exits() {
    let mut order = placed();
    order.ask_change(&modify(2, &json!({"limit_price": "186"})), now());
    order.ask_change(&modify(3, &json!({"leg": "stop_loss", "stop_price": "184"})), now());
    order.apply(seen(&[7], BrokerStatus::Filled, 10), now()).unwrap();
    let in_hand = order.change_in_hand().unwrap();
    assert_eq!((in_hand.revision, in_hand.stage.as_str()), (3, "asked"));
    order.legs_seen(&[sight(STOP, BrokerStatus::Cancelled, 0)], now());
    assert_eq!(order.change_in_hand().unwrap().stage.as_str(), "refused");
    let late = order.ask_change(&modify(4, &json!({"leg": "stop_loss", "stop_price": "183"})), now());
    assert!(matches!(late, ChangeTaken::Refused(reason) if reason.code == "leg_ended"));
}

#[test]
fn an_exit_is_for_no_more_than_the_other_left() {
    let mut order = filled();
    order.ask_change(&modify(2, &json!({"leg": "stop_loss", "stop_price": "184"})), now());
    order.legs_seen(&[sight(TAKE, BrokerStatus::Submitted, 4)], now());
    order.fit_leg_change();
    assert_eq!(json!(order.change_in_hand().unwrap().ticket)["quantity"], "6");
    let refused = order.ask_change(&modify(3, &json!({"leg": "stop_loss", "quantity": "7"})), now());
    assert!(matches!(refused, ChangeTaken::Refused(reason) if reason.code == "leg_quantity"));
}

#[test]
fn a_row_of_a_release_that_knew_no_legs_has_them_all_the_same() {
    let mut row = json!(filled());
    row.as_object_mut().unwrap().remove("legs");
    let order = serde_json::from_value::<Order>(row).unwrap();
    assert!(order.legs().is_empty());
    let order = order.with_its_legs();
    assert_eq!(statuses(&order), [OrderStatus::Unknown; 2]);
    assert!(!order.is_over());
    let mut denied = bracket();
    denied.apply(Fact::Deny(Reason::new(ReasonCode::RefusedByBroker, "No.")), now()).unwrap();
    let mut row = json!(denied);
    row.as_object_mut().unwrap().remove("legs");
    assert!(serde_json::from_value::<Order>(row).unwrap().with_its_legs().is_over());
}

#[test]
fn a_change_puts_no_exit_on_the_wrong_side_of_an_entry_that_has_not_traded() {
    let asked =
        |order: &mut Order, revision: u64, fields: &Value| match order.ask_change(&modify(revision, fields), now()) {
            ChangeTaken::Refused(reason) => reason.code.to_string(),
            _ => "taken".to_owned(),
        };
    for mut order in [bracket(), placed()] {
        for wrong in [
            json!({"limit_price": "190"}),
            json!({"limit_price": "184"}),
            json!({"leg": "take_profit", "limit_price": "187.5"}),
            json!({"leg": "stop_loss", "stop_price": "188"}),
        ] {
            assert_eq!(asked(&mut order, 2, &wrong), "exit_on_wrong_side", "{wrong}");
        }
        // What was asked for before counts, whether it is in force yet or not.
        assert_eq!(asked(&mut order, 2, &json!({"leg": "take_profit", "limit_price": "195"})), "taken");
        assert_eq!(asked(&mut order, 3, &json!({"limit_price": "190"})), "taken");
        assert_eq!(asked(&mut order, 4, &json!({"leg": "take_profit", "limit_price": "189"})), "exit_on_wrong_side");
    }
    let mut traded = filled();
    assert_eq!(asked(&mut traded, 2, &json!({"leg": "stop_loss", "stop_price": "188"})), "taken");
}

#[test]
fn an_exit_that_follows_its_entry_hides_neither_what_was_asked_for_nor_that_it_is_in_force() {
    let mut order = placed();
    order.ask_change(&modify(2, &json!({"quantity": "14"})), now());
    order.change_sending(1, now());
    order.change_applied(2, now());
    assert_eq!(order.change_in_hand().and_then(|change| change.leg), Some(TAKE), "the exits follow");
    let view = order.view();
    let change = view.change.unwrap();
    assert_eq!((change.revision, change.leg, change.status), (2, None, "applied"));
    let ticket = serde_json::to_value(change.ticket).unwrap();
    assert_eq!((ticket["side"].as_str(), ticket["quantity"].as_str()), (Some("buy"), Some("14")));
    assert_eq!(order.next_revision(), 3);
}

#[test]
fn an_exit_that_could_not_follow_its_entry_follows_the_next_change_of_it() {
    let mut order = placed();
    let mut follow = |revision: u64, quantity: &str, stop_is_refused: bool| {
        order.ask_change(&modify(revision, &json!({"quantity": quantity})), now());
        while let Some(change) = order.change_in_hand().filter(|change| change.stage.is_open()) {
            let (revision, leg) = (change.revision, change.leg);
            order.change_sending(1, now());
            if stop_is_refused && leg == Some(STOP) {
                order.change_refused(Reason::new(ReasonCode::QuestionDeclined, "too far off"), now());
            } else {
                order.change_applied(revision, now());
            }
        }
        [TAKE, STOP].map(|role| order.leg(role).unwrap().quantity().to_string())
    };
    assert_eq!(follow(2, "14", true), ["14", "10"]);
    assert_eq!(follow(3, "20", false), ["20", "20"]);
    // One that somebody chose is left alone.
    order.ask_change(&modify(4, &json!({"leg": "stop_loss", "quantity": "5"})), now());
    order.change_sending(1, now());
    order.change_applied(4, now());
    order.ask_change(&modify(5, &json!({"quantity": "30"})), now());
    order.change_sending(1, now());
    order.change_applied(5, now());
    assert!(order.changes().all(|change| change.leg != Some(STOP)));
}

#[test]
fn an_end_that_is_asked_for_shows_until_the_order_ends() {
    let mut order = placed();
    assert!(!order.view().cancel_asked);
    order.remember_cancel(now());
    assert!(order.view().cancel_asked);
    order.apply(seen(&[7], BrokerStatus::Cancelled, 0), now()).unwrap();
    assert!(!order.view().cancel_asked);
}

#[test]
fn an_exit_that_trades_and_ends_before_its_change_is_shown_says_so() {
    let taken = |order: &mut Order| order.change_taken(2, now());
    let astray = |order: &mut Order| {
        order.change_unread(Reason::new(ReasonCode::OutcomeUnknown, "No answer was read."), now());
        order.change_given_up(Reason::new(ReasonCode::ChangeUnsettled, "It does not show."), now());
    };
    for turn in [taken as fn(&mut Order), astray] {
        for (quantity, status) in [(10, BrokerStatus::Filled), (0, BrokerStatus::Cancelled)] {
            let mut order = filled();
            order.ask_change(&modify(2, &json!({"leg": "take_profit", "limit_price": "189"})), now());
            order.change_sending(1, now());
            turn(&mut order);
            assert_eq!(order.warning, None);
            order.legs_seen(&[sight(TAKE, status, quantity)], now());
            let warning = order.warning.as_ref().map(|warning| warning.code.as_str());
            assert_eq!(warning, (quantity > 0).then_some("change_unsettled"));
        }
    }
}

#[test]
fn exits_go_back_with_an_entry_whose_change_was_not_carried_out() {
    for (to, followed) in [("14", false), ("14", true), ("4", false), ("4", true)] {
        let mut order = placed();
        order.ask_change(&modify(2, &json!({"quantity": to})), now());
        order.change_sending(1, now());
        order.change_taken(2, now());
        // The exits followed, or are about to.
        if followed {
            for _ in 0..2 {
                order.change_sending(1, now());
                order.change_taken(2, now());
            }
        }
        order.change_not_carried_out(None, |_| false, true, now());
        let change = order.change().unwrap();
        assert_eq!((change.revision, change.leg, change.stage.as_str()), (2, None, "refused"), "{to} {followed}");
        while order.change_in_hand().is_some_and(|change| change.stage.is_open()) {
            order.fit_leg_change();
            order.change_sending(1, now());
            order.change_taken(order.change_in_hand().unwrap().revision, now());
        }
        let exits: Vec<Decimal> = order.legs().iter().map(domain::Leg::quantity).collect();
        assert_eq!(exits, [Decimal::from(10); 2], "{to} {followed}");
        assert!(!order.exit_is_too_large());
    }
}

#[test]
fn an_order_that_comes_back_brings_its_exits_along_whatever_it_comes_back_as() {
    let mut order = bracket();
    order.apply(Fact::Intend(Intent { at: now(), epoch: 1, act: Act::Place }), now()).unwrap();
    order.apply(Fact::Refused(Reason::new(ReasonCode::RefusedByBroker, "No.")), now()).unwrap();
    assert_eq!(statuses(&order), [OrderStatus::Rejected; 2]);
    order.apply(seen(&[7], BrokerStatus::Filled, 10), now()).unwrap();
    assert_eq!((order.status(), statuses(&order)), (OrderStatus::Filled, [OrderStatus::Unknown; 2]));
    assert!(!order.is_over() && order.may_be_at_the_broker() && order.next_check_at.is_some());
}

#[test]
fn an_exit_that_ended_unfilled_comes_back_and_a_filled_one_does_not() {
    let mut order = filled();
    order.legs_seen(&[sight(TAKE, BrokerStatus::Cancelled, 0), sight(STOP, BrokerStatus::Cancelled, 0)], now());
    assert!(order.is_over() && order.next_check_at.is_none());
    // A look alone brings nothing back: its list may be an older one.
    order.legs_seen(&[sight(STOP, BrokerStatus::Submitted, 0)], now());
    assert_eq!(statuses(&order), [OrderStatus::Cancelled; 2]);
    order.leg_fact(STOP, &LegFact::Back(sight(STOP, BrokerStatus::PreSubmitted, 0)), now());
    assert_eq!(statuses(&order), [OrderStatus::Cancelled, OrderStatus::Working]);
    assert!(!order.is_over() && order.next_check_at.is_some());
    order.legs_seen(&[sight(STOP, BrokerStatus::Filled, 10)], now());
    order.leg_fact(STOP, &LegFact::Back(sight(STOP, BrokerStatus::Submitted, 10)), now());
    assert_eq!(statuses(&order), [OrderStatus::Cancelled, OrderStatus::Filled]);
}

#[test]
fn a_cancelled_order_comes_back_only_by_the_brokers_second_word() {
    let mut order = placed();
    order.apply(seen(&[7], BrokerStatus::Cancelled, 0), now()).unwrap();
    assert!(order.apply(seen(&[7], BrokerStatus::Submitted, 0), now()).is_err());
    let Fact::Seen(at_work) = seen(&[7], BrokerStatus::Submitted, 0) else { panic!("it is a sight") };
    order.apply(Fact::Back(at_work), now()).unwrap();
    assert_eq!(order.status(), OrderStatus::Working);
    let Fact::Seen(ended) = seen(&[7], BrokerStatus::Cancelled, 0) else { panic!("it is a sight") };
    order.apply(seen(&[7], BrokerStatus::Cancelled, 0), now()).unwrap();
    assert!(order.apply(Fact::Back(ended), now()).is_err(), "it does not work");
}

#[test]
fn an_exit_to_which_nothing_is_left_is_to_end_and_one_to_which_something_is_becomes_smaller() {
    for (closed, ends) in [(10, true), (6, false)] {
        let mut order = filled();
        order
            .legs_seen(&[sight(TAKE, BrokerStatus::Submitted, closed), sight(STOP, BrokerStatus::Submitted, 0)], now());
        assert!(order.exit_is_too_large());
        order.exit_stays_too_large(now());
        assert_eq!(order.leg(STOP).unwrap().cancel.is_some(), ends, "{closed}");
        assert_eq!(order.changes().any(|change| change.leg == Some(STOP)), !ends, "{closed}");
        assert!(!order.exit_is_too_large(), "it is being mended");
    }
}

fn shrunk_at_the_broker() -> Order {
    let mut order = filled();
    let shown = LegSight { quantity: Some(Decimal::from(2)), ..sight(STOP, BrokerStatus::Submitted, 0) };
    order.legs_seen(&[shown], now());
    order
}

#[test]
fn a_change_of_an_exits_price_leaves_the_quantity_that_the_broker_shows() {
    let mut order = shrunk_at_the_broker();
    let taken = order.ask_change(&modify(2, &json!({"leg": "stop_loss", "stop_price": "170"})), now());
    assert_eq!(taken, ChangeTaken::New);
    let quantity = |order: &Order| match order.changes().last().unwrap().ticket.size {
        Size::Quantity(quantity) => quantity.get(),
        Size::CashQuantity(_) => Decimal::ZERO,
    };
    assert_eq!(quantity(&order), Decimal::from(2));
    order.change_applied(2, now());
    assert_eq!(order.leg(STOP).unwrap().quantity(), Decimal::from(2));
    assert_eq!(order.exit_is_too_small(), Some(STOP), "nobody here chose it");
}

#[test]
fn an_exit_that_was_made_smaller_at_the_broker_does_not_grow_with_its_entry() {
    let mut order = placed();
    let shown = LegSight { quantity: Some(Decimal::from(2)), ..sight(STOP, BrokerStatus::Submitted, 0) };
    order.legs_seen(&[shown], now());
    order.ask_change(&modify(2, &json!({"quantity": "12"})), now());
    order.change_applied(2, now());
    let followed: Vec<_> = order.changes().filter(|change| change.follows).map(|change| change.leg).collect();
    assert_eq!(followed, [Some(TAKE)]);
}

#[test]
fn a_smaller_change_that_only_waits_does_not_make_an_order_filled() {
    let mut order = placed();
    order.ask_change(&modify(2, &json!({"quantity": "4"})), now());
    order.apply(seen(&[7], BrokerStatus::Filled, 5), now()).unwrap();
    assert_eq!(order.status(), OrderStatus::PartiallyFilled, "the broker has the ticket for 10");
}
