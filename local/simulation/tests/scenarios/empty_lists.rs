//! A broker whose list of live orders is empty and calls itself no snapshot, however often it is asked: a recorded answer. It proves
//! nothing, and what the trades and the orders' numbers tell is told all the same.

use std::time::Duration;

use domain::LegRole;
use paper_broker::{Fault, FaultKind};
use serde_json::{Value, json};
use simulation::World;

use crate::late_looks::{TWO_ACCOUNTS, place_in, world_of_several_accounts};
use crate::limits::{decimal, resting, send, world};

const AAPL: i64 = 265_598;
const LOOKS: &str = "GET /iserver/account/orders";

/// Its list shows no order.
fn hide(world: &World) {
    world.broker().change_options(|options| {
        options.empty_is_no_snapshot = true;
        options.live_orders_delay_ms = 24 * 60 * 60 * 1_000;
    });
}

async fn with_a_hidden_order(order: Value) -> World {
    let world = world().await;
    hide(&world);
    assert_eq!(send(&world, "mine", order).await, "working");
    world.run_for(Duration::from_secs(30)).await;
    world
}

fn bracket() -> Value {
    let exits = json!({"take_profit": {"limit_price": "200"}, "stop_loss": {"stop_price": "150"}});
    json!({"type": "limit", "limit_price": "186", "quantity": "10", "attached": exits})
}

#[tokio::test(start_paused = true)]
async fn a_fill_is_told_within_15_seconds() {
    let world = with_a_hidden_order(resting()).await;
    assert_eq!(world.status("mine").await, "working");
    world.broker().set_price(AAPL, Some(decimal("185")));
    world.run_for(Duration::from_secs(15)).await;
    assert_eq!(world.status("mine").await, "filled");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_the_broker_and_its_end_is_told() {
    let world = with_a_hidden_order(resting()).await;
    world.cancel("mine");
    world.run_for(Duration::from_secs(15)).await;
    assert_eq!(world.status("mine").await, "cancelled");
    assert!(world.tickets("mine")[0].status.is_final());
}

#[tokio::test(start_paused = true)]
async fn a_part_whose_number_the_answer_named_in_anothers_place_is_cancelled_and_changed_and_no_other() {
    for leg in [Some("stop_loss"), Some("take_profit"), None] {
        let world = world().await;
        hide(&world);
        world.broker().change_options(|options| options.exits_answered_first = true);
        assert_eq!(send(&world, "mine", bracket()).await, "working");
        let mut cancel = json!({"schema": "courier.order/1", "command": "cancel", "user_id": simulation::USER,
            "order_id": "mine", "algorithm_id": simulation::ALGORITHM});
        match leg {
            Some(leg) => cancel["leg"] = json!(leg),
            None => world.modify("mine", 2, &json!({"limit_price": "185.50"})),
        }
        world.deliver_all().await;
        world.run_for(Duration::from_secs(30)).await;
        if leg.is_none() {
            assert_eq!(world.tickets("mine")[0].price, Some(decimal("185.50")));
        }
        world.enqueue(&cancel, simulation::SENDER, simulation::USER);
        world.run_for(Duration::from_secs(30)).await;
        let rows = world.broker().ledger().into_iter().filter(|row| row.status.is_final());
        let ended: Vec<String> = rows.map(|row| row.order_type).collect();
        let expected = match leg {
            Some("stop_loss") => vec!["STP"],
            Some(_) => vec!["LMT"],
            None => vec!["LMT", "LMT", "STP"],
        };
        assert_eq!(ended, expected, "{leg:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_taken_and_not_carried_out_is_sent_again() {
    let world = with_a_hidden_order(resting()).await;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/order/*", FaultKind::NotCarriedOut));
    world.modify("mine", 2, &json!({"limit_price": "185.50"}));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.tickets("mine")[0].price, Some(decimal("185.50")));
}

#[tokio::test(start_paused = true)]
async fn the_exits_of_a_bracket_are_followed_and_no_position_is_called_unprotected() {
    let world = with_a_hidden_order(bracket()).await;
    world.broker().set_price(AAPL, Some(decimal("185")));
    world.run_for(Duration::from_mins(3)).await;
    let order = world.order("mine").await;
    assert_eq!((order.status().as_str(), &order.warning), ("filled", &None));
    assert!(order.leg(LegRole::StopLoss).unwrap().may_work());
    world.broker().set_price(AAPL, Some(decimal("201")));
    world.run_for(Duration::from_mins(3)).await;
    let order = world.order("mine").await;
    let of_leg = |role| order.leg(role).unwrap().status().as_str().to_owned();
    assert_eq!((of_leg(LegRole::TakeProfit), of_leg(LegRole::StopLoss)), ("filled".to_owned(), "cancelled".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn it_proves_no_absence_and_nothing_is_sent_twice() {
    let world = world().await;
    hide(&world);
    let lost = FaultKind::DropAfter;
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", lost));
    world.place("mine", &resting());
    world.run_for(Duration::from_mins(30)).await;
    assert_eq!((world.status("mine").await.as_str(), world.tickets("mine").len()), ("unknown: outcome_unknown", 1));
    // The list is asked to be gathered afresh, once.
    assert_eq!(world.calls(LOOKS).iter().filter(|call| format!("{call:?}").contains("force")).count(), 1);
    world.broker().set_price(AAPL, Some(decimal("185")));
    world.run_for(Duration::from_secs(90)).await;
    assert_eq!(world.status("mine").await, "filled");
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_list_stays_empty_keeps_no_look_from_another() {
    let world = world_of_several_accounts().await;
    for account_id in TWO_ACCOUNTS {
        place_in(&world, account_id, account_id);
    }
    world.deliver_all().await;
    hide(&world);
    world.run_for(Duration::from_secs(30)).await;
    world.broker().set_price(AAPL, Some(decimal("185")));
    world.run_for(Duration::from_secs(40)).await;
    for account_id in TWO_ACCOUNTS {
        let order = world.find_order("u-8", account_id).await.unwrap();
        assert_eq!(order.status().as_str(), "filled", "{account_id}");
    }
}
