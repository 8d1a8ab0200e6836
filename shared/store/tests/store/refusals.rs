//! Messages that became no order.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Algorithm, Reason, ReasonCode, Refusal};
use serde_json::json;
use store::{RefusalFilter, RefusalsOf, StoreError, order_from_image, refusal_from_image};

use crate::support::{World, algorithm, at, user};

fn refusal(message_id: &str, code: ReasonCode) -> Refusal {
    Refusal {
        message_id: message_id.to_owned(),
        sender_id: "AROAEXAMPLE:session".to_owned(),
        group_id: "u-7".to_owned(),
        reason: Reason::new(code, "The sender may not send for this algorithm."),
        order_id: None,
        user_id: None,
        algorithm_id: None,
        excerpt: "{".to_owned(),
        sent_at: None,
        at: at(0),
    }
}

#[tokio::test]
async fn a_refusal_is_recorded_once_and_found_by_its_day() {
    let world = World::new().await;
    let orders = &world.store.orders;
    let long = "9".repeat(100);
    orders.record_refusal(&refusal(&long, ReasonCode::NoGrant)).await.unwrap();
    orders.record_refusal(&refusal(&long, ReasonCode::OtherUser)).await.unwrap();
    orders.record_refusal(&refusal("11111111-2222-3333-4444-555555555555", ReasonCode::NoGrant)).await.unwrap();
    let day = jiff::tz::TimeZone::UTC.to_datetime(at(0)).date();
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = orders.refusals(day, cursor.as_deref(), 1).await.unwrap();
        found.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    found.sort_by(|one, other| one.message_id.cmp(&other.message_id));
    assert_eq!(
        found,
        [refusal("11111111-2222-3333-4444-555555555555", ReasonCode::NoGrant), refusal(&long, ReasonCode::NoGrant)]
    );
    assert_eq!(orders.refusals(day.tomorrow().unwrap(), None, 10).await.unwrap().items, []);
    let elsewhere = orders.refusals_of(RefusalsOf::User(&user("u-7")), &RefusalFilter::default(), None, 1).await;
    let of_another_list = elsewhere.unwrap().next_cursor.unwrap();
    assert!(matches!(orders.refusals(day, Some(&of_another_list), 1).await, Err(StoreError::CursorRefused)));
}

#[tokio::test]
async fn the_refusals_of_the_release_before_are_still_listed() {
    let world = World::new().await;
    let body = serde_dynamo::to_attribute_value(json!({"message_id": "m-old", "sender_id": "AROAEXAMPLE:session",
        "group_id": "u-7", "reason": {"code": "no_grant", "message": "No."}, "excerpt": "{", "at": at(0)}));
    let day = jiff::tz::TimeZone::UTC.to_datetime(at(0)).date();
    let client = world.database.client();
    let row = client.put_item().table_name("orders").item("user_id", AttributeValue::S(format!("refused {day}")));
    let row = row.item("order_id", AttributeValue::S("m-old".to_owned())).item("refusal", body.unwrap());
    row.send().await.unwrap();
    world.store.orders.record_refusal(&refusal("m-new", ReasonCode::NoGrant)).await.unwrap();
    let first = world.store.orders.refusals(day, None, 10).await.unwrap();
    assert_eq!(first.items[0].message_id, "m-old");
    let rest = world.store.orders.refusals(day, first.next_cursor.as_deref(), 10).await.unwrap();
    assert_eq!(rest.items, [refusal("m-new", ReasonCode::NoGrant)]);
}

#[tokio::test]
async fn a_refusals_rows_are_no_order_never_due_and_told_once() {
    let world = World::new().await;
    world.store.orders.record_refusal(&refusal("m1", ReasonCode::NoGrant)).await.unwrap();
    let rows = world.database.client().scan().table_name("orders").send().await.unwrap().items.unwrap();
    assert_eq!(rows.len(), 3);
    let mut told = 0;
    for row in rows {
        assert!(!row.contains_key("due_shard"));
        assert_eq!(order_from_image(row.clone().into()).unwrap(), None);
        told += u32::from(refusal_from_image(row.into()).unwrap().is_some());
    }
    assert_eq!(told, 1);
}

/// A refusal of the order `o-{number}`, sent by this principal in this user's name for this algorithm.
fn sent(number: i64, principal: &str, name: &str, algorithm: Option<&str>) -> Refusal {
    Refusal {
        sender_id: format!("{principal}:session"),
        group_id: name.to_owned(),
        order_id: Some(format!("o-{number}")),
        user_id: Some(name.to_owned()),
        algorithm_id: algorithm.map(str::to_owned),
        sent_at: Some(at(number)),
        at: at(1_000 - number),
        ..refusal(&format!("m-{number}"), ReasonCode::NoGrant)
    }
}

