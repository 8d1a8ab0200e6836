//! Brackets and groups, changing, cancelling, and previews.

use paper_broker::{Execution, Fault, FaultKind, OrderStatus};
use serde_json::{Value, json};

use crate::client::Client;
use crate::tickets::{ORDERS, decimal, limit_ticket, live, orders, place, state, with, without};
use crate::world::{AAPL, ACCOUNT, quiet_world, user};

fn bracket() -> Vec<Value> {
    let child = |changes: &Value| {
        without(with(with(limit_ticket("x"), &json!({"side": "SELL", "parentId": "p-1"})), changes), "cOID")
    };
    vec![limit_ticket("p-1"), child(&json!({"price": 195})), child(&json!({"orderType": "STP", "price": 180}))]
}

#[tokio::test]
async fn a_bracket_wakes_its_children_and_one_ends_the_other() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let ids = place(&client, &bracket()).await;
    assert_eq!(ids.len(), 3);
    world.broker.set_price(AAPL, Some(decimal("196")));
    assert_eq!(state(&world, ids[1]), OrderStatus::PreSubmitted, "the parent has not filled");
    let rows = live(&client).await;
    assert!(rows.iter().any(|row| row["orderId"] == ids[2] && row["parentId"] == ids[0] && row["order_ref"].is_null()));
    world.broker.set_price(AAPL, Some(decimal("187")));
    assert_eq!([state(&world, ids[0]), state(&world, ids[1])], [OrderStatus::Filled, OrderStatus::Submitted]);
    world.broker.set_price(AAPL, Some(decimal("180")));
    assert_eq!([state(&world, ids[1]), state(&world, ids[2])], [OrderStatus::Cancelled, OrderStatus::Filled]);
}

#[tokio::test]
async fn a_cancelled_parent_takes_its_children_along() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let ids = place(&client, &bracket()).await;
    client.delete(&format!("/iserver/account/{ACCOUNT}/order/{}", ids[0])).await;
    assert!(ids.iter().all(|id| state(&world, *id) == OrderStatus::Cancelled));
}

#[tokio::test]
async fn a_group_ends_with_its_first_fill() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let member = |id: &str, price: u32| with(limit_ticket(id), &json!({"price": price, "isSingleGroup": true}));
    let ids = place(&client, &[member("g-1", 186), member("g-2", 185)]).await;
    world.broker.set_price(AAPL, Some(decimal("185.50")));
    assert_eq!([state(&world, ids[0]), state(&world, ids[1])], [OrderStatus::Filled, OrderStatus::Cancelled]);
}

#[tokio::test]
async fn an_order_is_changed_by_a_bare_ticket() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let id = place(&client, &[limit_ticket("c-1")]).await[0];
    let path = format!("/iserver/account/{ACCOUNT}/order/{id}");
    let changed = with(without(limit_ticket("c-1"), "cOID"), &json!({"price": 186, "quantity": 20}));
    assert_eq!(client.post(&path, &changed).await.json()[0]["order_id"], id.to_string());
    let entry = world.broker.ledger().pop().unwrap();
    assert_eq!((entry.price, entry.quantity, entry.modifications), (Some(decimal("186")), decimal("20"), 1));
    assert_eq!(entry.client_order_id.as_deref(), Some("c-1"));
    assert_eq!(client.post(&path, &orders(std::slice::from_ref(&changed))).await.status, 400);
    assert_eq!(
        client.post(&path, &with(changed.clone(), &json!({"side": "SELL"}))).await.error(),
        "Contract and side of an order cannot be modified."
    );
    let unknown = client.post(&format!("/iserver/account/{ACCOUNT}/order/77"), &changed).await;
    assert_eq!((unknown.status, unknown.error().as_str()), (200, "OrderID 77 doesn't exist"));
}

#[tokio::test]
async fn a_cancel_is_a_request_and_fills_can_overtake_it() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    world.broker.change_options(|options| options.cancel_delay_ms = 5_000);
    let ids = [place(&client, &[limit_ticket("c-1")]).await[0], place(&client, &[limit_ticket("c-2")]).await[0]];
    for id in ids {
        let answer = client.delete(&format!("/iserver/account/{ACCOUNT}/order/{id}")).await.json();
        assert_eq!(answer, json!({"msg": "Request was submitted", "order_id": id, "conid": AAPL, "account": ACCOUNT}));
        assert_eq!(state(&world, id), OrderStatus::PendingCancel);
    }
    assert!(world.broker.execute_order(Execution { order_id: ids[0], quantity: decimal("10"), price: decimal("187") }));
    world.clock.advance_seconds(5);
    assert_eq!([state(&world, ids[0]), state(&world, ids[1])], [OrderStatus::Filled, OrderStatus::Cancelled]);
    let gone = client.delete(&format!("/iserver/account/{ACCOUNT}/order/{}", ids[1])).await;
    assert_eq!(gone.error(), format!("OrderID {} doesn't exist", ids[1]));
}

