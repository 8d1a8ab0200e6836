//! Each rule finds what breaks it, and nothing else.

use std::collections::BTreeSet;

use domain::{BrokerOrderId, BrokerStatus, Fact, Reason, ReasonCode, Sight};
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::message::Message;

const NOW: &str = "2026-11-25T08:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn sent(order_id: &str, what: What) -> Sent {
    let body = json!({"schema": "courier.order/1", "command": "place", "user_id": "u-1", "order_id": order_id,
        "algorithm_id": "a-1", "account_id": "DU1", "contract": {"conid": 7}, "side": "buy", "quantity": "10",
        "type": "limit", "limit_price": "5.00", "time_in_force": "day"});
    let key = OrderKey { user_id: "u-1".parse().unwrap(), order_id: order_id.parse().unwrap() };
    Sent { message_id: format!("message of {order_id}"), message: Message { what, key, body } }
}

fn order(sent: &Sent) -> Order {
    let Ok(Command::Place(place)) = Command::parse(&sent.message.body.to_string()) else { panic!("it places") };
    Order::receive(place, now())
}

/// The order of this message, filled by the broker's word.
fn filled(sent: &Sent, number: i64) -> Order {
    let mut order = order(sent);
    let intent = domain::Intent { at: now(), epoch: 1, act: domain::Act::Place };
    order.apply(Fact::Intend(intent), now()).unwrap();
    let sight = Sight {
        broker_order_ids: vec![BrokerOrderId::new(number).unwrap()],
        status: BrokerStatus::Filled,
        filled_quantity: Some(Decimal::from(10)),
        average_price: Some(Decimal::from(5)),
    };
    order.apply(Fact::Seen(sight), now()).unwrap();
    order
}

fn ticket(order: &Order, number: i64) -> LedgerEntry {
    LedgerEntry {
        order_id: number,
        client_order_id: Some(order.client_order_id.as_str().to_owned()),
        username: "paper-1".to_owned(),
        account_id: "DU1".to_owned(),
        conid: 7,
        side: "BUY".to_owned(),
        order_type: "LMT".to_owned(),
        price: Some(Decimal::from(5)),
        aux_price: None,
        trail: None,
        time_in_force: "DAY".to_owned(),
        manual_order_time: None,
        average_price: Some(Decimal::from(5)),
        quantity: Decimal::from(10),
        filled_quantity: Decimal::from(10),
        status: BrokerOrderStatus::Filled,
        parent_order_id: None,
        registered_at: now(),
        modifications: 0,
    }
}

fn record(orders: Vec<Order>, tickets: Vec<LedgerEntry>) -> Record {
    let (exits, tickets) = tickets.into_iter().partition(|entry| entry.parent_order_id.is_some());
    let orders = orders.into_iter().map(|order| (order.key.clone(), order)).collect();
    Record { orders, refused: BTreeSet::new(), tickets, exits }
}

fn rules(sent: &[Sent], record: &Record) -> Vec<Rule> {
    broken(sent, record).into_iter().map(|broken| broken.rule).collect()
}

#[test]
fn an_order_that_went_well_breaks_no_rule() {
    let sent = [sent("one", What::Place), sent("one", What::Same)];
    let order = filled(&sent[0], 1);
    let ticket = ticket(&order, 1);
    assert_eq!(rules(&sent, &record(vec![order], vec![ticket])), []);
}

#[test]
fn a_second_ticket_and_one_of_nobody_are_found() {
    let sent = [sent("one", What::Place)];
    let order = filled(&sent[0], 1);
    let tickets = vec![ticket(&order, 1), ticket(&order, 2)];
    assert_eq!(rules(&sent, &record(vec![order.clone()], tickets)), [Rule::OneTicket]);
    let foreign = LedgerEntry { client_order_id: Some("c0".to_owned()), ..ticket(&order, 2) };
    assert_eq!(rules(&sent, &record(vec![order.clone()], vec![ticket(&order, 1), foreign])), [Rule::TicketHasOrder]);
    let exit = LedgerEntry { parent_order_id: Some(1), ..ticket(&order, 2) };
    let exits = vec![ticket(&order, 1), exit.clone(), LedgerEntry { order_id: 3, ..exit }];
    assert_eq!(rules(&sent, &record(vec![order], exits)), [Rule::OneTicket]);
}

#[test]
fn a_message_without_a_trace_is_found() {
    for what in [What::Place, What::Same, What::Differs, What::Malformed, What::Stranger, What::Modify(2), What::Cancel]
    {
        let sent = [sent("one", what)];
        assert_eq!(rules(&sent, &record(Vec::new(), Vec::new())), [Rule::MessageOnRecord], "{what:?}");
    }
    let of_another = [sent("one", What::Place), sent("one", What::Modify(2))];
    let order = filled(&of_another[0], 1);
    let ticket = ticket(&order, 1);
    let mut record = record(vec![order], vec![ticket]);
    assert_eq!(rules(&of_another, &record), [Rule::MessageOnRecord], "the change is neither on the order nor refused");
    record.refused.insert(of_another[1].message_id.clone());
    assert_eq!(rules(&of_another, &record), []);
}

#[test]
fn an_order_that_nobody_looks_at_is_found() {
    let sent = [sent("one", What::Place)];
    let mut order = order(&sent[0]);
    assert_eq!(rules(&sent, &record(vec![order.clone()], Vec::new())), []);
    order.next_check_at = None;
    assert_eq!(rules(&sent, &record(vec![order], Vec::new())), [Rule::FinalOrWatched]);
}

#[test]
fn a_final_state_that_is_not_the_broker_s_is_found() {
    let sent = [sent("one", What::Place)];
    let order = filled(&sent[0], 1);
    let half = LedgerEntry { filled_quantity: Decimal::from(4), ..ticket(&order, 1) };
    for tickets in [Vec::new(), vec![half]] {
        assert_eq!(rules(&sent, &record(vec![order.clone()], tickets)), [Rule::AgreesWithBroker]);
    }
    let mut denied = super::tests::order(&sent[0]);
    denied.apply(Fact::Deny(Reason::new(ReasonCode::Halted, "no")), now()).unwrap();
    let tickets = vec![ticket(&denied, 1)];
    assert_eq!(rules(&sent, &record(vec![denied], tickets)), [Rule::AgreesWithBroker]);
}

#[test]
fn other_terms_at_the_broker_are_found() {
    let sent = [sent("one", What::Place)];
    let order = filled(&sent[0], 1);
    let other = LedgerEntry { price: Some(Decimal::from(6)), ..ticket(&order, 1) };
    assert_eq!(rules(&sent, &record(vec![order], vec![other])), [Rule::TermsAgree]);
}

#[test]
fn an_order_that_passed_an_earlier_one_is_found() {
    let sent = [sent("one", What::Place), sent("two", What::Place)];
    let (one, two) = (filled(&sent[0], 2), filled(&sent[1], 1));
    let tickets = vec![ticket(&two, 1), ticket(&one, 2)];
    assert_eq!(rules(&sent, &record(vec![one.clone(), two.clone()], tickets)), [Rule::InOrder]);
    let other_contract = vec![LedgerEntry { conid: 8, ..ticket(&two, 1) }, ticket(&one, 2)];
    assert_eq!(rules(&sent, &record(vec![one, two], other_contract)), []);
}
