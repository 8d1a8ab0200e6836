//! Each invariant is seen to fail, on what is left of a good world after one thing in it was falsified.

use domain::{Fact, Reason};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::broken;
use crate::effects::{LateWrite, ReturnedMessage};
use crate::explore::evidence::Evidence;
use crate::explore::one_world::{Keep, in_its_own_time, live_through};
use crate::explore::plan::{Act, Plan, SetLimits, Stop};
use crate::explore::script::Script;
use crate::explore::stage::{Halted, Sent};

/// What is left of a world in which a limit order was filled, and nothing went wrong.
fn good() -> Evidence {
    let plan = Plan::scripted(Script::all()[0], 16_000);
    let (outcome, evidence) = in_its_own_time(live_through(plan, None, Keep::Nothing));
    assert_eq!(outcome.violations, []);
    assert_eq!(evidence.records.len(), 1);
    evidence
}

/// The rules that a falsified world breaks.
fn rules(falsify: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = good();
    falsify(&mut evidence);
    let mut rules: Vec<_> = broken(&evidence).into_iter().map(|violation| violation.rule).collect();
    rules.dedup();
    rules
}

fn late() -> Timestamp {
    Timestamp::MAX - SignedDuration::from_hours(48)
}

#[test]
fn a_second_ticket_is_noticed() {
    let rules = rules(|evidence| {
        let mut second = evidence.book[0].clone();
        second.order_id += 1;
        evidence.book.push(second);
    });
    assert_eq!(rules, ["two tickets for one order"]);
}

#[test]
fn a_ticket_without_an_order_is_noticed() {
    let rules = rules(|evidence| evidence.book[0].client_order_id = Some("nobody's".to_owned()));
    assert_eq!(rules, ["a ticket has no order"]);
    assert!(self::rules(|evidence| evidence.book[0].client_order_id = None).contains(&"a ticket has no order"));
}

#[test]
fn an_order_that_overtook_another_is_noticed() {
    let rules = rules(|evidence| {
        // A second life whose message was sent first, and whose ticket was registered last.
        let mut life = evidence.plan.lives[0].clone();
        life.order_id = "order-01".to_owned();
        evidence.plan.lives.push(life);
        let mut second = evidence.book[0].clone();
        second.order_id += 1;
        second.client_order_id = Some(crate::explore::evidence::client_order_id("u-7", "order-01").as_str().to_owned());
        evidence.book.push(second);
        evidence.sent.insert(0, Sent { message_id: "first".to_owned(), act: Act::Place(1) });
    });
    assert!(rules.contains(&"an order overtook another one"), "{rules:?}");
}

#[test]
fn a_ticket_that_differs_in_any_field_is_noticed() {
    let falsifications: [fn(&mut paper_broker::LedgerEntry); 8] = [
        |entry| entry.quantity += Decimal::ONE,
        |entry| entry.price = Some(Decimal::ONE),
        |entry| entry.aux_price = Some(Decimal::ONE),
        |entry| entry.side = "SELL".to_owned(),
        |entry| entry.account_id = "DU0000002".to_owned(),
        |entry| entry.conid = 8_314,
        |entry| entry.order_type = "MKT".to_owned(),
        |entry| entry.time_in_force = "GTC".to_owned(),
    ];
    for falsify in falsifications {
        let rules = rules(|evidence| falsify(evidence.records[0].entry.as_mut().unwrap()));
        assert_eq!(rules, ["a ticket is not what was asked"]);
    }
}

#[test]
fn a_lost_message_is_noticed() {
    let rules = rules(|evidence| {
        evidence.sent.push(Sent { message_id: "lost".to_owned(), act: Act::Other(0) });
    });
    assert_eq!(rules, ["a message is lost"]);
}

#[test]
fn a_final_state_that_is_not_the_brokers_is_noticed() {
    let cases: [fn(&mut paper_broker::LedgerEntry); 3] = [
        |entry| entry.status = paper_broker::OrderStatus::Cancelled,
        |entry| entry.filled_quantity -= Decimal::ONE,
        |entry| entry.average_price = Some(Decimal::ONE),
    ];
    for falsify in cases {
        let rules = rules(|evidence| falsify(evidence.records[0].entry.as_mut().unwrap()));
        assert_eq!(rules, ["a final state is not the broker's"]);
    }
    assert_eq!(rules(|evidence| evidence.records[0].entry = None), ["a final state is not the broker's"]);
}

#[test]
fn an_order_that_nobody_watches_is_noticed() {
    let rules = rules(|evidence| {
        let working = evidence.records[0].images.iter().find(|image| image.status().as_str() == "working");
        let mut working = working.unwrap().clone();
        working.next_check_at = None;
        evidence.records[0].order = working;
    });
    assert!(rules.contains(&"an order is neither final nor watched"), "{rules:?}");
}

#[test]
fn an_order_that_is_left_to_a_person_without_need_is_noticed() {
    let rules = rules(|evidence| {
        let working = evidence.records[0].images.iter().find(|image| image.status().as_str() == "working");
        let mut review = working.unwrap().clone();
        review.apply(Fact::Exhausted(Reason::new("tired", "It gave up.")), Timestamp::UNIX_EPOCH).unwrap();
        evidence.records[0].order = review;
    });
    assert!(rules.contains(&"an order was left to a person without need"), "{rules:?}");
}

