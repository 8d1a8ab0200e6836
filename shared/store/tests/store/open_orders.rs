//! A user's open orders: all of them, whatever an index shows.

use std::time::Duration;

use domain::{BrokerStatus, OrderKey};
use embedded_dynamodb::Fault;

use crate::limits_support::{ready, seen, send, take};
use crate::support::{World, order, user};

fn ids(mut keys: Vec<OrderKey>) -> Vec<String> {
    keys.sort();
    keys.into_iter().map(|key| key.order_id.to_string()).collect()
}

#[tokio::test]
async fn more_open_orders_than_one_page_shows_are_all_found() {
    let world = World::new().await;
    let wanted: Vec<String> = (0..1_010).map(|number| format!("o{number:04}")).collect();
    for id in &wanted {
        world.insert(&order("u-7", id, "self")).await;
    }
    assert_eq!(ids(world.store.orders.open_of(&user("u-7")).await.unwrap()), wanted);
    assert_eq!(world.store.orders.open_now(&user("u-7")).await.unwrap().len(), wanted.len());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_sent_is_found_though_the_index_does_not_show_it_and_one_that_ended_is_not() {
    let (world, lease) = ready().await;
    let sent = send(&world, &lease, "o1", "1875").await.unwrap();
    let mut ended = send(&world, &lease, "o2", "1875").await.unwrap();
    take(&world.store, &mut ended, vec![seen(BrokerStatus::Filled)]).await;
    let behind = world.with_faults(|call| {
        let of_index = call.operation == "Query" && call.body.contains("IndexName");
        if of_index { Fault::IndexLags(Duration::from_hours(1)) } else { Fault::None }
    });
    assert_eq!(behind.orders.open_of(&user("u-7")).await.unwrap(), []);
    assert_eq!(behind.orders.open_now(&user("u-7")).await.unwrap(), []);
    assert_eq!(behind.orders.all_open(&user("u-7")).await.unwrap(), [sent]);
    assert_eq!(behind.orders.all_open(&user("u-8")).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn where_the_index_shows_all_that_are_counted_the_table_is_not_read() {
    let (world, lease) = ready().await;
    let sent = send(&world, &lease, "o1", "1875").await.unwrap();
    world.insert(&order("u-7", "unsent", "self")).await;
    let by_index_alone = world.with_faults(|call| {
        let of_table = call.operation == "Query" && !call.body.contains("IndexName");
        if of_table { Fault::AccessDenied } else { Fault::None }
    });
    let mut all = by_index_alone.orders.all_open(&user("u-7")).await.unwrap();
    all.retain(|order| order.value.reserved.is_some());
    assert_eq!(all, [sent]);
}
