//! The ledger.

use std::collections::HashSet;

use domain::{Act, Fact, Intent, Reason, ReasonCode};
use jiff::ToSpan;
use store::{DUE_SHARDS, Inserted, Orders, StoreError, order_from_image};

use crate::support::{World, at, key, order, order_with, user};

#[tokio::test]
async fn an_order_comes_back_as_it_was_recorded() {
    let world = World::new().await;
    let kinds = [
        r#""quantity": "10", "type": "market""#,
        r#""cash_quantity": "250.5", "type": "market", "outside_regular_hours": true"#,
        r#""quantity": "0.00000001", "type": "stop_limit", "limit_price": "187.50", "stop_price": "999999999999""#,
        r#""quantity": "3", "type": "trailing_stop", "trail": {"percent": "1.5"}"#,
        r#""quantity": "3", "type": "limit", "limit_price": "1", "good_until": "2027-01-01T00:00:00.123456789Z",
           "attached": {"take_profit": {"limit_price": "2"}, "stop_loss": {"stop_price": "0.5"}}"#,
    ];
    for (number, fields) in kinds.iter().enumerate() {
        let id = format!("o{number}");
        let order = order_with("u-7", &id, "self", fields);
        world.insert(&order).await;
        let read = world.store.orders.get(&key("u-7", &id)).await.unwrap().unwrap();
        assert_eq!(read.value, order);
        assert_eq!(read.version(), 1);
        // What is read can be asked for again, and is the same request.
        assert_eq!(read.value.request.as_ref().unwrap().fingerprint(), order.fingerprint);
    }
}

#[tokio::test]
async fn an_order_that_is_not_there_is_none() {
    let world = World::new().await;
    assert_eq!(world.store.orders.get(&key("u-7", "nothing")).await.unwrap(), None);
}

