//! From a row before and after to the events in between.

use domain::{Connection, Order, Refusal};
use serde_json::{Value, json};

/// One event for the bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Such as `courier.orders`.
    pub source: &'static str,
    /// Such as `Order Status Changed`.
    pub detail_type: &'static str,
    /// The order or connection as the API shows it, with `previous_status` and `sequence`; or a refusal as the API shows it.
    pub detail: Value,
}

/// The changes of status of an order between two images of its row. Each is told once, however many were written at
/// once.
#[must_use]
pub fn of_order(before: Option<&Order>, after: &Order) -> Vec<Event> {
    let told = before.map_or(0, |before| before.sequence);
    let count = usize::try_from(after.sequence.saturating_sub(told)).unwrap_or(usize::MAX);
    let entries = after.history.len();
    let first_new = entries.saturating_sub(count);
    (first_new..entries)
        .map(|index| {
            let mut detail = json!(after.view());
            let entry = &after.history[index];
            detail["status"] = json!(entry.status);
            detail["reason"] = json!(entry.reason);
            detail["history"] = json!(after.history[..=index]);
            detail["previous_status"] = json!(index.checked_sub(1).map(|previous| after.history[previous].status));
            detail["sequence"] = json!(after.sequence - (entries - 1 - index) as u64);
            Event { source: "courier.orders", detail_type: "Order Status Changed", detail }
        })
        .collect()
}

/// The message that became no order (contract: `Message Refused`).
#[must_use]
pub fn of_refusal(refusal: &Refusal) -> Event {
    Event { source: "courier.orders", detail_type: "Message Refused", detail: json!(refusal.view()) }
}

/// The change of a connection's status, or of its accounts, between two images of its row.
#[must_use]
pub fn of_connection(before: Option<&Connection>, after: &Connection) -> Option<Event> {
    let previous = before.map(|before| before.status);
    if before.is_some_and(|before| before.sequence == after.sequence) {
        return None;
    }
    let mut detail = json!(after.view());
    detail["previous_status"] = json!(previous);
    detail["sequence"] = json!(after.sequence);
    Some(Event { source: "courier.connections", detail_type: "Connection Status Changed", detail })
}

#[cfg(test)]
mod tests {
    use domain::{Act, Command, Connection, ConnectionStatus, Fact, Intent, Order, Reason, ReasonCode};
    use jiff::Timestamp;
    use serde_json::json;

    use super::{of_connection, of_order};

    fn order() -> Order {
        let message = json!({"schema": "courier.order/1", "command": "place", "user_id": "u", "order_id": "o",
            "algorithm_id": "self", "account_id": "DU1", "contract": {"conid": 1}, "side": "buy", "quantity": "1",
            "type": "market", "time_in_force": "day"});
        match Command::from_value(message) {
            Ok(Command::Place(place)) => Order::receive(place, Timestamp::UNIX_EPOCH),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_row_is_the_first_event() {
        let events = of_order(None, &order());
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].detail["sequence"], 1);
        assert_eq!(events[0].detail["previous_status"], json!(null));
        assert_eq!(events[0].detail["status"], "received");
        assert_eq!(events[0].detail["order_id"], "o");
    }

    #[test]
    fn changes_that_were_written_at_once_are_each_told() {
        let before = order();
        let mut after = before.clone();
        let intent = Intent { at: Timestamp::UNIX_EPOCH, epoch: 1, act: Act::Place };
        after.apply(Fact::Intend(intent), Timestamp::UNIX_EPOCH).unwrap();
        after.apply(Fact::Refused(Reason::new(ReasonCode::RefusedByBroker, "No.")), Timestamp::UNIX_EPOCH).unwrap();
        let events = of_order(Some(&before), &after);
        let told: Vec<_> =
            events.iter().map(|event| (event.detail["sequence"].as_u64(), event.detail["status"].as_str())).collect();
        assert_eq!(told, [(Some(2), Some("sending")), (Some(3), Some("rejected"))]);
        assert_eq!(events[1].detail["previous_status"], "sending");
        assert_eq!(events[0].detail["history"].as_array().unwrap().len(), 2);
        assert_eq!(events[1].detail["reason"]["code"], "refused_by_broker");
    }

    #[test]
    fn a_row_that_changed_without_its_status_is_no_event() {
        let before = order();
        let mut after = before.clone();
        after.check_again_at(Timestamp::MAX);
        assert_eq!(of_order(Some(&before), &after), []);
    }

    #[test]
    fn a_connection_tells_its_accounts_once_they_are_known() {
        let (user, id) = ("u-7".parse().unwrap(), "c-1".parse().unwrap());
        let mut connected = Connection::begin(user, id, ("TESTCONS", "test_realm"), Timestamp::UNIX_EPOCH);
        connected.turn(ConnectionStatus::Connected);
        let mut reached = connected.clone();
        reached.reach(vec!["DU1".parse().unwrap()]);
        let event = of_connection(Some(&connected), &reached).unwrap();
        assert_eq!(event.detail["accounts"], json!(["DU1"]));
        assert_eq!(event.detail["previous_status"], "connected");
        assert_eq!(event.detail["sequence"], 3);
        let mut same = reached.clone();
        same.reach(vec!["DU1".parse().unwrap()]);
        same.reach(Vec::new());
        assert_eq!(of_connection(Some(&reached), &same), None);
    }
}
