//! Each invariant is seen to fail, on what is left of a good world after one thing in it was falsified.

use domain::{Fact, LegRole, Order, OrderState, OrderStatus, Reason, ReasonCode};
use jiff::{SignedDuration, Timestamp};
use paper_broker::Stamped;
use rust_decimal::Decimal;

use super::broken;
use crate::effects::{Fate, Hindrance, LateWrite, ReturnedMessage, TimedOut};
use crate::explore::evidence::{Evidence, Record};
use crate::explore::one_world::{Keep, in_its_own_time, live_through};
use crate::explore::plan::{Act, Mode, Plan, SetLimits, Stop};
use crate::explore::reducing::Holding;
use crate::explore::script::Script;
use crate::explore::stage::{Halted, Sent};

/// What is left of a world in which a limit order was filled, and nothing went wrong.
fn good() -> Evidence {
    of_script("limit")
}

/// What is left of a world in which an order of this name was lived, and nothing went wrong.
fn of_script(name: &str) -> Evidence {
    let script = Script::all().into_iter().find(|script| script.name() == name).unwrap();
    let plan = Plan::scripted(script, 16_000);
    let (outcome, evidence) = in_its_own_time(live_through(plan, None, Keep::Nothing));
    assert_eq!(outcome.violations, []);
    assert_eq!(evidence.records.len(), 1);
    evidence
}

/// The rules that a falsified world breaks.
fn rules(falsify: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    rules_of(good(), falsify)
}

