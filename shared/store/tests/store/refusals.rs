//! Messages that became no order.

use domain::{Reason, Refusal};
use store::order_from_image;

use crate::support::{World, at};

fn refusal(message_id: &str, code: &str) -> Refusal {
    Refusal {
        message_id: message_id.to_owned(),
        sender_id: "AROAEXAMPLE:session".to_owned(),
        group_id: "u-7".to_owned(),
        reason: Reason::new(code, "The sender may not send for this algorithm."),
        order_id: None,
        excerpt: "{".to_owned(),
        at: at(0),
    }
}

#[tokio::test]
async fn a_refusal_is_recorded_once_and_found_by_its_day() {
    let world = World::new().await;
    let orders = &world.store.orders;
    let long = "9".repeat(100);
    orders.record_refusal(&refusal(&long, "first")).await.unwrap();
    orders.record_refusal(&refusal(&long, "second")).await.unwrap();
    orders.record_refusal(&refusal("11111111-2222-3333-4444-555555555555", "first")).await.unwrap();
    let day = jiff::tz::TimeZone::UTC.to_datetime(at(0)).date();
    let page = orders.refusals(day, None, 1).await.unwrap();
    assert_eq!(page.items, [refusal(&long, "first")]);
    let rest = orders.refusals(day, page.next_cursor.as_deref(), 10).await.unwrap();
    assert_eq!(rest.items.len(), 1);
    assert_eq!(rest.next_cursor, None);
    assert_eq!(orders.refusals(day.tomorrow().unwrap(), None, 10).await.unwrap().items, []);
}

#[tokio::test]
async fn a_refusals_row_is_no_order_and_never_due() {
    let world = World::new().await;
    world.store.orders.record_refusal(&refusal("m1", "first")).await.unwrap();
    let rows = world.database.client().scan().table_name("orders").send().await.unwrap().items.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].contains_key("due_shard"));
    assert_eq!(order_from_image(rows[0].clone().into()).unwrap(), None);
}
