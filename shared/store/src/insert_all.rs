//! New orders put on record, together with their places in the line of their user's lane.
//!
//! One transaction does both, so what is on record and not sent is in line, whoever comes next: a wake that is lost lets no later
//! order pass an earlier one. And the line has an end: who sends more than fits hears it at once.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::Order;

use crate::database::{Attributes, number};
use crate::documents::Document;
use crate::documents::Inserted;
use crate::error::StoreError;
use crate::lane_book::Pending;
use crate::lanes::{ARRIVALS, Lanes, PENDING};
use crate::orders::Orders;
use crate::transaction::{Committed, built, commit};
use crate::versioned::Versioned;

/// Writes in one transaction at most (DynamoDB, `TransactWriteItems`), less the one of the line.
const TOGETHER_MAX: usize = 99;
/// Tries with what the line's row told. Each learns how long the line is; it grows meanwhile only if others write as well.
const ROUNDS_MAX: u32 = 8;

/// What became of a new order that wanted a place in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly always it is the large one, and it lives for a moment")]
pub enum Lined {
    /// It is on record and in line, or was on record before.
    Inserted(Inserted<Order>),
    /// So many of its user's orders are in line that there is no place for it. Nothing was written.
    NoRoom,
}

/// How a transaction of new orders ended.
enum Together {
    /// All are on record and in line.
    Done,
    /// This one was on record before, and nothing was written.
    Existing(Attributes),
    NoRoom,
    /// Its rows were busy in other transactions, each time.
    Contended,
}

/// Up to how long the two parts of a line may be for something to be added.
struct Room {
    pending: usize,
    arrivals: usize,
}

impl Orders {
    /// Puts new orders of one user on record, each once and in their order, and in line: one call where all are new and fit,
    /// else some more for each. A line holds `most` orders, exactly, however many come at once. An error may leave some of
    /// them on record: whoever tries again finds those.
    pub async fn insert_in_line(
        &self,
        lanes: &Lanes,
        orders: &[(&Order, Pending)],
        most: usize,
    ) -> Result<Vec<Lined>, StoreError> {
        let mut lined = Vec::with_capacity(orders.len());
        for some in orders.chunks(TOGETHER_MAX) {
            // A transaction takes each row once, and one line.
            let keys: HashSet<_> = some.iter().map(|(order, _)| &order.key).collect();
            let users: HashSet<_> = keys.iter().map(|key| &key.user_id).collect();
            let together = some.len() > 1 && keys.len() == some.len() && users.len() == 1;
            if together && matches!(self.insert_together(lanes, some, most).await?, Together::Done) {
                lined.extend(some.iter().map(|(order, _)| new(order)));
                continue;
            }
            for one in some {
                lined.push(self.insert_one(lanes, one, most).await?);
            }
        }
        Ok(lined)
    }

    async fn insert_one(&self, lanes: &Lanes, one: &(&Order, Pending), most: usize) -> Result<Lined, StoreError> {
        match self.insert_together(lanes, std::slice::from_ref(one), most).await? {
            Together::Done => Ok(new(one.0)),
            Together::Existing(row) => Ok(Lined::Inserted(Inserted::Existing(self.table.read(row)?))),
            Together::NoRoom => Ok(Lined::NoRoom),
            Together::Contended => {
                Err(StoreError::throttled(&self.table.name, "put an order on record", "its rows are busy"))
            }
        }
    }

    async fn insert_together(
        &self,
        lanes: &Lanes,
        orders: &[(&Order, Pending)],
        most: usize,
    ) -> Result<Together, StoreError> {
        let Some((first, _)) = orders.first() else { return Ok(Together::Done) };
        // Lines are short: the first guess is that each part takes up less than half of what there is.
        let mut room = Room { pending: most / 2, arrivals: (most / 2).saturating_sub(orders.len()) };
        for _ in 0..ROUNDS_MAX {
            let mut parts = orders.iter().map(|(order, _)| self.new_row(order)).collect::<Result<Vec<_>, _>>()?;
            parts.push(lanes.arrive(first, orders.iter().map(|(_, pending)| pending), &room)?);
            let table = &self.table;
            match commit(&table.database, &table.name, "put new orders on record", &parts).await? {
                Committed::Done => return Ok(Together::Done),
                Committed::Contended => return Ok(Together::Contended),
                Committed::Failed(mut rows) => {
                    let line = rows.pop().flatten();
                    if let Some(existing) = rows.into_iter().flatten().next() {
                        return Ok(Together::Existing(existing));
                    }
                    let (pending, arrivals) = line.as_ref().map_or((0, 0), lengths);
                    if pending + arrivals + orders.len() > most {
                        return Ok(Together::NoRoom);
                    }
                    room = Room { pending, arrivals: most - pending - orders.len() };
                }
            }
        }
        Ok(Together::Contended)
    }

    fn new_row(&self, order: &Order) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table.name)
            .set_item(Some(self.table.row(order, 1, &self.table.database.write_id())?))
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", Order::KEY[0])
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        Ok(TransactWriteItem::builder().put(built(&self.table.name, put)?).build())
    }
}

impl Lanes {
    /// Puts orders at the end of their user's line, if it is no longer than `room` says.
    fn arrive<'p>(
        &self,
        order: &Order,
        pending: impl Iterator<Item = &'p Pending>,
        room: &Room,
    ) -> Result<TransactWriteItem, StoreError> {
        let user_id = &order.key.user_id;
        let arrivals = pending.map(|pending| self.written(pending, user_id)).collect::<Result<Vec<_>, _>>()?;
        let at_most = |length: usize| number(i128::try_from(length).unwrap_or_default());
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(Self::key(user_id)))
            .update_expression(format!("SET {ARRIVALS} = list_append(if_not_exists({ARRIVALS}, :none), :arrived)"))
            .condition_expression(format!(
                "(attribute_not_exists({PENDING}) OR size({PENDING}) <= :pending) \
                 AND (attribute_not_exists({ARRIVALS}) OR size({ARRIVALS}) <= :arrivals)"
            ))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":arrived", AttributeValue::L(arrivals))
            .expression_attribute_values(":pending", at_most(room.pending))
            .expression_attribute_values(":arrivals", at_most(room.arrivals))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        Ok(TransactWriteItem::builder().update(built(&self.table, update)?).build())
    }
}

fn new(order: &Order) -> Lined {
    Lined::Inserted(Inserted::New(Versioned::new(order.clone(), 1)))
}

/// How long the two parts of a line are.
fn lengths(row: &Attributes) -> (usize, usize) {
    let length = |name: &str| row.get(name).and_then(|list| list.as_l().ok()).map_or(0, Vec::len);
    (length(PENDING), length(ARRIVALS))
}