fn rules_of(mut evidence: Evidence, falsify: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
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
        evidence.sent.insert(0, Sent { message_id: "first".to_owned(), at: evidence.calm_at, act: Act::Place(1) });
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
        let at = evidence.calm_at;
        evidence.sent.push(Sent { message_id: "lost".to_owned(), at, act: Act::Other(0) });
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
        review
            .apply(Fact::Exhausted(Reason::new(ReasonCode::QuietWindow, "It gave up.")), Timestamp::UNIX_EPOCH)
            .unwrap();
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
        let halted = Halted { stop, mode: Mode::All, from: Timestamp::UNIX_EPOCH, to: Some(late()) };
        let rules = rules(|evidence| evidence.halted.push(halted));
        assert_eq!(rules, ["an order was sent while trading was halted"]);
    }
    let other = Halted { stop: Stop::User(1), mode: Mode::All, from: Timestamp::UNIX_EPOCH, to: None };
    assert!(rules(|evidence| evidence.halted.push(other)).is_empty());
    // Made up while trading was halted, and taken in by the database when it was not any more.
    let lifted = late();
    for (at, broken) in [(lifted, 0), (lifted - SignedDuration::from_secs(1), 1)] {
        let rules = rules(|evidence| {
            evidence.halted.push(Halted {
                stop: Stop::Everything,
                mode: Mode::All,
                from: Timestamp::UNIX_EPOCH,
                to: Some(lifted),
            });
            let images: Vec<_> = evidence.records[0].images.iter().map(|image| format!("{image:?}")).collect();
            evidence.late_writes.push(LateWrite { body: images.concat(), at });
            // What was written still later, about the outcome, says nothing of when it was sent.
            let outcome = images.last().unwrap().clone();
            evidence.late_writes.insert(0, LateWrite { body: outcome, at: lifted - SignedDuration::from_secs(1) });
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
fn a_fill_that_goes_back_is_noticed() {
    let is_at_work = |image: &&mut Order| image.status() == OrderStatus::Working;
    let partly_filled = rules(|evidence| {
        evidence.records[0].images.iter_mut().find(is_at_work).unwrap().filled_quantity = Decimal::ONE;
    });
    assert_eq!(partly_filled, ["a fill went back"]);
    let less = rules(|evidence| {
        let images = &mut evidence.records[0].images;
        let filled = images.iter().rfind(|image| image.status() == OrderStatus::Filled).unwrap().clone();
        let mut less = filled;
        less.filled_quantity = Decimal::ONE;
        images.push(less);
    });
    assert_eq!(less, ["a fill went back"]);
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

#[test]
fn a_fill_that_is_told_late_is_noticed() {
    let late = |evidence: &mut Evidence| {
        for image in evidence.records[0].images.iter_mut().filter(|image| !image.filled_quantity.is_zero()) {
            image.updated_at += SignedDuration::from_secs(60);
        }
    };
    assert_eq!(rules(late), ["a fill was told late"]);
    let never = |evidence: &mut Evidence| {
        evidence.records[0].images.retain(|image| image.filled_quantity.is_zero());
        evidence.ended_at = evidence.calm_at + SignedDuration::from_mins(10);
    };
    assert!(rules(never).contains(&"a fill was told to nobody"));
    let hindered = |username, seconds| {
        rules(|evidence| {
            late(evidence);
            let from = evidence.records[0].entry.as_ref().unwrap().registered_at;
            let to = from + SignedDuration::from_secs(seconds);
            evidence.hindrances.push(Hindrance { what: "away", username, from, to });
        })
    };
    assert!(hindered(None, 60).is_empty() && hindered(Some("paper-ada"), 60).is_empty());
    assert_eq!(hindered(None, 30), ["a fill was told late"]);
    assert_eq!(hindered(Some("paper-bob"), 60), ["a fill was told late"]);
}

#[test]
fn a_fill_of_an_exit_that_is_never_told_is_noticed() {
    let rules = rules_of(of_script("bracket"), |evidence| {
        let exit = evidence.book.iter().find(|entry| entry.parent_order_id.is_some()).unwrap().order_id;
        let at = evidence.histories[&exit].ended_at.unwrap_or(evidence.calm_at);
        let executed = Stamped { at, quantity: Decimal::from(100) };
        evidence.histories.get_mut(&exit).unwrap().executions.push(executed);
        evidence.ended_at = evidence.calm_at + SignedDuration::from_mins(10);
    });
    assert_eq!(rules, ["a fill was told to nobody"]);
}

#[test]
fn an_order_that_waits_for_anothers_trouble_is_noticed() {
    let waits = |seconds, troubled| {
        rules(|evidence| {
            evidence.plan.troubled = Some(troubled);
            for image in evidence.records[0].images.iter_mut().skip(1) {
                image.updated_at += SignedDuration::from_secs(seconds);
            }
        })
    };
    assert_eq!(waits(6, 1), ["an order waited for another user's trouble"]);
    assert!(waits(4, 1).is_empty() && waits(6, 0).is_empty());
    let never = rules(|evidence| {
        evidence.plan.troubled = Some(1);
        evidence.records[0].images.truncate(1);
    });
    assert!(never.contains(&"an order waited for another user's trouble"), "{never:?}");
}

#[test]
fn a_message_that_waits_for_its_visibility_time_out_is_noticed() {
    let after = |fates: &[Fate]| {
        rules(|evidence| {
            let (id, receipt) = ("m".to_owned(), "m/1".to_owned());
            let timed_out = TimedOut { id, queue: "TrackQueue", at: evidence.calm_at, receipt };
            evidence.timed_out.push((timed_out, fates.to_vec()));
        })
    };
    for fates in [&[Fate::Ended][..], &[Fate::Failed], &[Fate::Ended, Fate::Failed], &[]] {
        assert_eq!(after(fates), ["a message waited for its visibility time-out"]);
    }
    assert!(after(&[Fate::Killed]).is_empty() && after(&[Fate::Ended, Fate::CutOff]).is_empty());
}

fn reducing() -> Halted {
    Halted { stop: Stop::Everything, mode: Mode::Reducing, from: Timestamp::UNIX_EPOCH, to: Some(late()) }
}

/// So much of the contract was held from before; less than nothing: the account was short of it.
fn hold(evidence: &mut Evidence, quantity: i64) {
    let life = evidence.plan.lives[0].clone();
    let (person, account, contract) = (life.person, life.account, life.contract.unwrap());
    evidence.plan.holdings.push(Holding { person, account, contract, quantity });
}

const DOES_NOT_REDUCE: &str = "an order that does not reduce was sent under a halt for reducing ones";
const TURNED: &str = "a reducing order turned or grew a position";

#[test]
fn an_order_that_does_not_reduce_while_only_those_pass_is_noticed() {
    // The order buys 10.
    for (held, broken) in [(0, true), (20, true), (-9, true), (-10, false), (-20, false)] {
        let rules = rules(|evidence| {
            evidence.halted.push(reducing());
            hold(evidence, held);
        });
        assert_eq!(rules, if broken { vec![DOES_NOT_REDUCE, TURNED] } else { vec![] }, "{held}");
    }
}

#[test]
fn an_order_that_leaves_no_room_for_those_before_it_is_noticed() {
    let beside = |earlier: bool| {
        rules(|evidence| {
            evidence.halted.push(reducing());
            hold(evidence, -15);
            // Another one like it, that works still.
            let (mut order, first) = (evidence.records[0].order.clone(), &evidence.records[0]);
            order.key.order_id = "other".parse().unwrap();
            let mut entry = first.entry.clone().unwrap();
            entry.order_id += 1;
            (entry.filled_quantity, entry.status) = (Decimal::ZERO, paper_broker::OrderStatus::Submitted);
            let mut images = first.images.clone();
            let moved = SignedDuration::from_secs(if earlier { -1 } else { 1 });
            for image in &mut images {
                let mut row = serde_json::to_string(&*image).unwrap();
                if let OrderState::Sending { intent } = image.state() {
                    row = row.replace(&intent.at.to_string(), &(intent.at + moved).to_string());
                }
                *image = serde_json::from_str(&row).unwrap();
            }
            evidence.records.push(Record { order, images, events: Vec::new(), entry: Some(entry) });
        })
    };
    let broken = beside(true);
    assert!(broken.contains(&DOES_NOT_REDUCE) && !broken.contains(&TURNED), "{broken:?}");
}

#[test]
fn a_change_that_does_not_reduce_while_only_those_pass_is_noticed() {
    let rules = rules_of(of_script("limit that is changed"), |evidence| {
        evidence.halted.push(Halted { from: evidence.calm_at - SignedDuration::from_secs(15), ..reducing() });
    });
    assert_eq!(rules, ["a change that does not reduce was sent under a halt for reducing ones"]);
}

#[test]
fn an_exit_that_differs_is_noticed() {
    let falsifications: [fn(&mut paper_broker::LedgerEntry); 3] = [
        |exit| exit.price = Some(Decimal::ONE),
        |exit| exit.aux_price = Some(Decimal::ONE),
        |exit| exit.quantity += Decimal::ONE,
    ];
    for falsify in falsifications {
        let rules = rules_of(of_script("bracket"), |evidence| {
            falsify(evidence.book.iter_mut().find(|entry| entry.parent_order_id.is_some()).unwrap());
        });
        assert_eq!(rules, ["an exit is not what was asked"]);
    }
}

#[test]
fn a_cancel_of_an_exit_that_does_not_reach_the_broker_is_noticed() {
    let asked = |evidence: &mut Evidence| {
        let works =
            |image: &&Order| image.leg(LegRole::TakeProfit).is_some_and(|leg| leg.status().as_str() == "working");
        evidence.records[0].order = evidence.records[0].images.iter().rfind(works).unwrap().clone();
        let exits = evidence.book.iter_mut().filter(|entry| entry.parent_order_id.is_some());
        exits.for_each(|exit| exit.status = paper_broker::OrderStatus::Submitted);
        evidence.records[0].order.ask_leg_cancel(LegRole::TakeProfit, evidence.calm_at);
        evidence.ended_at = evidence.calm_at + SignedDuration::from_mins(40);
    };
    let rules = rules_of(of_script("bracket"), asked);
    assert!(rules.contains(&"a cancel does not reach the broker"), "{rules:?}");
    let rules = rules_of(of_script("bracket"), |evidence| {
        asked(evidence);
        let exits = evidence.book.iter().filter(|entry| entry.parent_order_id.is_some());
        let exit = exits.clone().find(|exit| exit.order_type == "LMT").unwrap().order_id;
        let calls = (1..40).map(|minute| (evidence.calm_at + SignedDuration::from_mins(minute), exit));
        evidence.cancel_calls.extend(calls);
    });
    assert!(!rules.contains(&"a cancel does not reach the broker"), "{rules:?}");
}

#[test]
fn a_change_that_was_ignored_is_excused_by_the_ignored_call_alone() {
    let as_placed = |is_told: bool, was_ignored: bool| {
        rules_of(of_script("limit that is changed"), |evidence| {
            let record = &mut evidence.records[0];
            let ticket = &record.images[0].request.as_ref().unwrap().ticket;
            let domain::OrderType::Limit { limit_price } = ticket.order_type else { unreachable!() };
            let entry = record.entry.as_mut().unwrap();
            entry.price = Some(limit_price.get());
            if let domain::Size::Quantity(quantity) = ticket.size {
                entry.quantity = quantity.get();
            }
            for change in &mut evidence.histories.get_mut(&entry.order_id).unwrap().changes {
                change.carried_out = !was_ignored;
            }
            record.order.warning = is_told.then(|| Reason::new(ReasonCode::ChangeNotCarriedOut, "It was not."));
        })
    };
    let differs = "a ticket is not what was asked";
    assert!(as_placed(false, true).contains(&differs), "live orders show it");
    assert!(as_placed(true, false).contains(&differs), "no call was ignored");
    assert!(!as_placed(true, true).contains(&differs));
}