fn registered(id: &str, principals: &[&str]) -> Algorithm {
    let principals = principals.iter().map(|id| id.parse().unwrap()).collect();
    Algorithm { algorithm_id: algorithm(id), principals, registered_at: at(0) }
}

/// The orders of all refusals that are seen, page by page.
async fn seen(world: &World, whose: RefusalsOf<'_>, filter: &RefusalFilter, limit: u32) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = world.store.orders.refusals_of(whose, filter, cursor.as_deref(), limit).await.unwrap();
        seen.extend(page.items.into_iter().filter_map(|refusal| refusal.order_id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return seen;
        }
    }
}

#[tokio::test]
async fn a_user_sees_what_was_sent_in_their_name_and_an_algorithm_what_its_senders_sent_the_newest_first() {
    let world = World::new().await;
    let refusals = [
        sent(1, "AROA1", "u-7", Some("mr")),
        sent(2, "AROA2", "u-7", Some("mr")),
        sent(3, "AROA1", "u-8", Some("mr")),
        sent(4, "AROA1", "u-7", None),
        sent(5, "AROASTRANGER", "u-7", Some("mr")),
        // The same sender for another algorithm.
        sent(6, "AROA1", "u-7", Some("other")),
        sent(7, "AROA2", "u-8", Some("mr")),
    ];
    for refusal in &refusals {
        world.store.orders.record_refusal(refusal).await.unwrap();
    }
    let (mr, other) = (registered("mr", &["AROA1", "AROA2"]), registered("other", &["AROA1"]));
    let (ada, nobody) = (user("u-7"), user("u-9"));
    let all = RefusalFilter::default();
    for limit in [1, 2, 3, 100] {
        let of = async |whose| seen(&world, whose, &all, limit).await;
        assert_eq!(of(RefusalsOf::User(&ada)).await, ["o-6", "o-5", "o-4", "o-2", "o-1"], "{limit}");
        assert_eq!(of(RefusalsOf::User(&nobody)).await, [""; 0]);
        assert_eq!(of(RefusalsOf::Algorithm(&mr)).await, ["o-7", "o-4", "o-3", "o-2", "o-1"], "{limit}");
        assert_eq!(of(RefusalsOf::Algorithm(&other)).await, ["o-6", "o-4"], "{limit}");
        let of_one = RefusalFilter { user_id: Some(user("u-8")), ..all.clone() };
        assert_eq!(seen(&world, RefusalsOf::Algorithm(&mr), &of_one, limit).await, ["o-7", "o-3"], "{limit}");
        let of_order = RefusalFilter { order_id: Some("o-2".parse().unwrap()), ..all.clone() };
        assert_eq!(seen(&world, RefusalsOf::User(&user("u-7")), &of_order, limit).await, ["o-2"], "{limit}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_asker_is_refused() {
    let world = World::new().await;
    for number in 1..=2 {
        world.store.orders.record_refusal(&sent(number, "AROA1", "u-7", Some("mr"))).await.unwrap();
    }
    let all = RefusalFilter::default();
    let orders = &world.store.orders;
    let cursor = orders.refusals_of(RefusalsOf::User(&user("u-7")), &all, None, 1).await.unwrap().next_cursor.unwrap();
    let mr = registered("mr", &["AROA1"]);
    for whose in [RefusalsOf::User(&user("u-8")), RefusalsOf::Algorithm(&mr)] {
        let refused = orders.refusals_of(whose, &all, Some(&cursor), 1).await;
        assert!(matches!(refused, Err(StoreError::CursorRefused)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_thousand_refusals_of_a_day_lie_in_many_partitions() {
    let world = World::new().await;
    for number in 0..200 {
        world.store.orders.record_refusal(&sent(number, "AROA1", &format!("u-{number}"), None)).await.unwrap();
    }
    let rows = world.database.rows("orders").unwrap();
    let mut partitions: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for row in rows.iter().filter(|row| row.get("refusal").is_some()) {
        *partitions.entry(row["user_id"].to_string()).or_default() += 1;
    }
    assert_eq!(partitions.len(), 16, "{partitions:?}");
    assert!(partitions.values().all(|count| *count < 30), "{partitions:?}");
}
