//! How the cost of an order grows with what is stored: not at all.

use serde_json::{Value, json};

use super::Settings;
use super::path::{number, per, place, warm};
use crate::Failure;
use crate::house::House;
use crate::report::{Report, Row};

const ROWS: [usize; 2] = [1_000, 100_000];
/// Rows in one `BatchWriteItem`.
const WRITE_ROWS: usize = 25;
/// Every so many rows of orders another user's connection.
const ORDERS_OF_STRANGER: usize = 10;

/// Places orders over few rows and over many.
pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let mut costs = Vec::new();
    for rows in ROWS {
        costs.push(with(settings, rows, report).await?);
    }
    let [few, many] = [costs[0], costs[1]];
    report.add(Row::at_most("AWS calls per order, 10^5 rows / 10^3 rows", many.calls / few.calls, 1.02));
    report.add(Row::at_most("bytes per order, 10^5 rows / 10^3 rows", many.bytes / few.bytes, 1.02));
    report.add(Row::at_most("CPU per order, 10^5 rows / 10^3 rows", many.cpu / few.cpu, 1.15));
    Ok(())
}

/// Of one order.
#[derive(Clone, Copy)]
struct Cost {
    calls: f64,
    bytes: f64,
    cpu: f64,
}

async fn with(settings: &Settings, rows: usize, report: &mut Report) -> Result<Cost, Failure> {
    let house = House::open(settings.users).await?;
    let mut function = settings.order_submit(&house).await?;
    warm(&mut function, &house).await?;
    fill(&house, rows)?;
    house.aws_tally.take();
    let used = function.cpu()?;
    let orders = settings.orders_of_user() * house.users.len();
    for user in &house.users {
        place(&mut function, user, settings.orders_of_user(), Settings::BATCH).await?;
    }
    let cpu = per(function.cpu()?.saturating_sub(used).as_secs_f64() * 1_000.0, orders);
    let aws = house.aws_tally.take();
    let cost = Cost { calls: per(number(aws.sum()), orders), bytes: per(number(aws.bytes), orders), cpu };
    report.add(Row::told(&format!("over {rows} rows: AWS calls per order"), cost.calls));
    report.add(Row::told(&format!("over {rows} rows: CPU per order, ms"), cost.cpu));
    Ok(cost)
}

/// Copies rows that are there under other names: half of the orders to our users, half to strangers; and strangers' connections.
fn fill(house: &House, rows: usize) -> Result<(), Failure> {
    let orders = house.database.rows("orders")?;
    let connections = house.database.rows("connections")?;
    let copies: Vec<Value> = (0..rows)
        .map(|index| {
            let mut row = orders[index % orders.len()].clone();
            row["order_id"] = json!({"S": format!("stored-{index}")});
            if index % 2 == 0 {
                row["user_id"] = json!({"S": format!("stranger-{}", index / ORDERS_OF_STRANGER)});
                if row.get("open_user_id").is_some() {
                    row["open_user_id"] = row["user_id"].clone();
                }
            }
            row
        })
        .collect();
    write(house, "orders", &copies)?;
    let copies: Vec<Value> = (0..rows / ORDERS_OF_STRANGER)
        .map(|index| {
            let mut row = connections[index % connections.len()].clone();
            row["user_id"] = json!({"S": format!("stranger-{index}")});
            row
        })
        .collect();
    write(house, "connections", &copies)
}

fn write(house: &House, table: &str, rows: &[Value]) -> Result<(), Failure> {
    for rows in rows.chunks(WRITE_ROWS) {
        let requests: Vec<Value> = rows.iter().map(|row| json!({"PutRequest": {"Item": row}})).collect();
        let (status, answer) =
            house.database.answer("BatchWriteItem", &json!({"RequestItems": {table: requests}}).to_string());
        if status != 200 {
            return Err(format!("rows were not stored: {answer}").into());
        }
    }
    Ok(())
}
