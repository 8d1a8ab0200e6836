//! Rules are set, read, listed and taken back.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Algorithm, GrantStatus, Halt, HaltMode, KillSwitch, Limits, SetBy};
use embedded_dynamodb::Fault;
use store::{HaltScope, StoreError};

use crate::support::{World, algorithm, at, grant, user};

fn registration(id: &str, principals: &[&str]) -> Algorithm {
    Algorithm {
        algorithm_id: algorithm(id),
        principals: principals.iter().map(|id| id.parse().unwrap()).collect(),
        registered_at: at(0),
    }
}

#[tokio::test]
async fn algorithms_are_registered_replaced_listed_and_forgotten() {
    let world = World::new().await;
    let rules = &world.store.rules;
    assert_eq!(rules.algorithm(&algorithm("b")).await.unwrap(), None);
    rules.put_algorithm(&registration("b", &["AROA1"])).await.unwrap();
    rules.put_algorithm(&registration("a", &[])).await.unwrap();
    rules.put_algorithm(&registration("b", &["AROA1", "AROA2"])).await.unwrap();
    assert_eq!(rules.algorithm(&algorithm("b")).await.unwrap(), Some(registration("b", &["AROA1", "AROA2"])));
    let all = [registration("a", &[]), registration("b", &["AROA1", "AROA2"])];
    assert_eq!(rules.algorithms().await.unwrap(), all);
    rules.remove_algorithm(&algorithm("b")).await.unwrap();
    rules.remove_algorithm(&algorithm("b")).await.unwrap();
    assert_eq!(rules.algorithm(&algorithm("b")).await.unwrap(), None);
    assert_eq!(rules.algorithms().await.unwrap(), [registration("a", &[])]);
}

