//! What the broker shows of an order after its end, though nothing else is open: it is looked for, told, and cancelled; and
//! what that costs.

use std::time::Duration;

use paper_broker::{Fault, FaultKind, QuestionRules};
use serde_json::{Value, json};
use simulation::{ALGORITHM, SENDER, World};

use crate::limits::{decimal, resting, send, world};

const AAPL: i64 = 265_598;
const PLACING: &str = "/iserver/account/*/orders";
const LOOKS: &str = "GET /iserver/account/orders";
/// The first look is five seconds after the end; whoever has not asked the broker for orders before asks twice.
const FOUND_WITHIN: Duration = Duration::from_secs(12);

/// The answer that refuses an order, which the broker may take all the same.
fn refused(executed: bool) -> FaultKind {
    let body = r#"{"error":"Order couldn't be submitted: it was not accepted."}"#.to_owned();
    FaultKind::Answer { executed, status: 200, content_type: "application/json".to_owned(), body }
}

/// A world whose next placing ends so, and the order that it is for.
async fn with_a_fault(fault: FaultKind) -> World {
    let world = world().await;
    world.broker().add_fault(Fault::next("POST", PLACING, fault));
    world.place("first", &resting());
    world.deliver_all().await;
    world
}

fn fill(world: &World) {
    world.broker().set_price(AAPL, Some(decimal("185")));
}

