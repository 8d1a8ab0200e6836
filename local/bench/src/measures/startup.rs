//! From exec to the first request for work, beside a bare function.

use std::time::Duration;

use super::Settings;
use crate::Failure;
use crate::house::House;
use crate::report::{Report, Row};

/// The functions; the bare one is started between them, so that all meet the same machine.
pub(crate) const FUNCTIONS: [&str; 7] =
    ["api", "oauth-callback", "oauth-start", "order-events", "order-submit", "order-track", "session-refresh"];
const BARE: &str = "bare-lambda";
const STARTS: usize = 41;

/// Starts each function many times, one after the other; the medians.
pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let house = House::open(0).await?;
    let names: Vec<&str> = std::iter::once(BARE).chain(FUNCTIONS).collect();
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); names.len()];
    for _ in 0..STARTS {
        for (name, times) in names.iter().zip(&mut times) {
            times.push(settings.start(name, &house).await?.started_in);
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median_milliseconds).collect();
    report.add(Row::told("exec to the first request for work, bare, ms", medians[0]));
    for (name, median) in FUNCTIONS.iter().zip(&medians[1..]) {
        report.add(Row::told(&format!("  {name}, ms"), *median));
        report.add(Row::at_most(&format!("  {name} / bare"), median / medians[0], 3.0));
    }
    Ok(())
}

fn median_milliseconds(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}
