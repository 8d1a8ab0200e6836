//! The table of an order's states: what leads where, and what never does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]

use domain::{Act, BrokerOrderId, BrokerStatus, Command, Doubt, Fact, Intent, Order, OrderStatus, Reason, Sight};
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

fn reason() -> Reason {
    Reason::new("test", "A test says so.")
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
        let by_the_brokers_word = matches!(fact, Fact::Seen(_));
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

#[test]
fn a_look_that_shows_less_is_an_older_one() {
    let mut order = order("limit");
    for fact in [place(), seen("Submitted", 4), seen("Submitted", 3)] {
        order.apply(fact, start()).unwrap();
    }
    assert_eq!(order.filled_quantity.to_string(), "4");
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
    fn a_final_state_stays_final_but_for_a_persons_decision(steps in prop::collection::vec(0..all_facts().len(), 0..40)) {
        let mut order = order("limit");
        let mut last_sequence = order.sequence;
        for step in steps {
            let before = order.clone();
            let applied = order.apply(all_facts().swap_remove(step), start());
            if before.status() == OrderStatus::NeedsReview {
                let decides = |fact: &Fact| matches!(fact, Fact::NeverReached(_) | Fact::Reviewed(_) | Fact::Seen(_));
                prop_assert_eq!(applied.is_ok(), decides(&all_facts()[step]));
            } else if before.status().is_final() {
                prop_assert!(applied.is_err());
                prop_assert_eq!(&order, &before);
            }
            prop_assert!(order.filled_quantity >= before.filled_quantity);
            prop_assert!(order.sequence - last_sequence <= 1);
            prop_assert_eq!(order.sequence, order.history.len() as u64);
            prop_assert_eq!(order.next_check_at.is_none(), order.status().is_final());
            last_sequence = order.sequence;
        }
    }
}
