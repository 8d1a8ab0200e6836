//! Attempts: a user was sent to the broker, and is to come back once, in the same browser.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::{ConnectionId, Secret, UserId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::database::{Attributes, Database, Updated, WRITE_ID, number, text, text_of};
use crate::error::StoreError;
use crate::times::sortable;
use crate::transaction::{commit_unconditionally, put};

/// How long an attempt is kept after it expired, so that who comes late is told so.
const KEPT_AFTER_EXPIRY: SignedDuration = SignedDuration::from_hours(24);

const HASH: &str = "request_token_hash";
const COOKIE_HASH: &str = "cookie_hash";
const EXPIRES_AT: &str = "expires_at";
const TAKEN_AT: &str = "taken_at";
/// DynamoDB removes rows some time after this, in seconds since 1970.
const TIME_TO_LIVE: &str = "expires_at_epoch_seconds";

/// The SHA-256 of a secret, in hexadecimal: enough to know the secret again, not to use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHash(String);

impl SecretHash {
    /// The hash of this secret.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        Self(hex::encode(Sha256::digest(secret.expose())))
    }

    /// The hash as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One attempt of a user to connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Of the request token that the broker gave.
    pub request_token_hash: SecretHash,
    /// Of the cookie that was given to the browser.
    pub cookie_hash: SecretHash,
    /// Who connects.
    pub user_id: UserId,
    /// Which connection it will be.
    pub connection_id: ConnectionId,
    /// After it the attempt is void.
    pub expires_at: Timestamp,
}

/// What became of taking an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is the caller's, and nobody else's any more.
    Yes(Attempt),
    /// There is no such attempt, or it is long gone.
    Unknown,
    /// The user came back too late.
    Expired,
    /// It was taken before: the address was opened a second time.
    AlreadyTaken,
    /// The browser is not the one that began. The attempt still stands for that one.
    OtherBrowser,
}

/// The table of attempts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Attempts {
    database: Database,
    table: String,
}

impl Attempts {
    /// The attempts of this table.
    #[must_use]
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { database: database.clone(), table: table.into() }
    }

    /// Puts an attempt on record, to be found by its request token.
    pub async fn put(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let kept_until = attempt.expires_at.saturating_add(KEPT_AFTER_EXPIRY).unwrap_or(attempt.expires_at);
        let time_to_live = number(kept_until.as_second());
        let by_token = Attributes::from([
            (HASH.to_owned(), text(attempt.request_token_hash.as_str())),
            (COOKIE_HASH.to_owned(), text(attempt.cookie_hash.as_str())),
            ("user_id".to_owned(), text(attempt.user_id.as_str())),
            ("connection_id".to_owned(), text(attempt.connection_id.as_str())),
            (EXPIRES_AT.to_owned(), text(sortable(attempt.expires_at))),
            (TIME_TO_LIVE.to_owned(), time_to_live),
        ]);
        let parts = [put(&self.table, by_token)?];
        commit_unconditionally(&self.database, &self.table, "record an attempt", &parts).await
    }

    /// Takes an attempt, once, for the browser that began it. Another browser, or one without a cookie, takes
    /// nothing.
    pub async fn take_once(
        &self,
        request_token: &Secret,
        cookie: Option<&Secret>,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        self.take(&SecretHash::of(request_token), cookie.map(SecretHash::of).as_ref(), now).await
    }

    async fn take(
        &self,
        request_token_hash: &SecretHash,
        cookie_hash: Option<&SecretHash>,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let write_id = self.database.write_id();
        let cookie_hash = cookie_hash.map_or("", SecretHash::as_str);
        let request = self
            .database
            .client()
            .update_item()
            .table_name(&self.table)
            .key(HASH, text(request_token_hash.as_str()))
            .update_expression("SET taken_at = :now, write_id = :write")
            .condition_expression("cookie_hash = :cookie AND attribute_not_exists(taken_at) AND expires_at > :now")
            .expression_attribute_values(":cookie", text(cookie_hash))
            .expression_attribute_values(":now", text(sortable(now)))
            .expression_attribute_values(":write", text(&write_id))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.database.update(&self.table, "take an attempt", request).await? {
            Updated::Done(row) => self.read(row, request_token_hash).map(Taken::Yes),
            // An earlier try of this same write took it, and its answer was lost.
            Updated::Stands(row) if text_of(&row, WRITE_ID) == Some(&write_id) => {
                self.read(row, request_token_hash).map(Taken::Yes)
            }
            Updated::Stands(row) => Ok(why_not(&row, cookie_hash)),
        }
    }

    fn read(&self, row: Attributes, request_token_hash: &SecretHash) -> Result<Attempt, StoreError> {
        serde_dynamo::from_item(row)
            .map_err(|error| StoreError::corrupt(&self.table, request_token_hash.as_str(), error))
    }
}

/// A browser that did not begin the attempt learns nothing more of it.
fn why_not(row: &Attributes, cookie_hash: &str) -> Taken {
    if row.is_empty() {
        Taken::Unknown
    } else if text_of(row, COOKIE_HASH) != Some(cookie_hash) {
        Taken::OtherBrowser
    } else if row.contains_key(TAKEN_AT) {
        Taken::AlreadyTaken
    } else {
        Taken::Expired
    }
}
