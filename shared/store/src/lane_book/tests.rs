use domain::{Act, BrokerOrderId, BrokerStatus, Command, Doubt, Fact, Intent, Reason, ReasonCode, Sight};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

/// An order that was sent, and that ended so.
fn ended(order_id: &str, status: OrderStatus) -> Order {
    let text = format!(
        r#"{{"schema": "courier.order/1", "command": "place", "user_id": "u-7", "order_id": "{order_id}",
            "algorithm_id": "mr", "account_id": "DU0000001", "contract": {{"conid": 265598}}, "side": "buy",
            "quantity": "10", "type": "limit", "limit_price": "187.00", "time_in_force": "day"}}"#
    );
    let Ok(Command::Place(place)) = Command::parse(&text) else { unreachable!("no order") };
    let mut order = Order::receive(place, at(0));
    order.apply(Fact::Intend(Intent { at: at(0), epoch: 1, act: Act::Place }), at(0)).unwrap();
    let reason = || Reason::new(ReasonCode::OutcomeUnknown, "Ended for a test.");
    let seen = |status| {
        Fact::Seen(Sight {
            broker_order_ids: vec![BrokerOrderId::new(7).unwrap()],
            filled_quantity: (status == BrokerStatus::Filled).then(|| 10.into()),
            status,
            average_price: None,
        })
    };
    let facts = match status {
        OrderStatus::Filled => vec![seen(BrokerStatus::Filled)],
        OrderStatus::Cancelled => vec![seen(BrokerStatus::Cancelled)],
        OrderStatus::Rejected => vec![Fact::Refused(reason())],
        _ => vec![Fact::Unread(Doubt::Unread, reason()), Fact::NeverReached(reason())],
    };
    for fact in facts {
        order.apply(fact, at(1)).unwrap();
    }
    assert_eq!(order.status(), status);
    order
}

fn remember(book: &mut LaneBook, count: usize, status: OrderStatus) {
    for number in 0..count {
        book.remember_ended(&ended(&format!("{}-{number}", status.as_str()), status), at(2));
    }
}

fn remembered(book: &LaneBook, status: OrderStatus) -> Vec<&str> {
    book.ended.iter().filter(|ended| ended.status == status).map(|ended| ended.order_id.as_str()).collect()
}

#[test]
fn no_number_of_fills_pushes_out_what_was_concluded_nor_the_other_way_round() {
    let mut book = LaneBook::default();
    remember(&mut book, 1, OrderStatus::NotPlaced);
    remember(&mut book, 1, OrderStatus::Rejected);
    remember(&mut book, 100, OrderStatus::Cancelled);
    remember(&mut book, 100, OrderStatus::Filled);
    assert_eq!(
        (remembered(&book, OrderStatus::NotPlaced).len(), remembered(&book, OrderStatus::Rejected).len()),
        (1, 1)
    );
    assert_eq!(remembered(&book, OrderStatus::Filled).len(), TOLD_MAX);
    remember(&mut book, 100, OrderStatus::Rejected);
    assert_eq!(remembered(&book, OrderStatus::Filled).len(), TOLD_MAX);
    assert_eq!(book.ended.len(), TOLD_MAX + CONCLUDED_MAX);
}

#[test]
fn of_too_many_conclusions_the_oldest_refusal_goes_first_and_then_the_oldest_absence() {
    let mut book = LaneBook::default();
    remember(&mut book, 2, OrderStatus::NotPlaced);
    remember(&mut book, CONCLUDED_MAX, OrderStatus::Rejected);
    assert_eq!(remembered(&book, OrderStatus::NotPlaced), ["not_placed-0", "not_placed-1"]);
    assert_eq!(remembered(&book, OrderStatus::Rejected).first(), Some(&"rejected-2"));
    remember(&mut book, CONCLUDED_MAX + 1, OrderStatus::NotPlaced);
    assert!(remembered(&book, OrderStatus::Rejected).is_empty());
    assert_eq!(remembered(&book, OrderStatus::NotPlaced).first(), Some(&"not_placed-1"));
}

#[test]
fn an_order_that_ends_the_same_once_more_keeps_its_looks() {
    let mut book = LaneBook::default();
    let refused = ended("o1", OrderStatus::Rejected);
    book.remember_ended(&refused, at(2));
    book.ended[0].looked_at = Some(at(6));
    book.remember_ended(&refused, at(7));
    assert_eq!((book.ended.len(), book.ended[0].looked_at), (1, Some(at(6))));
    book.remember_ended(&ended("o1", OrderStatus::Filled), at(8));
    assert_eq!((book.ended.len(), book.ended[0].looked_at), (1, None));
}

#[test]
fn what_an_earlier_release_wrote_down_can_be_read() {
    let earlier = r#"{"order_id":"o1","status":"not_placed","filled_quantity":"0","at":"2026-11-18T10:00:00Z"}"#;
    let read: Ended = serde_json::from_str(earlier).unwrap();
    assert_eq!((read.account_id, read.has_number, read.looked_at), (None, false, None));
}
