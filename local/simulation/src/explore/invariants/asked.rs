//! What stands in the broker's book is exactly what was asked for.

use domain::{Change, Order, OrderType, PlaceOrder, Side, Size, TimeInForce, Trail};
use paper_broker::LedgerEntry;
use rust_decimal::Decimal;

use super::{Violation, violation};
use crate::explore::evidence::{Evidence, Record};
use crate::explore::lives::Life;

/// Type, price, second price, trail.
type Written = (&'static str, Option<Decimal>, Option<Decimal>, Option<(Decimal, String)>);

pub(crate) fn exactly_what_was_asked(evidence: &Evidence) -> Vec<Violation> {
    let lives = evidence.plan.lives.iter();
    let with_records = lives.filter_map(|life| {
        let record = evidence.record(life.person.user_id, &life.order_id)?;
        Some((life, record, record.entry.as_ref()?, record.order.request.as_ref()?))
    });
    // What a person changed at the broker is theirs.
    let untouched = with_records.filter(|(_, _, entry, _)| !evidence.by_hand.contains(&entry.order_id));
    untouched
        .flat_map(|(life, record, entry, request)| {
            let broken = compare(evidence, life, record, entry, request);
            if !broken.is_empty() && was_ignored(evidence, life, record, entry, request) {
                return Vec::new();
            }
            if broken.is_empty() || entry.modifications == 0 || !says_that_it_may_differ(&record.order) {
                return broken;
            }
            // What became of the changes after the one in force is not known: each may be what the broker has.
            let came_late = record.order.has_warned(&domain::ReasonCode::ChangeCameLate);
            let later = record.images.iter().flat_map(Order::changes);
            // Of one that came late the order says so.
            let later =
                later.filter(|change| (came_late || change.revision > record.order.revision()) && change.sends > 0);
            // So may one that was passed over, and came into force at the last moment.
            let passed_over = record.order.changes_astray().map(|astray| &astray.ticket);
            let is_one_of_them = later.map(|change| &change.ticket).chain(passed_over).any(|ticket| {
                let request = PlaceOrder { ticket: ticket.clone(), ..request.clone() };
                compare(evidence, life, record, entry, &request).is_empty()
            });
            if is_one_of_them { Vec::new() } else { broken }
        })
        .collect()
}

/// Whether the broker took exactly the change that is in force here and did not carry it out, and has the ticket as it was
/// before; and the order's warning says so, or nothing that the broker shows could have told.
pub(crate) fn was_ignored(
    evidence: &Evidence,
    life: &Life,
    record: &Record,
    entry: &LedgerEntry,
    request: &PlaceOrder,
) -> bool {
    let told = [domain::ReasonCode::ChangeNotCarriedOut, domain::ReasonCode::ChangeUnsettled];
    let is_told = told.iter().any(|code| record.order.has_warned(code));
    let history = evidence.histories.get(&entry.order_id);
    let ignored = history.into_iter().flat_map(|history| &history.changes).filter(|change| !change.carried_out);
    let mut asked_for_it = ignored.filter(|change| compare(evidence, life, record, &change.asked, request).is_empty());
    let mut before = record.images.iter().filter_map(|order| order.request.as_ref());
    asked_for_it.any(|change| is_told || looks_the_same(entry, &change.asked))
        && before.any(|before| compare(evidence, life, record, entry, before).is_empty())
}

/// Whether live orders show these two alike: the quantity, and of limits and plain stops the price (IBKR Web API, live orders).
fn looks_the_same(one: &LedgerEntry, other: &LedgerEntry) -> bool {
    let shows_its_price = matches!(one.order_type.as_str(), "LMT" | "STP" | "STOP_LIMIT");
    one.quantity == other.quantity
        && one.order_type == other.order_type
        && (!shows_its_price || one.price == other.price)
}

/// Whether the order itself says that its ticket at the broker may be another one.
fn says_that_it_may_differ(order: &Order) -> bool {
    let in_doubt = |change: &Change| {
        change.stage.is_open() || change.stage.reason().is_some_and(|reason| reason.code == "change_unsettled")
    };
    order.warning.is_some() || order.changes().any(in_doubt)
}

fn compare(
    evidence: &Evidence,
    life: &Life,
    record: &Record,
    entry: &LedgerEntry,
    request: &PlaceOrder,
) -> Vec<Violation> {
    let mut broken = Vec::new();
    let mut same = |what: &'static str, is_same: bool| {
        if !is_same {
            let told = format!(
                "{what} of {} is not what was asked: the order {request:?}, the ticket {entry:?}",
                record.order.key
            );
            broken.push(violation("a ticket is not what was asked", told));
        }
    };
    same("the username", entry.username == life.person.username);
    same("the account", entry.account_id == life.account && request.account_id.as_str() == life.account);
    same("the contract", Some(entry.conid) == life.contract.map(|contract| contract.conid));
    same("the side", entry.side == side(request.ticket.side));
    let (order_type, price, aux_price, trail) = written(&request.ticket.order_type);
    same("the type", entry.order_type == order_type);
    same("the price", entry.price == price && entry.aux_price == aux_price && entry.trail == trail);
    same("the time in force", entry.time_in_force == time_in_force(request.ticket.time_in_force, entry));
    match request.ticket.size {
        Size::Quantity(quantity) => same("the quantity", entry.quantity == quantity.get()),
        // Whole shares for the money, at the price of that moment.
        Size::CashQuantity(cash) => {
            same("the quantity", entry.quantity >= Decimal::ONE && entry.quantity <= cash.get());
        }
    }
    same("what is filled", entry.filled_quantity <= entry.quantity);
    exits(evidence, entry, request, &mut same);
    broken
}