/// Another order that is filled at once.
async fn with_a_filled_order(world: &World, order_id: &str) {
    send(world, order_id, json!({"type": "limit", "limit_price": "188"})).await;
    world.run_for(Duration::from_secs(6)).await;
    assert_eq!(world.status(order_id).await, "filled");
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_to_be_refused_is_looked_for_though_nothing_else_is_open_and_its_fill_is_told() {
    let world = with_a_fault(refused(true)).await;
    assert!(world.status("first").await.starts_with("rejected"));
    world.run_for(FOUND_WITHIN).await;
    assert_eq!(world.status("first").await, "working");
    fill(&world);
    world.run_for(Duration::from_secs(12)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.late_facts.len()), ("filled", 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_to_be_refused_and_was_filled_at_once_is_told_to_be_filled() {
    let world = with_a_fault(refused(true)).await;
    fill(&world);
    world.run_for(Duration::from_secs(12)).await;
    assert_eq!(world.status("first").await, "filled");
}

#[tokio::test(start_paused = true)]
async fn a_halt_cancels_what_was_taken_to_be_refused_and_works_alone() {
    let world = with_a_fault(refused(true)).await;
    world.run_for(FOUND_WITHIN).await;
    let halt = json!({"body": {"halted": true, "reason": "stop", "cancel_working": true}});
    assert_eq!(world.api("PUT /halt", &halt).await.json["cancels_asked"], 1);
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "cancelled");
    assert_eq!(world.calls("DELETE /iserver/account").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_a_cancelled_order_shows_late_is_told_though_nothing_else_is_open() {
    let world = world().await;
    assert_eq!(send(&world, "first", resting()).await, "working");
    let order_id = world.tickets("first")[0].order_id;
    world.broker().say_of_order(order_id, Some("Cancelled".to_owned()));
    world.run_for(Duration::from_secs(10)).await;
    assert_eq!(world.status("first").await, "cancelled");
    world.broker().say_of_order(order_id, None);
    fill(&world);
    world.run_for(Duration::from_secs(50)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.filled_quantity), ("cancelled", 10.into()));
    assert_eq!(order.warning.map(|warning| warning.code.to_string()).as_deref(), Some("filled_after_end"));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_an_order_that_the_broker_calls_cancelled_reaches_it_when_it_comes_back() {
    let world = world().await;
    assert_eq!(send(&world, "first", resting()).await, "working");
    let order_id = world.tickets("first")[0].order_id;
    world.broker().say_of_order(order_id, Some("Cancelled".to_owned()));
    world.run_for(Duration::from_secs(10)).await;
    assert_eq!(world.status("first").await, "cancelled");
    world.cancel("first");
    world.run_for(Duration::from_secs(5)).await;
    world.broker().say_of_order(order_id, None);
    world.run_for(Duration::from_mins(3)).await;
    assert!(world.tickets("first")[0].status.is_final(), "{:?}", world.tickets("first"));
    assert_eq!(world.status("first").await, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_halt_that_ends_what_works_ends_what_comes_back_while_it_stands() {
    let world = world().await;
    assert_eq!(send(&world, "first", resting()).await, "working");
    let order_id = world.tickets("first")[0].order_id;
    world.broker().say_of_order(order_id, Some("Cancelled".to_owned()));
    world.run_for(Duration::from_secs(10)).await;
    assert_eq!(world.status("first").await, "cancelled");
    let halt = json!({"body": {"halted": true, "reason": "stop", "cancel_working": true}});
    assert_eq!(world.api("PUT /halt", &halt).await.json["cancels_asked"], 0);
    world.broker().say_of_order(order_id, None);
    world.run_for(Duration::from_mins(3)).await;
    assert!(world.tickets("first")[0].status.is_final(), "{:?}", world.tickets("first"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_costs_four_looks_and_what_was_filled_or_never_left_none() {
    let world = with_a_fault(refused(false)).await;
    world.run_for(Duration::from_mins(90)).await;
    assert!(world.status("first").await.starts_with("rejected"));
    assert_eq!(world.calls(LOOKS).len(), 5, "the broker only gathers at the first");
    with_a_filled_order(&world, "second").await;
    let before = world.calls(LOOKS).len();
    let denied = json!({"type": "limit", "limit_price": "186", "contract": {"symbol": "NOSUCH", "currency": "USD"}});
    assert!(send(&world, "third", denied).await.starts_with("denied"));
    world.run_for(Duration::from_mins(90)).await;
    assert_eq!(world.calls(LOOKS).len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_shows_nothing_after_a_refusal_is_asked_ever_more_rarely_for_an_hour() {
    let world = with_a_fault(refused(true)).await;
    world.broker().set_iserver_down(true);
    world.run_for(Duration::from_mins(10)).await;
    let asked = world.calls(LOOKS).len();
    assert!(asked <= 10, "{asked} looks in ten minutes");
    world.broker().set_iserver_down(false);
    world.run_for(Duration::from_mins(6)).await;
    assert_eq!(world.status("first").await, "working");
    assert!(world.calls(LOOKS).len() > asked);
}

#[tokio::test(start_paused = true)]
async fn what_never_arrived_and_does_later_is_found_though_45_orders_filled_meanwhile() {
    let world = world().await;
    let park = FaultKind::Park { release_after_ms: None };
    world.broker().add_fault(Fault::next("POST", PLACING, park));
    world.place("first", &json!({"type": "limit", "limit_price": "186", "good_until": good_until(&world)}));
    world.run_for(Duration::from_mins(6)).await;
    assert!(world.status("first").await.starts_with("not_placed"), "{}", world.status("first").await);
    for number in 1..=45 {
        with_a_filled_order(&world, &format!("filled-{number}")).await;
    }
    assert_eq!(world.broker().release_parked(), 1);
    world.run_for(Duration::from_mins(6)).await;
    assert_eq!(world.status("first").await, "working");
    fill(&world);
    world.run_for(Duration::from_secs(20)).await;
    assert_eq!(world.status("first").await, "filled");
}

/// So soon that a lost order is not sent once more.
fn good_until(world: &World) -> String {
    (domain::Clock::now(&world.clock) + jiff::SignedDuration::from_secs(10)).to_string()
}

pub(crate) const TWO_ACCOUNTS: [&str; 2] = ["DU0000011", "DU0000012"];

/// A world with a user who reaches two accounts over one username.
pub(crate) async fn world_of_several_accounts() -> World {
    let world = world().await;
    world.connect("u-8", "paper-bob").await;
    let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": {"account_ids": TWO_ACCOUNTS}});
    let granted = world.api_as(&json!({"sub": "u-8"}), "PUT /grants/{algorithm_id}", &grant).await;
    assert_eq!(granted.status, 200, "{}", granted.text);
    world.broker().set_questions(QuestionRules::none());
    world
}

/// An order of the user with two accounts, in this one.
pub(crate) fn place_in(world: &World, order_id: &str, account_id: &str) {
    let mut command = world.place_command(order_id, &resting());
    (command["user_id"], command["account_id"]) = (json!("u-8"), json!(account_id));
    world.enqueue(&command, SENDER, "u-8");
}

async fn status(world: &World, order_id: &str) -> Value {
    json!(world.find_order("u-8", order_id).await.unwrap().status())
}

#[tokio::test(start_paused = true)]
async fn accounts_take_turns_to_be_looked_at_for_what_ended_in_them() {
    let world = world_of_several_accounts().await;
    world.broker().add_fault(Fault { times: 2, ..Fault::next("POST", PLACING, refused(true)) });
    for account_id in TWO_ACCOUNTS {
        place_in(&world, account_id, account_id);
    }
    world.deliver_all().await;
    for account_id in TWO_ACCOUNTS {
        assert_eq!(status(&world, account_id).await, "rejected");
    }
    // The one that is open again had news just now, and the other makes way for it, for a minute.
    world.run_for(Duration::from_secs(90)).await;
    for account_id in TWO_ACCOUNTS {
        assert_eq!(status(&world, account_id).await, "working", "{account_id}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_at_work_in_one_account_keeps_no_look_from_what_ended_in_another() {
    let world = world_of_several_accounts().await;
    let [at_work, refusing] = TWO_ACCOUNTS;
    place_in(&world, "at-work", at_work);
    world.deliver_all().await;
    world.broker().add_fault(Fault::next("POST", PLACING, refused(true)));
    place_in(&world, "refused", refusing);
    world.deliver_all().await;
    assert_eq!(
        (status(&world, "at-work").await, status(&world, "refused").await),
        (json!("working"), json!("rejected"))
    );
    // What is open and had news just now is looked at first, for a minute.
    world.run_for(Duration::from_secs(90)).await;
    assert_eq!(
        (status(&world, "at-work").await, status(&world, "refused").await),
        (json!("working"), json!("working"))
    );
}
