//! Orders and halts of everybody, for the operator: what no user's own list shows. Functions have no business here.

use std::collections::BTreeMap;

use domain::{AlgorithmId, Halt, KillSwitch, Order, OrderStatus, SetBy, UserId};
use jiff::Timestamp;

use crate::cursor::{Page, cursor_of, parts_of};
use crate::database::{Attributes, text, text_of};
use crate::documents::{DUE_SHARDS, Document, PAGE_ROWS_MAX, page_rows, shard_name, shard_of};
use crate::due::DUE_INDEX;
use crate::error::StoreError;
use crate::orders::Orders;
use crate::rules::{GRANT, HALT, HaltScope, RULE, Rules};
use crate::times::sortable;
use crate::versioned::Versioned;

/// A place in the index of what is due: shard, time, and the two parts of the order's key.
type Place = [String; 4];

/// A halt that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaltOn {
    /// Over what.
    pub scope: HaltScope,
    /// The halt, as it is in force.
    pub halt: Halt,
    /// Whose words it is; nobody's by name is a user's halt that an earlier release wrote.
    pub set_by: Vec<SetBy>,
    /// The words that are on and not in force, since the other's is stricter or the operator's.
    pub beside: Vec<(SetBy, Halt)>,
    /// Whether it is in force for every user. A halt over many users stands in many rows, and a writing of them that was
    /// cut off leaves it in force for some: set it again, or lift it.
    pub whole: bool,
}

