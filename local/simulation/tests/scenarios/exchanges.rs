//! What the broker asks while a ticket or a change goes out, and until when a yes may leave.

use std::time::Duration;

use jiff::SignedDuration;
use paper_broker::{Fault, FaultKind, QuestionRules};
use serde_json::json;
use simulation::World;

const NOTIFYING: &str = "POST /iserver/notification";

fn prompts(id: &str) -> QuestionRules {
    QuestionRules { prompted_conids: vec![265_598], prompt_id: id.to_owned(), ..QuestionRules::none() }
}

async fn with_a_working_order() -> World {
    let world = crate::with_every_question_asked().await;
    world.broker().set_questions(QuestionRules::none());
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_the_policy_accepts_is_answered_with_yes_and_settled_by_a_look() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(prompts("p6"));
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "unknown: prompt_answered");
    assert_eq!(world.calls(NOTIFYING).len(), 1);
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!((world.status("first").await.as_str(), world.tickets("first").len()), ("working", 1));
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_the_policy_declines_is_answered_with_no_and_the_order_was_never_placed() {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(prompts("p12"));
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "unknown: question_declined");
    world.run_for(Duration::from_mins(8)).await;
    assert_eq!(world.status("first").await, "not_placed: question_declined");
    assert_eq!((world.calls(NOTIFYING).len(), world.tickets("first").len()), (1, 0), "it is not sent again");
}

#[tokio::test(start_paused = true)]
async fn a_prompt_about_a_change_is_answered_and_the_change_is_in_force_only_where_it_shows() {
    for (id, stage, price) in [("p6", "applied", "185.5"), ("p12", "refused", "186")] {
        let world = with_a_working_order().await;
        world.broker().set_questions(prompts(id));
        world.modify("first", 2, &json!({"limit_price": "185.50"}));
        world.deliver_all().await;
        assert_eq!(world.order("first").await.change().unwrap().stage.as_str(), "unknown", "{id}");
        world.run_for(Duration::from_mins(2)).await;
        assert_eq!(world.order("first").await.change().unwrap().stage.as_str(), stage, "{id}");
        let at_the_broker = world.tickets("first")[0].price.unwrap().normalize().to_string();
        assert_eq!((at_the_broker.as_str(), world.calls(NOTIFYING).len()), (price, 1), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_yes_leaves_after_the_order_was_good_until() {
    let world = crate::with_every_question_asked().await;
    world.broker().set_questions(QuestionRules { always: vec!["o354".to_owned()], ..QuestionRules::none() });
    let slow = FaultKind::Delay { before_ms: 0, after_ms: 8_000 };
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", slow));
    let good_until = (world.desk().intake.clock.now() + SignedDuration::from_secs(6)).to_string();
    world.place("first", &json!({"type": "limit", "limit_price": "186", "good_until": good_until}));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "rejected: question_too_late");
    assert_eq!((world.calls("POST /iserver/reply/").len(), world.tickets("first").len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn no_yes_about_a_change_leaves_too_close_to_the_end_of_the_invocation() {
    let world = with_a_working_order().await;
    let always = ["o354", "o403", "o10336", "o10331"].map(str::to_owned).to_vec();
    world.broker().set_questions(QuestionRules { always, ..QuestionRules::none() });
    let slow = || FaultKind::Delay { before_ms: 0, after_ms: 14_000 };
    world.broker().add_fault(Fault::next("POST", "/iserver/account/*/order/*", slow()));
    world.broker().add_fault(Fault { times: 3, ..Fault::next("POST", "/iserver/reply/*", slow()) });
    world.modify("first", 2, &json!({"limit_price": "185.50"}));
    world.run_for(Duration::from_mins(3)).await;
    let order = world.order("first").await;
    let change = order.change().unwrap();
    assert_eq!((change.stage.as_str(), change.stage.reason().unwrap().code.as_str()), ("refused", "question_too_late"));
    assert_eq!(world.tickets("first")[0].price.unwrap().normalize().to_string(), "186");
}

/// A no is an exchange under the lock as well: its intent is on record before it leaves.
#[tokio::test(start_paused = true)]
async fn a_no_about_a_change_writes_its_intent_before_it_leaves() {
    let world = with_a_working_order().await;
    world.broker().set_questions(QuestionRules { always: vec!["o163".to_owned()], ..QuestionRules::none() });
    let intents = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&intents);
    world.set_database_faults(move |call| {
        let is_intent = call.operation == "TransactWriteItems";
        counted.fetch_add(usize::from(is_intent), std::sync::atomic::Ordering::SeqCst);
        embedded_dynamodb::Fault::None
    });
    world.modify("first", 2, &json!({"limit_price": "185.50"}));
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(intents.load(std::sync::atomic::Ordering::SeqCst), 2, "one for the change, one for the no");
    assert_eq!(world.order("first").await.change().unwrap().stage.as_str(), "refused");
}
