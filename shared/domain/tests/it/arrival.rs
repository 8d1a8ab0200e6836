//! The order of arrival, when a lane's line was lost and is made again from the ledger.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]

use domain::{Command, Order, QueuePlace, in_order_of_arrival};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

/// An order with an id, recorded so many milliseconds after noon, at a place of the queue or by the API.
fn order(id: &str, milliseconds: i64, place: Option<&str>) -> Order {
    let message = json!({"schema": "courier.order/1", "command": "place", "user_id": "u-7", "order_id": id,
        "algorithm_id": "self", "account_id": "DU0000001", "contract": {"conid": 265_598}, "side": "buy",
        "quantity": "10", "type": "market", "time_in_force": "day"});
    let Ok(Command::Place(placed)) = Command::from_value(message) else { panic!("no order") };
    let noon: jiff::Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    let mut order = Order::receive(placed, noon + SignedDuration::from_millis(milliseconds));
    order.queue_place = place.map(|place| place.parse().unwrap());
    order
}

fn ids(orders: Vec<Order>) -> Vec<String> {
    in_order_of_arrival(orders, |order| order).into_iter().map(|order| order.key.order_id.to_string()).collect()
}

#[test]
fn the_queues_word_counts_where_the_clocks_of_two_workers_differ() {
    let orders = vec![
        order("third", 5, Some("18850000000000000300")),
        order("first", 40, Some("9900")),
        order("second", 20, Some("18850000000000000200")),
    ];
    assert_eq!(ids(orders), ["first", "second", "third"]);
}

#[test]
fn what_the_api_took_stands_between_by_time() {
    let orders = vec![
        order("api_last", 90, None),
        order("queue_2", 50, Some("2")),
        order("api_first", 1, None),
        order("queue_1", 10, Some("1")),
        order("api_between", 30, None),
    ];
    assert_eq!(ids(orders), ["api_first", "queue_1", "api_between", "queue_2", "api_last"]);
}

#[test]
fn a_place_is_a_number_of_128_bits() {
    assert!("340282366920938463463374607431768211455".parse::<QueuePlace>().is_ok());
    for wrong in ["", "-1", "1.0", "one", "340282366920938463463374607431768211456"] {
        assert!(wrong.parse::<QueuePlace>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_and_the_queues_order_is_kept_whatever_the_clocks_say(
        arrivals in prop::collection::vec((0_i64..1000, prop::option::of(0_u64..50)), 0..30)
    ) {
        let orders: Vec<Order> = arrivals.iter().enumerate().map(|(index, (at, place))| {
            let place = place.map(|place| place.to_string());
            order(&format!("o{index}"), *at, place.as_deref())
        }).collect();
        let arrived = in_order_of_arrival(orders, |order| order);
        prop_assert_eq!(arrived.len(), arrivals.len());
        let places: Vec<_> = arrived.iter().filter_map(|order| order.queue_place.clone()).collect();
        prop_assert!(places.is_sorted());
        let times: Vec<_> = arrived.iter().filter(|order| order.queue_place.is_none()).map(|order| order.created_at).collect();
        prop_assert!(times.is_sorted());
    }
}
