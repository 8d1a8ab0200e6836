//! The matrix of who may reach what: every asker, every user, every account and algorithm, every route and verb. What is
//! another's is refused, and stays as it was.

mod house;
mod on_the_queue;

use house::{
    ADA, ALGORITHMS, ASKERS, Asker, BOB, BOBS_OTHER_ACCOUNT, HALTED, Person, everything_of, limit_order, orders_of,
    refused_order,
};
use serde_json::{Value, json};
use simulation::World;

/// What the API says to whoever reaches for what is another's, or is nobody.
const REFUSALS: [u16; 3] = [401, 403, 404];

/// What a call acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ActsOn {
    /// What is the caller's: a user's own rules and lists.
    CallersOwn,
    /// One order, of this algorithm.
    Order(&'static str),
    /// One connection.
    Connection,
    /// The broker's contracts, over the caller's own session.
    Contracts,
    /// The messages that became no order: whoever asks sees their own.
    Refusals,
}

/// Every call of the API by which somebody may reach for what is this person's. Placing is a matrix of its own.
fn calls_at(person: &Person, connection_id: &str) -> Vec<(&'static str, Value, ActsOn)> {
    let query = json!({"user_id": person.user_id});
    let mut calls = vec![
        ("DELETE /connections/{connection_id}", json!({"path": {"connection_id": connection_id}}), ActsOn::Connection),
        ("GET /contracts", json!({}), ActsOn::Contracts),
        ("GET /refusals", json!({}), ActsOn::Refusals),
    ];
    for (route, body) in [
        ("POST /connections", Value::Null),
        ("GET /connections", Value::Null),
        ("GET /grants", Value::Null),
        ("PUT /grants/{algorithm_id}", json!({"account_ids": [person.account]})),
        ("DELETE /grants/{algorithm_id}", Value::Null),
        ("GET /limits", Value::Null),
        ("PUT /limits", json!({"max_open_orders": 0})),
        ("GET /halt", Value::Null),
        ("PUT /halt", json!({"halted": true})),
        ("GET /orders", Value::Null),
    ] {
        calls.push((route, json!({"path": {"algorithm_id": person.algorithm}, "body": body}), ActsOn::CallersOwn));
    }
    for (order_id, algorithm_id) in orders_of(person) {
        let change = json!({"revision": 2, "limit_price": "185"});
        for (route, body) in [
            ("GET /orders/{order_id}", Value::Null),
            ("PUT /orders/{order_id}", change),
            ("DELETE /orders/{order_id}", Value::Null),
        ] {
            calls.push((route, json!({"path": {"order_id": order_id}, "body": body}), ActsOn::Order(algorithm_id)));
        }
    }
    for (route, details, _) in &mut calls {
        details["query"] = query.clone();
        // The other routes refuse what they do not know.
        if *route == "GET /contracts" {
            details["query"]["symbol"] = json!("AAPL");
        }
        if let Some(object) = details.as_object_mut() {
            object.retain(|_, value| !value.is_null());
        }
    }
    calls
}

/// Whether this cell is the asker's by right.
fn is_own(asker: Asker, person: &Person, route: &str, acts_on: ActsOn) -> bool {
    match asker {
        Asker::Nobody => false,
        Asker::User(user_id) => user_id == person.user_id,
        // An algorithm sees and ends its own orders of a user who granted it, and nothing else.
        Asker::Algorithm(algorithm_id) => match acts_on {
            ActsOn::Order(of) => of == algorithm_id && person.algorithm == algorithm_id,
            ActsOn::Refusals => person.algorithm == algorithm_id,
            _ => {
                matches!(route, "GET /orders" | "GET /contracts")
                    && (person.algorithm == algorithm_id || (algorithm_id == HALTED && person.user_id == ADA.user_id))
            }
        },
    }
}

async fn connection_of(world: &World, person: &Person) -> String {
    world.store().connections.list(&person.user_id.parse().unwrap()).await.unwrap()[0].value.connection_id.to_string()
}

