//! Lanes: who may talk to the broker for a user.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::UserId;
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::database::{Attributes, Database, Updated, WRITE_ID, number, number_of, text, text_of};
use crate::error::StoreError;
use crate::lane_book::{LaneBook, Looks, Pending};
use crate::times::sortable;

pub(crate) const LANE: &str = "lane";
const EPOCH: &str = "epoch";
const LEASED_UNTIL: &str = "leased_until";
pub(crate) const PENDING: &str = "pending";
const ENDED: &str = "ended";
/// When the last calls to the broker ended, in milliseconds since 1970.
const CALLS: &str = "recent_calls";
/// Orders that were put on record since the last holder wrote the line down, in the order of their arrival. A holder takes away
/// what stood there when it came, and nothing else.
pub(crate) const ARRIVALS: &str = "arrivals";
/// Arrivals that one write takes off a lane's row: each is named in its expression, of which DynamoDB reads 4 kB.
const ARRIVALS_OF_A_WRITE_MAX: usize = 100;
const LOOKED_AT: &str = "looked_at";
const LOOK_DUE_AT: &str = "look_due_at";
const LOOKED_ACCOUNT: &str = "looked_account";
const LOOK_EMPTY_OF: &str = "look_empty_of";
const LOOK_EMPTY_TIMES: &str = "look_empty_times";
/// Stands in the row from taking a lane until it is given back in good order.
const UNCLEAN: &str = "unclean";

/// The table of lanes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lanes {
    pub(crate) database: Database,
    pub(crate) table: String,
}

/// The right to talk to the broker for one user, until a time. Only the store makes one; it is given back by
/// [`Lanes::release`], or ends by itself. Whoever holds it looks at [`LaneLease::until`] right before each send.
#[derive(Debug, PartialEq, Eq)]
pub struct LaneLease {
    table: String,
    user_id: UserId,
    epoch: u64,
    until: Timestamp,
    book: LaneBook,
    arrivals: usize,
    predecessor_vanished: bool,
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

    /// The lane's book, as its last holder left it, with what was announced since at the end of its line.
    #[must_use]
    pub fn book(&self) -> &LaneBook {
        &self.book
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
#[expect(clippy::large_enum_variant, reason = "nearly always it is the large one, and it lives for a moment")]
pub enum Acquired {
    /// It was.
    Leased(LaneLease),
    /// Somebody else has it.
    Held {
        /// At the latest until then.
        until: Timestamp,
    },
}

/// How a lane was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenBack {
    /// With its book, and nothing else stands in its line.
    Clean,
    /// With its book; orders were announced meanwhile, which the book did not know.
    WithArrivals,
    /// Not: the lease was over, and another has or had the lane. What the book says is not on record; or an earlier try
    /// of this write gave it back, and its answer was lost.
    Lost,
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
            .set_key(Some(Self::key(user_id)))
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
        let taken = match self.database.update(&self.table, "take a lane", request).await {
            // Transactions hold its row: it is in use, if not by a holder. Whoever waits tries again in a moment.
            Err(StoreError::Throttled { .. }) => return Ok(Acquired::Held { until: now }),
            taken => taken?,
        };
        let (before, taken) = match taken {
            Updated::Done(before) => (before, 1),
            // An earlier try of this same write took it, and its answer was lost.
            Updated::Stands(row) if text_of(&row, WRITE_ID) == Some(&write_id) => (row, 0),
            Updated::Stands(row) => {
                return Ok(Acquired::Held { until: self.time_of(&row, user_id.as_str(), LEASED_UNTIL)? });
            }
        };
        Ok(Acquired::Leased(LaneLease {
            table: self.table.clone(),
            user_id: user_id.clone(),
            epoch: number_of(&before, EPOCH).unwrap_or_default() + taken,
            until,
            predecessor_vanished: before.contains_key(UNCLEAN),
            arrivals: before.get(ARRIVALS).and_then(|list| list.as_l().ok()).map_or(0, Vec::len),
            book: self.book_of(before, user_id)?,
        }))
    }

    pub(crate) fn key(user_id: &UserId) -> Attributes {
        Attributes::from([(LANE.to_owned(), text(lane_of(user_id)))])
    }

    /// The epoch of a lane's row (empty: nobody ever had it), if nobody has it.
    pub(crate) fn free_epoch(row: &Attributes) -> Option<u64> {
        (!row.contains_key(LEASED_UNTIL)).then(|| number_of(row, EPOCH).unwrap_or_default())
    }

