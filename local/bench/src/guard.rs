//! The guard of `./check`: what an order and a session cost, in counts, held against the figures that are kept beside this
//! crate. Seconds are never compared: they tell of the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Failure;
use crate::callgrind;
use crate::house::House;
use crate::measures::Settings;
use crate::measures::path::{number, per, place, send, send_again, warm};
use crate::orders::late_order;

/// Orders of each user, of which there are two.
const ORDERS: usize = 50;
const USERS: usize = 2;
/// Orders whose instructions are counted: the difference between more and fewer, so that the start does not count.
const COUNTED_ORDERS: usize = 20;

/// A figure that is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    value: f64,
    /// By how much a run may exceed it, in percent: what the machine's own order of events changes.
    percent_more: f64,
}

/// Counts, and compares. Where a cost grew: each one, and what to do.
pub(crate) async fn run(root: &Path, binaries: &Path, write: bool) -> Result<(), Failure> {
    let settings =
        Settings { root: root.to_owned(), binaries: binaries.to_owned(), users: USERS, orders: USERS * ORDERS };
    let mut counted = counts(&settings).await?;
    if callgrind::is_there().await {
        counted.extend(callgrind::pure(root).await?);
        counted.insert("instructions_per_order".to_owned(), instructions_per_order(&settings).await?);
    } else {
        println!("valgrind is missing: instructions are not counted");
    }
    if write { keep(&file(root), &counted) } else { compare(&file(root), &counted) }
}

async fn counts(settings: &Settings) -> Result<BTreeMap<String, f64>, Failure> {
    let house = House::open(USERS).await?;
    let mut function = settings.order_submit(&house).await?;
    warm(&mut function, &house).await?;
    house.aws_tally.take();
    house.broker_tally.take();
    for user in &house.users {
        place(&mut function, user, ORDERS, Settings::BATCH).await?;
    }
    let (aws, broker, orders) = (house.aws_tally.take(), house.broker_tally.take(), USERS * ORDERS);
    let late = late_order(&house.users[0], "late");
    send(&mut function, &house.users[0], std::slice::from_ref(&late)).await?;
    house.aws_tally.take();
    send_again(&mut function, &house.users[0], &[late]).await?;
    let figures = [
        ("aws_calls_per_order", per(number(aws.sum()), orders)),
        ("aws_bytes_per_order", per(number(aws.bytes), orders)),
        ("broker_calls_per_order", per(number(broker.sum()), orders)),
        ("broker_bytes_per_order", per(number(broker.bytes), orders)),
        ("aws_calls_of_a_redelivered_order", number(house.aws_tally.take().sum())),
    ];
    Ok(figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Of order-submit, its sessions and contracts known.
async fn instructions_per_order(settings: &Settings) -> Result<f64, Failure> {
    let mut of_run = [0.0; 2];
    for (orders, instructions) in [COUNTED_ORDERS, 2 * COUNTED_ORDERS].into_iter().zip(&mut of_run) {
        let house = House::open(1).await?;
        let mut function = settings.under_callgrind("order-submit", &house).await?;
        warm(&mut function, &house).await?;
        place(&mut function, &house.users[0], orders, Settings::BATCH).await?;
        *instructions = callgrind::collected(&function.end().await?)?;
    }
    Ok(per(of_run[1] - of_run[0], COUNTED_ORDERS))
}

fn file(root: &Path) -> PathBuf {
    root.join("local/bench/kept.json")
}

fn compare(file: &Path, counted: &BTreeMap<String, f64>) -> Result<(), Failure> {
    let kept: BTreeMap<String, Kept> = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let mut grown = Vec::new();
    for (name, value) in counted {
        let kept = kept.get(name).ok_or_else(|| format!("{name} is not kept: run `bench guard --write`"))?;
        let is_more = *value > kept.value * (1.0 + kept.percent_more / 100.0);
        println!("{name}: {value:.2}, kept {:.2}{}", kept.value, if is_more { ": MORE" } else { "" });
        if is_more {
            grown.push(name.as_str());
        }
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} cost more than is kept. If that is meant, run `bench guard --write` and say why in the commit",
        grown.join(", ")
    )
    .into())
}

fn keep(file: &Path, counted: &BTreeMap<String, f64>) -> Result<(), Failure> {
    let kept = counted.iter().map(|(name, value)| {
        // A warning to the tracker is sent by the clock, so the calls of a run differ by one or two; another compiler, or
        // another machine's instructions for the same, differ by some percent.
        let percent_more = match name.as_str() {
            name if name.contains("instructions") => 15.0,
            name if name.contains("broker") || name.contains("redelivered") => 0.0,
            _ => 5.0,
        };
        (name.clone(), Kept { value: (value * 1_000.0).ceil() / 1_000.0, percent_more })
    });
    let kept: Value = serde_json::to_value(kept.collect::<BTreeMap<_, _>>())?;
    Ok(std::fs::write(file, format!("{kept:#}\n"))?)
}
