//! What the tests of the commands share: the real store over the embedded DynamoDB, and orders.

use std::sync::Arc;

use domain::{Act, BrokerOrderId, BrokerStatus, Clock, Command, Doubt, Fact, Intent, Order, Reason, Sight};
use embedded_dynamodb::{Call, EmbeddedDynamoDb, Fault};
use jiff::Timestamp;
use platform::SystemEntropy;
use store::Store;
use trading::Intake;

/// A clock that stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing(pub(crate) Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub(crate) struct World {
    pub(crate) store: Store,
    database: EmbeddedDynamoDb,
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = EmbeddedDynamoDb::start_with_tables(&EmbeddedDynamoDb::tables()).await.unwrap();
        let store = Store::new(database.client(), EmbeddedDynamoDb::tables(), Arc::new(SystemEntropy));
        Self { store, database }
    }

    /// From here on DynamoDB refuses every call of this kind.
    pub(crate) fn refuse(&mut self, operation: &'static str) {
        let refuses = move |call: &Call<'_>| {
            if call.operation == operation { Fault::AccessDenied } else { Fault::None }
        };
        let client = self.database.client_with_faults(refuses);
        self.store = Store::new(client, EmbeddedDynamoDb::tables(), Arc::new(SystemEntropy));
    }

    pub(crate) fn intake(&self) -> Intake {
        let (orders, rules) = (self.store.orders.clone(), self.store.rules.clone());
        Intake { orders, rules, clock: Arc::new(Standing(at(60))) }
    }
}

/// So many seconds after the tests' beginning of time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

/// The message of a limit order.
pub(crate) fn message(user: &str, id: &str, more: &str) -> String {
    format!(
        r#"{{"schema": "courier.order/1", "command": "place", "user_id": "{user}", "order_id": "{id}",
            "algorithm_id": "mean-reversion-7", "account_id": "DU0000001", "contract": {{"conid": 265598}}, "side": "buy",
            "quantity": "10", "type": "limit", "limit_price": "187.50", "time_in_force": "day"{more}}}"#
    )
}

pub(crate) fn order(user: &str, id: &str) -> Order {
    match Command::parse(&message(user, id, "")).unwrap() {
        Command::Place(place) => Order::receive(place, at(0)),
        other => panic!("not a new order: {other:?}"),
    }
}

/// An order whose outcome is unknown, and which is looked for.
pub(crate) fn unread(user: &str, id: &str) -> Order {
    let mut order = order(user, id);
    order.apply(Fact::Intend(Intent { at: at(1), epoch: 1, act: Act::Place }), at(2)).unwrap();
    order.apply(Fact::Unread(Doubt::Unread, unread_reason(domain::ReasonCode::OutcomeUnknown)), at(2)).unwrap();
    order.check_again_at(at(3));
    order
}

/// An order whose outcome nobody read, until the rules were exhausted.
pub(crate) fn needs_review(user: &str, id: &str) -> Order {
    let mut order = unread(user, id);
    order.apply(Fact::Exhausted(unread_reason(domain::ReasonCode::NotSettled)), at(2)).unwrap();
    order
}

/// A bracket whose entry is filled; its exits are 1233 (take profit) and 1234 (stop loss) at the broker.
pub(crate) fn filled_bracket(user: &str, id: &str) -> Order {
    let exits = r#", "attached": {"take_profit": {"limit_price": "200"}, "stop_loss": {"stop_price": "170"}}"#;
    let Command::Place(place) = Command::parse(&message(user, id, exits)).unwrap() else { panic!("not a new order") };
    let mut order = Order::receive(place, at(0));
    order.apply(Fact::Intend(Intent { at: at(1), epoch: 1, act: Act::Place }), at(2)).unwrap();
    let sight = Sight {
        broker_order_ids: [1232, 1233, 1234].map(|number| BrokerOrderId::new(number).unwrap()).to_vec(),
        status: BrokerStatus::Filled,
        filled_quantity: order.quantity(),
        average_price: None,
    };
    order.apply(Fact::Seen(sight), at(2)).unwrap();
    order
}

fn unread_reason(code: domain::ReasonCode) -> Reason {
    Reason::new(code, "The answer was not read.")
}
