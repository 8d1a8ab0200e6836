//! What the tests share: a database with tables, entropy that counts, and orders.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::{AlgorithmId, Command, Entropy, Grant, GrantStatus, Limits, Order, OrderKey, UserId};
use embedded_dynamodb::{Call, EmbeddedDynamoDb, Fault};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use store::{Acquired, Inserted, LaneLease, Store, Versioned};

/// Bytes that never repeat, from a count.
#[derive(Debug, Default)]
pub(crate) struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let digest = Sha256::digest(self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }
}

pub(crate) struct World {
    pub(crate) database: EmbeddedDynamoDb,
    pub(crate) store: Store,
    entropy: Arc<Counting>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = EmbeddedDynamoDb::start_with_tables(&EmbeddedDynamoDb::tables()).await.unwrap();
        let entropy = Arc::new(Counting::default());
        let store = Store::new(database.client(), EmbeddedDynamoDb::tables(), Arc::clone(&entropy) as _);
        Self { database, store, entropy }
    }

    /// The same tables through a client whose calls end as `faults` says.
    pub(crate) fn with_faults(&self, faults: impl Fn(&Call<'_>) -> Fault + Send + Sync + 'static) -> Store {
        let client = self.database.client_with_faults(faults);
        Store::new(client, EmbeddedDynamoDb::tables(), Arc::clone(&self.entropy) as _)
    }

    /// The same tables through a client whose first call loses its answer.
    pub(crate) fn losing_the_first_answer(&self) -> Store {
        self.with_faults(|call| if call.number == 1 { Fault::AnswerLost } else { Fault::None })
    }

    pub(crate) async fn insert(&self, order: &Order) -> Versioned<Order> {
        match self.store.orders.insert(order).await.unwrap() {
            Inserted::New(order) => order,
            Inserted::Existing(_) => panic!("the order was there before"),
        }
    }

    pub(crate) async fn lease(&self, user_id: &UserId) -> LaneLease {
        match self.store.lanes.acquire(user_id, "test", at(0), at(60)).await.unwrap() {
            Acquired::Leased(lease) => lease,
            Acquired::Held { until } => panic!("the lane is held until {until}"),
        }
    }
}

/// So many seconds after the tests' beginning of time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

pub(crate) fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

pub(crate) fn algorithm(id: &str) -> AlgorithmId {
    id.parse().unwrap()
}

pub(crate) fn key(user_id: &str, order_id: &str) -> OrderKey {
    OrderKey { user_id: user(user_id), order_id: order_id.parse().unwrap() }
}

/// A limit order.
pub(crate) fn order(user_id: &str, order_id: &str, algorithm_id: &str) -> Order {
    order_with(user_id, order_id, algorithm_id, r#""quantity": "10", "type": "limit", "limit_price": "187.50""#)
}

/// An order with this size and type.
pub(crate) fn order_with(user_id: &str, order_id: &str, algorithm_id: &str, fields: &str) -> Order {
    let text = format!(
        r#"{{"schema": "courier.order/1", "command": "place", "user_id": "{user_id}", "order_id": "{order_id}",
            "algorithm_id": "{algorithm_id}", "account_id": "DU0000001", "contract": {{"conid": 265598}},
            "side": "buy", "time_in_force": "day", {fields}}}"#
    );
    match Command::parse(&text).unwrap() {
        Command::Place(place) => Order::receive(place, at(0)),
        other => panic!("not a new order: {other:?}"),
    }
}

pub(crate) fn grant(user_id: &str, algorithm_id: &str, accounts: &[&str], status: GrantStatus) -> Grant {
    Grant {
        user_id: user(user_id),
        algorithm_id: algorithm(algorithm_id),
        account_ids: accounts.iter().map(|id| id.parse().unwrap()).collect::<BTreeSet<_>>(),
        limits: Limits::default(),
        status,
    }
}