#[tokio::test]
async fn an_order_belongs_to_its_username_and_is_read_with_its_account_selected() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let id = place(&client, &[limit_ticket("c-1")]).await[0];
    world.broker.register_user(user("second-ada", true, &[ACCOUNT])).unwrap();
    let mut second = Client::granted(&world, "second-ada");
    second.log_in().await;
    second.start_brokerage().await;
    let order = format!("/iserver/account/{ACCOUNT}/order/{id}");
    assert_eq!(second.delete(&order).await.error(), format!("OrderID {id} doesn't exist"));
    assert!(live(&second).await.is_empty());
    let status = format!("/iserver/account/order/status/{id}");
    assert_eq!((client.get(&status).await.status, second.get(&status).await.status), (200, 503));
    client.post("/iserver/account", &json!({"acctId": "DU0000002"})).await;
    assert_eq!(client.get(&status).await.status, 503);
    assert!(live(&client).await.is_empty());
}

#[tokio::test]
async fn minus_one_cancels_everything_of_the_account() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let ids = [place(&client, &[limit_ticket("c-1")]).await[0], place(&client, &[limit_ticket("c-2")]).await[0]];
    let answer = client.delete(&format!("/iserver/account/{ACCOUNT}/order/-1")).await.json();
    assert_eq!((&answer["order_id"], &answer["conid"], &answer["account"]), (&json!(-1), &json!(-1), &Value::Null));
    assert!(ids.iter().all(|id| state(&world, *id) == OrderStatus::Cancelled));
}

#[tokio::test]
async fn the_venue_can_refuse_what_the_broker_took() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let id = place(&client, &[limit_ticket("c-1")]).await[0];
    assert!(world.broker.reject_order(id, OrderStatus::Inactive));
    assert_eq!(live(&client).await[0]["status"], "Inactive");
    assert!(!world.broker.reject_order(id, OrderStatus::Cancelled));
}

#[tokio::test]
async fn a_preview_places_nothing() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let preview = client.post(&format!("{ORDERS}/whatif"), &orders(&[limit_ticket("c-1")])).await.json();
    assert_eq!(
        preview["amount"],
        json!({"amount": "1,870 USD (10 Shares)", "commission": "1 USD", "total": "1,871 USD"})
    );
    assert!(world.broker.ledger().is_empty());
}

#[tokio::test]
async fn what_befell_an_order_is_told_with_its_times() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let id = place(&client, &[limit_ticket("c-1")]).await[0];
    let path = format!("/iserver/account/{ACCOUNT}/order/{id}");
    let changed = |quantity: u32| with(without(limit_ticket("c-1"), "cOID"), &json!({"quantity": quantity}));
    world.broker.add_fault(Fault::next("POST", "/iserver/account/*/order/*", FaultKind::NotCarriedOut));
    for quantity in [30, 20] {
        world.clock.advance_seconds(1);
        client.post(&path, &changed(quantity)).await;
    }
    world.clock.advance_seconds(1);
    world.broker.execute_order(Execution { order_id: id, quantity: decimal("5"), price: decimal("187") });
    world.clock.advance_seconds(1);
    world.broker.execute_order(Execution { order_id: id, quantity: decimal("15"), price: decimal("187") });
    let (history, entry) = (world.broker.histories().remove(0), world.broker.ledger().remove(0));
    let asked: Vec<_> = history.changes.iter().map(|change| (change.carried_out, change.asked.quantity)).collect();
    assert_eq!(asked, [(false, decimal("30")), (true, decimal("20"))], "the one that was ignored says so");
    let [before, after] = [history.changes[0].at, history.changes[1].at];
    assert_eq!(history.quantity_at(before, entry.quantity), decimal("10"));
    assert_eq!(history.quantity_at(after, entry.quantity), decimal("20"));
    let [first, last] = history.executions[..] else { panic!("{:?}", history.executions) };
    assert!(after < first.at && first.at < last.at && history.ended_at == Some(last.at));
    assert_eq!((history.filled_at(first.at), history.filled_at(last.at)), (decimal("5"), decimal("20")));
}

#[tokio::test]
async fn what_was_held_before_counts_in_the_position() {
    let world = quiet_world();
    world.broker.hold(ACCOUNT, AAPL, decimal("-4"));
    let client = Client::trading(&world).await;
    let id = place(&client, &[limit_ticket("c-1")]).await[0];
    world.broker.execute_order(Execution { order_id: id, quantity: decimal("10"), price: decimal("187") });
    client.get("/portfolio/accounts").await;
    let rows = client.get(&format!("/portfolio/{ACCOUNT}/positions/0")).await.json();
    assert_eq!((&rows[0]["conid"], &rows[0]["position"]), (&json!(AAPL), &json!(6)), "{rows}");
}
