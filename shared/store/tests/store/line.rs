//! New orders join their user's line in the transaction that puts them on record, and the line has an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::Order;
use embedded_dynamodb::Fault;
use store::{Acquired, Inserted, LaneBook, Lined, Pending, Store, StoreError};

use crate::support::{World, at, order, user};

const MOST: usize = 20;

fn pending(order: &Order) -> Pending {
    Pending {
        order_id: order.key.order_id.clone(),
        instrument: "DU0000001 265598".to_owned(),
        symbol: None,
        conid: None,
        unsent_of: Some(order.algorithm_id.clone()),
        waits_until: None,
    }
}

async fn insert(store: &Store, orders: &[Order]) -> Result<Vec<Lined>, StoreError> {
    let orders: Vec<_> = orders.iter().map(|order| (order, pending(order))).collect();
    store.orders.insert_in_line(&store.lanes, &orders, MOST).await
}

fn orders(numbers: std::ops::Range<usize>) -> Vec<Order> {
    numbers.map(|number| order("u-7", &format!("o{number}"), "mr")).collect()
}

fn is_new(lined: &Lined) -> bool {
    matches!(lined, Lined::Inserted(Inserted::New(_)))
}

async fn in_line(world: &World) -> Vec<String> {
    let lease = world.lease(&user("u-7")).await;
    let line = lease.book().pending.iter().map(|pending| pending.order_id.to_string()).collect();
    world.store.lanes.release(lease, &[]).await.unwrap();
    line
}

#[tokio::test]
async fn what_is_on_record_is_in_line_in_its_order() {
    let world = World::new().await;
    assert!(insert(&world.store, &orders(0..3)).await.unwrap().iter().all(is_new));
    assert!(insert(&world.store, &orders(3..4)).await.unwrap().iter().all(is_new));
    assert_eq!(in_line(&world).await, ["o0", "o1", "o2", "o3"]);
    // One comes again, among new ones.
    let again = insert(&world.store, &[orders(2..3), orders(4..5)].concat()).await.unwrap();
    assert!(matches!(again[0], Lined::Inserted(Inserted::Existing(_))), "{again:?}");
    assert!(is_new(&again[1]));
    assert_eq!(in_line(&world).await, ["o0", "o1", "o2", "o3", "o4"]);
}

#[tokio::test]
async fn a_line_holds_so_many_exactly_however_many_come_at_once() {
    let world = World::new().await;
    let mut tasks = Vec::new();
    for order in orders(0..60) {
        let store = world.store.clone();
        tasks.push(tokio::spawn(async move { insert(&store, &[order]).await.unwrap().remove(0) }));
    }
    let mut taken = 0;
    for task in tasks {
        taken += usize::from(is_new(&task.await.unwrap()));
    }
    assert_eq!(taken, MOST);
    assert_eq!(in_line(&world).await.len(), MOST);
    // Whoever is on record already is told so, line or no line; a group takes the places that are left.
    let first = in_line(&world).await.remove(0);
    let known = insert(&world.store, &[order("u-7", &first, "mr")]).await.unwrap().remove(0);
    assert!(matches!(known, Lined::Inserted(Inserted::Existing(_))), "{known:?}");
    let lease = world.lease(&user("u-7")).await;
    let mut line = lease.book().pending.clone();
    line.truncate(MOST - 2);
    world.store.lanes.release_with(lease, &LaneBook { pending: line, ..LaneBook::default() }).await.unwrap();
    let group = insert(&world.store, &orders(100..104)).await.unwrap();
    assert_eq!(group.iter().map(is_new).collect::<Vec<_>>(), [true, true, false, false]);
}

#[tokio::test]
async fn a_write_that_meets_a_transaction_is_tried_again() {
    let world = World::new().await;
    let met = Arc::new(AtomicU32::new(0));
    let meetings = Arc::clone(&met);
    // Each write meets two transactions, and then gets through.
    let busy = world.with_faults(move |call| {
        let writes = ["PutItem", "UpdateItem", "TransactWriteItems"].contains(&call.operation);
        let meets = writes && meetings.fetch_add(1, Ordering::SeqCst) % 3 != 2;
        if meets { Fault::Contention } else { Fault::None }
    });
    let Inserted::New(mut saved) = busy.orders.insert(&order("u-7", "o1", "mr")).await.unwrap() else {
        panic!("not new")
    };
    saved.value.check_again_at(at(5));
    busy.orders.save(&mut saved).await.unwrap();
    let Acquired::Leased(lease) = busy.lanes.acquire(&user("u-7"), "a", at(0), at(60)).await.unwrap() else {
        panic!("the lane was not had");
    };
    busy.lanes.announce(&user("u-7"), &pending(&order("u-7", "o1", "mr"))).await.unwrap();
    busy.lanes.release(lease, &[]).await.unwrap();
    busy.lanes.set_penalty(at(9)).await.unwrap();
    assert!(insert(&busy, &orders(5..7)).await.unwrap().iter().all(is_new));
    assert!(met.load(Ordering::SeqCst) >= 18);
}

#[tokio::test]
async fn a_lane_whose_row_is_busy_is_held_and_no_failure() {
    let world = World::new().await;
    let busy = world.with_faults(|_| Fault::Contention);
    let acquired = busy.lanes.acquire(&user("u-7"), "a", at(0), at(60)).await.unwrap();
    assert_eq!(acquired, Acquired::Held { until: at(0) });
}
