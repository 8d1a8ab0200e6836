//! An order that ended gives back what it holds, in the write of its end: no crash can come between.

use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::{GivesBack, Order, Reserved};

use crate::database::{Attributes, WRITE_ID, number, text, text_of};
use crate::documents::DocumentTable;
use crate::error::StoreError;
use crate::intent::put;
use crate::reserve::decimal;
use crate::transaction::{Committed, built, commit};
use crate::usage::{DAILY_NOTIONAL, DAILY_ORDERS, DAY, OPEN_ORDERS, Usage, keys_of};
use crate::versioned::Versioned;

/// Tries with what the rows of usage told. Each learns what it did not know: two are enough.
const ROUNDS_MAX: u32 = 4;

struct Counter {
    key: Attributes,
    gives_back: GivesBack,
}

/// Writes the order, as a plain save does, and takes what it held off its rows of usage.
pub(crate) async fn save_giving_back(
    table: &DocumentTable,
    order: &mut Versioned<Order>,
    reserved: &Reserved,
) -> Result<(), StoreError> {
    let write_id = table.database.write_id();
    let gives_back = order.value.gives_back();
    let mut counters: Vec<_> = keys_of(&order.value).into_iter().map(|(_, key)| Counter { key, gives_back }).collect();
    let mut freed = order.value.clone();
    freed.reserved = None;
    for _ in 0..ROUNDS_MAX {
        let mut parts = vec![put(table, &freed, order.version(), &write_id)?];
        for counter in &counters {
            parts.push(part(&table.name, counter, reserved)?);
        }
        match commit(&table.database, &table.name, "give back what an order held", &parts).await? {
            Committed::Contended => break,
            Committed::Failed(rows) => {
                let (own_row, usage_rows) = rows.split_first().unwrap_or((&None, &[]));
                match own_row {
                    // An earlier try, whose answer was lost.
                    Some(row) if text_of(row, WRITE_ID) == Some(&write_id) => {}
                    Some(_) => return Err(StoreError::conflict(&table.name, order.value.key.to_string())),
                    None => {
                        counters = learned(&table.name, counters, usage_rows, reserved)?;
                        continue;
                    }
                }
            }
            Committed::Done => {}
        }
        order.value = freed;
        order.written();
        return Ok(());
    }
    Err(StoreError::throttled(&table.name, "give back what an order held", "its rows are busy in other transactions"))
}

/// How to try again. A day that is over is not corrected; and a count that was emptied by hand keeps no order from
/// ending.
fn learned(
    table: &str,
    counters: Vec<Counter>,
    rows: &[Option<Attributes>],
    reserved: &Reserved,
) -> Result<Vec<Counter>, StoreError> {
    let mut learned = Vec::new();
    for (index, counter) in counters.into_iter().enumerate() {
        let Some(row) = rows.get(index).and_then(Option::as_ref) else {
            learned.push(counter);
            continue;
        };
        let usage = Usage::read(table, row)?;
        let same_day = usage.day == Some(reserved.day) && usage.daily_orders > 0;
        let gives_back = if same_day { counter.gives_back } else { GivesBack::OpenOrder };
        if usage.open_orders > 0 {
            learned.push(Counter { gives_back, ..counter });
        }
    }
    Ok(learned)
}

fn part(table: &str, counter: &Counter, reserved: &Reserved) -> Result<TransactWriteItem, StoreError> {
    let (open, open_condition) =
        (format!("SET {OPEN_ORDERS} = {OPEN_ORDERS} - :one"), format!("{OPEN_ORDERS} >= :one"));
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(counter.key.clone()))
        .expression_attribute_values(":one", number(1))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let update = match counter.gives_back {
        GivesBack::Everything => update
            .update_expression(format!(
                "{open}, {DAILY_ORDERS} = {DAILY_ORDERS} - :one, {DAILY_NOTIONAL} = {DAILY_NOTIONAL} - :notional"
            ))
            .condition_expression(format!("{open_condition} AND {DAY} = :day AND {DAILY_ORDERS} >= :one"))
            .expression_attribute_values(":day", text(reserved.day.to_string()))
            .expression_attribute_values(":notional", decimal(reserved.notional)),
        GivesBack::OpenOrder | GivesBack::Nothing => {
            update.update_expression(open).condition_expression(open_condition)
        }
    };
    Ok(TransactWriteItem::builder().update(built(table, update.build())?).build())
}
