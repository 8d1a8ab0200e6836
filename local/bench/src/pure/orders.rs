//! Orders: a message that is parsed, and the table of their states.

use domain::{Act, BrokerOrderId, BrokerStatus, Command, Fact, Intent, Order, OrderStatus, Sight};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::json;

use super::Unusable;

/// An order's message, with a bracket.
#[must_use]
pub fn message() -> String {
    json!({
        "schema": "courier.order/1", "command": "place", "user_id": "u-7", "order_id": "mr7-20261124-0001",
        "algorithm_id": "mean-reversion-7", "account_id": "DU0000001", "good_until": "2026-11-24T15:04:05Z",
        "contract": {"conid": 265_598}, "side": "buy", "quantity": "10", "type": "limit", "limit_price": "187.50",
        "time_in_force": "day",
        "attached": {"take_profit": {"limit_price": "195.00"}, "stop_loss": {"stop_price": "180.00"}},
    })
    .to_string()
}

/// An order that was just recorded, and what it meets until it is filled.
#[derive(Debug)]
pub struct OrderCase {
    order: Order,
    facts: Vec<Fact>,
}

impl OrderCase {
    /// The order of [`message`].
    ///
    /// # Errors
    /// When the message cannot be read.
    pub fn new() -> Result<Self, Unusable> {
        let Command::Place(place) = Command::parse(&message()).map_err(|faults| format!("{faults:?}"))? else {
            return Err("the message is no order".into());
        };
        let order = Order::receive(place, Timestamp::UNIX_EPOCH);
        let intent = Intent { at: Timestamp::UNIX_EPOCH, epoch: 1, act: Act::Place };
        let facts = vec![Fact::Intend(intent), seen("Submitted", 0)?, seen("Submitted", 4)?, seen("Filled", 10)?];
        Ok(Self { order, facts })
    }

    /// Takes a copy of the order through the table.
    ///
    /// # Errors
    /// When it is not filled then.
    pub fn live(&self) -> Result<Order, Unusable> {
        let mut order = self.order.clone();
        for fact in &self.facts {
            order.apply(fact.clone(), Timestamp::UNIX_EPOCH)?;
        }
        if order.status() == OrderStatus::Filled { Ok(order) } else { Err("the order is not filled".into()) }
    }
}

fn seen(status: &str, filled: u32) -> Result<Fact, Unusable> {
    Ok(Fact::Seen(Sight {
        broker_order_ids: vec![BrokerOrderId::new(1234)?],
        status: BrokerStatus::from(status),
        filled_quantity: Some(filled.into()),
        average_price: (filled > 0).then_some(Decimal::from(187)),
    }))
}
