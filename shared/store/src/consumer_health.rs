//! When the broker last took the consumer, for any user: tells a consumer that nobody can use from a user who revoked.

use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use jiff::{SignedDuration, Timestamp};

use crate::database::{Written, text};
use crate::error::StoreError;
use crate::lanes::{LANE, Lanes};
use crate::times::sortable;

/// Before the consumer's key: its row in the table of lanes. No lane of a user has a space before its `#`.
const CONSUMER: &str = "consumer ";
/// Likewise, of when the broker was last asked for the consumer's sake.
const PROBE: &str = "probe ";
const PROBED_AT: &str = "probed_at";
const GOOD_AT: &str = "good_at";
/// The row is written once in so long: of many users who renew at once, one writes.
const WRITTEN_EVERY: SignedDuration = SignedDuration::from_secs(60);

impl Lanes {
    /// When the broker last gave a live session token to this consumer, to the minute; `None` if it never did.
    pub async fn consumer_good_at(&self, consumer_key: &str) -> Result<Option<Timestamp>, StoreError> {
        let row_name = format!("{CONSUMER}{consumer_key}");
        let answer = self
            .database
            .client()
            .get_item()
            .table_name(&self.table)
            .key(LANE, text(&row_name))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of_call(&self.table, "read when the consumer was last good", error))?;
        answer.item.map(|row| self.time_of(&row, &row_name, GOOD_AT)).transpose()
    }

    /// Whether nobody has asked the broker for the consumer's sake within a minute; whoever is told yes does it.
    pub async fn may_probe_consumer(&self, consumer_key: &str, now: Timestamp) -> Result<bool, StoreError> {
        let request = self
            .database
            .client()
            .put_item()
            .table_name(&self.table)
            .item(LANE, text(format!("{PROBE}{consumer_key}")))
            .item(PROBED_AT, text(sortable(now)))
            .condition_expression("attribute_not_exists(probed_at) OR probed_at <= :before")
            .expression_attribute_values(":before", text(sortable(now - WRITTEN_EVERY)));
        Ok(matches!(self.database.put(&self.table, request).await?, Written::Done))
    }

    /// Notes that the broker took the consumer when it was asked for the consumer's sake.
    pub async fn note_probe_good(&self, consumer_key: &str, now: Timestamp) -> Result<(), StoreError> {
        let request = self.good_row(consumer_key, now);
        self.database.put(&self.table, request).await.map(|_| ())
    }

    fn good_row(&self, consumer_key: &str, now: Timestamp) -> PutItemFluentBuilder {
        let request = self.database.client().put_item().table_name(&self.table);
        request.item(LANE, text(format!("{CONSUMER}{consumer_key}"))).item(GOOD_AT, text(sortable(now)))
    }

    /// Notes that the broker gave a live session token to this consumer.
    pub async fn note_consumer_good(&self, consumer_key: &str, now: Timestamp) -> Result<(), StoreError> {
        let request = self
            .good_row(consumer_key, now)
            .condition_expression("attribute_not_exists(good_at) OR good_at < :before")
            .expression_attribute_values(":before", text(sortable(now - WRITTEN_EVERY)));
        self.database.put(&self.table, request).await.map(|_| ())
    }
}