#[tokio::test(start_paused = true)]
async fn no_asker_reaches_what_is_anothers_by_any_route_and_verb() {
    let world = house::start().await;
    let (mut refused, mut turned_to_the_callers_own) = (0, 0);
    for person in [&ADA, &BOB] {
        let calls = calls_at(person, &connection_of(&world, person).await);
        let before = everything_of(&world, person).await;
        for asker in ASKERS {
            for (route, details, acts_on) in &calls {
                if is_own(asker, person, route, *acts_on) {
                    continue;
                }
                let mut details = details.clone();
                // A user who names another in the address is refused for that alone.
                if matches!(asker, Asker::User(_))
                    && let Some(query) = details["query"].as_object_mut()
                {
                    query.remove("user_id");
                }
                let answered = world.api_as(&asker.claims(), route, &details).await;
                let cell = format!("{asker:?} {route} of {}: {} {}", person.user_id, answered.status, answered.text);
                let callers_own = match acts_on {
                    ActsOn::CallersOwn | ActsOn::Contracts => matches!(asker, Asker::User(_)),
                    ActsOn::Refusals => asker != Asker::Nobody,
                    ActsOn::Order(_) | ActsOn::Connection => false,
                };
                if callers_own {
                    assert!(answered.status < 300, "{cell}");
                    turned_to_the_callers_own += 1;
                } else {
                    assert!(REFUSALS.contains(&answered.status), "{cell}");
                    refused += 1;
                }
                let named = route.contains("/grants") || route.contains("/orders");
                let shows = |mark: &str| answered.text.contains(mark);
                assert!(named || !shows(person.account), "{cell}");
                assert!(!orders_of(person).iter().any(|(order_id, _)| shows(order_id)), "{cell}");
                assert!(!shows(&refused_order(person)), "{cell}");
            }
            assert_eq!(everything_of(&world, person).await, before, "{asker:?} changed what is {}'s", person.user_id);
        }
        // What the other user did to themselves is undone.
        for user_id in [ADA.user_id, BOB.user_id] {
            let lift = json!({"body": {"halted": false}});
            assert_eq!(world.api_as(&json!({"sub": user_id}), "PUT /halt", &lift).await.status, 200);
        }
    }
    assert!(refused > 150 && turned_to_the_callers_own > 20, "{refused} and {turned_to_the_callers_own} cells");
    world.settle().await;
    assert_eq!(world.broker().ledger().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn every_asker_reaches_what_is_their_own() {
    let world = house::start().await;
    let mut cells = 0;
    for person in [&ADA, &BOB] {
        let reached = calls_at(person, &connection_of(&world, person).await);
        // An end comes last: what is ended cannot be looked at, or changed.
        let ends = |route: &str| route.starts_with("DELETE") || route == "PUT /halt";
        let (last, first): (Vec<_>, Vec<_>) = reached.into_iter().partition(|(route, ..)| ends(route));
        for (route, details, acts_on) in first.iter().chain(last.iter().rev()) {
            for asker in ASKERS.into_iter().filter(|asker| is_own(*asker, person, route, *acts_on)) {
                let mut details = details.clone();
                if route.starts_with("PUT /orders") && matches!(asker, Asker::Algorithm(_)) {
                    details["body"]["revision"] = json!(3);
                }
                let answered = world.api_as(&asker.claims(), route, &details).await;
                assert!(answered.status < 300, "{asker:?} {route}: {} {}", answered.status, answered.text);
                let shown = answered.text.contains(&refused_order(person));
                assert_eq!(shown, *acts_on == ActsOn::Refusals, "{asker:?} {route}: {}", answered.text);
                cells += 1;
            }
        }
    }
    assert!(cells > 40, "{cells} cells");
}

/// What becomes of an order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is sent.
    Works,
    /// It is on record as never to be sent.
    Denied(&'static str),
    /// It is not even recorded.
    Refused,
}

/// What the rules say of an order of this user, account and algorithm, whoever asks by the right to speak for the
/// algorithm.
pub(crate) fn fate(user_id: &str, account_id: &str, algorithm_id: &str) -> Fate {
    let granted = |person: &Person, algorithm: &str| {
        (user_id, account_id, algorithm_id) == (person.user_id, person.account, algorithm)
    };
    if granted(&ADA, ADA.algorithm) || granted(&BOB, BOB.algorithm) {
        Fate::Works
    } else if granted(&ADA, HALTED) {
        Fate::Denied("denied: no_grant")
    } else {
        Fate::Refused
    }
}

fn fate_over_the_api(asker: Asker, user_id: &str, account_id: &str, algorithm_id: &str) -> Fate {
    match asker {
        Asker::Algorithm(caller) if caller == algorithm_id => fate(user_id, account_id, algorithm_id),
        Asker::User(caller) if caller == user_id && algorithm_id == "self" => {
            let reached = match user_id {
                "u-7" => account_id == ADA.account,
                _ => account_id != ADA.account,
            };
            if reached { Fate::Works } else { Fate::Denied("denied: account_not_connected") }
        }
        _ => Fate::Refused,
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_over_the_api_is_sent_only_for_who_may_ask_for_this_user_account_and_algorithm() {
    let world = house::start().await;
    let mut cells = Vec::new();
    for asker in ASKERS {
        for person in [&ADA, &BOB] {
            for account_id in [ADA.account, BOB.account, BOBS_OTHER_ACCOUNT] {
                for algorithm_id in ALGORITHMS.into_iter().chain(["self"]) {
                    let order_id = format!("cell-{}", cells.len());
                    let mut body = limit_order(person, &order_id, algorithm_id);
                    body["account_id"] = json!(account_id);
                    let answered = world.api_as(&asker.claims(), "POST /orders", &json!({"body": body})).await;
                    let expected = fate_over_the_api(asker, person.user_id, account_id, algorithm_id);
                    let cell = format!("{asker:?}: {body}: {} {}", answered.status, answered.text);
                    // That a user names an algorithm is a fault of the body, and told as that.
                    let refused = REFUSALS.contains(&answered.status)
                        || (answered.status == 400 && matches!(asker, Asker::User(_)) && algorithm_id != "self");
                    assert_eq!(refused, expected == Fate::Refused, "{cell}");
                    assert!(refused || answered.status == 202, "{cell}");
                    cells.push((person.user_id, order_id, expected));
                }
            }
        }
        world.settle().await;
    }
    assert_eq!(cells.len(), 7 * 2 * 3 * 5);
    judge(&world, &cells).await;
}

/// Each order came to what it should, and the broker knows of those that work, and of no other.
pub(crate) async fn judge(world: &World, cells: &[(&str, String, Fate)]) {
    for (user_id, order_id, expected) in cells {
        let order = world.find_order(user_id, order_id).await;
        let code = order.as_ref().and_then(|order| order.state().reason()).map(|reason| format!(": {}", reason.code));
        let came_to = order.map(|order| format!("{}{}", order.status().as_str(), code.unwrap_or_default()));
        let expected = match expected {
            Fate::Works => Some("working"),
            Fate::Denied(status) => Some(*status),
            Fate::Refused => None,
        };
        assert_eq!(came_to.as_deref(), expected, "{user_id} {order_id}");
    }
    let working = cells.iter().filter(|(.., fate)| *fate == Fate::Works).count();
    assert!(working > 0);
    assert_eq!(world.broker().ledger().len(), 4 + working);
}
