//! The same matrix on the queue: every sender, user, group, account and algorithm, and every command.

use serde_json::{Value, json};
use simulation::World;

use super::house::{ADA, ALGORITHMS, BOB, BOBS_OTHER_ACCOUNT, everything_of, limit_order, orders_of, principal, start};
use super::{Fate, fate, judge};

/// The algorithm that a sender may speak for; the empty one is registered for none.
const SENDERS: [&str; 5] = [ADA.algorithm, BOB.algorithm, "stranger-1", "halted-2", ""];

fn sender_of(algorithm_id: &str) -> String {
    if algorithm_id.is_empty() { "AROANOBODY:x".to_owned() } else { format!("{}:x", principal(algorithm_id)) }
}

/// How many messages were refused, by the codes that were told.
async fn refusals(world: &World) -> Vec<String> {
    let refusals = world.refusals().await.into_iter();
    // Those that the house begins with are not counted.
    let sent = refusals.filter(|refusal| !refusal.order_id.as_deref().is_some_and(|id| id.ends_with("-refused")));
    sent.map(|refusal| refusal.reason.code.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_order_on_the_queue_is_sent_only_for_who_may_send_for_this_user_account_and_algorithm() {
    for speaks_for in SENDERS {
        let world = start().await;
        let mut cells = Vec::new();
        for person in [&ADA, &BOB] {
            for account_id in [ADA.account, BOB.account, BOBS_OTHER_ACCOUNT] {
                for algorithm_id in ALGORITHMS.into_iter().chain(["self"]) {
                    let order_id = format!("cell-{}", cells.len());
                    let mut body = limit_order(person, &order_id, algorithm_id);
                    body["account_id"] = json!(account_id);
                    world.enqueue(&body, &sender_of(speaks_for), person.user_id);
                    let may_speak = speaks_for == algorithm_id;
                    let fate = if may_speak { fate(person.user_id, account_id, algorithm_id) } else { Fate::Refused };
                    cells.push((person.user_id, order_id, fate));
                }
            }
        }
        world.settle().await;
        let refused = cells.iter().filter(|(.., fate)| *fate == Fate::Refused).count();
        assert_eq!(refusals(&world).await.len(), refused, "{speaks_for}");
        if cells.iter().any(|(.., fate)| *fate == Fate::Works) {
            judge(&world, &cells).await;
        } else {
            assert_eq!(world.broker().ledger().len(), 4, "{speaks_for}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_in_another_users_group_is_refused_whatever_it_says() {
    let world = start().await;
    let mut sent = 0;
    for speaks_for in SENDERS {
        for (person, other) in [(&ADA, &BOB), (&BOB, &ADA)] {
            let (order_id, algorithm_id) = orders_of(person)[1].clone();
            for body in [
                limit_order(person, &format!("stray-{sent}"), algorithm_id),
                command("modify", person.user_id, &order_id, algorithm_id),
                command("cancel", person.user_id, &order_id, algorithm_id),
                json!({"schema": "courier.wake/1", "user_id": person.user_id}),
            ] {
                world.enqueue(&body, &sender_of(speaks_for), other.user_id);
                sent += 1;
            }
        }
    }
    let before = [everything_of(&world, &ADA).await, everything_of(&world, &BOB).await];
    world.deliver_all().await;
    assert_eq!([everything_of(&world, &ADA).await, everything_of(&world, &BOB).await], before);
    let codes = refusals(&world).await;
    assert_eq!(codes.len(), sent, "{codes:?}");
    assert_eq!(world.broker().ledger().len(), 4);
}

fn command(command: &str, user_id: &str, order_id: &str, algorithm_id: &str) -> Value {
    let mut body = json!({"schema": "courier.order/1", "command": command, "user_id": user_id, "order_id": order_id,
        "algorithm_id": algorithm_id});
    if command == "modify" {
        body["revision"] = json!(2);
        body["limit_price"] = json!("185");
    }
    body
}

#[tokio::test(start_paused = true)]
async fn a_change_or_a_cancel_on_the_queue_reaches_only_the_senders_own_algorithms_orders() {
    for verb in ["modify", "cancel"] {
        let world = start().await;
        let before = [everything_of(&world, &ADA).await, everything_of(&world, &BOB).await];
        let mut sent = 0;
        for speaks_for in SENDERS {
            for person in [&ADA, &BOB] {
                for (order_id, of) in orders_of(person) {
                    // What it says of itself, true or not.
                    for algorithm_id in ALGORITHMS.into_iter().chain(["self"]) {
                        let own = speaks_for == algorithm_id && algorithm_id == of;
                        if own {
                            continue;
                        }
                        world.enqueue(
                            &command(verb, person.user_id, &order_id, algorithm_id),
                            &sender_of(speaks_for),
                            person.user_id,
                        );
                        sent += 1;
                    }
                }
            }
            world.deliver_all().await;
        }
        assert_eq!(refusals(&world).await.len(), sent, "{verb}");
        assert!(sent > 90, "{sent}");
        assert_eq!([everything_of(&world, &ADA).await, everything_of(&world, &BOB).await], before, "{verb}");
        let (order_id, algorithm_id) = orders_of(&ADA)[1].clone();
        world.enqueue(&command(verb, ADA.user_id, &order_id, algorithm_id), &sender_of(algorithm_id), ADA.user_id);
        world.settle().await;
        let order = world.find_order(ADA.user_id, &order_id).await.unwrap();
        let reached = match verb {
            "modify" => order.change().is_some_and(|change| change.stage.as_str() == "applied"),
            _ => order.status().as_str() == "cancelled",
        };
        assert!(reached, "{verb}: {order:?}");
    }
}