    fn book_of(&self, mut row: Attributes, user_id: &UserId) -> Result<LaneBook, StoreError> {
        let looks = Looks {
            last_at: self.optional_time_of(&row, user_id.as_str(), LOOKED_AT)?,
            due_at: self.optional_time_of(&row, user_id.as_str(), LOOK_DUE_AT)?,
            account_id: text_of(&row, LOOKED_ACCOUNT).and_then(|account_id| account_id.parse().ok()),
            empty: text_of(&row, LOOK_EMPTY_OF)
                .and_then(|account_id| account_id.parse().ok())
                .zip(number_of(&row, LOOK_EMPTY_TIMES).filter(|times| *times > 0)),
        };
        let mut pending: Vec<Pending> = self.list_of(&mut row, PENDING, user_id)?;
        let arrivals: Vec<Pending> = self.list_of(&mut row, ARRIVALS, user_id)?;
        for arrival in arrivals {
            match pending.iter_mut().find(|other| other.order_id == arrival.order_id) {
                None => pending.push(arrival),
                // That its ticket may be on the wire holds, whichever of the two says it.
                Some(known) if arrival.unsent_of.is_none() => known.unsent_of = None,
                Some(_) => {}
            }
        }
        let calls: Vec<i64> = self.list_of(&mut row, CALLS, user_id)?;
        let calls = calls.into_iter().filter_map(|at| Timestamp::from_millisecond(at).ok()).collect();
        Ok(LaneBook { pending, looks, ended: self.list_of(&mut row, ENDED, user_id)?, calls })
    }

    fn list_of<T: DeserializeOwned>(
        &self,
        row: &mut Attributes,
        name: &str,
        user_id: &UserId,
    ) -> Result<Vec<T>, StoreError> {
        let Some(list) = row.remove(name) else { return Ok(Vec::new()) };
        serde_dynamo::from_attribute_value(list)
            .map_err(|error| StoreError::corrupt(&self.table, lane_of(user_id), error))
    }