#[tokio::test]
async fn a_redelivered_order_costs_one_call_and_tells_the_first() {
    let world = World::new().await;
    let first = order("u-7", "o1", "self");
    world.insert(&first).await;
    let other = order_with("u-7", "o1", "self", r#""quantity": "99", "type": "market""#);
    let before = world.database.calls();
    let Inserted::Existing(existing) = world.store.orders.insert(&other).await.unwrap() else {
        panic!("the same id was recorded twice");
    };
    assert_eq!(world.database.calls(), before + 1);
    assert_eq!(existing.value, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_concurrent_inserts_exactly_one_is_new() {
    let world = World::new().await;
    let mut tasks = Vec::new();
    for _ in 0..50 {
        let orders = world.store.orders.clone();
        tasks.push(tokio::spawn(async move { orders.insert(&order("u-7", "o1", "self")).await.unwrap() }));
    }
    let mut new = 0;
    for task in tasks {
        new += u32::from(matches!(task.await.unwrap(), Inserted::New(_)));
    }
    assert_eq!(new, 1);
}

#[tokio::test]
async fn who_saves_second_is_told_and_the_first_save_stands() {
    let world = World::new().await;
    let mut first = world.insert(&order("u-7", "o1", "self")).await;
    let mut second = world.store.orders.get(&key("u-7", "o1")).await.unwrap().unwrap();
    first.value.apply(Fact::Hold(Reason::new(ReasonCode::QuietWindow, "waits")), at(1)).unwrap();
    world.store.orders.save(&mut first).await.unwrap();
    assert_eq!(first.version(), 2);
    second.value.apply(Fact::Expire(Reason::new(ReasonCode::Expired, "too late")), at(1)).unwrap();
    let refused = world.store.orders.save(&mut second).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused:?}");
    assert_eq!(second.version(), 1);
    let stands = world.store.orders.get(&key("u-7", "o1")).await.unwrap().unwrap();
    assert_eq!(stands, first);
}

#[tokio::test]
async fn an_order_that_was_never_inserted_cannot_be_saved() {
    let world = World::new().await;
    let mut saved = world.insert(&order("u-7", "o1", "self")).await;
    saved.value.key = key("u-7", "o2");
    assert!(matches!(world.store.orders.save(&mut saved).await, Err(StoreError::Conflict { .. })));
    assert_eq!(world.store.orders.get(&key("u-7", "o2")).await.unwrap(), None);
}

#[tokio::test]
async fn a_lost_answer_to_an_insert_or_a_save_is_recognised_as_our_own_write() {
    let world = World::new().await;
    let losing = world.losing_the_first_answer();
    let Inserted::New(mut saved) = losing.orders.insert(&order("u-7", "o1", "self")).await.unwrap() else {
        panic!("our own write was taken for somebody else's");
    };
    saved.value.check_again_at(at(5));
    let losing = world.losing_the_first_answer();
    losing.orders.save(&mut saved).await.unwrap();
    assert_eq!(saved.version(), 2);
    // The next save goes on from there, so the row and the version in memory agree.
    world.store.orders.save(&mut saved).await.unwrap();
    assert_eq!(world.store.orders.get(&key("u-7", "o1")).await.unwrap().unwrap(), saved);
}

#[tokio::test]
async fn due_finds_what_is_due_until_it_is_final() {
    let world = World::new().await;
    let shard = Orders::shard_of(&user("u-7"));
    let mut early = world.insert(&order("u-7", "early", "self")).await;
    let mut late = world.insert(&order("u-7", "late", "self")).await;
    // With and without a fraction: the order of the texts must be that of the times.
    early.value.check_again_at(at(10));
    late.value.check_again_at(at(10) + 1.milliseconds());
    world.store.orders.save(&mut early).await.unwrap();
    world.store.orders.save(&mut late).await.unwrap();
    let due = async |now| world.store.orders.due(shard, now, 10, None).await.map(|page| page.keys);
    assert_eq!(due(at(9)).await.unwrap(), []);
    assert_eq!(due(at(10)).await.unwrap(), [key("u-7", "early")]);
    assert_eq!(due(at(11)).await.unwrap(), [key("u-7", "early"), key("u-7", "late")]);
    let first = world.store.orders.due(shard, at(11), 1, None).await.unwrap();
    assert_eq!((first.keys, first.due_since), (vec![key("u-7", "early")], Some(at(10))));
    let second = world.store.orders.due(shard, at(11), 1, first.next).await.unwrap();
    assert_eq!(second.keys, [key("u-7", "late")]);
    early.value.apply(Fact::Expire(Reason::new(ReasonCode::Expired, "too late")), at(12)).unwrap();
    world.store.orders.save(&mut early).await.unwrap();
    assert_eq!(due(at(99)).await.unwrap(), [key("u-7", "late")]);
}

#[tokio::test]
async fn every_user_is_due_in_their_own_shard_and_users_spread() {
    let world = World::new().await;
    let mut shards = HashSet::new();
    for number in 0..64 {
        let id = format!("user-{number}");
        world.insert(&order(&id, "o1", "self")).await;
        shards.insert(Orders::shard_of(&user(&id)));
    }
    assert!(shards.len() > 10, "64 users are in {} shards only", shards.len());
    let mut found = HashSet::new();
    for shard in 0..DUE_SHARDS {
        for key in world.store.orders.due(shard, at(1), 100, None).await.unwrap().keys {
            assert_eq!(Orders::shard_of(&key.user_id), shard);
            assert!(found.insert(key));
        }
    }
    assert_eq!(found.len(), 64);
    // The shard of a user is written in rows, so it must never change.
    assert_eq!(Orders::shard_of(&user("u-7")), 15);
}

#[tokio::test]
async fn a_list_pages_through_one_users_orders() {
    let world = World::new().await;
    for number in 0..5 {
        world.insert(&order("u-7", &format!("o{number}"), "self")).await;
        world.insert(&order("u-8", &format!("x{number}"), "self")).await;
    }
    let mut ids = Vec::new();
    let mut cursor = None;
    for _ in 0..10 {
        let page = world.store.orders.list(&user("u-7"), cursor.as_deref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        ids.extend(page.items.into_iter().map(|order| order.value.key.order_id.to_string()));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(ids, ["o4", "o3", "o2", "o1", "o0"]);
}

#[tokio::test]
async fn a_cursor_of_another_user_or_of_nobody_is_refused() {
    let world = World::new().await;
    for number in 0..3 {
        world.insert(&order("u-7", &format!("o{number}"), "self")).await;
    }
    let cursor = world.store.orders.list(&user("u-7"), None, 1).await.unwrap().next_cursor.unwrap();
    for (whose, cursor) in [("u-8", cursor.as_str()), ("u-7", "%%%"), ("u-7", "W10"), ("u-7", &cursor.repeat(99))] {
        let refused = world.store.orders.list(&user(whose), Some(cursor), 1).await.unwrap_err();
        assert!(matches!(refused, StoreError::CursorRefused), "{refused:?}");
    }
}

#[tokio::test]
async fn an_image_of_the_stream_is_the_order_again() {
    let world = World::new().await;
    let mut saved = world.insert(&order("u-7", "o1", "self")).await;
    let lease = world.lease(&user("u-7")).await;
    let intent = Intent { at: at(1), epoch: lease.epoch(), act: Act::Place };
    saved.value.apply(Fact::Intend(intent), at(1)).unwrap();
    world.store.orders.save(&mut saved).await.unwrap();
    let row = world
        .database
        .client()
        .get_item()
        .table_name("orders")
        .key("user_id", aws_sdk_dynamodb::types::AttributeValue::S("u-7".to_owned()))
        .key("order_id", aws_sdk_dynamodb::types::AttributeValue::S("o1".to_owned()))
        .send()
        .await
        .unwrap()
        .item
        .unwrap();
    assert_eq!(row["status"].as_s().unwrap(), "sending");
    assert_eq!(order_from_image(row.into()).unwrap(), Some(saved.value));
}

#[tokio::test]
async fn a_users_open_orders_are_those_that_are_not_final() {
    let world = World::new().await;
    let mut first = world.insert(&order("u-7", "o1", "self")).await;
    world.insert(&order("u-7", "o2", "self")).await;
    world.insert(&order("u-8", "o3", "self")).await;
    let mut open = world.store.orders.open_of(&user("u-7")).await.unwrap();
    open.sort();
    assert_eq!(open, [key("u-7", "o1"), key("u-7", "o2")]);
    first.value.apply(Fact::Expire(Reason::new(ReasonCode::Expired, "too late")), at(1)).unwrap();
    world.store.orders.save(&mut first).await.unwrap();
    assert_eq!(world.store.orders.open_of(&user("u-7")).await.unwrap(), [key("u-7", "o2")]);
}
