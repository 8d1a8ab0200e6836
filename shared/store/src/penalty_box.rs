//! The penalty box, which all lanes share: the broker counts by address (IBKR Web API, pacing).

use jiff::Timestamp;

use crate::database::{Attributes, text};
use crate::error::StoreError;
use crate::lanes::{LANE, Lanes};
use crate::times::sortable;

/// Its row in the table of lanes. No lane of a user has a space before its `#`.
const PENALTY_BOX: &str = "penalty box";
const PENALTY_UNTIL: &str = "penalty_until";

impl Lanes {
    /// Until when the broker refuses our address (429); `None` if it never did. May be in the past.
    pub async fn penalty_until(&self) -> Result<Option<Timestamp>, StoreError> {
        let answer = self
            .database
            .client()
            .get_item()
            .table_name(&self.table)
            .set_key(Some(Self::penalty_key()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of_call(&self.table, "read the penalty box", error))?;
        answer.item.map(|row| self.penalty_of(&row)).transpose()
    }

    pub(crate) fn penalty_key() -> Attributes {
        Attributes::from([(LANE.to_owned(), text(PENALTY_BOX))])
    }

    pub(crate) fn penalty_of(&self, row: &Attributes) -> Result<Timestamp, StoreError> {
        self.time_of(row, PENALTY_BOX, PENALTY_UNTIL)
    }

    /// Tells all lanes to send nothing until then. A later time that stands already is kept.
    pub async fn set_penalty(&self, until: Timestamp) -> Result<(), StoreError> {
        let request = self
            .database
            .client()
            .put_item()
            .table_name(&self.table)
            .item(LANE, text(PENALTY_BOX))
            .item(PENALTY_UNTIL, text(sortable(until)))
            .condition_expression("attribute_not_exists(penalty_until) OR penalty_until < :until")
            .expression_attribute_values(":until", text(sortable(until)));
        self.database.put(&self.table, request).await.map(|_| ())
    }
}
