//! Refusals: messages that became no order. They share the table of orders, in partitions that no user can have:
//! their names hold a space, and a user id cannot.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Refusal;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::cursor::Page;
use crate::database::{Attributes, put_outcome, text, text_of};
use crate::documents::list_rows;
use crate::error::StoreError;
use crate::orders::Orders;

const KEY: [&str; 2] = ["user_id", "order_id"];
const REFUSAL: &str = "refusal";

impl Orders {
    /// Records a refused message, once: a message that is refused again keeps its first record.
    pub async fn record_refusal(&self, refusal: &Refusal) -> Result<(), StoreError> {
        let partition = partition_of(TimeZone::UTC.to_datetime(refusal.at).date());
        let body: AttributeValue = serde_dynamo::to_attribute_value(refusal)
            .map_err(|error| StoreError::corrupt(&self.table.name, refusal.message_id.as_str(), error))?;
        let row = Attributes::from([
            (KEY[0].to_owned(), text(partition)),
            (KEY[1].to_owned(), text(&refusal.message_id)),
            (REFUSAL.to_owned(), body),
        ]);
        let request = self
            .table
            .database
            .client()
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(user_id)");
        put_outcome(&self.table.name, request.send().await).map(|_| ())
    }

    /// A part of the refusals of one day (UTC), by message id.
    pub async fn refusals(&self, day: Date, cursor: Option<&str>, limit: u32) -> Result<Page<Refusal>, StoreError> {
        let table = &self.table;
        let page = list_rows(&table.database, &table.name, KEY, &partition_of(day), cursor, limit).await?;
        let items = page.items.into_iter().map(|row| self.read_refusal(row)).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    fn read_refusal(&self, mut row: Attributes) -> Result<Refusal, StoreError> {
        let key = KEY.map(|name| text_of(&row, name).unwrap_or("?").to_owned()).join("/");
        let body = row
            .remove(REFUSAL)
            .ok_or_else(|| StoreError::corrupt(&self.table.name, key.clone(), "it holds no refusal"))?;
        serde_dynamo::from_attribute_value(body).map_err(|error| StoreError::corrupt(&self.table.name, key, error))
    }
}

fn partition_of(day: Date) -> String {
    format!("refused {day}")
}
