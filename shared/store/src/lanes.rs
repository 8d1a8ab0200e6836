//! Lanes: who may talk to the broker for a user. And the penalty box, which all lanes share.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::{OrderId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::database::{Attributes, Database, WRITE_ID, number, number_of, text, text_of};
use crate::documents::put_outcome;
use crate::error::StoreError;
use crate::times::sortable;

/// The row of the penalty box. No lane of a user has a space before its `#`.
const PENALTY_BOX: &str = "penalty box";
const LANE: &str = "lane";
const EPOCH: &str = "epoch";
const LEASED_UNTIL: &str = "leased_until";
const PENALTY_UNTIL: &str = "penalty_until";
const PENDING: &str = "pending";
const LOOKED_AT: &str = "looked_at";
const LOOK_DUE_AT: &str = "look_due_at";
/// Stands in the row from taking a lane until it is given back in good order.
const UNCLEAN: &str = "unclean";

/// The table of lanes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lanes {
    database: Database,
    table: String,
}

/// The right to talk to the broker for one user, until a time. Only the store makes one; it is given back by
/// [`Lanes::release`], or ends by itself. Whoever holds it looks at [`LaneLease::until`] right before each send.
#[derive(Debug, PartialEq, Eq)]
pub struct LaneLease {
    table: String,
    user_id: UserId,
    epoch: u64,
    until: Timestamp,
    pending: Vec<Pending>,
    looks: Looks,
    predecessor_vanished: bool,
}

/// A lane's looks at the broker's orders, which the broker paces (IBKR Web API, pacing: one in 5 s).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looks {
    /// When the last one was taken.
    pub last_at: Option<Timestamp>,
    /// When the next one was asked for, over the queue.
    pub due_at: Option<Timestamp>,
}

/// An order that is not sent or not settled, in the line of its lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Which order.
    pub order_id: OrderId,
    /// What must keep its order: account and contract.
    pub instrument: String,
}

impl LaneLease {
    /// Whose lane.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// Which holding of it this is: greater than that of every earlier one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// When it ends.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// The line of the lane, as its last holder left it.
    #[must_use]
    pub fn pending(&self) -> &[Pending] {
        &self.pending
    }

    /// The lane's looks at the broker, as its last holder left them.
    #[must_use]
    pub fn looks(&self) -> Looks {
        self.looks
    }

    /// Whether an earlier holder did not give the lane back in good order, so that the line may lack orders.
    #[must_use]
    pub fn predecessor_vanished(&self) -> bool {
        self.predecessor_vanished
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    pub(crate) fn lane(&self) -> String {
        lane_of(&self.user_id)
    }
}

/// Whether a lane was had.
#[derive(Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It was.
    Leased(LaneLease),
    /// Somebody else has it.
    Held {
        /// At the latest until then.
        until: Timestamp,
    },
}

