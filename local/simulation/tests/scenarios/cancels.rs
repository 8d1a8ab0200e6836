//! A cancel that the broker answers with 200 is a request, and no end: what the broker shows decides.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use paper_broker::{Fault, FaultKind, QuestionRules};
use serde_json::{Value, json};
use simulation::{ALGORITHM, CrashPoint, SENDER, USER, World};

const CANCELLING: &str = "DELETE /iserver/account/DU0000001/order/";
const ORDERS: &str = "/iserver/account/*/orders";
const ORDER: &str = "/iserver/account/*/order/*";
const PLACING: &str = "POST /iserver/account/DU0000001/orders";
const MODIFYING: &str = "POST /iserver/account/DU0000001/order/";
/// What a cancel may need to the broker, whatever stands before it in its batch.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(2);

/// A working order; the broker does not carry out the next `times` cancels.
async fn with_cancels_not_carried_out(times: u32) -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    assert_eq!(world.status("first").await, "working");
    if times > 0 {
        world.broker().add_fault(Fault { times, ..Fault::next("DELETE", ORDER, FaultKind::NotCarriedOut) });
    }
    world
}

fn calls(world: &World) -> usize {
    world.calls(CANCELLING).len()
}

async fn delete(world: &World) {
    let answered = world.api("DELETE /orders/{order_id}", &json!({"path": {"order_id": "first"}})).await;
    assert_eq!(answered.status, 202, "{}", answered.text);
    world.deliver_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_is_taken_and_not_carried_out_is_asked_for_again_with_growing_pauses_until_it_is() {
    let world = with_cancels_not_carried_out(6).await;
    world.cancel("first");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "cancelling");
    let order = world.order("first").await;
    assert_eq!(order.warning.map(|warning| warning.code.to_string()), Some("cancel_not_carried_out".to_owned()));
    world.run_for(Duration::from_mins(6)).await;
    assert_eq!((world.status("first").await.as_str(), calls(&world)), ("cancelled", 7));
    assert_eq!(world.order("first").await.warning, None, "what is cancelled after all needs no warning");
    let at: Vec<_> = world.calls(CANCELLING).iter().map(|call| call.at).collect();
    let pauses: Vec<i64> = at.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).collect();
    for (pause, least) in pauses.iter().zip([5, 10, 20, 40, 60, 60]) {
        assert!((least..least + 65).contains(pause), "{pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_new_request_makes_a_call_at_once() {
    let world = with_cancels_not_carried_out(1000).await;
    delete(&world).await;
    let first = calls(&world);
    assert_eq!(first, 1);
    delete(&world).await;
    assert_eq!(calls(&world), first + 1, "by HTTP");
    world.cancel("first");
    world.deliver_all().await;
    assert_eq!(calls(&world), first + 2, "over the queue");
    let halt = json!({"body": {"halted": true, "cancel_working": true}});
    assert_eq!(world.api("PUT /halt", &halt).await.json["cancels_asked"], json!(1));
    world.deliver_all().await;
    assert_eq!(calls(&world), first + 3, "by a halt");
    assert_eq!(world.status("first").await, "cancelling");
}

#[tokio::test(start_paused = true)]
async fn every_one_of_thirty_cancels_at_once_is_taken() {
    let world = with_cancels_not_carried_out(0).await;
    let cancel = json!({"path": {"order_id": "first"}});
    let answers = join_all((0..30).map(|_| world.api("DELETE /orders/{order_id}", &cancel))).await;
    assert!(answers.iter().all(|answered| answered.status == 202), "{:?}", answers[29].text);
    assert_eq!(world.order("first").await.cancel_calls().requests(), 30);
}

/// The broker carries it out, and answers as if it had never arrived.
fn called_undelivered(status: u16, body: &str) -> FaultKind {
    FaultKind::Answer { executed: true, status, content_type: "application/json".to_owned(), body: body.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn what_expired_while_it_waited_and_works_at_the_broker_is_open_again() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.broker().add_fault(Fault::next("POST", ORDERS, called_undelivered(429, "{}")));
    let good_until = (world.desk().intake.clock.now() + SignedDuration::from_mins(5)).to_string();
    world.place("first", &json!({"type": "limit", "limit_price": "186", "good_until": good_until}));
    world.run_for(Duration::from_mins(7)).await;
    assert!(world.status("first").await.starts_with("expired"));
    world.run_for(Duration::from_mins(8)).await;
    assert_eq!(world.status("first").await, "working");
    world.cancel("first");
    world.run_for(Duration::from_secs(30)).await;
    assert_eq!(world.status("first").await, "cancelled");
    assert_eq!(world.tickets("first").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_what_the_broker_took_and_called_undelivered_ends_it_there() {
    // Each proves by the documentation that the order was not taken in.
    let no_bridge = r#"{"error":"Bad Request: no bridge"}"#;
    // After the first one the broker refuses every call for ten minutes (IBKR Web API, pacing).
    for (status, body, within) in [(429, "{}", 12), (401, "{}", 1), (400, no_bridge, 1)] {
        let world = World::with_a_connected_user().await;
        world.broker().set_questions(QuestionRules::none());
        world.broker().add_fault(Fault { times: 2, ..Fault::next("POST", ORDERS, called_undelivered(status, body)) });
        world.place("first", &json!({"type": "limit", "limit_price": "186"}));
        world.deliver_all().await;
        world.cancel("first");
        world.run_for(Duration::from_mins(within)).await;
        let tickets = world.tickets("first");
        assert!(tickets.iter().all(|ticket| ticket.status.is_final()), "{status}: {:?}", world.order("first").await);
        assert_eq!((world.status("first").await.as_str(), tickets.len()), ("cancelled", 1), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_an_outage_kept_back_goes_out_soon_after_its_end() {
    let world = with_cancels_not_carried_out(0).await;
    for method in ["DELETE", "GET"] {
        let down = FaultKind::Unavailable { executed: false, delay_ms: 0 };
        world.broker().add_fault(Fault { times: 1_000, ..Fault::next(method, "/iserver/**", down) });
    }
    world.cancel("first");
    world.run_for(Duration::from_secs(45)).await;
    assert_eq!(world.status("first").await, "working");
    let before = calls(&world);
    assert!(before >= 1);
    world.broker().clear_faults();
    world.run_for(Duration::from_secs(12)).await;
    assert!(calls(&world) > before);
    assert_eq!(world.status("first").await, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_fill_after_a_cancel_that_was_not_carried_out_is_told() {
    let world = with_cancels_not_carried_out(1000).await;
    world.cancel("first");
    world.run_for(Duration::from_mins(3)).await;
    let asked = calls(&world);
    assert!(asked >= 5, "{asked}");
    world.broker().set_price(265_598, Some("185.90".parse().unwrap()));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "filled");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_another_hand_began_to_cancel_works_again_where_the_broker_says_so() {
    let world = with_cancels_not_carried_out(0).await;
    let order_id = world.tickets("first")[0].order_id;
    world.broker().say_of_order(order_id, Some("PendingCancel".to_owned()));
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "cancelling");
    world.broker().say_of_order(order_id, None);
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!((world.status("first").await.as_str(), calls(&world)), ("working", 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_taken_and_not_carried_out_goes_out_again_until_it_shows() {
    for (ignored, sends, warned) in [(1, 2, None), (1000, 4, Some("change_not_carried_out"))] {
        let world = with_cancels_not_carried_out(0).await;
        let fault = Fault::next("POST", ORDER, FaultKind::NotCarriedOut);
        world.broker().add_fault(Fault { times: ignored, ..fault });
        world.modify("first", 2, &json!({"limit_price": "185.50"}));
        world.run_for(Duration::from_mins(5)).await;
        assert_eq!(world.calls("POST /iserver/account/DU0000001/order/").len(), sends);
        let order = world.order("first").await;
        assert_eq!(order.warning.as_ref().map(|warning| warning.code.as_str()), warned);
        let price = world.tickets("first")[0].price.map(|price| price.normalize().to_string());
        assert_eq!(price.as_deref(), Some(if warned.is_none() { "185.5" } else { "186" }));
        // What the order says is what the broker has.
        let said = serde_json::to_value(order.view()).unwrap();
        assert_eq!(said["ticket"]["limit_price"].as_str(), price.as_deref());
        assert_eq!(said["change"]["status"], if warned.is_none() { "applied" } else { "refused" });
    }
}

/// What is left of a look's answer for an order that the broker does not list any more.
fn nothing() -> FaultKind {
    let body = r#"{"orders":[],"snapshot":true}"#.to_owned();
    FaultKind::Answer { executed: false, status: 200, content_type: "application/json".to_owned(), body }
}

/// An order that the broker neither lists nor shows by its number, once somebody has to decide about it.
async fn in_review() -> World {
    let world = with_cancels_not_carried_out(0).await;
    for (path, fault) in [
        ("/iserver/account/orders", nothing()),
        ("/iserver/account/order/status/*", FaultKind::Unavailable { executed: false, delay_ms: 0 }),
    ] {
        world.broker().add_fault(Fault { times: 100_000, ..Fault::next("GET", path, fault) });
    }
    let orders = &world.store().orders;
    let mut order = orders.get(&world.order("first").await.key).await.unwrap().unwrap();
    let now = world.desk().intake.clock.now();
    order
        .value
        .apply(domain::Fact::Exhausted(domain::Reason::new(domain::ReasonCode::MissingAtBroker, "test")), now)
        .unwrap();
    orders.save(&mut order).await.unwrap();
    world
}

#[tokio::test(start_paused = true)]
async fn one_look_that_misses_an_order_after_long_leaves_it_to_nobody() {
    let world = with_cancels_not_carried_out(0).await;
    let orders = &world.store().orders;
    let mut row = serde_json::to_value(world.order("first").await).unwrap();
    row["updated_at"] = json!("2026-01-05T15:00:00Z");
    let mut order = orders.get(&world.order("first").await.key).await.unwrap().unwrap();
    order.value = serde_json::from_value::<domain::Order>(row).unwrap();
    orders.save(&mut order).await.unwrap();
    for (path, fault) in [
        ("/iserver/account/orders", nothing()),
        ("/iserver/account/order/status/*", FaultKind::Unavailable { executed: false, delay_ms: 0 }),
    ] {
        world.broker().add_fault(Fault { times: 100_000, ..Fault::next("GET", path, fault) });
    }
    world.run_for(Duration::from_mins(5)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.missing_since.is_some()), ("working", true));
}

#[tokio::test(start_paused = true)]
async fn an_order_in_review_is_looked_for_with_growing_pauses_and_its_fill_is_told() {
    let world = in_review().await;
    let looks = |world: &World| world.calls("GET /iserver/account/orders").len();
    let before = looks(&world);
    world.run_for(Duration::from_hours(2)).await;
    let during = looks(&world) - before;
    assert!((3..=15).contains(&during), "{during} looks in two hours");
    assert_eq!(world.order("first").await.status().as_str(), "needs_review");
    world.broker().clear_faults();
    world.broker().set_price(265_598, Some("185.90".parse().unwrap()));
    world.run_for(Duration::from_hours(2)).await;
    assert_eq!(world.status("first").await, "filled");
}

#[tokio::test(start_paused = true)]
async fn an_order_in_review_is_open_and_its_cancel_reaches_the_broker() {
    let world = in_review().await;
    let shown: Value = world.api("GET /orders", &json!({"query": {"open": "true"}})).await.json;
    assert_eq!(shown["orders"].as_array().map(Vec::len), Some(1), "{shown}");
    delete(&world).await;
    assert_eq!((calls(&world), world.tickets("first")[0].status), (1, paper_broker::OrderStatus::Cancelled));
    world.broker().clear_faults();
    world.run_for(Duration::from_mins(15)).await;
    assert_eq!(world.order("first").await.status().as_str(), "cancelled");
}

fn place_three_slowly(world: &World) {
    let delay = FaultKind::Delay { before_ms: 0, after_ms: 9_000 };
    world.broker().add_fault(Fault { times: u32::MAX, ..Fault::next("POST", "/iserver/account/*/orders", delay) });
    for (order_id, price) in [("a", "185.10"), ("b", "185.20"), ("c", "185.30")] {
        world.place(order_id, &json!({"type": "limit", "limit_price": price}));
    }
}

fn cancel_leg(world: &World, role: &str) {
    let cancel = json!({"schema": "courier.order/1", "command": "cancel", "user_id": USER, "order_id": "first",
        "algorithm_id": ALGORITHM, "leg": role});
    world.enqueue(&cancel, SENDER, USER);
}

async fn with_a_filled_bracket() -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    let exits = json!({"take_profit": {"limit_price": "190.00"}, "stop_loss": {"stop_price": "184.50"}});
    world.place("first", &json!({"type": "limit", "limit_price": "187.00", "attached": exits}));
    world.broker().set_price(265_598, Some("186.90".parse().unwrap()));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "filled");
    world
}

/// When the calls with this came, after this moment.
fn came(world: &World, with: &str, since: Timestamp) -> Vec<SignedDuration> {
    world.calls(with).iter().filter(|call| call.at >= since).map(|call| call.at.duration_since(since)).collect()
}

fn now(world: &World) -> Timestamp {
    domain::Clock::now(&world.clock)
}

#[tokio::test(start_paused = true)]
async fn a_cancel_waits_for_no_placing_that_stands_before_it_in_its_batch() {
    let world = with_cancels_not_carried_out(0).await;
    place_three_slowly(&world);
    world.cancel("first");
    let begun = now(&world);
    world.deliver_all().await;
    let (cancels, placings) = (came(&world, CANCELLING, begun), came(&world, PLACING, begun));
    assert!(cancels.len() == 1 && cancels[0] < AT_ONCE, "{cancels:?}");
    assert_eq!(placings.len(), 3);
    assert!(cancels[0] <= placings[0], "{cancels:?} {placings:?}");
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!((world.status("first").await.as_str(), world.status("c").await.as_str()), ("cancelled", "working"));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_an_exit_waits_for_no_placing_that_stands_before_it_in_its_batch() {
    let world = with_a_filled_bracket().await;
    place_three_slowly(&world);
    cancel_leg(&world, "take_profit");
    let begun = now(&world);
    world.deliver_all().await;
    let cancels = came(&world, CANCELLING, begun);
    assert!(cancels.first().is_some_and(|after| *after < AT_ONCE), "{cancels:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_on_record_before_any_call_of_its_batch_and_outlives_a_crash_in_it() {
    for with in ["POST /v1/api/iserver/account/DU0000001/orders", "DELETE /v1/api/iserver/account/DU0000001/order/"] {
        let world = with_cancels_not_carried_out(0).await;
        world.place("a", &json!({"type": "limit", "limit_price": "185.10"}));
        world.cancel("first");
        world.crash_at(CrashPoint::BeforeCall { with });
        world.deliver_all().await;
        assert_eq!(world.crashes_to_come(), []);
        assert!(world.order("first").await.cancel_asked_at.is_some(), "{with}");
        assert_eq!(world.tickets("a").len(), 0, "{with}");
        // The messages come again after six minutes.
        world.run_for(Duration::from_mins(4)).await;
        assert_eq!(world.status("first").await, "cancelled", "{with}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_of_an_order_that_its_own_batch_places_stays_behind_the_placing() {
    let world = with_cancels_not_carried_out(0).await;
    world.place("a", &json!({"type": "limit", "limit_price": "185.10"}));
    world.cancel("a");
    world.deliver_all().await;
    assert_eq!((world.order("a").await.sends, calls(&world)), (1, 1));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("a").await, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_goes_ahead_loses_no_change_that_was_sent_before_it() {
    let world = with_cancels_not_carried_out(0).await;
    place_three_slowly(&world);
    world.modify("first", 2, &json!({"limit_price": "185.50"}));
    world.cancel("first");
    let begun = now(&world);
    world.deliver_all().await;
    let cancels = came(&world, CANCELLING, begun);
    assert!(cancels.first().is_some_and(|after| *after < AT_ONCE), "{cancels:?}");
    world.run_for(Duration::from_mins(1)).await;
    let order = world.order("first").await;
    assert_eq!((order.status().as_str(), order.change().map(|change| change.revision)), ("cancelled", Some(2)));
    assert_eq!((world.refusals().await.len(), world.calls(MODIFYING).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_never_leaves_ahead_of_its_turn_with_the_cancel_of_another_exit() {
    let world = with_a_filled_bracket().await;
    place_three_slowly(&world);
    world.modify("first", 2, &json!({"leg": "stop_loss", "stop_price": "184.00"}));
    cancel_leg(&world, "take_profit");
    let begun = now(&world);
    world.deliver_all().await;
    let (changes, placings) = (came(&world, MODIFYING, begun), came(&world, PLACING, begun));
    assert!(changes.iter().all(|change| *change > placings[2]), "{changes:?} {placings:?}");
    world.run_for(Duration::from_mins(1)).await;
    let order = world.order("first").await;
    assert_eq!(order.change().map(|change| change.revision), Some(2));
    let exits: Vec<_> = order.legs().iter().map(|leg| (leg.role.as_str(), leg.status().as_str())).collect();
    assert!(exits.contains(&("take_profit", "cancelled")), "{exits:?}");
}