#[test]
fn an_order_that_was_sent_too_late_is_noticed() {
    let rules = rules(|evidence| evidence.records[0].order.good_until = Timestamp::UNIX_EPOCH);
    assert!(rules.contains(&"an order was sent after its good_until"), "{rules:?}");
    assert!(rules.contains(&"an order arrived after its good_until"), "{rules:?}");
}

#[test]
fn an_order_that_was_sent_during_a_halt_is_noticed() {
    for stop in [Stop::Everything, Stop::Algorithm, Stop::User(0), Stop::Grant(0)] {
        let halted = Halted { stop, from: Timestamp::UNIX_EPOCH, to: Some(late()) };
        let rules = rules(|evidence| evidence.halted.push(halted));
        assert_eq!(rules, ["an order was sent while trading was halted"]);
    }
    let other = Halted { stop: Stop::User(1), from: Timestamp::UNIX_EPOCH, to: None };
    assert!(rules(|evidence| evidence.halted.push(other)).is_empty());
    // Made up while trading was halted, and taken in by the database when it was not any more.
    let lifted = late();
    for (at, broken) in [(lifted, 0), (lifted - SignedDuration::from_secs(1), 1)] {
        let rules = rules(|evidence| {
            evidence.halted.push(Halted { stop: Stop::Everything, from: Timestamp::UNIX_EPOCH, to: Some(lifted) });
            let images: Vec<_> = evidence.records[0].images.iter().map(|image| format!("{image:?}")).collect();
            evidence.late_writes.push(LateWrite { body: images.concat(), at });
        });
        assert_eq!(rules.len(), broken, "{rules:?}");
    }
}

#[test]
fn an_exceeded_limit_is_noticed() {
    for limits in [
        r#"{"max_order_quantity": "9"}"#,
        r#"{"max_order_notional": "1859.99"}"#,
        r#"{"max_daily_notional": "1859.99"}"#,
        r#"{"max_daily_orders": 0}"#,
        r#"{"allowed_conids": [8314]}"#,
    ] {
        let set = SetLimits { person: 0, on_grant: false, limits: serde_json::from_str(limits).unwrap() };
        assert_eq!(rules(|evidence| evidence.plan.limits.push(set)), ["a limit was exceeded"], "{limits}");
    }
    let set =
        SetLimits { person: 0, on_grant: false, limits: serde_json::from_str(r#"{"max_open_orders": 1}"#).unwrap() };
    let rules = rules(|evidence| {
        evidence.plan.limits.push(set);
        evidence.most_open.insert("paper-ada".to_owned(), 2);
    });
    assert_eq!(rules, ["a limit was exceeded"]);
}

#[test]
fn a_message_that_is_hidden_after_it_was_given_back_is_noticed() {
    let returned = |seconds| {
        let hidden_for = SignedDuration::from_secs(seconds);
        rules(|evidence| evidence.returned.push(ReturnedMessage { id: "m".to_owned(), deliveries: 1, hidden_for }))
    };
    assert_eq!(returned(360), ["a message that was given back is hidden for minutes"]);
    assert!(returned(2).is_empty());
}

#[test]
fn a_gap_in_what_was_told_is_noticed() {
    let rules = rules(|evidence| {
        evidence.records[0].events.remove(1);
    });
    assert_eq!(rules, ["the changes of an order have a gap"]);
}

#[test]
fn a_secret_that_is_written_down_is_noticed() {
    let rules = rules(|evidence| {
        let (_, secret) = evidence.secrets[0].clone();
        evidence.everything_written.push_str(&secret);
    });
    assert_eq!(rules, ["a secret is written down"]);
    assert!(good().secrets.len() > 5, "there are secrets to look for");
}

#[test]
fn a_cancel_that_does_not_reach_the_broker_is_noticed() {
    let never_asked = |evidence: &mut Evidence| {
        evidence.records[0].order.cancel_asked_at = Some(evidence.calm_at);
        evidence.records[0].entry.as_mut().unwrap().status = paper_broker::OrderStatus::Submitted;
        evidence.ended_at = evidence.calm_at + SignedDuration::from_mins(40);
    };
    assert!(rules(never_asked).contains(&"a cancel does not reach the broker"));
    let asked_once = |evidence: &mut Evidence| {
        never_asked(evidence);
        let order_id = evidence.records[0].entry.as_ref().unwrap().order_id;
        evidence.cancel_calls.push((evidence.calm_at + SignedDuration::from_mins(1), order_id));
    };
    assert!(rules(asked_once).contains(&"a cancel does not reach the broker"));
    let asked_again_and_again = |evidence: &mut Evidence| {
        never_asked(evidence);
        let order_id = evidence.records[0].entry.as_ref().unwrap().order_id;
        let calls = (1..40).map(|minute| (evidence.calm_at + SignedDuration::from_mins(minute), order_id));
        evidence.cancel_calls.extend(calls);
    };
    assert!(!rules(asked_again_and_again).contains(&"a cancel does not reach the broker"));
}