impl Lanes {
    /// The lanes of this table.
    #[must_use]
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { database: database.clone(), table: table.into() }
    }

    /// Takes a user's lane, if nobody has it or the last lease ended before `now`. `holder` is for people who look
    /// at the table, such as the invocation's id. A lease that was had but whose answer was lost for good ends by
    /// itself.
    pub async fn acquire(
        &self,
        user_id: &UserId,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Acquired, StoreError> {
        let write_id = self.database.write_id();
        let request = self
            .database
            .client()
            .update_item()
            .table_name(&self.table)
            .key(LANE, text(lane_of(user_id)))
            .update_expression(
                "SET epoch = if_not_exists(epoch, :none) + :one, holder = :holder, leased_until = :until, write_id = :write, unclean = :unclean",
            )
            .condition_expression("attribute_not_exists(leased_until) OR leased_until < :now")
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":holder", text(holder))
            .expression_attribute_values(":until", text(sortable(until)))
            .expression_attribute_values(":now", text(sortable(now)))
            .expression_attribute_values(":write", text(&write_id))
            .expression_attribute_values(":unclean", AttributeValue::Bool(true))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let (before, taken) = match update_outcome(&self.table, "take a lane", request.send().await)? {
            Ok(before) => (before, 1),
            // An earlier try of this same write took it, and its answer was lost.
            Err(row) if text_of(&row, WRITE_ID) == Some(&write_id) => (row, 0),
            Err(row) => return Ok(Acquired::Held { until: self.time_of(&row, user_id.as_str(), LEASED_UNTIL)? }),
        };
        Ok(Acquired::Leased(LaneLease {
            table: self.table.clone(),
            user_id: user_id.clone(),
            epoch: number_of(&before, EPOCH).unwrap_or_default() + taken,
            until,
            predecessor_vanished: before.contains_key(UNCLEAN),
            looks: Looks {
                last_at: self.optional_time_of(&before, user_id.as_str(), LOOKED_AT)?,
                due_at: self.optional_time_of(&before, user_id.as_str(), LOOK_DUE_AT)?,
            },
            pending: self.pending_of(before, user_id)?,
        }))
    }

    fn pending_of(&self, mut row: Attributes, user_id: &UserId) -> Result<Vec<Pending>, StoreError> {
        let Some(line) = row.remove(PENDING) else { return Ok(Vec::new()) };
        serde_dynamo::from_attribute_value(line)
            .map_err(|error| StoreError::corrupt(&self.table, lane_of(user_id), error))
    }

    /// Gives a lane back before its lease ends, with its line as it was. Where another has it already, there is
    /// nothing to give back.
    pub async fn release(&self, lease: LaneLease) -> Result<(), StoreError> {
        // Whoever did not mend what a vanished holder left behind leaves the mark of it to the next.
        let mend = if lease.predecessor_vanished { "" } else { ", unclean" };
        self.give_back(&lease, &format!("REMOVE leased_until, holder{mend}"), Vec::new()).await
    }

    /// Gives a lane back with this line, every order in it that is not sent or not settled, and with these looks.
    pub async fn release_with(&self, lease: LaneLease, pending: &[Pending], looks: Looks) -> Result<(), StoreError> {
        let line = serde_dynamo::to_attribute_value(pending)
            .map_err(|error| StoreError::corrupt(&self.table, lease.lane(), error))?;
        let mut values = vec![(PENDING, line)];
        values.extend(looks.last_at.map(|at| (LOOKED_AT, text(sortable(at)))));
        values.extend(looks.due_at.map(|at| (LOOK_DUE_AT, text(sortable(at)))));
        let set: Vec<String> = values.iter().map(|(name, _)| format!("{name} = :{name}")).collect();
        let update = format!("SET {} REMOVE leased_until, holder, unclean", set.join(", "));
        self.give_back(&lease, &update, values).await
    }

    async fn give_back(
        &self,
        lease: &LaneLease,
        update: &str,
        values: Vec<(&str, AttributeValue)>,
    ) -> Result<(), StoreError> {
        let mut request = self
            .database
            .client()
            .update_item()
            .table_name(&self.table)
            .key(LANE, text(lease.lane()))
            .update_expression(update)
            .condition_expression("epoch = :epoch")
            .expression_attribute_values(":epoch", number(lease.epoch));
        for (name, value) in values {
            request = request.expression_attribute_values(format!(":{name}"), value);
        }
        update_outcome(&self.table, "give a lane back", request.send().await).map(|_| ())
    }

    /// Until when the broker refuses our address (429); `None` if it never did. May be in the past.
    pub async fn penalty_until(&self) -> Result<Option<Timestamp>, StoreError> {
        let answer = self
            .database
            .client()
            .get_item()
            .table_name(&self.table)
            .key(LANE, text(PENALTY_BOX))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of_call(&self.table, "read the penalty box", error))?;
        answer.item.map(|row| self.time_of(&row, PENALTY_BOX, PENALTY_UNTIL)).transpose()
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
        put_outcome(&self.table, request.send().await).map(|_| ())
    }

    fn optional_time_of(&self, row: &Attributes, key: &str, name: &str) -> Result<Option<Timestamp>, StoreError> {
        if row.contains_key(name) { self.time_of(row, key, name).map(Some) } else { Ok(None) }
    }

    fn time_of(&self, row: &Attributes, key: &str, name: &str) -> Result<Timestamp, StoreError> {
        let time = text_of(row, name).unwrap_or_default();
        time.parse().map_err(|error: jiff::Error| StoreError::corrupt(&self.table, key, error))
    }
}

/// How a conditional update ended: the row after it, or the row that stood in its way (empty: there is none).
pub(crate) fn update_outcome(
    table: &str,
    doing: &'static str,
    result: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
) -> Result<Result<Attributes, Attributes>, StoreError> {
    match result {
        Ok(output) => Ok(Ok(output.attributes.unwrap_or_default())),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
            match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failure) => Ok(Err(failure.item.unwrap_or_default())),
                other => Err(StoreError::refused(table, doing, other)),
            }
        }
        Err(error) => Err(StoreError::of_call(table, doing, error)),
    }
}

fn lane_of(user_id: &UserId) -> String {
    format!("user#{user_id}")
}
