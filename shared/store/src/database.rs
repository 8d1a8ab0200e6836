//! What all tables share: the client, ids of writes, and attribute values.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::builders::DeleteItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Entropy;

use crate::error::StoreError;
use crate::transaction::{CONTENTION_TRIES_MAX, pause};

/// Bytes of the id of a write: no two writes share one.
const WRITE_ID_BYTES: usize = 16;

/// A row, attribute by attribute.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// DynamoDB, and the randomness that names writes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    client: Client,
    entropy: Arc<dyn Entropy>,
}

impl Database {
    /// DynamoDB behind this client.
    #[must_use]
    pub fn new(client: Client, entropy: Arc<dyn Entropy>) -> Self {
        Self { client, entropy }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// An id for one write, by which its own later tries know it. It is no secret.
    pub(crate) fn write_id(&self) -> String {
        let mut bytes = [0; WRITE_ID_BYTES];
        self.entropy.fill(&mut bytes);
        hex::encode(bytes)
    }

    /// Puts a row; how the put ended, if it had a condition.
    pub(crate) async fn put(&self, table: &str, request: PutItemFluentBuilder) -> Result<Written, StoreError> {
        put_outcome(table, self.unhindered(|| request.clone().send()).await)
    }

    /// Updates a row.
    pub(crate) async fn update(
        &self,
        table: &str,
        doing: &'static str,
        request: UpdateItemFluentBuilder,
    ) -> Result<Updated, StoreError> {
        update_outcome(table, doing, self.unhindered(|| request.clone().send()).await)
    }

    /// Deletes a row without a condition.
    pub(crate) async fn delete(
        &self,
        table: &str,
        doing: &'static str,
        request: DeleteItemFluentBuilder,
    ) -> Result<(), StoreError> {
        let deleted = self.unhindered(|| request.clone().send()).await;
        deleted.map(drop).map_err(|error| StoreError::of_call(table, doing, error))
    }

    /// Sends a write of one row, and again after a pause while a transaction holds the row. Nothing was written then, and the SDK
    /// does not try it again (DynamoDB, `TransactionConflictException`).
    async fn unhindered<O, E, F>(&self, send: impl Fn() -> F) -> Result<O, SdkError<E>>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = Result<O, SdkError<E>>>,
    {
        let mut attempt = 1;
        loop {
            match send().await {
                Err(error) if attempt < CONTENTION_TRIES_MAX && is_conflict(&error) => pause(self, attempt).await,
                ended => return ended,
            }
            attempt += 1;
        }
    }

    /// A number from 0 to `bound` inclusive, for pauses.
    pub(crate) fn up_to(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound.saturating_add(1)
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// A text attribute of a row.
pub(crate) fn text_of<'r>(row: &'r Attributes, name: &str) -> Option<&'r str> {
    row.get(name)?.as_s().ok().map(String::as_str)
}

/// A whole number of a row.
pub(crate) fn number_of(row: &Attributes, name: &str) -> Option<u64> {
    row.get(name)?.as_n().ok()?.parse().ok()
}

/// How a conditional write ended.
pub(crate) enum Written {
    /// It stands.
    Done,
    /// The condition did not hold: nothing was written, and this is the row as it is; empty if there is none.
    Stands(Attributes),
}

impl Written {
    /// The row that stood in the way; `None` if the write stands. A row with this write's own id is an earlier
    /// try of it, whose answer was lost.
    pub(crate) fn obstacle(self, write_id: &str) -> Option<Attributes> {
        match self {
            Self::Stands(row) if text_of(&row, WRITE_ID) != Some(write_id) => Some(row),
            _ => None,
        }
    }
}

/// How a conditional update ended.
pub(crate) enum Updated {
    /// It stands: the row that the request asked back, before or after it.
    Done(Attributes),
    /// The condition did not hold: nothing was written, and this is the row as it is; empty if there is none.
    Stands(Attributes),
}

/// The attribute that holds the id of the row's last write.
pub(crate) const WRITE_ID: &str = "write_id";

fn is_conflict<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    code == Some("TransactionConflictException")
}

/// How a conditional put ended.
fn put_outcome<T>(table: &str, result: Result<T, SdkError<PutItemError>>) -> Result<Written, StoreError> {
    match result {
        Ok(_) => Ok(Written::Done),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
            let PutItemError::ConditionalCheckFailedException(failure) = error.into_err() else {
                return Ok(Written::Stands(Attributes::new()));
            };
            Ok(Written::Stands(failure.item.unwrap_or_default()))
        }
        Err(error) => Err(StoreError::of_call(table, "write a row", error)),
    }
}

/// How a conditional update ended.
fn update_outcome(
    table: &str,
    doing: &'static str,
    result: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
) -> Result<Updated, StoreError> {
    match result {
        Ok(output) => Ok(Updated::Done(output.attributes.unwrap_or_default())),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
            match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failure) => {
                    Ok(Updated::Stands(failure.item.unwrap_or_default()))
                }
                other => Err(StoreError::refused(table, doing, other)),
            }
        }
        Err(error) => Err(StoreError::of_call(table, doing, error)),
    }
}
