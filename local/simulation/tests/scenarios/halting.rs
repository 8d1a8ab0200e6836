//! From a halt's answer on no order is taken up for sending, however many are under way.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{ClientOrderId, GrantStatus, Halt, OrderKey};
use paper_broker::QuestionRules;
use serde_json::{Value, json};
use simulation::{ALGORITHM, SENDER, USER, World};
use store::HaltScope;
use tokio::time::Instant;

const ORDERS: usize = 40;
const OTHER: &str = "u-8";
const OTHERS_ACCOUNT: &str = "DU0000011";

/// What a halt is over, and how many of the two users it stops.
#[derive(Debug, Clone, Copy)]
enum Over {
    Everything,
    OneUser,
    TheAlgorithm,
    OneGrant,
}

/// Two connected users who granted the algorithm an account, and a queue full of their orders.
async fn crowded_world() -> World {
    let world = World::with_a_connected_user().await;
    world.connect(OTHER, "paper-bob").await;
    let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": {"account_ids": [OTHERS_ACCOUNT]}});
    assert_eq!(world.api_as(&json!({"sub": OTHER}), "PUT /grants/{algorithm_id}", &grant).await.status, 200);
    world.broker().set_questions(QuestionRules::none());
    for number in 0..ORDERS {
        for (user_id, account_id) in [(USER, simulation::ACCOUNT), (OTHER, OTHERS_ACCOUNT)] {
            let fields = json!({"type": "limit", "limit_price": "186", "user_id": user_id, "account_id": account_id});
            world.enqueue(&world.place_command(&format!("order-{number}"), &fields), SENDER, user_id);
        }
    }
    world
}

async fn halt(world: &World, over: Over) {
    let rules = &world.store().rules;
    let on = Halt { halted: true, ..Halt::default() };
    match over {
        Over::Everything => rules.put_halt(&HaltScope::Global, &on).await.unwrap(),
        Over::TheAlgorithm => rules.put_halt(&HaltScope::Algorithm(ALGORITHM.parse().unwrap()), &on).await.unwrap(),
        Over::OneUser => {
            let answered = world.api("PUT /halt", &json!({"body": {"halted": true}})).await;
            assert_eq!(answered.status, 200, "{}", answered.text);
        }
        Over::OneGrant => {
            let (user_id, algorithm_id) = (USER.parse().unwrap(), ALGORITHM.parse().unwrap());
            let mut grant = rules.grant(&user_id, &algorithm_id).await.unwrap().unwrap();
            grant.status = GrantStatus::Halted;
            rules.put_grant(&grant).await.unwrap();
        }
    }
}

/// The orders of these users that an intent is on record for, at this very moment, by their client order ids.
fn intended(world: &World, users: &[&str]) -> BTreeSet<String> {
    let rows = world.rows("orders");
    let of = |row: &Value| {
        let sends: u32 = row["order"]["M"]["sends"]["N"].as_str()?.parse().ok()?;
        let user_id = row["user_id"]["S"].as_str().filter(|user_id| users.contains(user_id))?;
        let order_id = row["order_id"]["S"].as_str()?;
        let key = OrderKey { user_id: user_id.parse().unwrap(), order_id: order_id.parse().unwrap() };
        (sends > 0).then(|| ClientOrderId::of(&key).to_string())
    };
    rows.iter().filter_map(of).collect()
}

