//! The path of an order through order-submit: its time on the processor beside the peer's, its calls, its bytes, its memory.

use std::time::Instant;

use serde_json::{Value, json};

use super::Settings;
use crate::Failure;
use crate::house::{House, HouseUser};
use crate::orders::{batch, late_order, order, redelivered};
use crate::peer;
use crate::process::FunctionProcess;
use crate::report::{Report, Row};
use crate::tally::Counted;

/// Places the orders through order-submit, then through the peer.
pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let house = House::open(settings.users).await?;
    let mut function = settings.order_submit(&house).await?;
    warm(&mut function, &house).await?;
    house.aws_tally.take();
    house.broker_tally.take();

    let (used, began) = (function.cpu()?, Instant::now());
    let mut memory = Vec::new();
    let placed = settings.orders_of_user() * house.users.len();
    for user in &house.users {
        place(&mut function, user, settings.orders_of_user(), Settings::BATCH).await?;
        memory.push(function.memory()?);
    }
    let (cpu, took) = (function.cpu()?.saturating_sub(used), began.elapsed());
    let (aws, broker) = (house.aws_tally.take(), house.broker_tally.take());
    expect_placed(&house, placed + house.users.len())?;

    let peer = peer::place(&settings.root, &house, settings.users, settings.orders_of_user()).await?;
    let of_order = per(cpu.as_secs_f64() * 1_000.0, placed);
    let of_peer = peer.cpu_seconds * 1_000.0 / f64::from(peer.orders);
    report.add(Row::at_most("CPU of order-submit per order / ibind's", of_order / of_peer, 0.2));
    report.add(Row::told("CPU of order-submit per order, ms", of_order));
    report.add(Row::told("CPU of ibind per order, ms", of_peer));
    report.add(Row::told(
        "orders per second through order-submit, one after the other",
        per_second(placed, took.as_secs_f64()),
    ));
    report.add(Row::told("orders per second through ibind", f64::from(peer.orders) / peer.seconds));
    tell_calls(report, &aws, &broker, placed);
    let (first, last) = (memory[memory.len() / 5], memory[memory.len() - 1]);
    report.add(Row::at_most("memory of order-submit at most, MB", mega(last.most), 40.0));
    report.add(Row::at_most(
        "its growth over the last four fifths of the orders, MB",
        mega(last.now) - mega(first.now),
        2.0,
    ));
    redeliver(&mut function, &house, report).await
}

/// One order of each user: sessions, contracts and connections are known from here.
pub(crate) async fn warm(function: &mut FunctionProcess, house: &House) -> Result<(), Failure> {
    for user in &house.users {
        send(function, user, &[order(user, "warm")]).await?;
    }
    Ok(())
}

/// Places orders of a user in batches.
pub(crate) async fn place(
    function: &mut FunctionProcess,
    user: &HouseUser,
    orders: usize,
    batch_size: usize,
) -> Result<(), Failure> {
    let orders: Vec<Value> = (0..orders).map(|number| order(user, &format!("o-{batch_size}-{number}"))).collect();
    for messages in orders.chunks(batch_size) {
        send(function, user, messages).await?;
    }
    Ok(())
}

/// Hands messages over, none of which may come back.
pub(crate) async fn send(function: &mut FunctionProcess, user: &HouseUser, messages: &[Value]) -> Result<(), Failure> {
    hand_over(function, batch(user, messages)).await
}

/// Hands an event over a second time.
pub(crate) async fn send_again(
    function: &mut FunctionProcess,
    user: &HouseUser,
    messages: &[Value],
) -> Result<(), Failure> {
    hand_over(function, redelivered(batch(user, messages))).await
}

async fn hand_over(function: &mut FunctionProcess, event: Value) -> Result<(), Failure> {
    let answer = function.invoke(event).await?;
    if answer == json!({"batchItemFailures": []}) {
        Ok(())
    } else {
        Err(format!("messages came back: {answer}").into())
    }
}

/// Every order must be at the broker, once.
pub(crate) fn expect_placed(house: &House, orders: usize) -> Result<(), Failure> {
    let ledger = house.broker.ledger();
    if ledger.len() == orders {
        Ok(())
    } else {
        Err(format!("{} orders of {orders} are at the broker", ledger.len()).into())
    }
}

fn tell_calls(report: &mut Report, aws: &Counted, broker: &Counted, placed: usize) {
    report.add(Row::at_most("broker calls per order", per(number(broker.sum()), placed), 1.0));
    report.add(Row::at_most("AWS calls per order, batches of 10 of one user", per(number(aws.sum()), placed), 2.5));
    for (name, calls) in &aws.calls {
        report.add(Row::told(&format!("  {name}"), per(number(*calls), placed)));
    }
    report.add(Row::told("bytes per order to and from AWS", per(number(aws.bytes), placed)));
    report.add(Row::told("bytes per order to and from the broker", per(number(broker.bytes), placed)));
}

/// An order that is final already is delivered again.
async fn redeliver(function: &mut FunctionProcess, house: &House, report: &mut Report) -> Result<(), Failure> {
    let user = &house.users[0];
    let late = late_order(user, "late");
    send(function, user, std::slice::from_ref(&late)).await?;
    house.aws_tally.take();
    send_again(function, user, &[late]).await?;
    report.add(Row::at_most("AWS calls for a redelivered, final order", number(house.aws_tally.take().sum()), 1.0));
    Ok(())
}

pub(crate) fn per(amount: f64, orders: usize) -> f64 {
    amount / f64::from(u32::try_from(orders).unwrap_or(u32::MAX))
}

pub(crate) fn per_second(orders: usize, seconds: f64) -> f64 {
    f64::from(u32::try_from(orders).unwrap_or(u32::MAX)) / seconds
}

pub(crate) fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

pub(crate) fn mega(bytes: u64) -> f64 {
    number(bytes / 1_000) / 1_000.0
}
