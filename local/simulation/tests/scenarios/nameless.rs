//! Live orders that carry none of our names, as IBKR's OpenAPI 2.28 describes them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paper_broker::{Fault, FaultKind, QuestionRules, Spelling};
use serde_json::{Value, json};
use simulation::World;

use crate::limits::decimal;

const PLACING: &str = "/iserver/account/*/orders";
const AAPL: i64 = 265_598;

async fn world(spelling: Spelling) -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.broker().change_options(|options| (options.spelling, options.name_live_orders) = (spelling, false));
    world
}

fn resting() -> Value {
    json!({"type": "limit", "limit_price": "186", "time_in_force": "gtc"})
}

fn placings(world: &World) -> usize {
    world.calls("POST /iserver/account").iter().filter(|call| call.path.ends_with("/orders")).count()
}

/// The broker answers a question so each time.
fn answers(world: &World, path: &str, body: &Value) {
    let told = FaultKind::Answer {
        executed: true,
        status: 200,
        content_type: "application/json".to_owned(),
        body: body.to_string(),
    };
    world.broker().add_fault(Fault { times: 1_000, ..Fault::next("GET", path, told) });
}

#[tokio::test(start_paused = true)]
async fn a_lost_order_that_arrived_is_found_by_its_ticket_and_its_time() {
    for spelling in [Spelling::Described, Spelling::Recorded] {
        let world = world(spelling).await;
        world.broker().add_fault(Fault::next("POST", PLACING, FaultKind::DropAfter));
        world.place("first", &resting());
        world.run_for(Duration::from_secs(20)).await;
        let order = world.order("first").await;
        assert_eq!((order.status().as_str(), placings(&world)), ("working", 1), "{spelling:?}");
        let number = world.tickets("first")[0].order_id;
        assert_eq!(order.broker_order_ids[0].get(), u64::try_from(number).unwrap());
        world.broker().set_price(AAPL, Some(decimal("185")));
        world.run_for(Duration::from_mins(1)).await;
        assert_eq!(world.order("first").await.status().as_str(), "filled", "{spelling:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_and_a_halt_reach_a_lost_order() {
    for is_halt in [false, true] {
        let world = world(Spelling::Described).await;
        world.broker().add_fault(Fault::next("POST", PLACING, FaultKind::DropAfter));
        let exits = json!({"take_profit": {"limit_price": "196"}, "stop_loss": {"stop_price": "180"}});
        let mut bracket = resting();
        bracket["attached"] = exits;
        world.place("first", &bracket);
        world.deliver_all().await;
        if is_halt {
            let halt = json!({"body": {"halted": true, "cancel_working": true}});
            assert_eq!(world.api("PUT /halt", &halt).await.json["cancels_asked"], json!(1));
        } else {
            world.cancel("first");
        }
        world.run_for(Duration::from_mins(1)).await;
        let order = world.order("first").await;
        assert_eq!(order.status().as_str(), "cancelled", "{:?}", order.history);
        assert!(world.broker().ledger().iter().all(|row| row.status.is_final()), "its exits as well");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_order_that_never_arrived_is_sent_again_beside_its_like_whose_number_is_known() {
    let world = world(Spelling::Described).await;
    world.place("like", &resting());
    world.settle().await;
    assert_eq!(world.status("like").await, "working");
    world.broker().add_fault(Fault::next("POST", PLACING, FaultKind::DropBefore));
    world.place("first", &resting());
    world.run_for(Duration::from_mins(3)).await;
    assert_eq!(world.status("first").await, "working");
    assert_eq!((world.tickets("first").len(), placings(&world)), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_the_users_own_hand_placed_is_not_taken_for_a_lost_one() {
    let row = json!({"acct": "DU0000001", "conid": AAPL, "orderId": 77, "side": "BUY", "status": "Submitted",
        "orderType": "Limit", "timeInForce": "GTC", "price": 186, "totalSize": 10, "filledQuantity": 0});
    let status = |at: Timestamp| {
        json!({"order_id": 77, "conid": AAPL, "side": "B", "order_status": "Submitted", "total_size": "10.0",
            "cum_fill": "0.0", "order_time": at.strftime("%y%m%d%H%M%S").to_string()})
    };
    // It was there long before; its price is another one; its time is not told.
    for (age_seconds, changed) in [(3_600, json!({})), (0, json!({"price": 185})), (0, json!({"order_time": ""}))] {
        let world = world(Spelling::Described).await;
        let (mut row, mut status) =
            (row.clone(), status(world.desk().intake.clock.now() - SignedDuration::from_secs(age_seconds)));
        for (field, value) in changed.as_object().unwrap() {
            let shown = if field == "order_time" { &mut status } else { &mut row };
            shown[field] = value.clone();
        }
        answers(&world, "/iserver/account/orders", &json!({"orders": [row], "snapshot": true}));
        answers(&world, "/iserver/account/order/status/77", &status);
        world.broker().add_fault(Fault::next("POST", PLACING, FaultKind::DropBefore));
        world.place("first", &resting());
        world.deliver_all().await;
        world.cancel("first");
        world.run_for(Duration::from_mins(10)).await;
        let order = world.order("first").await;
        assert_eq!((order.status().as_str(), order.broker_order_ids.len()), ("unknown", 0), "{changed}");
        assert!(world.calls("DELETE").is_empty(), "{changed}");
        assert_eq!(placings(&world), 1, "nor is it called absent: {changed}");
    }
}
