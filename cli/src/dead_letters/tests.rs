//! What a replay decides, and does.

use std::collections::BTreeSet;

use domain::{Grant, GrantStatus, Limits, OrderStatus};

use super::*;
use crate::testing::{World, at, message, order};

const SENDER: &str = "AROAEXAMPLE:session";

async fn world() -> World {
    let world = World::new().await;
    let id: domain::AlgorithmId = "mean-reversion-7".parse().unwrap();
    let principals = BTreeSet::from(["AROAEXAMPLE".parse().unwrap()]);
    crate::algorithms::add(&world.store.rules, id.clone(), principals, at(0)).await.unwrap();
    let grant = Grant {
        user_id: "u-7".parse().unwrap(),
        algorithm_id: id,
        account_ids: BTreeSet::from(["DU0000001".parse().unwrap()]),
        limits: Limits::default(),
        status: GrantStatus::Active,
    };
    world.store.rules.put_grant(&grant).await.unwrap();
    world
}

fn good_until(seconds: i64) -> String {
    format!(r#", "good_until": "{}""#, at(seconds))
}

#[tokio::test]
async fn what_is_permitted_and_not_on_record_is_put_there_and_nothing_is_placed_late() {
    let world = world().await;
    let intake = world.intake();
    world.store.orders.insert(&order("u-7", "known")).await.unwrap();
    let good = message("u-7", "new", &good_until(3_600));
    let cases = [
        (SENDER, "u-7", message("u-7", "known", &good_until(3_600)), "Done"),
        (SENDER, "u-7", message("u-7", "late", &good_until(30)), "Record(\"records the order as expired"),
        (SENDER, "u-7", message("u-7", "ageless", ""), "Record(\"records the order as expired"),
        (SENDER, "u-8", good.clone(), "Leave"),
        ("AROAOTHER:session", "u-7", good.clone(), "Leave"),
        ("", "u-7", good.clone(), "Leave"),
        (SENDER, "u-7", "{}".to_owned(), "Leave"),
        (SENDER, "u-7", r#"{"schema": "courier.wake/1", "user_id": "u-7"}"#.to_owned(), "Done"),
        (SENDER, "u-7", good.clone(), "Record(\"records the order, which is then sent"),
    ];
    for (sender, group, body, expected) in cases {
        let plan = plan(&intake, sender, group, &body).await.unwrap();
        assert!(format!("{plan:?}").starts_with(expected), "{body}: {plan:?}");
    }
    let Plan::Record(_, request) = plan(&intake, SENDER, "u-7", &good).await.unwrap() else { panic!("not recorded") };
    replay(&intake, &world.store.lanes, &request).await.unwrap();
    let recorded = world.store.orders.get(&order("u-7", "new").key).await.unwrap().unwrap().value;
    assert_eq!((recorded.status(), recorded.good_until), (OrderStatus::Received, at(3_600)));
    let again = plan(&intake, SENDER, "u-7", &good).await.unwrap();
    assert!(matches!(again, Plan::Done(_)), "{again:?}");

    let late = message("u-7", "late", &good_until(30));
    let Plan::Record(_, request) = plan(&intake, SENDER, "u-7", &late).await.unwrap() else { panic!("not recorded") };
    replay(&intake, &world.store.lanes, &request).await.unwrap();
    let late = world.store.orders.get(&order("u-7", "late").key).await.unwrap().unwrap().value;
    assert_eq!(late.status(), OrderStatus::Expired, "nothing is placed late");
}

#[tokio::test]
async fn a_cancel_is_replayed_while_its_order_is_open() {
    let world = world().await;
    let intake = world.intake();
    let body = r#"{"schema": "courier.order/1", "command": "cancel", "user_id": "u-7", "order_id": "known",
        "algorithm_id": "mean-reversion-7"}"#;
    assert!(matches!(plan(&intake, SENDER, "u-7", body).await.unwrap(), Plan::Leave(_)));
    let known = order("u-7", "known");
    world.store.orders.insert(&known).await.unwrap();
    let Plan::Record(_, request) = plan(&intake, SENDER, "u-7", body).await.unwrap() else { panic!("not recorded") };
    replay(&intake, &world.store.lanes, &request).await.unwrap();
    let status = world.store.orders.get(&known.key).await.unwrap().unwrap().value.status();
    assert_eq!(status, OrderStatus::Cancelled);
    assert!(matches!(plan(&intake, SENDER, "u-7", body).await.unwrap(), Plan::Done(_)));
}
