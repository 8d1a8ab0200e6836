//! Misbehaviour on request, and what is left of an order after it.

use paper_broker::{ConnectionDropped, Fault, FaultKind};
use serde_json::json;

use crate::client::{Answered, Client};
use crate::tickets::{ORDERS, limit_ticket, orders};
use crate::world::{World, quiet_world};

/// Places `c-1` while a fault strikes its request.
async fn struck(fault: FaultKind) -> (World, Client, Answered) {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    assert!(world.broker.add_fault(Fault::next("POST", "/iserver/account/*/orders", fault)));
    let answer = client.post(ORDERS, &orders(&[limit_ticket("c-1")])).await;
    (world, client, answer)
}

fn count(world: &World) -> usize {
    world.broker.registered_count("c-1")
}

#[tokio::test]
async fn a_dropped_connection_tells_nothing_and_may_have_done_all() {
    for (fault, executed) in [(FaultKind::DropBefore, false), (FaultKind::DropAfter, true)] {
        let (world, _, answer) = struck(fault).await;
        assert_eq!(answer.dropped, Some(ConnectionDropped { executed }));
        assert_eq!(count(&world), usize::from(executed));
        let record = world.broker.calls().pop().unwrap();
        assert_eq!((record.status, record.executed, record.client_order_ids), (None, executed, vec!["c-1".to_owned()]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_503_after_ten_seconds_is_ambiguous() {
    for executed in [false, true] {
        let start = tokio::time::Instant::now();
        let (world, _, answer) = struck(FaultKind::Unavailable { executed, delay_ms: 10_000 }).await;
        assert_eq!((answer.status, answer.body.len(), start.elapsed().as_secs()), (503, 0, 10));
        assert_eq!(answer.headers["x-response-time"], "10000ms");
        assert_eq!(count(&world), usize::from(executed));
    }
}

#[tokio::test]
async fn answers_can_be_unreadable() {
    let (world, _, garbled) = struck(FaultKind::Garbled).await;
    assert!(serde_json::from_slice::<serde_json::Value>(&garbled.body).is_err());
    assert_eq!((garbled.status, count(&world)), (200, 1));
    let (world, _, truncated) = struck(FaultKind::Truncated).await;
    assert!(
        truncated.text().starts_with("[{") && serde_json::from_slice::<serde_json::Value>(&truncated.body).is_err()
    );
    assert_eq!((truncated.status, count(&world)), (200, 1));
}

#[tokio::test]
async fn a_call_carried_out_twice_registers_one_order_if_it_has_a_client_order_id() {
    let (world, _, answer) = struck(FaultKind::Duplicate).await;
    assert_eq!(answer.json()[0]["order_status"], "Submitted");
    assert_eq!(count(&world), 1);
}

#[tokio::test]
async fn a_parked_order_arrives_late() {
    let (world, client, answer) = struck(FaultKind::Park { release_after_ms: None }).await;
    assert_eq!((answer.status, count(&world)), (503, 0));
    assert_eq!(world.broker.release_parked(), 1);
    assert_eq!(count(&world), 1);
    assert_eq!(world.broker.release_parked(), 0);
    client.get("/iserver/account/orders").await;
    assert_eq!(client.get("/iserver/account/orders").await.json()["orders"][0]["order_ref"], "c-1");

    let (world, _, _) = struck(FaultKind::Park { release_after_ms: Some(30_000) }).await;
    world.clock.advance_seconds(29);
    assert_eq!(count(&world), 0);
    world.clock.advance_seconds(1);
    assert_eq!(count(&world), 1);
}

#[tokio::test]
async fn a_parked_order_that_comes_after_its_repetition_is_refused() {
    let (world, client, _) = struck(FaultKind::Park { release_after_ms: None }).await;
    client.post(ORDERS, &orders(&[limit_ticket("c-1")])).await;
    world.broker.release_parked();
    assert_eq!(count(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_is_carried_out_even_if_the_client_left() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    world.broker.add_fault(Fault::next("POST", "/iserver/**", FaultKind::Delay { before_ms: 5_000, after_ms: 5_000 }));
    let ticket = orders(&[limit_ticket("c-1")]);
    let patience = std::time::Duration::from_secs(1);
    assert!(tokio::time::timeout(patience, client.post(ORDERS, &ticket)).await.is_err(), "the client gives up");
    assert_eq!(count(&world), 0);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(count(&world), 1);
}

#[tokio::test]
async fn refusals_of_every_layer_can_be_had() {
    let cases = [
        (FaultKind::AccessDenied, 403, "Access Denied"),
        (FaultKind::TooManyRequests, 429, "Too many requests"),
        (FaultKind::Gone, 410, "gone"),
        (FaultKind::Unauthorized, 401, "Unauthorized"),
    ];
    for (fault, status, text) in cases {
        let (world, _, answer) = struck(fault).await;
        assert_eq!((answer.status, count(&world)), (status, 0));
        assert!(answer.text().contains(text));
    }
    let odd = FaultKind::Answer {
        executed: true,
        status: 200,
        content_type: "text/html".to_owned(),
        body: "<html>".to_owned(),
    };
    let (world, _, answer) = struck(odd).await;
    assert_eq!(
        (answer.text().as_str(), &answer.headers["content-type"], count(&world)),
        ("<html>", &"text/html".parse().unwrap(), 1)
    );
}

#[tokio::test]
async fn a_fault_strikes_as_often_as_it_is_told_to_and_where() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let fault = Fault { skip: 1, times: 2, ..Fault::next("GET", "/iserver/account/trades", FaultKind::Gone) };
    world.broker.add_fault(fault);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(client.get("/iserver/account/trades").await.status);
        assert_eq!(client.post("/tickle", &json!({})).await.status, 200);
    }
    assert_eq!(statuses, [200, 410, 410, 200, 200]);
    assert!(world.broker.faults().is_empty());
}
