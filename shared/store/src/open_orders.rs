//! A user's orders that are not over: not final, or with exits that still work.
//!
//! The index that finds them lags behind the table: mostly under 100 ms, under throttling for seconds (DynamoDB, global
//! secondary indexes), and it cannot be read consistently. What guards money must miss none of those that the broker may have.
//! These are counted in the row of what is used of the user's limits, in the transactions of intents and ends, so what the
//! index shows is held against that count.

use std::time::Duration;

use domain::{Order, OrderKey, UserId};

use crate::error::StoreError;
use crate::orders::Orders;
use crate::versioned::Versioned;

/// Pauses before the index is asked again, where it shows fewer orders than are counted.
const LAG_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(300)];

impl Orders {
    /// The keys of a user's orders that are not over, as the index shows them: some may be over by now, and some that were
    /// recorded just now may be missing. For people who look; what guards money asks [`Orders::all_open`].
    pub async fn open_of(&self, user_id: &UserId) -> Result<Vec<OrderKey>, StoreError> {
        let order_ids = self.table.open::<Order>(user_id.as_str()).await?;
        order_ids.into_iter().map(|order_id| self.key([user_id.to_string(), order_id])).collect()
    }

    /// A user's orders that are not over, as they are now, in no order. The index that finds them lags behind the table a
    /// little, so one that was recorded just now may be missing.
    pub async fn open_now(&self, user_id: &UserId) -> Result<Vec<Versioned<Order>>, StoreError> {
        let mut open = self.indexed(user_id).await?;
        open.retain(|order| !order.value.is_over());
        Ok(open)
    }

    /// As [`Orders::open_now`], and every order among them that the broker may have, those that wait for a person included.
    ///
    /// That is certain only while no intent of this user can be written: under the user's lock, or once a halt stands. Then
    /// the orders that are counted can only become fewer, so as many as were counted before are all of them.
    ///
    /// # Errors
    /// [`StoreError::Throttled`] where the user has more orders than can be read: then nobody knows whether these are all.
    pub async fn all_open(&self, user_id: &UserId) -> Result<Vec<Versioned<Order>>, StoreError> {
        let counted = self.usage(user_id, None).await?.open_orders;
        let mut open = self.indexed(user_id).await?;
        for pause in LAG_PAUSES {
            if held(&open) >= counted {
                return Ok(open);
            }
            tokio::time::sleep(pause).await;
            open = self.indexed(user_id).await?;
        }
        if held(&open) >= counted { Ok(open) } else { self.table.open_by_the_table(user_id.as_str()).await }
    }

    /// As [`Orders::open_now`]; and whether the index shows every order that the broker may have.
    pub async fn open_and_whether_all(&self, user_id: &UserId) -> Result<(Vec<Versioned<Order>>, bool), StoreError> {
        let (usage, open) = tokio::try_join!(self.usage(user_id, None), self.indexed(user_id))?;
        let are_all = held(&open) >= usage.open_orders;
        Ok((open.into_iter().filter(|order| !order.value.is_over()).collect(), are_all))
    }

    async fn indexed(&self, user_id: &UserId) -> Result<Vec<Versioned<Order>>, StoreError> {
        let order_ids = self.table.open::<Order>(user_id.as_str()).await?;
        let order_ids: Vec<&str> = order_ids.iter().map(String::as_str).collect();
        let rows = self.rows(user_id, &order_ids).await?;
        Ok(rows.into_values().filter(|order| matters(&order.value)).collect())
    }
}

/// Not over, or for a person: what the broker may have of that holds its place until they decided.
fn matters(order: &Order) -> bool {
    !order.is_over() || order.reserved.is_some()
}

/// How many of these are counted: an order holds its place from its intent to its end.
fn held(open: &[Versioned<Order>]) -> u64 {
    open.iter().filter(|order| order.value.reserved.is_some()).count() as u64
}
