//! A user's orders, the newest first.

use domain::{Fact, OrderStatus, Reason, ReasonCode};
use embedded_dynamodb::Fault;
use store::{OrderFilter, StoreError};

use crate::support::{World, algorithm, at, order, user};

/// Five orders of the user, whose ids run against their ages, and one of another user.
async fn world() -> World {
    let world = World::new().await;
    for (id, age, algorithm_id) in [("e", 0, "self"), ("d", 1, "a"), ("c", 2, "self"), ("b", 3, "a"), ("a", 4, "self")]
    {
        let mut order = order("u-7", id, algorithm_id);
        order.created_at = at(age);
        let mut saved = world.insert(&order).await;
        if ["d", "c"].contains(&id) {
            saved.value.apply(Fact::Expire(Reason::new(ReasonCode::Expired, "too late")), at(9)).unwrap();
            world.store.orders.save(&mut saved).await.unwrap();
        }
    }
    world.insert(&order("u-8", "x", "self")).await;
    world
}

/// The ids of all pages, with a stroke where a new page begins.
async fn listed(world: &World, filter: &OrderFilter, limit: u32) -> String {
    let mut pages = Vec::new();
    let mut cursor = None;
    for _ in 0..10 {
        let page = world.store.orders.newest(&user("u-7"), filter, cursor.as_deref(), limit).await.unwrap();
        pages.push(page.items.iter().map(|order| order.value.key.order_id.as_str()).collect::<String>());
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    pages.join("|")
}

#[tokio::test]
async fn the_newest_come_first_page_by_page() {
    let world = world().await;
    let all = OrderFilter::default();
    assert_eq!(listed(&world, &all, 100).await, "abcde");
    assert_eq!(listed(&world, &all, 2).await, "ab|cd|e");
    let none = world.store.orders.newest(&user("u-9"), &all, None, 10).await.unwrap();
    assert_eq!((none.items.len(), none.next_cursor), (0, None));
}

#[tokio::test]
async fn each_filter_leaves_what_it_says() {
    let world = world().await;
    let with = |change: fn(&mut OrderFilter)| {
        let mut filter = OrderFilter::default();
        change(&mut filter);
        filter
    };
    let cases = [
        (with(|filter| filter.statuses = vec![OrderStatus::Expired]), "cd"),
        (with(|filter| filter.statuses = vec![OrderStatus::Expired, OrderStatus::Received]), "abcde"),
        (with(|filter| filter.only_open = true), "abe"),
        (with(|filter| filter.algorithm_id = Some(algorithm("a"))), "bd"),
        (with(|filter| filter.since = Some(at(2))), "abc"),
        (with(|filter| filter.until = Some(at(2))), "de"),
        (with(|filter| (filter.since, filter.until) = (Some(at(1)), Some(at(4)))), "bcd"),
        (with(|filter| (filter.since, filter.until) = (Some(at(4)), Some(at(1)))), ""),
        (with(|filter| (filter.only_open, filter.algorithm_id) = (true, Some(algorithm("a")))), "b"),
        (with(|filter| (filter.only_open, filter.until) = (true, Some(at(4)))), "be"),
    ];
    for (filter, expected) in cases {
        assert_eq!(listed(&world, &filter, 100).await, expected, "{filter:?}");
        let singly = listed(&world, &filter, 1).await.replace('|', "");
        assert_eq!(singly, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn what_the_index_does_not_know_yet_is_read_from_the_row() {
    let world = world().await;
    let filter = OrderFilter { only_open: true, ..OrderFilter::default() };
    let first = world.store.orders.newest(&user("u-7"), &filter, None, 2).await.unwrap();
    assert_eq!(first.items[1].value.status(), OrderStatus::Received);
    let mut last = world.store.orders.get(&first.items[1].value.key).await.unwrap().unwrap();
    last.value.apply(Fact::Expire(Reason::new(ReasonCode::Expired, "too late")), at(9)).unwrap();
    world.store.orders.save(&mut last).await.unwrap();
    assert_eq!(listed(&world, &filter, 2).await, "ae");
    let rest = world.store.orders.newest(&user("u-7"), &filter, first.next_cursor.as_deref(), 2).await.unwrap();
    assert_eq!(rest.items[0].value.key.order_id.as_str(), "e");
}

#[tokio::test]
async fn a_cursor_of_another_user_of_another_time_or_of_nobody_is_refused() {
    let world = world().await;
    let all = OrderFilter::default();
    let page = world.store.orders.newest(&user("u-7"), &all, None, 1).await.unwrap();
    let cursor = page.next_cursor.unwrap();
    let early = OrderFilter { until: Some(at(1)), ..OrderFilter::default() };
    let of_ids = world.store.orders.list(&user("u-7"), None, 1).await.unwrap().next_cursor.unwrap();
    for (whose, filter, cursor) in [
        ("u-8", &all, cursor.as_str()),
        ("u-7", &early, cursor.as_str()),
        ("u-7", &all, of_ids.as_str()),
        ("u-7", &all, "%%%"),
    ] {
        let refused = world.store.orders.newest(&user(whose), filter, Some(cursor), 1).await.unwrap_err();
        assert!(matches!(refused, StoreError::CursorRefused), "{refused:?}");
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_an_error_and_no_shorter_list() {
    let world = world().await;
    let failing = world.with_faults(|call| match call.operation {
        "BatchGetItem" => Fault::NeverArrives,
        _ => Fault::None,
    });
    let failed = failing.orders.newest(&user("u-7"), &OrderFilter::default(), None, 10).await.unwrap_err();
    assert!(matches!(failed, StoreError::Unavailable { .. }), "{failed:?}");
}

/// The ids of everybody's orders, page by page, and how many pages there were.
async fn of_everybody(
    world: &World,
    of: Option<&str>,
    status: Option<OrderStatus>,
    limit: u32,
) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut cursor) = (Vec::new(), 0, None);
    let of = of.map(user);
    loop {
        let page = match status {
            Some(status) => world.store.orders.status_page(status, cursor.as_deref(), limit).await.unwrap(),
            None => world.store.orders.open_page(of.as_ref(), cursor.as_deref(), limit).await.unwrap(),
        };
        assert!(page.items.len() <= limit as usize);
        ids.extend(page.items.iter().map(|order| order.value.key.to_string()));
        pages += 1;
        cursor = page.next_cursor;
        if cursor.is_none() {
            ids.sort();
            return (ids, pages);
        }
    }
}

#[tokio::test]
async fn every_open_order_of_everybody_is_found_beyond_one_page() {
    let world = World::new().await;
    let mut all = Vec::new();
    for number in 0..250 {
        // Most of them of one user, and so of one shard.
        let whose = if number < 130 { "u-7".to_owned() } else { format!("u-{number}") };
        let order = world.insert(&order(&whose, &format!("o-{number:03}"), "self")).await;
        all.push(order.value.key.to_string());
    }
    all.sort();
    assert_eq!(of_everybody(&world, None, None, 100).await, (all.clone(), 3));
    assert_eq!(of_everybody(&world, None, None, 250).await, (all.clone(), 1));
    assert_eq!(of_everybody(&world, None, None, 7).await.0, all);
    assert_eq!(of_everybody(&world, Some("u-7"), None, 100).await, (all[all.len() - 130..].to_vec(), 2));
    assert_eq!(of_everybody(&world, None, Some(OrderStatus::Received), 100).await, (all, 3));
    assert_eq!(of_everybody(&world, None, Some(OrderStatus::Filled), 100).await.0, [""; 0]);
}

#[tokio::test]
async fn a_cursor_that_no_list_gave_out_is_refused() {
    let orders = World::new().await.store.orders;
    for cursor in ["x", "WyIwMCJd", "WyI5OSIsIngiLCJ5IiwieiJd"] {
        assert!(matches!(orders.open_page(None, Some(cursor), 10).await, Err(StoreError::CursorRefused)), "{cursor}");
    }
}
