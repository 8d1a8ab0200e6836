//! Users in parallel: what several instances of order-submit do in a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::task::JoinSet;

use super::Settings;
use super::path::{per_second, place, warm};
use crate::Failure;
use crate::house::House;
use crate::report::{Report, Row};

const INSTANCES: [usize; 3] = [1, 2, 4];
const ORDERS_OF_USER: usize = 20;
/// A broker that takes a while to answer, as the real one.
const ANSWER_MILLISECONDS: u64 = 5;

/// Places the same orders with 1, 2 and 4 instances.
pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let mut single = 0.0;
    for instances in INSTANCES {
        let reached = with(settings, instances).await?;
        report.add(Row::told(&format!("orders per second, {instances} instances"), reached));
        if instances == 1 {
            single = reached;
        }
    }
    report.add(Row::told("  4 instances / 1", report.value_of("orders per second, 4 instances") / single));
    Ok(())
}

async fn with(settings: &Settings, instances: usize) -> Result<f64, Failure> {
    let house = Arc::new(House::open(settings.users).await?);
    let mut functions = Vec::new();
    for _ in 0..instances {
        let mut function = settings.order_submit(&house).await?;
        warm(&mut function, &house).await?;
        functions.push(function);
    }
    house.answer_orders_after(ANSWER_MILLISECONDS);
    let left = Arc::new(Mutex::new(house.users.clone()));
    let began = Instant::now();
    let mut at_work = JoinSet::new();
    for mut function in functions {
        let left = Arc::clone(&left);
        at_work.spawn(async move {
            loop {
                let user = left.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(user) = user else { return Ok::<_, Failure>(()) };
                place(&mut function, &user, ORDERS_OF_USER, Settings::BATCH).await?;
            }
        });
    }
    while let Some(done) = at_work.join_next().await {
        done??;
    }
    Ok(per_second(settings.users * ORDERS_OF_USER, began.elapsed().as_secs_f64()))
}
