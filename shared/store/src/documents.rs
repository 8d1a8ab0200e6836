//! Rows that hold one document each, under a version: orders and connections.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::cursor::{Page, cursor_after, sort_part_of};
use crate::database::{Attributes, Database, WRITE_ID, number, number_of, text, text_of};
use crate::error::StoreError;
use crate::times::sortable;
use crate::versioned::Versioned;

/// Shards of each index of due rows, so that no single partition of it takes all writes.
pub const DUE_SHARDS: u8 = 16;
/// Rows of one page at most.
pub const PAGE_ROWS_MAX: u32 = 100;

/// Rows of one page of the index of open rows: of keys only, so they take some 100 kB.
const OPEN_PAGE_ROWS: i32 = 1000;
/// Pages of it that are read for one user.
const OPEN_PAGES_MAX: usize = 50;
/// Pages of a user's whole partition that are read, 1 MB each: some 100,000 orders.
const TABLE_PAGES_MAX: usize = 300;

/// The sparse index of a user's open documents, and its partition key.
const OPEN_INDEX: &str = "open";
const OPEN_USER: &str = "open_user_id";
/// The field of a document that says what it holds of limits.
const RESERVED: &str = "reserved";
/// The index of a user's documents by their age, and its sort key.
pub(crate) const RECENT_INDEX: &str = "recent";
pub(crate) const CREATED_AT: &str = "created_at";
pub(crate) const VERSION: &str = "version";
/// When DynamoDB may delete a row by itself, in seconds since 1970 (DynamoDB, time to live).
const EXPIRES: &str = "expires_at_epoch_seconds";

/// A document that has a row of its own.
pub(crate) trait Document: Serialize + DeserializeOwned {
    /// The attribute that holds it.
    const ATTRIBUTE: &'static str;
    /// The names of its key's two parts; the first is the user's id.
    const KEY: [&'static str; 2];
    /// The attribute by which the index finds it when it is due.
    const DUE_AT: &'static str;

    /// Its key's two parts.
    fn key(&self) -> [&str; 2];
    /// Its status, for people who look at the table.
    fn status(&self) -> &'static str;
    /// When it must be looked at; `None`: never, so it is not in the index.
    fn due_at(&self) -> Option<Timestamp>;
    /// The user in whose list of open documents it is; `None`: in none.
    fn open_for(&self) -> Option<&str> {
        None
    }
    /// From when on it may be deleted by itself; `None`: never.
    fn kept_until(&self) -> Option<Timestamp> {
        None
    }
    /// When it was made, where a user's documents are listed by their age; `None`: they are not.
    fn made_at(&self) -> Option<Timestamp> {
        None
    }
    /// What a row of a release before lacks is put into what was read.
    #[must_use]
    fn mended(self) -> Self {
        self
    }
}

/// What became of a new row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted<D> {
    /// It is on record now.
    New(Versioned<D>),
    /// A row with this identity was on record before, and is as it was. Whether it is the same, an order's fingerprint tells.
    Existing(Versioned<D>),
}

/// A table of such documents.
#[derive(Debug, Clone)]
pub(crate) struct DocumentTable {
    pub(crate) database: Database,
    pub(crate) name: String,
}

impl DocumentTable {
    /// Writes a new row, once: one call, also when it comes again.
    pub(crate) async fn insert<D: Document + Clone>(&self, document: &D) -> Result<Inserted<D>, StoreError> {
        let write_id = self.database.write_id();
        let request = self
            .database
            .client()
            .put_item()
            .table_name(&self.name)
            .set_item(Some(self.row(document, 1, &write_id)?))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", D::KEY[0])
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.database.put(&self.name, request).await?.obstacle(&write_id) {
            None => Ok(Inserted::New(Versioned::new(document.clone(), 1))),
            Some(row) => Ok(Inserted::Existing(self.read(row)?)),
        }
    }

