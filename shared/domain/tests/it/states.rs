//! The table of an order's states: what leads where, and what never does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]

use domain::{
    Act, BrokerOrderId, BrokerStatus, CancelTaken, Command, Doubt, Fact, Intent, Order, OrderStatus, Reason,
    ReasonCode, Sight,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

fn start() -> Timestamp {
    "2026-11-24T15:00:00Z".parse().unwrap()
}

fn order(order_type: &str) -> Order {
    let mut message = json!({"schema": "courier.order/1", "command": "place", "user_id": "u-7", "order_id": "o-1",
        "algorithm_id": "self", "account_id": "DU0000001", "contract": {"conid": 265_598},
        "side": "buy", "quantity": "10", "type": order_type, "time_in_force": "day"});
    if order_type == "limit" {
        message["limit_price"] = json!("187.50");
    }
    match Command::from_value(message) {
        Ok(Command::Place(place)) => Order::receive(place, start()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cancelled_order_says_who_ended_it() {
    let ended = |time_in_force: &str, asked: bool, status: &str| {
        let mut order = order("market");
        order.request.as_mut().unwrap().ticket.time_in_force = serde_json::from_value(json!(time_in_force)).unwrap();
        order.apply(place(), start()).unwrap();
        if asked {
            order.remember_cancel(start());
        }
        order.apply(seen(status, 0), start()).unwrap();
        assert_eq!(order.status(), OrderStatus::Cancelled);
        order.state().reason().map(|reason| reason.code.clone())
    };
    for time_in_force in ["ioc", "opg"] {
        assert_eq!(ended(time_in_force, false, "Cancelled"), Some(ReasonCode::TimeInForceEnded), "{time_in_force}");
        assert_eq!(ended(time_in_force, true, "Cancelled"), Some(ReasonCode::Asked), "{time_in_force}");
    }
    assert_eq!(ended("day", false, "Cancelled"), Some(ReasonCode::ByBroker));
    assert_eq!(ended("day", true, "Cancelled"), Some(ReasonCode::Asked));
    assert_eq!(ended("day", false, "Expired"), Some(ReasonCode::TimeInForceEnded));
}

fn reason() -> Reason {
    Reason::new(ReasonCode::OutcomeUnknown, "A test says so.")
}

fn place() -> Fact {
    Fact::Intend(Intent { at: start(), epoch: 1, act: Act::Place })
}

fn seen(status: &str, filled: u32) -> Fact {
    Fact::Seen(Sight {
        broker_order_ids: vec![BrokerOrderId::new(1234).unwrap()],
        status: BrokerStatus::from(status),
        filled_quantity: Some(filled.into()),
        average_price: (filled > 0).then(|| "187.5".parse().unwrap()),
    })
}

fn ended(status: &str) -> Fact {
    let Fact::Seen(sight) = seen(status, 0) else { panic!("{status}") };
    Fact::Ended(sight)
}

fn all_facts() -> Vec<Fact> {
    let reply = Act::Reply { round: 1, message_ids: vec!["o163".into()], confirmed: true };
    vec![
        Fact::Hold(reason()),
        Fact::Deny(reason()),
        Fact::Expire(reason()),
        place(),
        Fact::Intend(Intent { at: start(), epoch: 1, act: reply }),
        Fact::NotSent(reason()),
        Fact::Refused(reason()),
        Fact::Unread(Doubt::Unread, reason()),
        seen("Submitted", 0),
        seen("Submitted", 4),
        seen("PendingCancel", 0),
        seen("Filled", 10),
        seen("Cancelled", 0),
        seen("Inactive", 0),
        seen("Expired", 0),
        ended("Inactive"),
        ended("Rejected"),
        seen("SomethingNew", 0),
        Fact::NotFound,
        Fact::NeverReached(reason()),
        Fact::Exhausted(reason()),
        Fact::CancelAsked(reason()),
        Fact::Intend(Intent { at: start(), epoch: 2, act: Act::PlaceAgain }),
        Fact::Reviewed(Sight {
            broker_order_ids: vec![BrokerOrderId::new(1234).unwrap()],
            status: BrokerStatus::Submitted,
            filled_quantity: None,
            average_price: None,
        }),
    ]
}

#[test]
fn a_plain_order_goes_from_received_to_filled() {
    let mut order = order("limit");
    for fact in [place(), seen("Submitted", 0), seen("Submitted", 4), seen("Filled", 10)] {
        order.apply(fact, start()).unwrap();
    }
    let statuses: Vec<_> = order.history.iter().map(|entry| entry.status.as_str()).collect();
    assert_eq!(statuses, ["received", "sending", "working", "partially_filled", "filled"]);
    assert_eq!((order.sequence, order.sends), (5, 1));
    assert_eq!(order.filled_quantity.to_string(), "10");
    assert_eq!(order.next_check_at, None, "a final order is not looked at");
}

#[test]
fn a_good_until_that_was_left_out_depends_on_the_type() {
    assert_eq!(order("market").good_until, start() + SignedDuration::from_mins(2));
    assert_eq!(order("limit").good_until, start() + SignedDuration::from_mins(15));
}

#[test]
fn an_unknown_order_is_never_rejected_by_anything_but_the_brokers_word() {
    let mut unknown = order("limit");
    unknown.apply(place(), start()).unwrap();
    unknown.apply(Fact::Unread(Doubt::Unread, reason()), start()).unwrap();
    for fact in all_facts() {
        let mut order = unknown.clone();
        let by_the_brokers_word = matches!(fact, Fact::Ended(_));
        if order.apply(fact, start()).is_ok() && order.status() == OrderStatus::Rejected {
            assert!(by_the_brokers_word);
        }
    }
}

#[test]
fn what_was_sent_cannot_be_held_denied_or_expired() {
    for sent in [vec![], vec![Fact::Unread(Doubt::Unread, reason())], vec![seen("Submitted", 0)]] {
        let mut order = order("limit");
        order.apply(place(), start()).unwrap();
        for fact in sent {
            order.apply(fact, start()).unwrap();
        }
        for fact in [Fact::Hold(reason()), Fact::Deny(reason()), Fact::Expire(reason()), place()] {
            assert!(order.clone().apply(fact, start()).is_err(), "{:?}", order.state());
        }
    }
}

#[test]
fn a_question_that_cannot_be_answered_was_still_sent() {
    let mut order = order("limit");
    order.apply(place(), start()).unwrap();
    let reply = Act::Reply { round: 1, message_ids: vec![], confirmed: true };
    order.apply(Fact::Intend(Intent { at: start(), epoch: 1, act: reply }), start()).unwrap();
    assert!(order.apply(Fact::NotSent(reason()), start()).is_err(), "the ticket itself had arrived");
    assert_eq!(order.sends, 1);
}

fn working() -> Order {
    let mut order = order("limit");
    order.apply(place(), start()).unwrap();
    order.apply(seen("Submitted", 0), start()).unwrap();
    order
}

#[test]
fn an_order_that_is_seen_as_refused_ends_only_when_the_broker_says_so_again() {
    for word in ["Inactive", "Rejected", "REJECTED"] {
        let mut order = working();
        order.apply(seen(word, 0), start()).unwrap();
        assert_eq!((order.status(), order.unclear_since), (OrderStatus::Working, Some(start())), "{word}");
        let mut works_again = order.clone();
        works_again.apply(seen("Submitted", 4), start()).unwrap();
        assert_eq!((works_again.status(), works_again.unclear_since), (OrderStatus::PartiallyFilled, None));
        order.apply(ended(word), start()).unwrap();
        assert_eq!(order.status(), OrderStatus::Rejected, "{word}");
    }
}

#[test]
fn each_word_of_the_broker_is_read_to_its_meaning_and_others_keep_the_order_watched() {
    for (word, status) in [
        ("ApiPending", OrderStatus::Working),
        ("ApiCancelled", OrderStatus::Cancelled),
        ("Canceled", OrderStatus::Cancelled),
        ("pre_submitted", OrderStatus::Working),
        ("PENDING CANCEL", OrderStatus::Cancelling),
        ("Expired", OrderStatus::Cancelled),
        ("Routed", OrderStatus::Working),
    ] {
        let mut order = working();
        order.apply(seen(word, 0), start()).unwrap();
        assert_eq!(order.status(), status, "{word}");
        assert_eq!(order.next_check_at.is_some(), !status.is_final(), "{word}");
    }
}

#[test]
fn more_than_was_ordered_is_told() {
    let mut order = working();
    order.apply(seen("Submitted", 10), start()).unwrap();
    assert_eq!(order.warning, None);
    order.apply(seen("Filled", 20), start()).unwrap();
    assert_eq!(order.warning.map(|warning| warning.code.to_string()), Some("filled_beyond_order".to_owned()));
}

fn cancel_at(order: &mut Order, seconds: i64) {
    order.cancel_called(
        order.cancel_calls().requests(),
        CancelTaken::Yes,
        start() + SignedDuration::from_secs(seconds),
    );
}

#[test]
fn a_cancel_is_due_again_with_growing_pauses_and_at_once_for_a_new_request() {
    let mut order = working();
    assert_eq!(order.next_cancel_at(), None, "nobody asked for its end");
    order.remember_cancel(start());
    assert!(order.cancel_is_due(start()));
    let mut at = 0;
    for pause in [5, 10, 20, 40, 60, 60, 60] {
        cancel_at(&mut order, at);
        at += pause;
        assert_eq!(order.next_cancel_at(), Some(start() + SignedDuration::from_secs(at)));
        assert!(!order.cancel_is_due(start() + SignedDuration::from_secs(at - 1)));
    }
    order.remember_cancel(start() + SignedDuration::from_secs(at - 30));
    assert!(order.cancel_is_due(start() + SignedDuration::from_secs(at - 30)));
}

#[test]
fn a_cancel_that_is_not_carried_out_is_told_after_some_tries_and_taken_back_when_it_is() {
    let mut order = working();
    order.remember_cancel(start());
    for seconds in 0..2 {
        cancel_at(&mut order, seconds);
    }
    order.cancel_not_carried_out(start());
    assert_eq!(order.warning, None);
    cancel_at(&mut order, 3);
    order.cancel_not_carried_out(start());
    assert_eq!(order.warning.as_ref().map(|warning| warning.code.as_str()), Some("cancel_not_carried_out"));
    order.apply(seen("Cancelled", 0), start()).unwrap();
    assert_eq!(order.warning, None);
}

#[test]
fn an_order_in_review_is_looked_at_ever_more_seldom_and_may_be_cancelled() {
    let mut order = working();
    order.apply(Fact::Exhausted(reason()), start()).unwrap();
    let pause = |order: &Order, hours| order.review_pause(start() + SignedDuration::from_hours(hours));
    assert_eq!(pause(&order, 0), SignedDuration::from_mins(5));
    assert_eq!(pause(&order, 2), SignedDuration::from_hours(1));
    assert_eq!(pause(&order, 2_000), SignedDuration::from_hours(12));
    order.remember_cancel(start());
    assert!(order.cancel_is_due(start()));
}

#[test]
fn an_order_that_another_hand_cancels_in_vain_works_again() {
    let mut order = working();
    order.apply(seen("PendingCancel", 0), start()).unwrap();
    assert_eq!(order.status(), OrderStatus::Cancelling);
    let mut asked = order.clone();
    order.apply(seen("Submitted", 0), start()).unwrap();
    assert_eq!(order.status(), OrderStatus::Working);
    asked.remember_cancel(start());
    asked.apply(seen("Submitted", 0), start()).unwrap();
    assert_eq!(asked.status(), OrderStatus::Cancelling, "what we asked for is under way");
}

/// As the release before wrote it: none of the fields about cancels, words and absence.
#[test]
fn an_order_of_the_release_before_that_is_being_cancelled_is_asked_for_again() {
    let mut order = working();
    order.remember_cancel(start());
    order.apply(Fact::CancelAsked(reason()), start()).unwrap();
    let mut row = serde_json::to_value(&order).unwrap();
    for field in ["cancel_calls", "broker_status", "unclear_since", "missing_since"] {
        row.as_object_mut().unwrap().remove(field);
    }
    let read: Order = serde_json::from_value(row).unwrap();
    assert!(read.cancel_is_due(start()));
}

#[test]
fn a_look_that_shows_less_is_an_older_one() {
    let mut order = order("limit");
    for fact in [place(), seen("Submitted", 4), seen("Submitted", 3), seen("Submitted", 0)] {
        order.apply(fact, start()).unwrap();
    }
    assert_eq!((order.filled_quantity.to_string().as_str(), order.status()), ("4", OrderStatus::PartiallyFilled));
    assert_eq!(order.sequence, 3, "and no event says otherwise");
}

#[test]
fn the_client_order_id_comes_from_the_identity_alone() {
    let (first, second) = (order("limit"), order("market"));
    assert_eq!(first.client_order_id, second.client_order_id);
    assert_eq!(first.client_order_id.as_str().len(), 32);
}

#[test]
fn an_order_survives_its_row() {
    let mut order = order("limit");
    order.apply(place(), start()).unwrap();
    order.apply(Fact::Unread(Doubt::Unread, reason()), start()).unwrap();
    let text = serde_json::to_string(&order).unwrap();
    assert_eq!(serde_json::from_str::<Order>(&text).unwrap(), order);
}

proptest! {
    #[test]
    fn a_final_state_stays_final_but_for_a_persons_decision_or_an_order_that_the_broker_has_after_all(steps in prop::collection::vec(0..all_facts().len(), 0..40)) {
        let mut order = order("limit");
        let mut last_sequence = order.sequence;
        for step in steps {
            let before = order.clone();
            let applied = order.apply(all_facts().swap_remove(step), start());
            if before.status() == OrderStatus::NeedsReview {
                let decides = |fact: &Fact| {
                    matches!(fact, Fact::NeverReached(_) | Fact::Reviewed(_) | Fact::Seen(_) | Fact::Ended(_))
                };
                prop_assert_eq!(applied.is_ok(), decides(&all_facts()[step]));
            } else if before.status().is_final() {
                let concluded = match before.status() {
                    OrderStatus::Rejected | OrderStatus::NotPlaced => true,
                    OrderStatus::Denied | OrderStatus::Expired => before.sends > 0,
                    _ => false,
                };
                let shows = |fact: &Fact| matches!(fact, Fact::Seen(sight) if sight.shows_it_was_taken());
                prop_assert_eq!(applied.is_ok(), concluded && shows(&all_facts()[step]), "the broker has it after all");
                prop_assert!(applied.is_ok() || order == before);
            }
            prop_assert!(order.filled_quantity >= before.filled_quantity);
            prop_assert!(order.sequence - last_sequence <= 1);
            prop_assert_eq!(order.sequence, order.history.len() as u64);
            prop_assert_eq!(order.next_check_at.is_none(), order.status().is_final(), "an order in review is looked at");
            last_sequence = order.sequence;
        }
    }
}
