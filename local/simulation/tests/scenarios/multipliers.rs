//! The value of an order in a contract with a multiplier: what one contract is worth, not what its price is.

use paper_broker::{Fault, FaultKind};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use simulation::World;

use crate::limits::{decimal, limit_user, send, used, world};

/// A future whose price is 6,000 and whose multiplier is 5.
const MES: i64 = 649_180_695;
/// An option at 5.00, of 100 shares.
const OPTION: i64 = 712_345_678;
/// A future of which the broker does not tell the multiplier, at 100.
const ODD: i64 = 9_997;

fn limit(conid: i64, quantity: &str, price: &str) -> Value {
    json!({"type": "limit", "limit_price": price, "quantity": quantity, "contract": {"conid": conid}})
}

fn market(conid: i64, quantity: &str) -> Value {
    json!({"type": "market", "quantity": quantity, "contract": {"conid": conid}})
}

async fn limited(most: &str) -> World {
    let world = world().await;
    limit_user(&world, json!({"max_order_notional": most, "max_daily_notional": "1000000"})).await;
    world
}

#[tokio::test(start_paused = true)]
async fn the_multiplier_of_futures_and_options_counts_in_an_orders_value_to_the_cent() {
    for (most, within, beyond) in [
        ("29950", limit(MES, "1", "5990"), limit(MES, "1", "5990.01")),
        ("59900", limit(MES, "2", "5990"), limit(MES, "3", "5990")),
        ("980", limit(OPTION, "2", "4.90"), limit(OPTION, "2", "4.91")),
        ("30000", market(MES, "1"), market(MES, "2")),
        ("500", market(OPTION, "1"), market(OPTION, "2")),
        // The market's price of what is sold above it counts, and a stop's where it is higher.
        (
            "29999",
            limit(MES, "1", "5990"),
            json!({"type": "limit", "side": "sell", "quantity": "1", "limit_price": "5999", "contract": {"conid": MES}}),
        ),
    ] {
        let world = limited(most).await;
        assert!(["working", "filled"].contains(&send(&world, "within", within.clone()).await.as_str()), "{within}");
        assert_eq!(send(&world, "beyond", beyond.clone()).await, "denied: beyond_limits", "{beyond}");
        let reason = world.reason("beyond").await;
        assert!(reason.contains("(max_order_notional)"), "{reason}");
        assert_eq!(used(&world).await.1, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_value_of_the_day_counts_contracts_at_what_they_are_worth_and_the_broker_is_asked_once() {
    let world = limited("50000").await;
    assert_eq!(send(&world, "first", limit(MES, "1", "5990")).await, "working");
    assert_eq!(send(&world, "second", limit(MES, "1", "5980")).await, "working");
    assert_eq!(used(&world).await.2, decimal("59850"));
    assert_eq!(world.calls("GET /iserver/contract/").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_known_multiplier_an_order_is_refused_where_a_limit_needs_its_value() {
    let world = limited("1000000").await;
    for (order_id, fields) in [("at_a_limit", limit(ODD, "1", "90")), ("at_market", market(ODD, "1"))] {
        assert_eq!(send(&world, order_id, fields).await, "denied: beyond_limits");
        let reason = world.reason(order_id).await;
        assert!(reason.contains("the broker does not tell the contract's multiplier"), "{reason}");
    }
    assert_eq!(world.broker().ledger().len(), 0);
    limit_user(&world, json!({"max_order_quantity": "1"})).await;
    assert_eq!(send(&world, "by_quantity", limit(ODD, "1", "90")).await, "working");
}

#[tokio::test(start_paused = true)]
async fn one_endpoint_that_does_not_tell_is_made_up_for_by_the_other_and_none_makes_the_order_wait() {
    let away = |path| Fault::next("GET", path, FaultKind::Unavailable { executed: false, delay_ms: 0 });
    let world = limited("29950").await;
    world.broker().add_fault(away("/iserver/contract/*/info-and-rules"));
    assert_eq!(send(&world, "beyond", limit(MES, "1", "5990.01")).await, "denied: beyond_limits");

    let world = limited("29950").await;
    world.broker().add_fault(away("/iserver/contract/*/info-and-rules"));
    world.broker().add_fault(away("/trsrv/secdef"));
    let waits = send(&world, "waits", limit(MES, "1", "5990")).await;
    assert_eq!(waits, "held: broker_unreachable");
    world.run_for(std::time::Duration::from_mins(1)).await;
    assert_eq!(world.status("waits").await, "working");
}

#[tokio::test(start_paused = true)]
async fn a_stock_is_worth_its_price_and_one_by_symbol_needs_no_question() {
    let world = limited("1860").await;
    assert_eq!(send(&world, "by_conid", limit(265_598, "10", "186")).await, "working");
    let by_symbol = json!({"type": "limit", "limit_price": "400", "quantity": "4", "contract": {"symbol": "MSFT"}});
    assert_eq!(send(&world, "by_symbol", by_symbol).await, "working");
    assert_eq!(used(&world).await.2, Decimal::from(3_460));
    assert_eq!(world.calls("GET /iserver/contract/").len(), 1);
}