    /// Writes a row again, if nobody else has since it was read.
    pub(crate) async fn save<D: Document>(&self, versioned: &mut Versioned<D>) -> Result<(), StoreError> {
        let write_id = self.database.write_id();
        let request = self
            .database
            .client()
            .put_item()
            .table_name(&self.name)
            .set_item(Some(self.row(&versioned.value, versioned.next_version(), &write_id)?))
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":version", number(versioned.version()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.database.put(&self.name, request).await?.obstacle(&write_id) {
            None => versioned.written(),
            Some(_) => return Err(StoreError::conflict(&self.name, versioned.value.key().join("/"))),
        }
        Ok(())
    }

    /// Reads a row as it is now.
    pub(crate) async fn get<D: Document>(&self, key: [&str; 2]) -> Result<Option<Versioned<D>>, StoreError> {
        let answer = self
            .database
            .client()
            .get_item()
            .table_name(&self.name)
            .set_key(Some(Self::key::<D>(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of_call(&self.name, "read a row", error))?;
        answer.item.map(|row| self.read(row)).transpose()
    }

    /// The key of a row.
    pub(crate) fn key<D: Document>(key: [&str; 2]) -> Attributes {
        Attributes::from([(D::KEY[0].to_owned(), text(key[0])), (D::KEY[1].to_owned(), text(key[1]))])
    }

    /// A part of a user's rows, by the key's second part, from the last to the first.
    pub(crate) async fn list<D: Document>(
        &self,
        user_id: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Versioned<D>>, StoreError> {
        let page = list_rows(&self.database, &self.name, D::KEY, user_id, cursor, limit).await?;
        let items = page.items.into_iter().map(|row| self.read(row)).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    /// The second part of the key of each of a user's open rows, by the index. It lags behind the table a little, so a row
    /// may be found that is open no more, and one that was written just now may be missing.
    pub(crate) async fn open<D: Document>(&self, user_id: &str) -> Result<Vec<String>, StoreError> {
        let (mut found, mut start) = (Vec::new(), None);
        for _ in 0..OPEN_PAGES_MAX {
            let answer = self
                .database
                .client()
                .query()
                .table_name(&self.name)
                .index_name(OPEN_INDEX)
                .key_condition_expression("#user = :user")
                .expression_attribute_names("#user", OPEN_USER)
                .expression_attribute_values(":user", text(user_id))
                .set_exclusive_start_key(start)
                .limit(OPEN_PAGE_ROWS)
                .send()
                .await
                .map_err(|error| StoreError::of_call(&self.name, "find open rows", error))?;
            found.extend(answer.items().iter().filter_map(|row| text_of(row, D::KEY[1]).map(str::to_owned)));
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
        Err(self.too_many_open())
    }

    /// A user's open rows, and those that hold something of limits, by the table itself, as they are now (strongly
    /// consistent). It reads all rows of the user, so it is for when the index does not show what must be there.
    pub(crate) async fn open_by_the_table<D: Document>(&self, user_id: &str) -> Result<Vec<Versioned<D>>, StoreError> {
        let (mut found, mut start) = (Vec::new(), None);
        for _ in 0..TABLE_PAGES_MAX {
            let answer = self
                .database
                .client()
                .query()
                .table_name(&self.name)
                .key_condition_expression("#user = :user")
                .filter_expression("attribute_exists(#open) OR attribute_exists(#document.#reserved)")
                .expression_attribute_names("#user", D::KEY[0])
                .expression_attribute_names("#open", OPEN_USER)
                .expression_attribute_names("#document", D::ATTRIBUTE)
                .expression_attribute_names("#reserved", RESERVED)
                .expression_attribute_values(":user", text(user_id))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::of_call(&self.name, "find open rows by the table", error))?;
            for row in answer.items.unwrap_or_default() {
                found.push(self.read(row)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
        Err(self.too_many_open())
    }

    fn too_many_open(&self) -> StoreError {
        StoreError::throttled(&self.name, "find open rows", "the user has more rows than are read at once")
    }

    /// The row of a document.
    pub(crate) fn row<D: Document>(
        &self,
        document: &D,
        version: u64,
        write_id: &str,
    ) -> Result<Attributes, StoreError> {
        let key = document.key();
        let body: AttributeValue = serde_dynamo::to_attribute_value(document)
            .map_err(|error| StoreError::corrupt(&self.name, key.join("/"), error))?;
        let mut row = Attributes::from([
            (D::KEY[0].to_owned(), text(key[0])),
            (D::KEY[1].to_owned(), text(key[1])),
            (VERSION.to_owned(), number(version)),
            (WRITE_ID.to_owned(), text(write_id)),
            ("status".to_owned(), text(document.status())),
            (D::ATTRIBUTE.to_owned(), body),
        ]);
        if let Some(due_at) = document.due_at() {
            row.insert("due_shard".to_owned(), text(shard_name(shard_of(key[0]))));
            row.insert(D::DUE_AT.to_owned(), text(sortable(due_at)));
        }
        if let Some(user_id) = document.open_for() {
            row.insert(OPEN_USER.to_owned(), text(user_id));
        }
        if let Some(kept_until) = document.kept_until() {
            row.insert(EXPIRES.to_owned(), number(kept_until.as_second()));
        }
        if let Some(made_at) = document.made_at() {
            row.insert(CREATED_AT.to_owned(), text(sortable(made_at)));
        }
        Ok(row)
    }

    pub(crate) fn read<D: Document>(&self, mut row: Attributes) -> Result<Versioned<D>, StoreError> {
        let key = D::KEY.map(|name| text_of(&row, name).unwrap_or("?").to_owned());
        let corrupt = |why: &str| StoreError::corrupt(&self.name, key.join("/"), why.to_owned());
        let version = number_of(&row, VERSION).ok_or_else(|| corrupt("it has no version"))?;
        let body = row.remove(D::ATTRIBUTE).ok_or_else(|| corrupt("it holds no document"))?;
        let document: D = serde_dynamo::from_attribute_value(body)
            .map_err(|error| StoreError::corrupt(&self.name, key.join("/"), error))?;
        if document.key() != [key[0].as_str(), key[1].as_str()] {
            return Err(corrupt("its document names another row"));
        }
        Ok(Versioned::new(document.mended(), version))
    }
}

/// The document in an image of the table's stream; `None` for a row that holds no such document.
pub(crate) fn from_image<D: Document>(mut image: serde_dynamo::Item) -> Result<Option<D>, StoreError> {
    let Some(body) = image.inner_mut().remove(D::ATTRIBUTE) else {
        return Ok(None);
    };
    serde_dynamo::from_attribute_value(body)
        .map(|document: D| Some(document.mended()))
        .map_err(|error| StoreError::corrupt("the stream", D::ATTRIBUTE, error))
}

/// A part of a partition's rows, by the key's second part, from the last to the first.
pub(crate) async fn list_rows(
    database: &Database,
    table: &str,
    key: [&str; 2],
    partition: &str,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Attributes>, StoreError> {
    let start = cursor.map(|cursor| sort_part_of(cursor, partition)).transpose()?;
    let start =
        start.map(|sort| Attributes::from([(key[0].to_owned(), text(partition)), (key[1].to_owned(), text(sort))]));
    let answer = database
        .client()
        .query()
        .table_name(table)
        .key_condition_expression("#partition = :partition")
        .expression_attribute_names("#partition", key[0])
        .expression_attribute_values(":partition", text(partition))
        .scan_index_forward(false)
        .consistent_read(true)
        .set_exclusive_start_key(start)
        .limit(page_rows(limit))
        .send()
        .await
        .map_err(|error| StoreError::of_call(table, "list rows", error))?;
    let next_cursor = answer.last_evaluated_key().and_then(|last| cursor_after(last, key));
    Ok(Page { items: answer.items.unwrap_or_default(), next_cursor })
}

/// The shard of a user: stable, whatever version of this project asks.
pub(crate) fn shard_of(user_id: &str) -> u8 {
    Sha256::digest(user_id)[0] % DUE_SHARDS
}

pub(crate) fn shard_name(shard: u8) -> String {
    format!("{shard:02}")
}

pub(crate) fn page_rows(limit: u32) -> i32 {
    i32::try_from(limit.clamp(1, PAGE_ROWS_MAX)).unwrap_or(1)
}
