//! What a disconnected user leaves at the broker.

use domain::{Connection, Order};
use store::Orders;

use crate::error::CourierError;
use crate::output::table;

/// The orders of this connection's accounts that the broker may have.
pub(super) async fn orders_of(orders: &Orders, connection: &Connection) -> Result<Vec<Order>, CourierError> {
    let mut working = Vec::new();
    for order in orders.all_open(&connection.user_id).await? {
        let of_this = order.value.account_id().is_some_and(|account_id| connection.accounts.contains(account_id));
        if of_this && order.value.may_be_at_the_broker() {
            working.push(order.value);
        }
    }
    working.sort_by(|one, other| one.key.order_id.as_str().cmp(other.key.order_id.as_str()));
    Ok(working)
}

/// For people.
pub(super) fn text(working: &[Order]) -> String {
    if working.is_empty() {
        return "No order of this connection is at the broker.".to_owned();
    }
    let rows = working.iter().map(|order| {
        let account_id = order.account_id().map(ToString::to_string).unwrap_or_default();
        let numbers: Vec<String> = order.broker_order_ids.iter().map(ToString::to_string).collect();
        [order.key.order_id.to_string(), account_id, order.status().as_str().to_owned(), numbers.join(", ")]
    });
    format!(
        "These orders stay at the broker, and nobody watches them once it is disconnected. Cancel them first if they shall not stay:\n{}",
        table(["order", "account", "status", "broker's numbers"], rows.collect())
    )
}

#[cfg(test)]
mod tests {
    use domain::{ConnectionId, ConnectionStatus};

    use super::{orders_of, text};
    use crate::testing::{World, at, needs_review, order, unread};

    #[tokio::test]
    async fn only_what_the_broker_may_have_of_this_connection_is_told() {
        let world = World::new().await;
        let orders = &world.store.orders;
        for order in [
            order("u-7", "received"),
            unread("u-7", "unread"),
            needs_review("u-7", "given-up"),
            unread("u-8", "another"),
        ] {
            orders.insert(&order).await.unwrap();
        }
        let connection_id: ConnectionId = "c-1".parse().unwrap();
        let mut connection =
            domain::Connection::begin("u-7".parse().unwrap(), connection_id, ("COURIERXX", "realm"), at(0));
        connection.status = ConnectionStatus::Connected;
        assert_eq!(orders_of(orders, &connection).await.unwrap(), []);
        connection.accounts = vec!["DU0000001".parse().unwrap()];
        let working = orders_of(orders, &connection).await.unwrap();
        assert_eq!(working.iter().map(|order| order.key.order_id.as_str()).collect::<Vec<_>>(), ["given-up", "unread"]);
        assert!(text(&working).contains("unread"), "{}", text(&working));
    }
}
