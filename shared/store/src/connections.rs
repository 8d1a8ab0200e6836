//! Connections. The claims to their accounts are beside them ([`crate::account_claims`]), in partitions whose names hold a
//! space, which no user id can.

use domain::{AccountId, Connection, ConnectionId, UserId};
use jiff::Timestamp;

use crate::database::Database;
use crate::documents::{Document, DocumentTable, Inserted, PAGE_ROWS_MAX, from_image};
use crate::due::{DueCursor, DuePage};
use crate::error::StoreError;
use crate::versioned::Versioned;

/// Pages of one user's connections that are read: far more than anybody has.
const PAGES_MAX: usize = 10;

/// The table of connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connections {
    pub(crate) table: DocumentTable,
}

impl Connections {
    /// The connections of this table.
    #[must_use]
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { table: DocumentTable { database: database.clone(), name: table.into() } }
    }

    /// Puts a new connection on record; [`StoreError::Conflict`] if its name is taken.
    pub async fn put_new(&self, connection: &Connection) -> Result<Versioned<Connection>, StoreError> {
        match self.table.insert(connection).await? {
            Inserted::New(connection) => Ok(connection),
            Inserted::Existing(_) => Err(StoreError::conflict(&self.table.name, Document::key(connection).join("/"))),
        }
    }

    /// The connection as it is now (strongly consistent).
    pub async fn get(
        &self,
        user_id: &UserId,
        connection_id: &ConnectionId,
    ) -> Result<Option<Versioned<Connection>>, StoreError> {
        self.table.get([user_id.as_str(), connection_id.as_str()]).await
    }

    /// All of a user's connections as they are now.
    pub async fn list(&self, user_id: &UserId) -> Result<Vec<Versioned<Connection>>, StoreError> {
        let mut connections = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let page = self.table.list(user_id.as_str(), cursor.as_deref(), PAGE_ROWS_MAX).await?;
            connections.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(connections)
    }

    /// The user's connections that reach this account, whatever their status.
    pub async fn of_account(
        &self,
        user_id: &UserId,
        account_id: &AccountId,
    ) -> Result<Vec<Versioned<Connection>>, StoreError> {
        let mut connections = self.list(user_id).await?;
        connections.retain(|connection| connection.value.accounts.contains(account_id));
        Ok(connections)
    }

    /// Writes a connection that was changed; [`StoreError::Conflict`] when somebody else wrote it since it was read.
    pub async fn save(&self, connection: &mut Versioned<Connection>) -> Result<(), StoreError> {
        self.table.save(connection).await
    }

    /// The connections of a shard (0 to [`crate::DUE_SHARDS`] - 1) that are due for renewal, the longest due
    /// first, behind a page before. The index lags behind the table a little: read each before acting on it.
    pub async fn due_for_renewal(
        &self,
        shard: u8,
        now: Timestamp,
        limit: u32,
        behind: Option<DueCursor>,
    ) -> Result<DuePage<(UserId, ConnectionId)>, StoreError> {
        let page = self.table.due::<Connection>(shard, now, limit, behind).await?;
        let keys = page.keys.into_iter().map(|key| self.key(key)).collect::<Result<_, _>>()?;
        Ok(DuePage { keys, due_since: page.due_since, next: page.next })
    }

    /// The shard in which [`Connections::due_for_renewal`] finds a user's connections.
    #[must_use]
    pub fn shard_of(user_id: &UserId) -> u8 {
        crate::documents::shard_of(user_id.as_str())
    }

    fn key(&self, [user_id, connection_id]: [String; 2]) -> Result<(UserId, ConnectionId), StoreError> {
        let row = format!("{user_id}/{connection_id}");
        let corrupt = |error: domain::InvalidId| StoreError::corrupt(&self.table.name, row.clone(), error);
        Ok((UserId::try_from(user_id).map_err(corrupt)?, ConnectionId::try_from(connection_id).map_err(corrupt)?))
    }
}

/// The connection in an image of the table's stream, old or new; `None` for a row that is no connection.
///
/// Any map of attribute values that `serde_dynamo` knows becomes the argument by `.into()`.
pub fn connection_from_image(image: serde_dynamo::Item) -> Result<Option<Connection>, StoreError> {
    from_image(image)
}

impl Document for Connection {
    const ATTRIBUTE: &'static str = "connection";
    const KEY: [&'static str; 2] = ["user_id", "connection_id"];
    const DUE_AT: &'static str = "next_renewal_at";

    fn key(&self) -> [&str; 2] {
        [self.user_id.as_str(), self.connection_id.as_str()]
    }

    fn status(&self) -> &'static str {
        self.status.as_str()
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.next_renewal_at
    }

    fn kept_until(&self) -> Option<Timestamp> {
        self.forgotten_at()
    }
}
