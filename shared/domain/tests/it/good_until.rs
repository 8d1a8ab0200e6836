//! Until when an order is good counts from its sending, and has an end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

use domain::{Command, GOOD_FOR_MAX, MARKET_GOOD_FOR, OTHERS_GOOD_FOR, Order};
use jiff::{SignedDuration, Timestamp};

fn sent_at() -> Timestamp {
    "2026-11-24T15:00:00Z".parse().unwrap()
}

/// An order of this type that was sent at three and came so many seconds later.
fn received(fields: &str, seconds: i64) -> Order {
    let text = format!(
        r#"{{"schema": "courier.order/1", "command": "place", "user_id": "u-7", "order_id": "o1", "algorithm_id": "mr",
            "account_id": "DU0000001", "contract": {{"conid": 265598}}, "side": "buy", "quantity": "10",
            "time_in_force": "gtc", {fields}}}"#
    );
    match Command::parse(&text).unwrap() {
        Command::Place(place) => Order::receive_sent(place, sent_at(), sent_at() + SignedDuration::from_secs(seconds)),
        other => panic!("not a new order: {other:?}"),
    }
}

#[test]
fn it_counts_from_the_sending_however_long_the_order_was_on_its_way() {
    for seconds in [0, 1, 362] {
        assert_eq!(received(r#""type": "market""#, seconds).good_until, sent_at() + MARKET_GOOD_FOR);
        let limit = r#""type": "limit", "limit_price": "1""#;
        assert_eq!(received(limit, seconds).good_until, sent_at() + OTHERS_GOOD_FOR);
    }
}

#[test]
fn what_its_sender_says_counts_but_for_no_more_than_a_day() {
    for (said, counts) in [
        ("2026-11-24T14:00:00Z", "2026-11-24T14:00:00Z".parse().unwrap()),
        ("2026-11-25T14:59:59Z", "2026-11-25T14:59:59Z".parse().unwrap()),
        ("2099-01-01T00:00:00Z", sent_at() + GOOD_FOR_MAX),
    ] {
        let fields = format!(r#""type": "market", "good_until": "{said}""#);
        assert_eq!(received(&fields, 10).good_until, counts);
    }
}

#[test]
fn a_sending_in_the_future_is_one_now() {
    let order = received(r#""type": "market""#, -30);
    assert_eq!(order.good_until, sent_at() - SignedDuration::from_secs(30) + MARKET_GOOD_FOR);
}
