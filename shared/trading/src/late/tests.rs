use rust_decimal::Decimal;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn ended(status: OrderStatus, has_number: bool) -> Ended {
    Ended {
        order_id: "o1".parse().unwrap(),
        status,
        filled_quantity: Decimal::ZERO,
        at: at(0),
        account_id: Some("DU0000001".parse().unwrap()),
        has_number,
        broker_order_id: None,
        exits: Vec::new(),
        looked_at: None,
        failed_at: None,
    }
}

/// After how many seconds looks are due that are taken at once, and whole or not.
fn looks(mut ended: Ended, are_whole: bool) -> Vec<i64> {
    let mut seconds = Vec::new();
    while let Some(due) = next_look(&ended) {
        seconds.push(due.duration_since(at(0)).as_secs());
        (ended.looked_at, ended.failed_at) = if are_whole { (Some(due), None) } else { (None, Some(due)) };
    }
    seconds
}

#[test]
fn looks_grow_rarer_and_end_by_how_an_order_ended() {
    assert_eq!(looks(ended(OrderStatus::Rejected, false), true), [5, 15, 45, 120]);
    assert_eq!(looks(ended(OrderStatus::Rejected, true), true), [45, 120]);
    assert_eq!(looks(ended(OrderStatus::Cancelled, true), true), [45, 120]);
    for status in [OrderStatus::Cancelled, OrderStatus::Denied, OrderStatus::Expired] {
        assert_eq!(looks(ended(status, false), true), [5, 15, 45, 120], "{status:?}");
    }
    let not_placed = looks(ended(OrderStatus::NotPlaced, false), true);
    assert_eq!((not_placed.len(), not_placed.last()), (16, Some(&3_600)));
}

#[test]
fn what_is_filled_needs_no_look() {
    assert_eq!(next_look(&ended(OrderStatus::Filled, true)), None);
}

#[test]
fn looks_that_fail_are_tried_again_ever_more_rarely_for_an_hour() {
    let tries = looks(ended(OrderStatus::Rejected, false), false);
    assert_eq!(tries[..6], [5, 10, 20, 40, 80, 160]);
    assert!(tries.len() < 20 && tries.last().is_some_and(|last| *last <= 3_600), "{tries:?}");
}

#[test]
fn a_look_that_was_taken_for_another_order_counts() {
    let looked_at = Some(at(50));
    assert_eq!(next_look(&Ended { looked_at, ..ended(OrderStatus::Rejected, false) }), Some(at(120)));
}
