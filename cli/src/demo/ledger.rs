//! Compares what the API shows, and what the broker's own books say, with what must be.

use domain::{ClientOrderId, OrderKey, UserId};
use paper_broker::PaperBroker;
use rust_decimal::Decimal;

use super::orders::{Shown, ShownOrder};
use super::samples::{Expectation, Sample};
use crate::output::count_of;

/// One order, compared.
pub(crate) struct CheckedOrder {
    pub(crate) file: String,
    pub(crate) order_id: String,
    pub(crate) shown: Option<ShownOrder>,
    /// Tickets of it that reached the broker.
    pub(crate) tickets_sent: usize,
    /// Orders of it in the broker's ledger.
    pub(crate) tickets_registered: usize,
    /// What is not as it must be.
    pub(crate) differences: Vec<String>,
}

/// All orders, compared.
pub(crate) struct Checked {
    pub(crate) orders: Vec<CheckedOrder>,
    /// What is wrong with the ledger as a whole.
    pub(crate) differences: Vec<String>,
}

/// Compares each order, and that the ledger holds nothing else.
pub(crate) fn check(broker: &PaperBroker, user_id: &UserId, samples: &[Sample], mut shown: Shown) -> Checked {
    let calls = broker.calls();
    let orders: Vec<CheckedOrder> = samples
        .iter()
        .map(|sample| {
            let key = OrderKey { user_id: user_id.clone(), order_id: sample.order_id.clone() };
            let id = ClientOrderId::of(&key);
            let tickets = calls.iter().flat_map(|call| &call.client_order_ids);
            compared(
                sample,
                shown.remove(sample.order_id.as_str()),
                tickets.filter(|sent| *sent == id.as_str()).count(),
                broker.registered_count(id.as_str()),
            )
        })
        .collect();
    let ours: usize = orders.iter().map(|order| order.tickets_registered).sum();
    let all = broker.ledger().len();
    let strangers =
        (all != ours).then(|| format!("the broker's ledger holds {}; {ours} by the demo", count_of(all, "order")));
    Checked { orders, differences: strangers.into_iter().collect() }
}

fn compared(sample: &Sample, shown: Option<ShownOrder>, sent: usize, registered: usize) -> CheckedOrder {
    let expected = sample.expected;
    let mut differences = match &shown {
        Some(order) => differences(order, expected),
        None => vec!["the API does not know it".to_owned()],
    };
    for (what, count, wanted) in [
        ("tickets sent", sent, expected.is_sent),
        ("orders in the broker's ledger", registered, expected.is_registered),
    ] {
        if count != usize::from(wanted) {
            differences.push(format!("{count} {what}, not {}", usize::from(wanted)));
        }
    }
    CheckedOrder {
        file: sample.file.clone(),
        order_id: sample.order_id.to_string(),
        shown,
        tickets_sent: sent,
        tickets_registered: registered,
        differences,
    }
}

fn differences(order: &ShownOrder, expected: &Expectation) -> Vec<String> {
    let mut differences = Vec::new();
    let mut same = |what: &str, is: String, wanted: String| {
        if is != wanted {
            differences.push(format!("{what} is {is}, not {wanted}"));
        }
    };
    let price = |price: Option<Decimal>| price.map_or("none".to_owned(), |price| price.normalize().to_string());
    same("status", order.status.clone(), expected.status.to_owned());
    same("filled quantity", order.filled_quantity.normalize().to_string(), expected.filled_quantity.to_owned());
    same("average price", price(order.average_price), expected.average_price.unwrap_or("none").to_owned());
    let reason = order.reason.as_ref().map_or("", |reason| reason.message.as_str());
    let unnamed = expected.reason_names.iter().filter(|name| !reason.contains(*name));
    differences.extend(unnamed.map(|name| format!("its reason does not name {name:?}")));
    let history_ends = order.history.last().map(|change| change.status.as_str());
    if history_ends != Some(order.status.as_str()) {
        differences.push(format!("its history ends with {}", history_ends.unwrap_or("nothing")));
    }
    differences
}