/// A bracket's exits: each once, on the other side, under its parent. Their prices and quantities are those of their own tickets.
fn exits(evidence: &Evidence, parent: &LedgerEntry, request: &PlaceOrder, same: &mut impl FnMut(&'static str, bool)) {
    let children: Vec<_> =
        evidence.book.iter().filter(|entry| entry.parent_order_id == Some(parent.order_id)).collect();
    let mut wanted = Vec::new();
    if let Some(attached) = &request.ticket.attached {
        wanted.extend(attached.take_profit.as_ref().map(|_| "LMT"));
        wanted.extend(attached.stop_loss.as_ref().map(|exit| match exit.limit_price {
            None => "STP",
            Some(_) => "STOP_LIMIT",
        }));
    }
    same("the number of exits", children.len() == wanted.len());
    for (child, order_type) in children.iter().zip(&wanted) {
        same("an exit's type", child.order_type == *order_type);
        same("an exit's side", child.side == side(request.ticket.side.opposite()));
        same("an exit's account", child.account_id == parent.account_id && child.conid == parent.conid);
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// An order for the opening becomes like any other when the market opens.
fn time_in_force(asked: TimeInForce, entry: &LedgerEntry) -> &'static str {
    match asked {
        TimeInForce::Day => "DAY",
        TimeInForce::Gtc => "GTC",
        TimeInForce::Opg if entry.time_in_force == "OPG" => "OPG",
        TimeInForce::Ioc | TimeInForce::Opg => "IOC",
    }
}

/// As the broker writes it: `price` is the limit, but of a stop and a trailing stop the stop price.
fn written(order_type: &OrderType) -> Written {
    let trailing = |trail: &Trail| match trail {
        Trail::Amount(amount) => Some((amount.get(), "amt".to_owned())),
        Trail::Percent(percent) => Some((percent.get(), "%".to_owned())),
    };
    match order_type {
        OrderType::Market => ("MKT", None, None, None),
        OrderType::Limit { limit_price } => ("LMT", Some(limit_price.get()), None, None),
        OrderType::Stop { stop_price } => ("STP", Some(stop_price.get()), None, None),
        OrderType::StopLimit { stop_price, limit_price } => {
            ("STOP_LIMIT", Some(limit_price.get()), Some(stop_price.get()), None)
        }
        OrderType::TrailingStop { trail, stop_price } => {
            ("TRAIL", stop_price.map(domain::Amount::get), None, trailing(trail))
        }
        OrderType::TrailingStopLimit { trail, stop_price, limit_price } => {
            ("TRAILLMT", Some(limit_price.get()), Some(stop_price.get()), trailing(trail))
        }
        OrderType::Midprice { limit_price } => ("MIDPRICE", limit_price.map(domain::Amount::get), None, None),
    }
}
