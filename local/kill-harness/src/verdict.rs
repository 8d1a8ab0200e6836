//! The verdict: what must hold of every message, order and ticket, whatever was killed. The same as in the simulation.

use std::collections::BTreeMap;

use domain::{ChangeStage, Command, Order, OrderKey, OrderStatus, OrderType};
use paper_broker::{LedgerEntry, OrderStatus as BrokerOrderStatus};
use rust_decimal::Decimal;

use crate::load::Sent;
use crate::message::What;
use crate::record::Record;

/// The code of a change of which nobody can tell whether it came into force.
const IN_DOUBT: &str = "change_unsettled";

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) rule: Rule,
    pub(crate) key: Option<OrderKey>,
    pub(crate) problem: String,
}

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// One ticket at the broker for one client order id, and one of each exit of a bracket.
    OneTicket,
    /// No ticket without an order on record.
    TicketHasOrder,
    /// Every message is an order, a change of one, or a refusal, on record.
    MessageOnRecord,
    /// Every order is final, or watched, or a person's, with the reason.
    FinalOrWatched,
    /// What is final on record is so at the broker.
    AgreesWithBroker,
    /// Quantity and price on record are those of the broker's ticket, once no change is under way.
    TermsAgree,
    /// Orders of one account and contract reach the broker in the queue's order.
    InOrder,
    /// The functions end only when they are killed, and the engine runs none.
    FunctionsLive,
}

/// Every rule that was broken.
pub(crate) fn broken(sent: &[Sent], record: &Record) -> Vec<Broken> {
    let mut broken = doubled(record);
    broken.extend(without_order(record));
    broken.extend(sent.iter().filter_map(|sent| lost(sent, record)));
    broken.extend(record.orders.values().filter_map(unwatched));
    broken.extend(record.orders.values().filter_map(|order| disagreeing(order, record)));
    broken.extend(record.orders.values().filter_map(|order| other_terms(order, record)));
    broken.extend(overtaken(sent, record));
    broken
}

fn doubled(record: &Record) -> Vec<Broken> {
    let mut by_name: BTreeMap<&str, Vec<&LedgerEntry>> = BTreeMap::new();
    for entry in &record.tickets {
        by_name.entry(entry.client_order_id.as_deref().unwrap_or_default()).or_default().push(entry);
    }
    let several = by_name.into_iter().filter(|(_, entries)| entries.len() > 1);
    let tickets = several.map(|(name, entries)| {
        let numbers: Vec<i64> = entries.iter().map(|entry| entry.order_id).collect();
        Broken {
            rule: Rule::OneTicket,
            key: key_of(record, name),
            problem: format!("the broker has it as {numbers:?}"),
        }
    });
    let mut exits: BTreeMap<(i64, &str), usize> = BTreeMap::new();
    for exit in &record.exits {
        *exits.entry((exit.parent_order_id.unwrap_or_default(), exit.order_type.as_str())).or_default() += 1;
    }
    let exits = exits.into_iter().filter(|(_, count)| *count > 1).map(|((parent, kind), count)| Broken {
        rule: Rule::OneTicket,
        key: None,
        problem: format!("the broker's order {parent} has {count} exits of the type {kind}"),
    });
    tickets.chain(exits).collect()
}

fn without_order(record: &Record) -> Vec<Broken> {
    let nobody_s =
        |entry: &&LedgerEntry| key_of(record, entry.client_order_id.as_deref().unwrap_or_default()).is_none();
    let broken = |entry: &LedgerEntry| Broken {
        rule: Rule::TicketHasOrder,
        key: None,
        problem: format!("the broker's order {} of {} is none of ours", entry.order_id, entry.account_id),
    };
    record.tickets.iter().filter(nobody_s).map(broken).collect()
}

fn key_of(record: &Record, client_order_id: &str) -> Option<OrderKey> {
    let order = record.orders.values().find(|order| order.client_order_id.as_str() == client_order_id);
    order.map(|order| order.key.clone())
}

fn lost(sent: &Sent, record: &Record) -> Option<Broken> {
    let message = &sent.message;
    let order = record.orders.get(&message.key);
    let is_refused = record.refused.contains(&sent.message_id);
    let is_there = match message.what {
        What::Place | What::Same => order.is_some_and(|order| is_of(order, &message.body.to_string())),
        What::Malformed => order.is_some_and(|order| order.status() == OrderStatus::Denied),
        What::Differs | What::Stranger => is_refused,
        What::Modify(revision) => is_refused || order.is_some_and(|order| has_change(order, revision)),
        What::Cancel => {
            is_refused || order.is_some_and(|order| order.status().is_final() || order.cancel_asked_at.is_some())
        }
    };
    // The sample of a repeated message can be one that cannot be read: it is known already, as the same denied order.
    let same_denied = message.what == What::Same && order.is_some_and(|order| order.request.is_none());
    (!is_there && !same_denied).then(|| Broken {
        rule: Rule::MessageOnRecord,
        key: Some(message.key.clone()),
        problem: format!("the message {} ({:?}) left nothing on record", sent.message_id, message.what),
    })
}

