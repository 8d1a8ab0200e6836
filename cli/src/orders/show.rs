//! One order, for people.

use std::fmt::Write;

use domain::{LegView, Order};

use super::words;
use crate::output::{moment, table};

/// The order, what was asked, and its history.
pub(super) fn text(order: &Order) -> String {
    let view = order.view();
    let ids: Vec<String> = view.broker_order_ids.iter().map(ToString::to_string).collect();
    let ticket = view.ticket.and_then(|ticket| serde_json::to_string(ticket).ok());
    let mut rows = vec![
        ("order", order.key.to_string()),
        ("what", words::what(order)),
        ("how", words::how(order)),
        ("change", words::change(order)),
        ("next revision", view.next_revision.to_string()),
        ("status", format!("{}{}", view.status.as_str(), asked(view.cancel_asked))),
        ("reason", view.reason.map(|reason| reason.message.clone()).unwrap_or_default()),
        ("algorithm", view.algorithm_id.to_string()),
        ("account", view.account_id.map(ToString::to_string).unwrap_or_default()),
        ("ticket", ticket.unwrap_or_default()),
        ("filled", view.filled_quantity.clone()),
        ("average price", view.average_price.clone().unwrap_or_default()),
        ("broker's numbers", ids.join(", ")),
        ("client order id", view.client_order_id.to_string()),
        ("times sent", order.sends.to_string()),
        ("to be sent by", moment(view.good_until)),
        ("next check", order.next_check_at.map(moment).unwrap_or_default()),
    ];
    rows.extend(view.legs.iter().map(|leg| (leg.role.as_str(), leg_text(leg))));
    rows.extend(view.warning.map(|warning| ("warning", warning.message.clone())));
    rows.extend(view.late_facts.iter().map(|late| {
        let filled = late.filled_quantity.map(|filled| format!(", {filled} filled")).unwrap_or_default();
        ("seen afterwards", format!("{}: {:?}{filled}", moment(late.at), late.status))
    }));
    let mut text = String::new();
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<18}{value}");
    }
    let history = view.history.iter().map(|entry| {
        let reason = entry.reason.as_ref().map(|reason| reason.message.clone()).unwrap_or_default();
        let leg = entry
            .leg
            .as_ref()
            .map(|leg| format!("{} {}, {} filled", leg.role.as_str(), leg.status.as_str(), leg.filled_quantity));
        let refused = entry.revision.map(|revision| format!("revision {revision} was refused"));
        [moment(entry.at), leg.or(refused).unwrap_or_else(|| entry.status.as_str().to_owned()), reason]
    });
    text.push_str(&table(["at", "status", "why"], history.collect()));
    text
}

/// An exit of a bracket in one line.
fn leg_text(leg: &LegView<'_>) -> String {
    let number = leg.broker_order_id.map(|number| format!(", the broker's number {number}")).unwrap_or_default();
    let price = leg.average_price.as_ref().map(|price| format!(" at {price}")).unwrap_or_default();
    format!(
        "{}, {}, {} of {} filled{price}{number}{}",
        words::kind(leg.ticket),
        leg.status.as_str(),
        leg.filled_quantity,
        leg.quantity.as_deref().unwrap_or("?"),
        asked(leg.cancel_asked)
    ) + &leg.reason.as_ref().map(|reason| format!(". {}", reason.message)).unwrap_or_default()
}

fn asked(cancel_asked: bool) -> String {
    if cancel_asked { format!(", {}", words::CANCEL_ASKED) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, filled_bracket};

    #[test]
    fn an_exit_is_told_with_its_price_and_its_cancel() {
        let mut order = filled_bracket("u-7", "mr7-1");
        let told = text(&order);
        assert!(
            told.contains("take_profit       limit 200, working, 0 of 10 filled, the broker's number 1233"),
            "{told}"
        );
        assert!(told.contains("stop_loss         stop 170, working, 0 of 10 filled"), "{told}");
        assert!(told.contains("next check"), "{told}");
        order.remember_cancel(at(3));
        assert!(text(&order).contains("1234, cancel asked"), "{}", text(&order));
    }
}