#[tokio::test]
async fn grants_are_of_one_user_and_do_not_mix_with_limits_and_halts() {
    let world = World::new().await;
    let rules = &world.store.rules;
    let mut given = grant("u-7", "mr", &["DU1", "DU2"], GrantStatus::Active);
    given.limits.max_daily_orders = Some(5);
    given.limits.allowed_conids = Some([265_598_u64.try_into().unwrap()].into());
    rules.put_grant(&given).await.unwrap();
    rules.put_grant(&grant("u-8", "mr", &["DU3"], GrantStatus::Halted)).await.unwrap();
    let limits = Limits { max_order_quantity: Some("100".parse().unwrap()), ..Limits::default() };
    rules.put_limits(&user("u-7"), &limits).await.unwrap();
    rules.put_halt(&HaltScope::User(user("u-7")), &Halt::default()).await.unwrap();
    assert_eq!(rules.grant(&user("u-7"), &algorithm("mr")).await.unwrap(), Some(given.clone()));
    assert_eq!(rules.grants(&user("u-7")).await.unwrap(), [given]);
    assert_eq!(rules.limits(&user("u-7")).await.unwrap(), Some(limits));
    rules.delete_grant(&user("u-7"), &algorithm("mr")).await.unwrap();
    assert_eq!(rules.grants(&user("u-7")).await.unwrap(), []);
    rules.delete_limits(&user("u-7")).await.unwrap();
    assert_eq!(rules.limits(&user("u-7")).await.unwrap(), None);
    assert_eq!(rules.grants(&user("u-8")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_halt_that_was_never_set_is_off() {
    let world = World::new().await;
    let rules = &world.store.rules;
    let halt = Halt { halted: true, reason: Some("stop".to_owned()), since: Some(at(3)), ..Halt::default() };
    for scope in [HaltScope::Global, HaltScope::User(user("u-7")), HaltScope::Algorithm(algorithm("mr"))] {
        assert_eq!(rules.halt(&scope).await.unwrap(), Halt::default());
        rules.put_halt(&scope, &halt).await.unwrap();
        assert_eq!(rules.halt(&scope).await.unwrap(), halt);
    }
}

#[tokio::test]
async fn a_halt_is_set_through_the_traffic_of_intents() {
    let world = World::new().await;
    let halt = Halt { halted: true, ..Halt::default() };
    let busy = world.with_faults(|call| if call.number % 3 == 0 { Fault::None } else { Fault::Contention });
    busy.rules.put_halt(&HaltScope::Global, &halt).await.unwrap();
    assert_eq!(world.store.rules.halt(&HaltScope::Global).await.unwrap(), halt);
    let never = world.with_faults(|_| Fault::Contention);
    let refused = never.rules.put_halt(&HaltScope::Global, &Halt::default()).await;
    assert!(matches!(refused, Err(StoreError::Throttled { .. })), "{refused:?}");
}

#[tokio::test]
async fn every_halt_that_is_on_is_listed_and_one_that_was_cut_off_says_so() {
    let world = World::new().await;
    let rules = &world.store.rules;
    let halt =
        |halted, reason: &str| Halt { halted, reason: Some(reason.to_owned()), since: Some(at(3)), ..Halt::default() };
    let scopes = [HaltScope::Global, HaltScope::User(user("u-7")), HaltScope::Algorithm(algorithm("mr"))];
    assert_eq!(rules.halts_on().await.unwrap(), []);
    for scope in &scopes {
        rules.put_halt(scope, &halt(true, "on")).await.unwrap();
    }
    rules.put_halt(&HaltScope::User(user("u-8")), &halt(true, "on")).await.unwrap();
    rules.put_halt(&HaltScope::User(user("u-8")), &halt(false, "off")).await.unwrap();
    let on = rules.halts_on().await.unwrap();
    assert_eq!(on.len(), scopes.len(), "{on:?}");
    for scope in &scopes {
        let found = on.iter().find(|found| found.scope == *scope).unwrap();
        assert!(found.whole && found.halt == halt(true, "on"), "{found:?}");
    }
    rules.put_halt(&HaltScope::Global, &halt(false, "off")).await.unwrap();
    let cut_off = world.with_faults(|call| if call.number > 3 { Fault::AccessDenied } else { Fault::None });
    cut_off.rules.put_halt(&HaltScope::Global, &halt(true, "cut off")).await.unwrap_err();
    let on = rules.halts_on().await.unwrap();
    let global = on.iter().find(|found| found.scope == HaltScope::Global).unwrap();
    assert!(!global.whole, "{global:?}");
    assert_eq!(on.iter().filter(|found| found.whole).count(), 2);
}

#[tokio::test]
async fn halts_are_listed_beside_algorithms_that_were_forgotten_or_came_back() {
    let world = World::new().await;
    let rules = &world.store.rules;
    for id in ["gone", "back", "halted"] {
        rules.put_algorithm(&registration(id, &[])).await.unwrap();
        rules.remove_algorithm(&algorithm(id)).await.unwrap();
    }
    rules.put_algorithm(&registration("back", &[])).await.unwrap();
    assert_eq!(rules.halts_on().await.unwrap(), []);
    let scope = HaltScope::Algorithm(algorithm("halted"));
    rules.put_halt(&scope, &word(true, HaltMode::All, "on")).await.unwrap();
    let on = rules.halts_on().await.unwrap();
    assert_eq!((on.len(), &on[0].scope, on[0].whole), (1, &scope, true));
}

fn word(halted: bool, mode: HaltMode, reason: &str) -> Halt {
    Halt { halted, mode, reason: Some(reason.to_owned()), since: Some(at(3)), ..Halt::default() }
}

#[tokio::test]
async fn a_user_and_the_operator_each_stop_the_user_and_neither_lifts_the_others_stop() {
    let world = World::new().await;
    let (rules, user, scope) = (&world.store.rules, user("u-7"), HaltScope::User(user("u-7")));
    let on = |reason| word(true, HaltMode::All, reason);
    let off = |reason| word(false, HaltMode::All, reason);
    rules.put_halt(&scope, &on("the operator's")).await.unwrap();
    for halted in [true, false] {
        let lifted = rules.say_halt(&user, SetBy::User, &word(halted, HaltMode::Reducing, "own")).await.unwrap();
        assert_eq!(lifted.halt, on("the operator's"));
        assert_eq!(rules.halt(&scope).await.unwrap(), on("the operator's"));
    }
    rules.say_halt(&user, SetBy::User, &on("own")).await.unwrap();
    let listed = rules.halts_on().await.unwrap();
    assert_eq!((listed.len(), &listed[0].set_by[..]), (1, &[SetBy::User, SetBy::Operator][..]));
    rules.put_halt(&scope, &off("mended")).await.unwrap();
    assert_eq!(rules.halt(&scope).await.unwrap(), on("own"));
    assert_eq!(rules.halts_on().await.unwrap()[0].set_by, [SetBy::User]);
    let at_last = rules.say_halt(&user, SetBy::User, &off("go on")).await.unwrap();
    assert_eq!(at_last, KillSwitch { halt: off("go on"), own: Some(off("go on")), operator: Some(off("mended")) });
    assert_eq!(rules.halts_on().await.unwrap(), []);
    rules.put_halt(&HaltScope::Global, &on("all")).await.unwrap();
    assert_eq!(rules.halts_on().await.unwrap()[0].set_by, [SetBy::Operator]);
}

#[tokio::test]
async fn of_words_on_one_halt_that_are_said_at_once_none_is_lost() {
    let world = World::new().await;
    // Intents check the row all the while.
    let busy = world.with_faults(|call| match call.operation {
        "PutItem" if call.number % 3 == 0 => Fault::Contention,
        _ => Fault::None,
    });
    let scope = HaltScope::User(user("u-7"));
    for round in 0..16_u8 {
        let own = word(round & 1 == 1, HaltMode::All, &format!("own {round}"));
        let operator = word(round & 2 == 2, HaltMode::Reducing, &format!("the operator's {round}"));
        let say = async |by, word: Halt| busy.rules.say_halt(&user("u-7"), by, &word).await.unwrap();
        let (one, other) = tokio::join!(say(SetBy::User, own.clone()), say(SetBy::Operator, operator.clone()));
        let stands = world.store.rules.kill_switch(&scope).await.unwrap();
        assert_eq!((stands.own.as_ref(), stands.operator.as_ref()), (Some(&own), Some(&operator)), "{round}");
        assert_eq!(stands.halt.halted, own.halted || operator.halted, "{round}");
        assert!([one, other].contains(&stands), "{round}: {stands:?}");
    }
}

#[tokio::test]
async fn a_word_that_meets_intents_for_seconds_is_said_and_one_that_is_never_taken_is_told() {
    let world = World::new().await;
    let on = word(true, HaltMode::All, "stop");
    let begun = std::time::Instant::now();
    let busy = world.with_faults(move |call| match call.operation {
        "PutItem" if begun.elapsed().as_secs() < 3 => Fault::Contention,
        _ => Fault::None,
    });
    busy.rules.say_halt(&user("u-7"), SetBy::User, &on).await.unwrap();
    assert_eq!(world.store.rules.halt(&HaltScope::User(user("u-7"))).await.unwrap(), on);
    let never = world.with_faults(|call| if call.operation == "PutItem" { Fault::Contention } else { Fault::None });
    let refused = never.rules.put_halt(&HaltScope::User(user("u-7")), &Halt::default()).await;
    assert!(matches!(refused, Err(StoreError::Throttled { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_users_halt_of_an_earlier_release_is_lifted_by_whoever_lifts_it() {
    let world = World::new().await;
    let (rules, user) = (&world.store.rules, user("u-7"));
    let text = |value: &str| AttributeValue::S(value.to_owned());
    for write_id in [None, Some("an-earlier-write")] {
        for by in [SetBy::User, SetBy::Operator] {
            let halt = [("halted".to_owned(), AttributeValue::Bool(true)), ("reason".to_owned(), text("before"))];
            let mut row = world.database.client().put_item().table_name("rules").item("scope", text("user#u-7"));
            row = row.item("item", text("halt")).item("rule", AttributeValue::M(halt.into()));
            if let Some(write_id) = write_id {
                row = row.item("write_id", text(write_id));
            }
            row.send().await.unwrap();
            let on = rules.halts_on().await.unwrap();
            assert_eq!((on.len(), &on[0].set_by[..]), (1, &[][..]));
            let lifted = rules.say_halt(&user, by, &word(false, HaltMode::All, "lifted")).await.unwrap();
            assert!(!lifted.halt.halted, "{lifted:?}");
        }
    }
}

#[tokio::test]
async fn whether_anybody_granted_an_algorithm_is_known() {
    let world = World::new().await;
    let rules = &world.store.rules;
    rules.put_grant(&grant("u-7", "mr-7", &["DU1"], GrantStatus::Active)).await.unwrap();
    assert!(rules.is_granted(&algorithm("mr-7")).await.unwrap());
    assert!(!rules.is_granted(&algorithm("mr")).await.unwrap());
}
