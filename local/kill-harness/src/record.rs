//! What is on record in the end: ours, and the broker's.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Clock, Order, OrderKey};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use paper_broker::{LedgerEntry, MachineClock};
use store::{Orders, PAGE_ROWS_MAX};

use crate::error::HarnessError;
use crate::house::{House, HouseUser};

/// Everything on record.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) orders: BTreeMap<OrderKey, Order>,
    /// The ids of the messages whose refusal is on record.
    pub(crate) refused: BTreeSet<String>,
    /// The orders that the broker registered, in that order; of brackets the entries.
    pub(crate) tickets: Vec<LedgerEntry>,
    /// The exits of brackets.
    pub(crate) exits: Vec<LedgerEntry>,
}

impl Record {
    /// Reads everything since `since`.
    pub(crate) async fn read(house: &House, since: Timestamp) -> Result<Self, HarnessError> {
        let table = house.orders();
        let mut orders = BTreeMap::new();
        for user in &house.users {
            orders.extend(orders_of(&table, user).await?);
        }
        let (exits, tickets) = house.broker.ledger().into_iter().partition(|entry| entry.parent_order_id.is_some());
        Ok(Self { orders, refused: refused(&table, since).await?, tickets, exits })
    }

    /// The broker's order of this one; the first, were there several.
    pub(crate) fn ticket_of(&self, order: &Order) -> Option<&LedgerEntry> {
        let name = order.client_order_id.as_str();
        self.tickets.iter().find(|entry| entry.client_order_id.as_deref() == Some(name))
    }
}

/// The user's orders that are not final.
pub(crate) async fn open_orders(table: &Orders, user: &HouseUser) -> Result<Vec<Order>, HarnessError> {
    Ok(table.open_now(&user.user_id).await?.into_iter().map(|order| order.value).collect())
}

async fn orders_of(table: &Orders, user: &HouseUser) -> Result<Vec<(OrderKey, Order)>, HarnessError> {
    let mut orders = Vec::new();
    let mut cursor = None;
    loop {
        let page = table.list(&user.user_id, cursor.as_deref(), PAGE_ROWS_MAX).await?;
        orders.extend(page.items.into_iter().map(|order| (order.value.key.clone(), order.value)));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(orders);
        }
    }
}

async fn refused(table: &Orders, since: Timestamp) -> Result<BTreeSet<String>, HarnessError> {
    let date = |at| TimeZone::UTC.to_datetime(at).date();
    let days = BTreeSet::from([date(since), date(MachineClock.now())]);
    let mut refused = BTreeSet::new();
    for day in days {
        let mut cursor = None;
        loop {
            let page = table.refusals(day, cursor.as_deref(), PAGE_ROWS_MAX).await?;
            refused.extend(page.items.into_iter().map(|refusal| refusal.message_id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(refused)
}
