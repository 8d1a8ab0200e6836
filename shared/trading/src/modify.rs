//! Modify: a change of an order that is not sent yet.
//!
//! What the broker has already is not changed by this version; the refusal says so, and what to do instead.

use domain::{ModifyOrder, Reason};
use store::StoreError;

use crate::lane::Lane;

impl Lane<'_> {
    /// Gives back why the change was refused.
    pub async fn modify(&mut self, modify: &ModifyOrder) -> Result<Option<Reason>, StoreError> {
        if let Err(reason) = self.desk.intake.own_order(&modify.key, &modify.algorithm_id).await? {
            return Ok(Some(reason));
        }
        Ok(Some(cannot_be_modified()))
    }
}

/// Why no order is modified by this version.
#[must_use]
pub fn cannot_be_modified() -> Reason {
    Reason::new(
        "modify_not_available",
        "Orders cannot be modified by this version; nothing was changed. Cancel the order and place a new one under a new id.",
    )
}
