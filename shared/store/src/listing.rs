//! A user's orders, the newest first, and only those that are asked for.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{AlgorithmId, Order, OrderStatus, UserId};
use jiff::Timestamp;

use crate::batch::read_many;
use crate::cursor::{Page, cursor_of, parts_of};
use crate::database::{Attributes, text, text_of};
use crate::documents::{CREATED_AT, Document, PAGE_ROWS_MAX, RECENT_INDEX, page_rows};
use crate::error::StoreError;
use crate::orders::Orders;
use crate::times::sortable;
use crate::versioned::Versioned;

/// Pages of the index that one call reads at most. What is rare is found over several calls.
const INDEX_PAGES_MAX: usize = 10;

/// Which of a user's orders are listed. What is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// In one of these statuses; empty: in any.
    pub statuses: Vec<OrderStatus>,
    /// Not final.
    pub only_open: bool,
    /// Asked for by this algorithm.
    pub algorithm_id: Option<AlgorithmId>,
    /// Recorded then or later.
    pub since: Option<Timestamp>,
    /// Recorded before.
    pub until: Option<Timestamp>,
}

impl OrderFilter {
    fn takes(&self, order: &Order) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&order.status()))
            && (!self.only_open || order.next_check_at.is_some())
            && self.algorithm_id.as_ref().is_none_or(|algorithm_id| order.algorithm_id == *algorithm_id)
            && self.since.is_none_or(|since| order.created_at >= since)
            && self.until.is_none_or(|until| order.created_at < until)
    }

    /// Whether the index alone does not tell which rows are asked for.
    fn needs_rows(&self) -> bool {
        !self.statuses.is_empty() || self.algorithm_id.is_some()
    }

    /// The times of the index that may hold what is asked for, both inclusive: it knows milliseconds, and cuts off.
    fn span(&self) -> [String; 2] {
        [sortable(self.since.unwrap_or(Timestamp::UNIX_EPOCH)), sortable(self.until.unwrap_or(Timestamp::MAX))]
    }
}

/// A place in the list: an order's age and id.
type Place = (String, String);