fn is_of(order: &Order, body: &str) -> bool {
    matches!(Command::parse(body), Ok(Command::Place(place)) if place.fingerprint() == order.fingerprint)
}

fn has_change(order: &Order, revision: u64) -> bool {
    order.revision() >= revision || order.change().is_some_and(|change| change.revision >= revision)
}

fn unwatched(order: &Order) -> Option<Broken> {
    let broken = |problem: &str| {
        Some(Broken { rule: Rule::FinalOrWatched, key: Some(order.key.clone()), problem: problem.to_owned() })
    };
    if order.status() == OrderStatus::NeedsReview
        && order.state().reason().is_none_or(|reason| reason.message.is_empty())
    {
        return broken("a person is to decide, and no reason says why");
    }
    if !order.status().is_final() && order.next_check_at.is_none() {
        return broken("it is not final, and nobody will look at it again");
    }
    None
}

fn disagreeing(order: &Order, record: &Record) -> Option<Broken> {
    let ticket = record.ticket_of(order);
    let problem = match (order.status(), ticket) {
        (OrderStatus::Filled, None) => Some("it is filled, and the broker never had it".to_owned()),
        (OrderStatus::Filled, Some(ticket)) => differs(order, ticket, BrokerOrderStatus::Filled),
        (OrderStatus::Cancelled, Some(ticket)) => differs(order, ticket, BrokerOrderStatus::Cancelled),
        (OrderStatus::Rejected, Some(ticket)) => differs(order, ticket, BrokerOrderStatus::Inactive),
        (OrderStatus::Denied | OrderStatus::Expired | OrderStatus::NotPlaced, Some(ticket)) => {
            Some(format!("the broker has it as {}, {}", ticket.order_id, ticket.status.wire()))
        }
        (OrderStatus::Working | OrderStatus::PartiallyFilled | OrderStatus::Cancelling, None) => {
            Some("it is said to be at work, and the broker never had it".to_owned())
        }
        _ => None,
    };
    let problem = problem?;
    Some(Broken { rule: Rule::AgreesWithBroker, key: Some(order.key.clone()), problem })
}

fn differs(order: &Order, ticket: &LedgerEntry, expected: BrokerOrderStatus) -> Option<String> {
    let agrees = ticket.status == expected && ticket.filled_quantity == order.filled_quantity;
    (!agrees).then(|| {
        format!("the broker has it as {}, {} filled", ticket.status.wire(), ticket.filled_quantity.normalize())
    })
}

/// The ticket in force, unless a change is under way, or is said to be in doubt.
fn other_terms(order: &Order, record: &Record) -> Option<Broken> {
    let is_told = match order.change().map(|change| &change.stage) {
        None | Some(ChangeStage::Applied) => true,
        Some(ChangeStage::Refused { reason }) => reason.code != IN_DOUBT,
        Some(ChangeStage::Asked | ChangeStage::Sending { .. } | ChangeStage::Unread { .. }) => false,
    };
    let may_have_come = order.changes_astray().next().is_some();
    let wanted = order.quantity().filter(|_| is_told && !may_have_come)?;
    let (ticket, price) = (record.ticket_of(order)?, price_of(order));
    let agrees = ticket.quantity == wanted && price.is_none_or(|price| ticket.price == Some(price));
    (!agrees).then(|| {
        let (quantity, at) = (ticket.quantity.normalize(), ticket.price.map(|price| price.normalize()));
        let problem = format!("the broker's ticket is {quantity} at {at:?}, and on record are {wanted} at {price:?}");
        Broken { rule: Rule::TermsAgree, key: Some(order.key.clone()), problem }
    })
}

fn price_of(order: &Order) -> Option<Decimal> {
    match &order.request.as_ref()?.ticket.order_type {
        OrderType::Limit { limit_price } => Some(limit_price.get()),
        OrderType::Stop { stop_price } => Some(stop_price.get()),
        _ => None,
    }
}

fn overtaken(sent: &[Sent], record: &Record) -> Vec<Broken> {
    let places = sent.iter().filter(|sent| sent.message.what == What::Place).enumerate();
    let place_of: BTreeMap<&OrderKey, usize> = places.map(|(place, sent)| (&sent.message.key, place)).collect();
    let name_of: BTreeMap<&str, &Order> =
        record.orders.values().map(|order| (order.client_order_id.as_str(), order)).collect();
    let mut latest: BTreeMap<(&str, i64), (usize, &OrderKey)> = BTreeMap::new();
    let mut broken = Vec::new();
    for ticket in &record.tickets {
        let Some(order) = ticket.client_order_id.as_deref().and_then(|name| name_of.get(name)) else { continue };
        let Some(place) = place_of.get(&order.key).copied() else { continue };
        let instrument = (ticket.account_id.as_str(), ticket.conid);
        match latest.get(&instrument).copied() {
            Some((earlier, by)) if earlier > place => broken.push(Broken {
                rule: Rule::InOrder,
                key: Some(order.key.clone()),
                problem: format!("{by}, which was sent after it, reached the broker before it"),
            }),
            _ => drop(latest.insert(instrument, (place, &order.key))),
        }
    }
    broken
}

#[cfg(test)]
mod tests;
