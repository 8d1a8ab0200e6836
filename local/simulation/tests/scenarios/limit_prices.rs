//! Limits that need a price which the ticket does not tell.

use std::time::Duration;

use paper_broker::{Fault, FaultKind};
use serde_json::{Value, json};
use simulation::World;

use crate::limits::{decimal, limit_user, resting, send, send_resting, used, world};

const DARK: i64 = 9_998;

#[tokio::test(start_paused = true)]
async fn the_broker_is_asked_for_a_price_only_where_a_limit_needs_it() {
    let world = world().await;
    let asked = |world: &World| {
        let whatif = world.calls("POST").iter().filter(|call| call.path.ends_with("/whatif")).count();
        (world.calls("GET /iserver/marketdata/snapshot").len(), whatif)
    };
    limit_user(&world, json!({"max_order_quantity": "100", "max_daily_orders": 50, "max_open_orders": 50})).await;
    for (order_id, fields) in [("market", json!({"type": "market"})), ("limit", resting())] {
        send(&world, order_id, fields).await;
    }
    assert_eq!(asked(&world), (0, 0));
    limit_user(&world, json!({"max_order_notional": "100000", "max_daily_notional": "100000"})).await;
    send(&world, "bounded", resting()).await;
    let by_cash = json!({"type": "market", "quantity": null, "cash_quantity": "1875"});
    assert_eq!(send(&world, "cash", by_cash).await, "working");
    assert_eq!(asked(&world), (0, 0));
    send(&world, "unbounded", json!({"type": "market"})).await;
    let (snapshots, previews) = asked(&world);
    assert!(snapshots > 0 && previews == 1, "{snapshots} {previews}");
    limit_user(&world, json!({"price_collar_percent": "5"})).await;
    send(&world, "nothing_to_check", json!({"type": "market"})).await;
    assert_eq!(asked(&world), (snapshots, previews));
}

#[tokio::test(start_paused = true)]
async fn an_order_without_a_limit_is_weighed_by_the_brokers_preview_and_by_cash_as_its_cash() {
    // AAPL is at 187.50: ten are 1,875.
    let cases = [
        (json!({"type": "market"}), "1875"),
        (json!({"type": "midprice"}), "1875"),
        (json!({"type": "stop", "stop_price": "190"}), "1900"),
        (json!({"type": "trailing_stop", "trail": {"amount": "2"}}), "1875"),
        (json!({"type": "trailing_stop", "trail": {"amount": "2"}, "stop_price": "190"}), "1900"),
        (json!({"type": "market", "quantity": null, "cash_quantity": "1500.01"}), "1500.01"),
        // A sale at a low limit brings what the market pays.
        (json!({"type": "limit", "side": "sell", "limit_price": "1"}), "1875"),
        (json!({"type": "limit", "side": "sell", "limit_price": "200"}), "2000"),
    ];
    for (fields, value) in cases {
        let world = world().await;
        world.broker().change_options(|options| options.matching = false);
        limit_user(&world, json!({"max_order_notional": (decimal(value) - decimal("0.01")).to_string()})).await;
        assert_eq!(send(&world, "beyond", fields.clone()).await, "denied: beyond_limits", "{fields}");
        assert!(
            world.reason("beyond").await.contains(&format!("{value} is more than")),
            "{}",
            world.reason("beyond").await
        );
        limit_user(&world, json!({"max_order_notional": value, "max_daily_notional": value})).await;
        assert_eq!(send(&world, "edge", fields.clone()).await, "working", "{fields}: {}", world.reason("edge").await);
        assert_eq!(used(&world).await, (1, 1, decimal(value)), "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_preview_the_markets_price_tells_and_without_any_price_the_order_is_refused() {
    let world = world().await;
    let refusal = FaultKind::Answer {
        executed: false,
        status: 400,
        content_type: "application/json".to_owned(),
        body: json!({"error": "no preview"}).to_string(),
    };
    let no_preview = Fault { times: 100, ..Fault::next("POST", "/iserver/account/*/orders/whatif", refusal) };
    world.broker().add_fault(no_preview);
    limit_user(&world, json!({"max_daily_notional": "1875"})).await;
    assert_eq!(send(&world, "market", json!({"type": "market"})).await, "working");
    assert_eq!(used(&world).await.2, decimal("1875"));
    world.run_for(Duration::from_mins(1)).await;
    let dark = |fields: Value| {
        let mut fields = fields;
        fields["contract"] = json!({"conid": DARK});
        fields
    };
    for (order_id, limits, fields, told) in [
        (
            "order",
            json!({"max_order_notional": "100000"}),
            json!({"type": "market"}),
            "(max_order_notional): the ticket names no price",
        ),
        (
            "day",
            json!({"max_daily_notional": "100000"}),
            json!({"type": "market"}),
            "(max_daily_notional): the ticket names no price",
        ),
        (
            "collar",
            json!({"price_collar_percent": "50"}),
            json!({"type": "limit", "limit_price": "10"}),
            "(price_collar_percent): the broker shows no market price",
        ),
    ] {
        limit_user(&world, limits).await;
        assert_eq!(send(&world, order_id, dark(fields)).await, "denied: beyond_limits");
        let reason = world.reason(order_id).await;
        assert!(reason.contains(told), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_collar_looks_at_every_price_that_the_ticket_names() {
    let bracket = |profit: &str, loss: &str| {
        json!({"type": "limit", "limit_price": "187", "attached":
            {"take_profit": {"limit_price": profit}, "stop_loss": {"stop_price": loss}}})
    };
    // 187.50 and 4 % of it, 7.50: from 180 to 195.
    let cases = [
        (json!({"type": "limit", "limit_price": "195"}), true),
        (json!({"type": "limit", "limit_price": "195.01"}), false),
        (json!({"type": "stop", "stop_price": "195"}), true),
        (json!({"type": "stop", "stop_price": "195.01"}), false),
        (json!({"type": "stop_limit", "stop_price": "190", "limit_price": "195.01"}), false),
        (json!({"type": "stop", "side": "sell", "stop_price": "179.99"}), false),
        (json!({"type": "trailing_stop", "side": "sell", "trail": {"amount": "7.50"}}), true),
        (json!({"type": "trailing_stop", "side": "sell", "trail": {"amount": "7.51"}}), false),
        (json!({"type": "trailing_stop", "side": "sell", "trail": {"percent": "4.01"}}), false),
        (json!({"type": "midprice", "limit_price": "179.99"}), false),
        (json!({"type": "market"}), true),
        (bracket("195", "180"), true),
        (bracket("195.01", "180"), false),
        (bracket("195", "179.99"), false),
    ];
    for (fields, within) in cases {
        let world = world().await;
        world.broker().change_options(|options| options.matching = false);
        limit_user(&world, json!({"price_collar_percent": "4"})).await;
        let expected = if within { "working" } else { "denied: beyond_limits" };
        assert_eq!(send(&world, "first", fields.clone()).await, expected, "{fields}: {}", world.reason("first").await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_price_that_cannot_be_had_now_holds_the_order_and_does_not_refuse_it() {
    let world = world().await;
    limit_user(&world, json!({"price_collar_percent": "5"})).await;
    world.broker().add_fault(Fault::next("GET", "/iserver/marketdata/snapshot", FaultKind::DropBefore));
    assert_eq!(send_resting(&world, "first").await, "held: broker_unreachable");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "working");
}