impl Orders {
    /// A part of a user's orders, the newest first. A part may hold fewer than `limit` though more follow: the list ends
    /// where there is no cursor. The index lags behind the table a little; the orders themselves are as they are now.
    pub async fn newest(
        &self,
        user_id: &UserId,
        filter: &OrderFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Versioned<Order>>, StoreError> {
        let start = cursor.map(|cursor| place_of(cursor, user_id)).transpose()?;
        let [since, until] = filter.span();
        // DynamoDB refuses to begin outside of what is asked for: such a cursor is of another question.
        if start.as_ref().is_some_and(|(created_at, _)| *created_at < since || *created_at > until) {
            return Err(StoreError::CursorRefused);
        }
        if since > until {
            return Ok(Page { items: Vec::new(), next_cursor: None });
        }
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        if filter.only_open {
            self.newest_open(user_id, filter, start, limit).await
        } else {
            self.newest_of_all(user_id, filter, start, limit).await
        }
    }

    async fn newest_of_all(
        &self,
        user_id: &UserId,
        filter: &OrderFilter,
        mut start: Option<Place>,
        limit: u32,
    ) -> Result<Page<Versioned<Order>>, StoreError> {
        let wanted = limit as usize;
        let mut items = Vec::new();
        for _ in 0..INDEX_PAGES_MAX {
            let rows =
                if filter.needs_rows() { PAGE_ROWS_MAX } else { limit - u32::try_from(items.len()).unwrap_or(0) };
            let (places, next) = self.index_page(user_id, filter, start.as_ref(), rows).await?;
            let order_ids: Vec<&str> = places.iter().map(|(_, order_id)| order_id.as_str()).collect();
            let mut found = self.rows(user_id, &order_ids).await?;
            for place in &places {
                items.extend(found.remove(&place.1).filter(|order| filter.takes(&order.value)));
                if items.len() == wanted {
                    let more = next.is_some() || places.last() != Some(place);
                    return Ok(Page { items, next_cursor: more.then(|| cursor_at(user_id, place)).flatten() });
                }
            }
            start = next;
            if start.is_none() {
                break;
            }
        }
        Ok(Page { items, next_cursor: start.and_then(|place| cursor_at(user_id, &place)) })
    }

    /// As a rule there are a handful of them: they are read whole, and put in order here.
    async fn newest_open(
        &self,
        user_id: &UserId,
        filter: &OrderFilter,
        start: Option<Place>,
        limit: u32,
    ) -> Result<Page<Versioned<Order>>, StoreError> {
        let mut items = self.open_now(user_id).await?;
        items.retain(|order| filter.takes(&order.value));
        items.retain(|order| start.as_ref().is_none_or(|start| place(order) < *start));
        items.sort_by_key(|order| std::cmp::Reverse(place(order)));
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items.last().filter(|_| more).and_then(|last| cursor_at(user_id, &place(last)));
        Ok(Page { items, next_cursor })
    }

    async fn index_page(
        &self,
        user_id: &UserId,
        filter: &OrderFilter,
        start: Option<&Place>,
        limit: u32,
    ) -> Result<(Vec<Place>, Option<Place>), StoreError> {
        let [user, order_id] = Order::KEY;
        let start = start.map(|(created_at, id)| {
            let parts = [(user, user_id.as_str()), (order_id, id), (CREATED_AT, created_at)];
            parts.map(|(name, value)| (name.to_owned(), text(value))).into()
        });
        let [since, until] = filter.span();
        let answer = self
            .table
            .database
            .client()
            .query()
            .table_name(&self.table.name)
            .index_name(RECENT_INDEX)
            .key_condition_expression("#user = :user AND #created_at BETWEEN :since AND :until")
            .expression_attribute_names("#user", user)
            .expression_attribute_names("#created_at", CREATED_AT)
            .expression_attribute_values(":user", text(user_id.as_str()))
            .expression_attribute_values(":since", text(since))
            .expression_attribute_values(":until", text(until))
            .scan_index_forward(false)
            .set_exclusive_start_key(start)
            .limit(page_rows(limit))
            .send()
            .await
            .map_err(|error| StoreError::of_call(&self.table.name, "list the newest rows", error))?;
        let place_of_row =
            |row: &Attributes| Some((text_of(row, CREATED_AT)?.to_owned(), text_of(row, order_id)?.to_owned()));
        let next = answer.last_evaluated_key().and_then(place_of_row);
        Ok((answer.items().iter().filter_map(place_of_row).collect(), next))
    }

    /// The rows of these keys as they are now, in their order; what is gone is left out.
    pub(crate) async fn rows_of(&self, keys: Vec<[String; 2]>) -> Result<Vec<Versioned<Order>>, StoreError> {
        let mut found = HashMap::new();
        for some in keys.chunks(PAGE_ROWS_MAX as usize) {
            let [user, order] = Order::KEY;
            let row = |[user_id, order_id]: &[String; 2]| {
                HashMap::from([(user.to_owned(), text(user_id)), (order.to_owned(), text(order_id))])
            };
            let asked = HashMap::from([(self.table.name.clone(), some.iter().map(row).collect())]);
            for row in read_many(&self.table.database, asked).await?.into_values().flatten() {
                let order: Versioned<Order> = self.table.read(row)?;
                found.insert([order.value.key.user_id.to_string(), order.value.key.order_id.to_string()], order);
            }
        }
        Ok(keys.into_iter().filter_map(|key| found.remove(&key)).collect())
    }

    /// The rows of these orders as they are now, by order id.
    pub(crate) async fn rows(
        &self,
        user_id: &UserId,
        order_ids: &[&str],
    ) -> Result<HashMap<String, Versioned<Order>>, StoreError> {
        let mut found = HashMap::new();
        for some in order_ids.chunks(PAGE_ROWS_MAX as usize) {
            let keys = some.iter().map(|order_id| key(user_id, order_id)).collect();
            let rows = read_many(&self.table.database, HashMap::from([(self.table.name.clone(), keys)])).await?;
            for row in rows.into_values().flatten() {
                let order: Versioned<Order> = self.table.read(row)?;
                found.insert(order.value.key.order_id.to_string(), order);
            }
        }
        Ok(found)
    }
}

fn key(user_id: &UserId, order_id: &str) -> HashMap<String, AttributeValue> {
    let [user, order] = Order::KEY;
    HashMap::from([(user.to_owned(), text(user_id.as_str())), (order.to_owned(), text(order_id))])
}

fn place(order: &Versioned<Order>) -> Place {
    (sortable(order.value.created_at), order.value.key.order_id.to_string())
}

fn cursor_at(user_id: &UserId, (created_at, order_id): &Place) -> Option<String> {
    cursor_of(&[user_id.as_str(), created_at, order_id])
}

/// Where a cursor of this user stands. Its parts become a key, so they must be able to be one.
fn place_of(cursor: &str, user_id: &UserId) -> Result<Place, StoreError> {
    let [whose, created_at, order_id] = parts_of(cursor)?;
    let is_time = created_at.parse::<Timestamp>().is_ok_and(|at| sortable(at) == created_at);
    if whose != user_id.as_str() || !is_time || order_id.parse::<domain::OrderId>().is_err() {
        return Err(StoreError::CursorRefused);
    }
    Ok((created_at, order_id))
}
