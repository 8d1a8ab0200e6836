//! Several new orders put on record together.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::Order;

use crate::documents::Document;
use crate::error::StoreError;
use crate::orders::{Inserted, Orders};
use crate::transaction::{Committed, built, commit};
use crate::versioned::Versioned;

/// Writes in one transaction at most (DynamoDB, `TransactWriteItems`).
const TOGETHER_MAX: usize = 100;

impl Orders {
    /// Puts new orders on record, each once: one call where all are new, else one more for each. Answers in their order.
    /// An error may leave some of them on record: whoever tries again finds those.
    pub async fn insert_all(&self, orders: &[Order]) -> Result<Vec<Inserted>, StoreError> {
        let mut inserted = Vec::with_capacity(orders.len());
        for some in orders.chunks(TOGETHER_MAX) {
            if self.insert_together(some).await? {
                inserted.extend(some.iter().map(|order| Inserted::New(Versioned::new(order.clone(), 1))));
                continue;
            }
            for order in some {
                inserted.push(self.insert(order).await?);
            }
        }
        Ok(inserted)
    }

    /// Whether they are all on record now, and none was before.
    async fn insert_together(&self, orders: &[Order]) -> Result<bool, StoreError> {
        // A transaction takes each row once.
        let keys: HashSet<_> = orders.iter().map(|order| &order.key).collect();
        if orders.len() < 2 || keys.len() < orders.len() {
            return Ok(false);
        }
        let parts = orders.iter().map(|order| self.new_row(order)).collect::<Result<Vec<_>, _>>()?;
        let ended = commit(&self.table.database, &self.table.name, "put new orders on record", &parts).await?;
        Ok(matches!(ended, Committed::Done))
    }

    fn new_row(&self, order: &Order) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table.name)
            .set_item(Some(self.table.row(order, 1, &self.table.database.write_id())?))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", Order::KEY[0])
            .build();
        Ok(TransactWriteItem::builder().put(built(&self.table.name, put)?).build())
    }
}
