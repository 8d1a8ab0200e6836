//! Each failure is told by what the caller can do about it.

use std::error::Error;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use embedded_dynamodb::{EmbeddedDynamoDb, Fault};
use store::{Store, StoreError};

use crate::support::{Counting, World, key, order, user};

#[tokio::test]
async fn faults_are_told_apart_and_keep_their_source() {
    let world = World::new().await;
    let mut saved = world.insert(&order("u-7", "o1", "self")).await;
    let faults = [
        (Fault::AnswerLost, "unavailable"),
        (Fault::NeverArrives, "unavailable"),
        (Fault::InternalError, "unavailable"),
        (Fault::Throttled, "throttled"),
        (Fault::Contention, "throttled"),
        (Fault::AccessDenied, "refused"),
        (Fault::Invalid, "invalid"),
    ];
    for (fault, expected) in faults {
        let store = world.with_faults(move |_| fault);
        for error in [
            store.orders.get(&key("u-7", "o1")).await.unwrap_err(),
            store.orders.insert(&order("u-7", "o9", "self")).await.unwrap_err(),
            store.lanes.penalty_until().await.unwrap_err(),
            store.rules.algorithms().await.unwrap_err(),
        ] {
            let kind = match &error {
                StoreError::Unavailable { .. } => "unavailable",
                StoreError::Throttled { .. } => "throttled",
                StoreError::Refused { .. } => "refused",
                StoreError::Invalid { .. } => "invalid",
                other => panic!("{other:?}"),
            };
            assert_eq!(kind, expected, "{fault:?}: {error:?}");
            assert!(error.source().is_some(), "{error:?}");
            assert_eq!(error.is_beyond_cure(), kind == "invalid", "{error:?}");
        }
    }
    // An answer that is lost each time: the write stands, and the caller is told that it may.
    let silent = world.with_faults(|_| Fault::AnswerLost);
    saved.value.check_again_at(crate::support::at(5));
    assert!(matches!(silent.orders.save(&mut saved).await, Err(StoreError::Unavailable { .. })));
    let stands = world.store.orders.get(&key("u-7", "o1")).await.unwrap().unwrap();
    assert_eq!((stands.version(), &stands.value), (2, &saved.value));
}

#[tokio::test]
async fn a_passing_fault_is_not_even_noticed() {
    let world = World::new().await;
    for fault in [Fault::NeverArrives, Fault::InternalError, Fault::Throttled] {
        let store = world.with_faults(move |call| if call.number == 1 { fault } else { Fault::None });
        assert_eq!(store.orders.get(&key("u-7", "o1")).await.unwrap(), None, "{fault:?}");
    }
}

#[tokio::test]
async fn a_missing_table_is_named_with_where_to_look() {
    let world = World::new().await;
    let tables = store::Tables { orders: "not-there".to_owned(), ..EmbeddedDynamoDb::tables() };
    let store = Store::new(world.database.client(), tables, Arc::new(Counting::default()));
    let error = store.orders.get(&key("u-7", "o1")).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    let told = error.to_string();
    assert!(told.contains("not-there") && told.contains("infra/template.yaml"), "{told}");
}

#[tokio::test]
async fn what_is_too_large_for_a_row_is_beyond_cure() {
    let world = World::new().await;
    let accounts: Vec<String> = (0..50_000).map(|number| format!("DU{number:07}")).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let grant = crate::support::grant("u-7", "mr", &accounts, domain::GrantStatus::Active);
    let error = world.store.rules.put_grant(&grant).await.unwrap_err();
    assert!(matches!(error, StoreError::Invalid { .. }) && error.is_beyond_cure(), "{error:?}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named_and_left_as_it_is() {
    let world = World::new().await;
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let broken = AttributeValue::M([("state".to_owned(), text("?"))].into());
    let client = world.database.client();
    for (id, name, body) in [("no-document", "other", text("x")), ("broken", "order", broken)] {
        client
            .put_item()
            .table_name("orders")
            .item("user_id", text("u-7"))
            .item("order_id", text(id))
            .item("version", AttributeValue::N("1".to_owned()))
            .item(name, body)
            .send()
            .await
            .unwrap();
        let error = world.store.orders.get(&key("u-7", id)).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("u-7/{id}")), "{error}");
        assert!(error.source().is_some());
        // Nor is it taken for free: the id was used.
        let again = world.store.orders.insert(&order("u-7", id, "self")).await;
        assert!(matches!(again, Err(StoreError::Corrupt { .. })), "{again:?}");
    }
    assert!(matches!(world.store.orders.list(&user("u-7"), None, 10).await, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn no_error_repeats_what_a_row_holds() {
    let world = World::new().await;
    let mut stale = world.insert(&order("u-7", "o1", "self")).await;
    world.store.orders.save(&mut stale.clone()).await.unwrap();
    let error = world.store.orders.save(&mut stale).await.unwrap_err();
    let mut told = format!("{error} {error:?}");
    let broken = world.with_faults(|_| Fault::AccessDenied);
    let error = broken.orders.save(&mut stale).await.unwrap_err();
    told = format!("{told} {error} {error:?}");
    assert!(!told.contains("187.5") && !told.contains("DU0000001"), "{told}");
}