/// One of several workers, each with its own messages in hand.
async fn work(world: &World, time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        world.deliver_all().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn from_a_halts_answer_on_no_order_of_its_scope_gets_an_intent_and_none_is_sent_without_one() {
    for (over, stopped, after_milliseconds) in [
        (Over::Everything, &[USER, OTHER][..], 1_000),
        (Over::TheAlgorithm, &[USER, OTHER], 1_350),
        (Over::OneUser, &[USER], 1_700),
        (Over::OneGrant, &[USER], 2_050),
    ] {
        let world = crowded_world().await;
        let worker = || work(&world, Duration::from_secs(20));
        let halted = async {
            tokio::time::sleep(Duration::from_millis(after_milliseconds)).await;
            halt(&world, over).await;
            intended(&world, stopped)
        };
        let (before, ..) = tokio::join!(halted, worker(), worker(), worker(), worker());
        let ledger = world.broker().ledger().into_iter();
        let sent: BTreeSet<String> = ledger.filter_map(|entry| entry.client_order_id).collect();
        let after = intended(&world, stopped);
        assert_eq!(after, before, "{over:?}: an intent came after the halt's answer");
        assert!(!before.is_empty() && before.len() < ORDERS * stopped.len(), "{over:?}: {} orders", before.len());
        assert!(before.is_subset(&sent), "{over:?}: an intent was not carried out");
        let others = ORDERS * (2 - stopped.len());
        assert_eq!(sent.len(), before.len() + others, "{over:?}");
        let code = if matches!(over, Over::OneGrant) { "no_grant" } else { "halted" };
        assert_eq!(world.status(&format!("order-{}", ORDERS - 1)).await, format!("denied: {code}"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_operators_halt_over_a_user_outlasts_whatever_the_users_jwt_says() {
    let world = World::with_a_connected_user().await;
    let (rules, user) = (world.store().rules.clone(), HaltScope::User(USER.parse().unwrap()));
    let operators = |halted| Halt { halted, reason: Some("asked by phone".to_owned()), ..Halt::default() };
    let say = async |body: Value| {
        let answered = world.api("PUT /halt", &json!({"body": body})).await;
        assert_eq!(answered.status, 200, "{}", answered.text);
        let read = world.api("GET /halt", &json!({})).await.json;
        assert_eq!(answered.json, read);
        read
    };
    let limit = json!({"type": "limit", "limit_price": "186"});

    rules.put_halt(&user, &operators(true)).await.unwrap();
    let stands = say(json!({"halted": false})).await;
    assert_eq!(stands, json!({"halted": true, "reason": "asked by phone", "set_by": ["operator"]}));
    world.place("under-the-operators", &limit);
    world.deliver_all().await;
    assert_eq!(world.status("under-the-operators").await, "denied: halted");
    let told = world.reason("under-the-operators").await;
    let whose = format!("The operator has halted trading for the user {USER}. The reason given: \"asked by phone\".");
    assert!(told.starts_with(&whose), "{told}");

    let stands = say(json!({"halted": true, "mode": "reducing", "reason": "on holiday"})).await;
    assert_eq!(stands, json!({"halted": true, "reason": "asked by phone", "set_by": ["user", "operator"]}));
    rules.put_halt(&user, &operators(false)).await.unwrap();
    let mut stands = world.api("GET /halt", &json!({})).await.json;
    assert!(stands.as_object_mut().unwrap().remove("since").is_some());
    let own = json!({"halted": true, "mode": "reducing", "reason": "on holiday", "set_by": ["user"]});
    assert_eq!(stands, own, "the user's own stop outlasts the operator's");
    world.place("under-the-users", &limit);
    world.deliver_all().await;
    assert_eq!(world.status("under-the-users").await, "denied: only_reducing");

    let stands = say(json!({"halted": false})).await;
    assert_eq!((&stands["halted"], &stands["set_by"]), (&json!(false), &json!([])));
    world.place("afterwards", &limit);
    world.deliver_all().await;
    assert_eq!(world.status("afterwards").await, "working");
}

#[tokio::test(start_paused = true)]
async fn a_user_is_told_that_all_trading_is_halted_and_lifts_nothing_of_it() {
    let world = World::with_a_connected_user().await;
    let halt = Halt { halted: true, reason: Some("the exchange is closed".to_owned()), ..Halt::default() };
    world.store().rules.put_halt(&HaltScope::Global, &halt).await.unwrap();
    let told = json!({"halted": true, "reason": "the exchange is closed", "set_by": ["operator"]});
    assert_eq!(world.api("GET /halt", &json!({})).await.json, told);
    for mode in ["reducing", "all"] {
        world.api("PUT /halt", &json!({"body": {"halted": true, "mode": mode, "reason": "mine"}})).await;
        let read = world.api("GET /halt", &json!({})).await.json;
        assert_eq!((&read["mode"], &read["set_by"]), (&Value::Null, &json!(["user", "operator"])), "{mode}");
    }
    assert_eq!(world.api("PUT /halt", &json!({"body": {"halted": false}})).await.json, told);
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.deliver_all().await;
    assert_eq!(world.status("first").await, "denied: halted");
    assert!(world.reason("first").await.starts_with("The operator has halted all trading"));
}
