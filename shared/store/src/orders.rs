//! Orders: the ledger.

use domain::{GivesBack, Order, OrderId, OrderKey, UserId};
use jiff::Timestamp;

use crate::cursor::Page;
use crate::database::Database;
use crate::documents::{Document, DocumentTable, Inserted, from_image};
use crate::due::{DueCursor, DuePage};
use crate::error::StoreError;
use crate::give_back::save_giving_back;
use crate::intent::{IntentGuards, IntentRefused, save_intent};
use crate::lanes::LaneLease;
use crate::versioned::Versioned;

/// The table of orders. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Orders {
    pub(crate) table: DocumentTable,
}

impl Orders {
    /// The orders of this table.
    #[must_use]
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { table: DocumentTable { database: database.clone(), name: table.into() } }
    }

    /// Puts a new order on record, once: one call, also when it comes again.
    pub async fn insert(&self, order: &Order) -> Result<Inserted<Order>, StoreError> {
        self.table.insert(order).await
    }

    /// The order as it is now (strongly consistent).
    pub async fn get(&self, key: &OrderKey) -> Result<Option<Versioned<Order>>, StoreError> {
        self.table.get([key.user_id.as_str(), key.order_id.as_str()]).await
    }

    /// Writes an order that was changed; [`StoreError::Conflict`] when somebody else wrote it since it was read. An order
    /// that ended, or is proved not sent, gives back in the same transaction what it held of the limits.
    pub async fn save(&self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        match order.value.reserved.clone() {
            Some(reserved) if order.value.gives_back() != GivesBack::Nothing => {
                Box::pin(save_giving_back(&self.table, order, &reserved)).await
            }
            _ => self.table.save(order).await,
        }
    }

    /// Writes an order whose intent is about to be carried out, in one transaction with the checks of the lane
    /// and of whatever else `guards` names. Only after this may a byte leave.
    pub async fn save_intent(
        &self,
        order: &mut Versioned<Order>,
        lease: &LaneLease,
        guards: IntentGuards<'_>,
    ) -> Result<(), IntentRefused> {
        Box::pin(save_intent(&self.table, order, lease, guards)).await
    }

    /// The orders of a shard (0 to [`crate::DUE_SHARDS`] - 1) that somebody must look at, the longest due first, behind a
    /// page before. The index lags behind the table a little: read each order before acting on it.
    pub async fn due(
        &self,
        shard: u8,
        now: Timestamp,
        limit: u32,
        behind: Option<DueCursor>,
    ) -> Result<DuePage<OrderKey>, StoreError> {
        let page = self.table.due::<Order>(shard, now, limit, behind).await?;
        let keys = page.keys.into_iter().map(|key| self.key(key)).collect::<Result<_, _>>()?;
        Ok(DuePage { keys, due_since: page.due_since, next: page.next })
    }

    /// The shard in which [`Orders::due`] finds a user's orders.
    #[must_use]
    pub fn shard_of(user_id: &UserId) -> u8 {
        crate::documents::shard_of(user_id.as_str())
    }

    /// A part of a user's orders by id, from the last to the first; ids that begin with a date come newest first.
    pub async fn list(
        &self,
        user_id: &UserId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Versioned<Order>>, StoreError> {
        self.table.list(user_id.as_str(), cursor, limit).await
    }

    pub(crate) fn key(&self, [user_id, order_id]: [String; 2]) -> Result<OrderKey, StoreError> {
        let row = format!("{user_id}/{order_id}");
        let corrupt = |error: domain::InvalidId| StoreError::corrupt(&self.table.name, row.clone(), error);
        let user_id = UserId::try_from(user_id).map_err(corrupt)?;
        let order_id = OrderId::try_from(order_id).map_err(corrupt)?;
        Ok(OrderKey { user_id, order_id })
    }
}

/// The order in an image of the table's stream, old or new; `None` for a row that is no order (a refusal).
///
/// Any map of attribute values that `serde_dynamo` knows becomes the argument by `.into()`.
pub fn order_from_image(image: serde_dynamo::Item) -> Result<Option<Order>, StoreError> {
    from_image(image)
}

impl Document for Order {
    const ATTRIBUTE: &'static str = "order";
    const KEY: [&'static str; 2] = ["user_id", "order_id"];
    const DUE_AT: &'static str = "next_check_at";

    fn key(&self) -> [&str; 2] {
        [self.key.user_id.as_str(), self.key.order_id.as_str()]
    }

    fn status(&self) -> &'static str {
        Order::status(self).as_str()
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.next_check_at
    }

    fn open_for(&self) -> Option<&str> {
        self.next_check_at.map(|_| self.key.user_id.as_str())
    }

    fn made_at(&self) -> Option<Timestamp> {
        Some(self.created_at)
    }

    fn mended(self) -> Self {
        self.with_its_legs()
    }
}
