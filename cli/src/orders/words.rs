//! An order in few words: what is bought or sold, and how.

use domain::{Order, Ticket};
use serde_json::{Value, json};

use crate::output::count_of;

/// That an order, or an exit, is to end.
pub(crate) const CANCEL_ASKED: &str = "cancel asked";

/// `buy 10 AAPL`, or `buy 10 conid 265598` where nobody told the contract's symbol.
pub(crate) fn what(order: &Order) -> String {
    let view = order.view();
    let Some(ticket) = view.ticket else { return "unreadable".to_owned() };
    let ticket = json!(ticket);
    let size = match (&view.quantity, &view.cash_quantity) {
        (Some(quantity), _) => quantity.clone(),
        (None, Some(cash)) => format!("for {cash} of"),
        (None, None) => String::new(),
    };
    let contract = view.symbol.map_or_else(|| contract(&ticket["contract"]), str::to_owned);
    [text(&ticket["side"]), size, contract].join(" ")
}

/// `limit 187.5, day`.
pub(crate) fn how(order: &Order) -> String {
    let Some(ticket) = order.view().ticket else { return String::new() };
    format!("{}, {}", kind(ticket), text(&json!(ticket)["time_in_force"]))
}

/// The type with its prices: `limit 187.5`.
pub(crate) fn kind(ticket: &Ticket) -> String {
    let ticket = json!(ticket);
    let prices: Vec<String> = ["stop_price", "limit_price"]
        .map(|name| text(&ticket[name]))
        .into_iter()
        .filter(|price| !price.is_empty())
        .collect();
    let mut words = vec![text(&ticket["type"]).replace('_', " "), prices.join(" → ")];
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// Which exits keep an order open whose entry is at its end; nothing where none does.
pub(crate) fn open_exits(order: &Order) -> String {
    if !order.status().is_final() || order.is_over() {
        return String::new();
    }
    let open = order.legs().iter().filter(|leg| !leg.has_ended());
    let exits: Vec<String> = open.map(|leg| format!("{} {}", leg.role.as_str(), leg.status().as_str())).collect();
    format!("exits open: {}", exits.join(", "))
}

/// What became of the latest change, and why; nothing where there was none.
pub(crate) fn change(order: &Order) -> String {
    let view = order.view();
    let Some(change) = view.change else { return String::new() };
    let became = match change.status {
        "asked" => "waits to be sent",
        "sending" => "is on its way",
        "unknown" => "was sent, and its outcome is not known yet",
        "applied" => "is in force",
        "refused" => "was REFUSED and is not in force",
        other => other,
    };
    let why = change.reason.map(|reason| format!(": {}", reason.message)).unwrap_or_default();
    let exit = change.leg.map(|role| format!(" of the {role}")).unwrap_or_default();
    format!("revision {}{exit} {became}{why}", change.revision)
}

/// The contract in the words by which it was asked for.
fn contract(contract: &Value) -> String {
    if let Some(words) = ["symbol", "osi"].iter().find_map(|name| contract[name].as_str()) {
        return words.to_owned();
    }
    match (&contract["conid"], contract["legs"].as_array()) {
        (_, Some(legs)) => format!("spread of {}", count_of(legs.len(), "leg")),
        (Value::Null, None) => contract.to_string(),
        (conid, None) => format!("conid {conid}"),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use domain::Command;

    use super::*;
    use crate::testing::{at, order, unread};

    #[test]
    fn a_change_that_is_refused_is_told_with_its_reason() {
        let mut order = unread("u-7", "mr7-1");
        assert_eq!(change(&order), "");
        let modify = json!({"schema": "courier.order/1", "command": "modify", "user_id": "u-7", "order_id": "mr7-1",
            "algorithm_id": "mean-reversion-7", "revision": 2, "limit_price": "188"});
        let Ok(Command::Modify(modify)) = Command::parse(&modify.to_string()) else { panic!("{modify}") };
        order.ask_change(&modify, at(3));
        assert_eq!(change(&order), "revision 2 waits to be sent");
        order.change_sending(1, at(4));
        order.change_refused(domain::Reason::new(domain::ReasonCode::RefusedByBroker, "No."), at(5));
        assert_eq!(change(&order), "revision 2 was REFUSED and is not in force: No.");
    }

    #[test]
    fn an_order_is_told_by_its_symbol_or_says_that_the_number_is_one() {
        let order = order("u-7", "mr7-1");
        assert_eq!((what(&order).as_str(), how(&order).as_str()), ("buy 10 conid 265598", "limit 187.5, day"));
        for (asked, told) in [
            (json!({"symbol": "AAPL", "currency": "USD"}), "AAPL"),
            (json!({"osi": "AAPL  261218C00195000"}), "AAPL  261218C00195000"),
            (json!({"legs": [{"conid": 1}, {"conid": 2}]}), "spread of 2 legs"),
            (json!({"conid": 265_598}), "conid 265598"),
        ] {
            assert_eq!(contract(&asked), told);
        }
    }
}
