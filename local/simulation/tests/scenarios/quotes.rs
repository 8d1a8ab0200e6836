//! A price that is not of now passes no limit that needs one, and is said to be so.

use paper_broker::Quotes;
use serde_json::{Value, json};

use crate::limits::{limit_user, resting, send, send_resting, world};

const NOT_OF_NOW: [(Quotes, &str); 5] = [
    (Quotes::PreviousClose, "187.5 is the close of the day before"),
    (Quotes::Halted, "187.5 is the price at which trading was halted"),
    (Quotes::Delayed, "187.5 is a delayed price"),
    (Quotes::Frozen, "187.5 is the last price of a market that is closed"),
    (Quotes::NotSubscribed, "no price of a market whose data this username is subscribed to"),
];

#[tokio::test(start_paused = true)]
async fn no_limit_that_needs_a_price_takes_one_that_is_not_of_now() {
    let cases: [(Value, Value, &str); 4] = [
        (json!({"price_collar_percent": "50"}), resting(), "price_collar_percent"),
        (json!({"max_order_notional": "1000000"}), json!({"type": "market"}), "max_order_notional"),
        (json!({"max_daily_notional": "1000000"}), json!({"type": "stop", "stop_price": "190"}), "max_daily_notional"),
        (
            json!({"max_order_notional": "1000000"}),
            json!({"type": "limit", "side": "sell", "limit_price": "1"}),
            "max_order_notional",
        ),
    ];
    for (quotes, told) in NOT_OF_NOW {
        for (limits, fields, limit) in &cases {
            let world = world().await;
            world.broker().change_options(|options| options.quotes = quotes);
            limit_user(&world, limits.clone()).await;
            assert_eq!(send(&world, "first", fields.clone()).await, "denied: beyond_limits", "{quotes:?} {limit}");
            let reason = world.reason("first").await;
            assert!(reason.contains(told) && reason.contains(limit), "{reason}");
            assert!(world.broker().ledger().is_empty(), "{quotes:?} {limit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_price_of_the_market_passes_whatever_the_broker_shows() {
    for (quotes, _) in NOT_OF_NOW {
        let world = world().await;
        world.broker().change_options(|options| {
            options.quotes = quotes;
            options.matching = false;
        });
        limit_user(&world, json!({"max_order_notional": "1860", "max_daily_orders": 5})).await;
        assert_eq!(send_resting(&world, "bounded").await, "working", "{quotes:?}");
        limit_user(&world, json!({"max_order_quantity": "10"})).await;
        assert_eq!(send(&world, "market", json!({"type": "market"})).await, "working", "{quotes:?}");
    }
}
