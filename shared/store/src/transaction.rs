//! Several writes that happen together or not at all.

use std::time::Duration;

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, Put, TransactWriteItem};

use crate::database::{Attributes, Database};
use crate::error::StoreError;

/// Tries of a write whose rows are busy in other transactions. The SDK does not try such a write again.
pub(crate) const CONTENTION_TRIES_MAX: u32 = 6;
/// The longest pause before the second try, in milliseconds; it doubles with each further one.
const FIRST_PAUSE_MILLISECONDS_MAX: u64 = 20;

/// How a transaction ended.
pub(crate) enum Committed {
    /// All of it stands.
    Done,
    /// Nothing was written. For each write or check: the row, if its condition did not hold.
    Failed(Vec<Option<Attributes>>),
    /// Nothing was written: its rows were busy in other transactions, each time.
    Contended,
}

/// Carries out all writes and checks, or none.
pub(crate) async fn commit(
    database: &Database,
    table: &str,
    doing: &'static str,
    items: &[TransactWriteItem],
) -> Result<Committed, StoreError> {
    for attempt in 1..=CONTENTION_TRIES_MAX {
        match commit_once(database, table, doing, items).await? {
            Committed::Contended if attempt < CONTENTION_TRIES_MAX => pause(database, attempt).await,
            ended => return Ok(ended),
        }
    }
    Ok(Committed::Contended)
}

/// As [`commit`], for writes without conditions.
pub(crate) async fn commit_unconditionally(
    database: &Database,
    table: &str,
    doing: &'static str,
    items: &[TransactWriteItem],
) -> Result<(), StoreError> {
    match commit(database, table, doing, items).await? {
        Committed::Done => Ok(()),
        Committed::Contended => Err(StoreError::throttled(table, doing, "its rows are busy in other transactions")),
        Committed::Failed(_) => Err(StoreError::refused(table, doing, "a condition failed where none was set")),
    }
}

/// Waits before another try: a random time, so that those who met do not meet again.
pub(crate) async fn pause(database: &Database, attempt: u32) {
    let longest = FIRST_PAUSE_MILLISECONDS_MAX << attempt.saturating_sub(1).min(8);
    tokio::time::sleep(Duration::from_millis(database.up_to(longest))).await;
}

/// An unconditional put as a part of a transaction.
pub(crate) fn put(table: &str, row: Attributes) -> Result<TransactWriteItem, StoreError> {
    let put = built(table, Put::builder().table_name(table).set_item(Some(row)).build())?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// A part of a transaction. Building one fails only where a field is missing, which is a mistake of this crate.
pub(crate) fn built<T>(table: &str, part: Result<T, BuildError>) -> Result<T, StoreError> {
    part.map_err(|error| StoreError::refused(table, "build a request", error))
}

async fn commit_once(
    database: &Database,
    table: &str,
    doing: &'static str,
    items: &[TransactWriteItem],
) -> Result<Committed, StoreError> {
    let answer = database
        .client()
        .transact_write_items()
        .set_transact_items(Some(items.to_vec()))
        // The SDK's own tries repeat this token, so DynamoDB answers a repetition as it answered the first.
        .client_request_token(database.write_id())
        .send()
        .await;
    match answer {
        Ok(_) => Ok(Committed::Done),
        Err(SdkError::ServiceError(error)) if error.err().is_transaction_canceled_exception() => {
            match error.into_err() {
                TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                    sort(table, doing, cancelled.cancellation_reasons.unwrap_or_default())
                }
                other => Err(StoreError::refused(table, doing, other)),
            }
        }
        Err(error) => match StoreError::of_call(table, doing, error) {
            StoreError::Throttled { .. } => Ok(Committed::Contended),
            other => Err(other),
        },
    }
}

/// DynamoDB's reasons (API reference, TransactWriteItems): one for each part, `None` where it was not at fault.
fn sort(table: &str, doing: &'static str, reasons: Vec<CancellationReason>) -> Result<Committed, StoreError> {
    let is = |reason: &CancellationReason, codes: &[&str]| reason.code().is_some_and(|code| codes.contains(&code));
    if reasons.iter().any(|reason| is(reason, &["ConditionalCheckFailed"])) {
        let failed = reasons
            .into_iter()
            .map(|reason| is(&reason, &["ConditionalCheckFailed"]).then(|| reason.item.unwrap_or_default()));
        return Ok(Committed::Failed(failed.collect()));
    }
    let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    if reasons.iter().any(|reason| is(reason, &passing)) {
        return Ok(Committed::Contended);
    }
    // The messages name attributes and sizes, never values; the rows beside them are left out.
    let told: Vec<_> = reasons.iter().map(|reason| reason.message().or(reason.code()).unwrap_or("no reason")).collect();
    let told = told.join("; ");
    if reasons.iter().any(|reason| is(reason, &["ValidationError", "ItemCollectionSizeLimitExceeded"])) {
        return Err(StoreError::invalid(table, doing, told));
    }
    Err(StoreError::refused(table, doing, told))
}
