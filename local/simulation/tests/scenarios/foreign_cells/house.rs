//! Two users, their accounts and algorithms, and orders of each.

use serde_json::{Value, json};
use simulation::{Answered, World};

/// A user with everything that a stranger might reach for.
pub(crate) struct Person {
    pub(crate) user_id: &'static str,
    pub(crate) username: &'static str,
    /// The account that their algorithms are granted.
    pub(crate) account: &'static str,
    /// The algorithm that they grant it.
    pub(crate) algorithm: &'static str,
}

pub(crate) const ADA: Person =
    Person { user_id: "u-7", username: "paper-ada", account: "DU0000001", algorithm: "mean-reversion-7" };
pub(crate) const BOB: Person =
    Person { user_id: "u-8", username: "paper-bob", account: "DU0000011", algorithm: "momentum-3" };
/// Bob's, and granted to nobody.
pub(crate) const BOBS_OTHER_ACCOUNT: &str = "DU0000012";
/// Registered, and granted nothing.
pub(crate) const UNGRANTED: &str = "stranger-1";
/// Registered; Ada's grant to it is halted.
pub(crate) const HALTED: &str = "halted-2";
pub(crate) const ALGORITHMS: [&str; 4] = [ADA.algorithm, BOB.algorithm, UNGRANTED, HALTED];

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    Nobody,
    User(&'static str),
    Algorithm(&'static str),
}

pub(crate) const ASKERS: [Asker; 7] = [
    Asker::Nobody,
    Asker::User(ADA.user_id),
    Asker::User(BOB.user_id),
    Asker::Algorithm(ADA.algorithm),
    Asker::Algorithm(BOB.algorithm),
    Asker::Algorithm(UNGRANTED),
    Asker::Algorithm(HALTED),
];

impl Asker {
    /// The claims of their JWT.
    pub(crate) fn claims(self) -> Value {
        match self {
            Self::Nobody => Value::Null,
            Self::User(user_id) => json!({"sub": user_id}),
            // A service whose `sub` is a user's is still no user.
            Self::Algorithm(algorithm_id) => json!({"sub": ADA.user_id, "algorithm_id": algorithm_id}),
        }
    }
}

/// The principal that may send for an algorithm.
pub(crate) fn principal(algorithm_id: &str) -> String {
    format!("AROA{}", algorithm_id.replace('-', "").to_uppercase())
}

pub(crate) fn limit_order(person: &Person, order_id: &str, algorithm_id: &str) -> Value {
    json!({"schema": "courier.order/1", "command": "place", "user_id": person.user_id, "order_id": order_id,
        "algorithm_id": algorithm_id, "account_id": person.account, "contract": {"conid": 265_598}, "side": "buy",
        "quantity": "10", "type": "limit", "limit_price": "186", "time_in_force": "day"})
}

/// The order of the user's own hand, and that of their algorithm.
pub(crate) fn orders_of(person: &Person) -> [(String, &'static str); 2] {
    [(format!("{}-own", person.user_id), "self"), (format!("{}-algorithm", person.user_id), person.algorithm)]
}

/// The order of this person's algorithm that was refused.
pub(crate) fn refused_order(person: &Person) -> String {
    format!("{}-refused", person.user_id)
}

/// Both users connected, each with a grant, limits, and two orders at work.
pub(crate) async fn start() -> World {
    let world = World::start().await;
    for algorithm_id in ALGORITHMS {
        world.register_algorithm(algorithm_id, &principal(algorithm_id)).await;
    }
    for person in [&ADA, &BOB] {
        world.connect(person.user_id, person.username).await;
        grant(&world, person, person.algorithm, "active").await;
        put(&world, person, "PUT /limits", &json!({"body": {"max_open_orders": 1_000}})).await;
        for (order_id, algorithm_id) in orders_of(person) {
            let body = limit_order(person, &order_id, algorithm_id);
            let asker =
                if algorithm_id == "self" { Asker::User(person.user_id) } else { Asker::Algorithm(algorithm_id) };
            let placed = world.api_as(&asker.claims(), "POST /orders", &json!({"body": body})).await;
            assert_eq!(placed.status, 202, "{}", placed.text);
        }
    }
    grant(&world, &ADA, HALTED, "halted").await;
    refused(&world);
    world.settle().await;
    assert_eq!(world.broker().ledger().len(), 4);
    world
}

/// One refused message of each person's algorithm, which names the account.
fn refused(world: &World) {
    for person in [&ADA, &BOB] {
        let mut body = limit_order(person, &refused_order(person), person.algorithm);
        body["account_id"] = json!("U0000099");
        world.enqueue(&body, &format!("{}:x", principal(person.algorithm)), person.user_id);
    }
}

async fn grant(world: &World, person: &Person, algorithm_id: &str, status: &str) {
    let body = json!({"account_ids": [person.account], "status": status});
    put(world, person, "PUT /grants/{algorithm_id}", &json!({"path": {"algorithm_id": algorithm_id}, "body": body}))
        .await;
}

async fn put(world: &World, person: &Person, route: &str, details: &Value) -> Answered {
    let answered = world.api_as(&json!({"sub": person.user_id}), route, details).await;
    assert_eq!(answered.status, 200, "{}", answered.text);
    answered
}

/// Everything that is on record of a user, to be compared.
pub(crate) async fn everything_of(world: &World, person: &Person) -> Value {
    let (store, user_id) = (world.store(), person.user_id.parse().unwrap());
    let orders = store.orders.list(&user_id, None, 1_000).await.unwrap().items;
    let connections = store.connections.list(&user_id).await.unwrap();
    json!({
        "orders": orders.into_iter().map(|order| order.value).collect::<Vec<_>>(),
        "connections": connections.into_iter().map(|connection| connection.value).collect::<Vec<_>>(),
        "grants": store.rules.grants(&user_id).await.unwrap(),
        "limits": store.rules.limits(&user_id).await.unwrap(),
        "halt": store.rules.halt(&store::HaltScope::User(user_id)).await.unwrap(),
    })
}