    /// Puts an order that is on record at the end of a lane's line without holding the lane: whoever takes the lane
    /// next finds it there. An order that was announced twice stands there once.
    pub async fn announce(&self, user_id: &UserId, pending: &Pending) -> Result<(), StoreError> {
        let arrival = self.written(pending, user_id)?;
        let request = self
            .database
            .client()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Self::key(user_id)))
            .update_expression("SET arrivals = list_append(if_not_exists(arrivals, :none), :arrival)")
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":arrival", AttributeValue::L(vec![arrival]));
        self.database.update(&self.table, "announce an order in a lane", request).await.map(|_| ())
    }

    pub(crate) fn written(&self, pending: &Pending, user_id: &UserId) -> Result<AttributeValue, StoreError> {
        serde_dynamo::to_attribute_value(pending)
            .map_err(|error| StoreError::corrupt(&self.table, lane_of(user_id), error))
    }

    /// Gives a lane back before its lease ends, with its book as it was but for the times of the last calls to the broker.
    /// Where another has it already, there is nothing to give back.
    pub async fn release(&self, lease: LaneLease, calls: &[Timestamp]) -> Result<(), StoreError> {
        // Whoever did not mend what a vanished holder left behind leaves the mark of it to the next.
        let mend = if lease.predecessor_vanished { "" } else { ", unclean" };
        let update = format!("SET {CALLS} = :{CALLS} REMOVE leased_until, holder{mend}");
        self.give_back(&lease, &update, vec![(CALLS, milliseconds(calls))]).await.map(|_| ())
    }

    /// Gives a lane back with this book: in its line every order that is not sent or not settled.
    pub async fn release_with(&self, mut lease: LaneLease, book: &LaneBook) -> Result<GivenBack, StoreError> {
        while lease.arrivals > ARRIVALS_OF_A_WRITE_MAX {
            if !self.take_over_arrivals(&mut lease, book).await? {
                return Ok(GivenBack::Lost);
            }
        }
        let corrupt = |error| StoreError::corrupt(&self.table, lease.lane(), error);
        let mut values = vec![
            (PENDING, serde_dynamo::to_attribute_value(&book.pending).map_err(corrupt)?),
            (ENDED, serde_dynamo::to_attribute_value(&book.ended).map_err(corrupt)?),
            (CALLS, milliseconds(&book.calls)),
        ];
        values.extend(book.looks.last_at.map(|at| (LOOKED_AT, text(sortable(at)))));
        values.extend(book.looks.due_at.map(|at| (LOOK_DUE_AT, text(sortable(at)))));
        values.extend(book.looks.account_id.as_ref().map(|account_id| (LOOKED_ACCOUNT, text(account_id.as_str()))));
        if let Some((account_id, times)) = &book.looks.empty {
            values.push((LOOK_EMPTY_OF, text(account_id.as_str())));
            values.push((LOOK_EMPTY_TIMES, number(*times)));
        } else {
            values.push((LOOK_EMPTY_TIMES, number(0)));
        }
        let set: Vec<String> = values.iter().map(|(name, _)| format!("{name} = :{name}")).collect();
        let given_back = ["leased_until", "holder", "unclean"].map(str::to_owned);
        // From the last to the first: DynamoDB takes all indexes against the row as it was, others one after the other.
        let arrived = (0..lease.arrivals).rev().map(|index| format!("{ARRIVALS}[{index}]"));
        let removed: Vec<String> = given_back.into_iter().chain(arrived).collect();
        let update = format!("SET {} REMOVE {}", set.join(", "), removed.join(", "));
        let Some(after) = self.give_back(&lease, &update, values).await? else { return Ok(GivenBack::Lost) };
        let arrived = after.get(ARRIVALS).and_then(|list| list.as_l().ok()).is_some_and(|list| !list.is_empty());
        Ok(if arrived { GivenBack::WithArrivals } else { GivenBack::Clean })
    }

    /// Takes some arrivals, which stand in the book's line, off the lane's row; whether the lane is still this lease's.
    async fn take_over_arrivals(&self, lease: &mut LaneLease, book: &LaneBook) -> Result<bool, StoreError> {
        let write_id = self.database.write_id();
        let pending = serde_dynamo::to_attribute_value(&book.pending)
            .map_err(|error| StoreError::corrupt(&self.table, lease.lane(), error))?;
        let first = lease.arrivals - ARRIVALS_OF_A_WRITE_MAX;
        // From the last to the first, as below.
        let removed: Vec<String> = (first..lease.arrivals).rev().map(|index| format!("{ARRIVALS}[{index}]")).collect();
        let update = format!("SET {PENDING} = :pending, write_id = :write REMOVE {}", removed.join(", "));
        let request = self
            .database
            .client()
            .update_item()
            .table_name(&self.table)
            .key(LANE, text(lease.lane()))
            .update_expression(update)
            // A second try of this write must not take others away that came in between.
            .condition_expression("epoch = :epoch AND attribute_exists(leased_until) AND write_id <> :write")
            .expression_attribute_values(":epoch", number(lease.epoch))
            .expression_attribute_values(":pending", pending)
            .expression_attribute_values(":write", text(&write_id))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.database.update(&self.table, "take over arrivals", request).await? {
            Updated::Stands(row) if text_of(&row, WRITE_ID) != Some(&write_id) => return Ok(false),
            _ => lease.arrivals = first,
        }
        Ok(true)
    }

    /// The row afterwards; `None` where it is not this lease's any more.
    async fn give_back(
        &self,
        lease: &LaneLease,
        update: &str,
        values: Vec<(&str, AttributeValue)>,
    ) -> Result<Option<Attributes>, StoreError> {
        let mut request = self
            .database
            .client()
            .update_item()
            .table_name(&self.table)
            .key(LANE, text(lease.lane()))
            .update_expression(update)
            // A second try of a write whose answer was lost must not take arrivals away that came in between.
            .condition_expression("epoch = :epoch AND attribute_exists(leased_until)")
            .expression_attribute_values(":epoch", number(lease.epoch))
            .return_values(ReturnValue::AllNew);
        for (name, value) in values {
            request = request.expression_attribute_values(format!(":{name}"), value);
        }
        Ok(match self.database.update(&self.table, "give a lane back", request).await? {
            Updated::Done(row) => Some(row),
            Updated::Stands(_) => None,
        })
    }

    fn optional_time_of(&self, row: &Attributes, key: &str, name: &str) -> Result<Option<Timestamp>, StoreError> {
        if row.contains_key(name) { self.time_of(row, key, name).map(Some) } else { Ok(None) }
    }

    pub(crate) fn time_of(&self, row: &Attributes, key: &str, name: &str) -> Result<Timestamp, StoreError> {
        let time = text_of(row, name).unwrap_or_default();
        time.parse().map_err(|error: jiff::Error| StoreError::corrupt(&self.table, key, error))
    }
}

/// Rounded up: a call that is taken to be later than it was never makes the next one too early.
fn milliseconds(calls: &[Timestamp]) -> AttributeValue {
    AttributeValue::L(calls.iter().map(|at| number(at.as_millisecond().saturating_add(1))).collect())
}

fn lane_of(user_id: &UserId) -> String {
    format!("user#{user_id}")
}
