//! Turns for calls to the broker by functions that do not hold the user's lock: a row for each user who reads.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::UserId;
use jiff::{SignedDuration, Timestamp};

use crate::database::{Attributes, Updated, number, text, text_of};
use crate::error::StoreError;
use crate::lanes::{LANE, Lanes};
use crate::times::sortable;

/// Tries to claim a turn while others claim as well.
const TRIES_MAX: u32 = 8;
/// How long such a row is kept after the last claim.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Whether a turn was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallClaim {
    /// The call may be made then, which is now or in a moment.
    At(Timestamp),
    /// Too many wait already: the next turn that can be claimed is then.
    NotBefore(Timestamp),
}

impl Lanes {
    /// Claims the next turn of this user's readers, who take turns with `interval` between them. A turn that is later than
    /// `wait_max` from now is not claimed. One write, as long as nobody else claims.
    pub async fn claim_call(
        &self,
        user_id: &UserId,
        now: Timestamp,
        interval: SignedDuration,
        wait_max: SignedDuration,
    ) -> Result<CallClaim, StoreError> {
        let mut next = match self.claim_turn(user_id, now, None, interval).await? {
            Updated::Done(_) => return Ok(CallClaim::At(now)),
            Updated::Stands(row) => self.next_turn(&row, user_id)?,
        };
        for _ in 0..TRIES_MAX {
            if next > now + wait_max {
                break;
            }
            let at = next.max(now);
            match self.claim_turn(user_id, at, Some(next), interval).await? {
                Updated::Done(_) => return Ok(CallClaim::At(at)),
                Updated::Stands(row) => next = self.next_turn(&row, user_id)?,
            }
        }
        Ok(CallClaim::NotBefore(next.max(now)))
    }

    /// Claims the turn `at`: where the next one is `found`, or is over already.
    async fn claim_turn(
        &self,
        user_id: &UserId,
        at: Timestamp,
        found: Option<Timestamp>,
        interval: SignedDuration,
    ) -> Result<Updated, StoreError> {
        let condition = match found {
            Some(_) => "next_call_at = :found",
            None => "attribute_not_exists(next_call_at) OR next_call_at <= :found",
        };
        let request = self
            .database
            .client()
            .update_item()
            .table_name(&self.table)
            .key(LANE, text(row_of(user_id)))
            .update_expression("SET next_call_at = :next, expires_at_epoch_seconds = :expires")
            .condition_expression(condition)
            .expression_attribute_values(":next", text(sortable(at + interval)))
            .expression_attribute_values(":found", text(sortable(found.unwrap_or(at))))
            .expression_attribute_values(":expires", number((at + KEPT_FOR).as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        self.database.update(&self.table, "claim a call", request).await
    }

    fn next_turn(&self, row: &Attributes, user_id: &UserId) -> Result<Timestamp, StoreError> {
        let next = text_of(row, "next_call_at").and_then(|at| at.parse().ok());
        next.ok_or_else(|| StoreError::corrupt(&self.table, row_of(user_id), "it names no time of a next call"))
    }
}

/// No user's id holds a space.
fn row_of(user_id: &UserId) -> String {
    format!("calls {user_id}")
}
