//! What is due: rows that must be looked at, by the sparse index, in shards.

use jiff::Timestamp;

use crate::database::{Attributes, text, text_of};
use crate::documents::{DUE_SHARDS, Document, DocumentTable, shard_name};
use crate::error::StoreError;
use crate::times::sortable;

/// The sparse index of what must be looked at.
pub(crate) const DUE_INDEX: &str = "due";
/// Rows of one page at most. The index holds keys only, so a thousand take some 100 kB.
pub const DUE_ROWS_MAX: u32 = 1000;

/// Where a page of due rows ended: the next one begins behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct DueCursor(Attributes);

/// A page of what is due.
#[derive(Debug, Clone, PartialEq)]
pub struct DuePage<K> {
    /// The longest due first.
    pub keys: Vec<K>,
    /// Since when the first of them is due.
    pub due_since: Option<Timestamp>,
    /// Where there may be more.
    pub next: Option<DueCursor>,
}

impl DocumentTable {
    /// The keys of a shard's rows that are due, the longest due first, behind a page before. The index lags behind the
    /// table a little, so a row may be found that is due no more.
    pub(crate) async fn due<D: Document>(
        &self,
        shard: u8,
        now: Timestamp,
        limit: u32,
        behind: Option<DueCursor>,
    ) -> Result<DuePage<[String; 2]>, StoreError> {
        let answer = self
            .database
            .client()
            .query()
            .table_name(&self.name)
            .index_name(DUE_INDEX)
            .key_condition_expression("due_shard = :shard AND #due_at <= :now")
            .expression_attribute_names("#due_at", D::DUE_AT)
            .expression_attribute_values(":shard", text(shard_name(shard)))
            .expression_attribute_values(":now", text(sortable(now)))
            .set_exclusive_start_key(behind.map(|cursor| cursor.0))
            .limit(i32::try_from(limit.clamp(1, DUE_ROWS_MAX)).unwrap_or(1))
            .send()
            .await
            .map_err(|error| StoreError::of_call(&self.name, "find due rows", error))?;
        let due_since = answer.items().first().and_then(|row| text_of(row, D::DUE_AT)?.parse().ok());
        let key_of =
            |row: &Attributes| Some([text_of(row, D::KEY[0])?.to_owned(), text_of(row, D::KEY[1])?.to_owned()]);
        let keys = answer
            .items()
            .iter()
            .map(|row| key_of(row).ok_or_else(|| StoreError::corrupt(&self.name, "of the index", "it has no key")))
            .collect::<Result<_, _>>()?;
        Ok(DuePage { keys, due_since, next: answer.last_evaluated_key.map(DueCursor) })
    }
}

/// Every shard once; which is the first changes with each minute, so that a run that ends before its last shard leaves out
/// another one each time.
pub fn shards_in_turn(now: Timestamp) -> impl Iterator<Item = u8> {
    let minute = now.as_second().div_euclid(60).rem_euclid(i64::from(DUE_SHARDS));
    let first = u8::try_from(minute).unwrap_or_default();
    (0..DUE_SHARDS).map(move |number| (first + number) % DUE_SHARDS)
}