impl Orders {
    /// A part of the orders that are not final, of this user or of everybody: shard after shard, in each the longest due
    /// first. It ends where there is no cursor; a part may hold fewer than `limit` though more follow. The index lags
    /// behind the table a little; the orders themselves are as they are now.
    pub async fn open_page(
        &self,
        user_id: Option<&UserId>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Versioned<Order>>, StoreError> {
        let start = cursor.map(parts_of).transpose()?;
        let start = start.map(checked).transpose()?;
        let (first, last) = match (user_id, &start) {
            (Some(user_id), _) => (shard_of(user_id.as_str()), shard_of(user_id.as_str())),
            (None, Some([shard, ..])) => (shard.parse().unwrap_or_default(), DUE_SHARDS - 1),
            (None, None) => (0, DUE_SHARDS - 1),
        };
        let wanted = limit as usize;
        let mut places: Vec<Place> = Vec::new();
        for shard in first..=last {
            let behind = start.clone().filter(|[of, ..]| *of == shard_name(shard));
            self.places_of_shard(shard, behind, user_id, wanted + 1, &mut places).await?;
            if places.len() > wanted {
                break;
            }
        }
        let more = places.len() > wanted;
        places.truncate(wanted);
        let next_cursor =
            places.last().filter(|_| more).and_then(|place| cursor_of(&place.each_ref().map(String::as_str)));
        let keys = places.into_iter().map(|[_, _, user_id, order_id]| [user_id, order_id]).collect();
        let mut items = self.rows_of(keys).await?;
        items.retain(|order| order.value.next_check_at.is_some());
        Ok(Page { items, next_cursor })
    }

    /// A part of the orders of all users with this status, in no order. It reads the whole table, part by part.
    pub async fn status_page(
        &self,
        status: OrderStatus,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Versioned<Order>>, StoreError> {
        let [user, order] = Order::KEY;
        let wanted = limit as usize;
        let start: Option<[String; 2]> = cursor.map(parts_of).transpose()?;
        let mut start = start.map(|[user_id, order_id]| {
            Attributes::from([(user.to_owned(), text(user_id)), (order.to_owned(), text(order_id))])
        });
        let mut items: Vec<Versioned<Order>> = Vec::new();
        loop {
            let request = self.table.database.client().scan().table_name(&self.table.name);
            let answer = request
                .filter_expression("attribute_exists(#document) AND #status = :status")
                .expression_attribute_names("#document", Order::ATTRIBUTE)
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", text(status.as_str()))
                .set_exclusive_start_key(start)
                .consistent_read(true)
                .send()
                .await
                .map_err(|error| StoreError::of_call(&self.table.name, "read the whole table", error))?;
            for row in answer.items.unwrap_or_default() {
                items.push(self.table.read(row)?);
            }
            start = answer.last_evaluated_key;
            if items.len() > wanted || start.is_none() {
                break;
            }
        }
        let more = items.len() > wanted;
        items.truncate(wanted);
        let key = |order: &Versioned<Order>| cursor_of(&order.value.key());
        Ok(Page { next_cursor: items.last().filter(|_| more).and_then(key), items })
    }

    /// Adds the places of a shard, until there are `enough`.
    async fn places_of_shard(
        &self,
        shard: u8,
        behind: Option<Place>,
        user_id: Option<&UserId>,
        enough: usize,
        places: &mut Vec<Place>,
    ) -> Result<(), StoreError> {
        let [user, order] = Order::KEY;
        let mut start = behind.map(|place| {
            let names = ["due_shard", Order::DUE_AT, user, order];
            names.into_iter().zip(place).map(|(name, value)| (name.to_owned(), text(value))).collect::<Attributes>()
        });
        while places.len() < enough {
            let request = self.table.database.client().query().table_name(&self.table.name).index_name(DUE_INDEX);
            let answer = request
                .key_condition_expression("due_shard = :shard")
                .expression_attribute_values(":shard", text(shard_name(shard)))
                .set_exclusive_start_key(start)
                .limit(page_rows(PAGE_ROWS_MAX))
                .send()
                .await
                .map_err(|error| StoreError::of_call(&self.table.name, "find open rows", error))?;
            let place_of = |row: &Attributes| {
                let part = |name| text_of(row, name).map(str::to_owned);
                Some([shard_name(shard), part(Order::DUE_AT)?, part(user)?, part(order)?])
            };
            let found = answer.items().iter().filter_map(place_of);
            places.extend(found.filter(|[_, _, whose, _]| user_id.is_none_or(|user_id| whose == user_id.as_str())));
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        places.truncate(enough);
        Ok(())
    }
}

/// A place whose parts can be a key: what a person typed must not become another question.
fn checked(place: Place) -> Result<Place, StoreError> {
    let [shard, due_at, user_id, order_id] = &place;
    let is_shard = shard.parse::<u8>().is_ok_and(|number| number < DUE_SHARDS && *shard == shard_name(number));
    let is_time = due_at.parse::<Timestamp>().is_ok_and(|at| sortable(at) == *due_at);
    let is_key = user_id.parse::<UserId>().is_ok() && order_id.parse::<domain::OrderId>().is_ok();
    if is_shard && is_time && is_key { Ok(place) } else { Err(StoreError::CursorRefused) }
}

impl Rules {
    /// Every halt that is on, by what it is over. It reads the whole table.
    pub async fn halts_on(&self) -> Result<Vec<HaltOn>, StoreError> {
        let mut found: BTreeMap<String, Vec<(String, KillSwitch)>> = BTreeMap::new();
        // A copy's row may say only that its algorithm is registered no more.
        for row in self.scan_items(HALT).await?.into_iter().filter(|row| row.contains_key(RULE)) {
            let [scope, item] = ["scope", "item"].map(|name| text_of(&row, name).unwrap_or_default().to_owned());
            found.entry(scope).or_default().push((item, self.read(row)?));
        }
        Ok(found.into_iter().filter_map(|(scope, halts)| on(HaltScope::of_name(&scope)?, halts)).collect())
    }

    /// Whether any user gave this algorithm a grant. It reads the whole table.
    pub async fn is_granted(&self, id: &AlgorithmId) -> Result<bool, StoreError> {
        let item = format!("{GRANT}{id}");
        let rows = self.scan_items(&item).await?;
        Ok(rows.iter().any(|row| text_of(row, "item") == Some(item.as_str())))
    }

    /// All rows whose item begins so.
    async fn scan_items(&self, prefix: &str) -> Result<Vec<Attributes>, StoreError> {
        let request = self.database().client().scan().table_name(self.table()).consistent_read(true);
        let mut rows = request
            .filter_expression("begins_with(#item, :prefix)")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":prefix", text(prefix))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(row) = rows.next().await {
            found.push(row.map_err(|error| StoreError::of_call(self.table(), "read the whole table", error))?);
        }
        Ok(found)
    }
}

/// The halt that these rows make; `None` where none of them is on.
fn on(scope: HaltScope, rows: Vec<(String, KillSwitch)>) -> Option<HaltOn> {
    let mut halts: Vec<_> = rows.into_iter().filter(|(_, switch)| switch.halt.halted).collect();
    let whole = scope.items().len() == halts.len();
    // The row that is read stands before its copies.
    halts.sort_by_key(|(item, _)| item != HALT);
    let (_, switch) = halts.into_iter().next()?;
    Some(HaltOn { set_by: scope.set_by(&switch), beside: switch.beside(), halt: switch.halt, whole, scope })
}
