//! `courier demo`: everything once, on this machine, and a check of what became of it.

mod ledger;
mod orders;
mod report;
mod samples;
mod secrets;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use domain::UserId;
use stack::Listener;

use crate::arguments::DemoArguments;
use crate::error::CourierError;
use crate::local::{self, DEMO_USER, House};
use crate::output::tell;
use report::Report;

/// How long each part took.
type Phases = Vec<(&'static str, Duration)>;

pub(crate) async fn run(arguments: &DemoArguments) -> Result<ExitCode, CourierError> {
    let root = local::workspace_root()?;
    let samples = samples::read(&root)?;
    let mut phases = Phases::new();
    let listener = Listener::terminal();
    let user_id = demo_user()?;
    let started = House::start(&root, &arguments.house, &user_id, &listener);
    let house = phase(&mut phases, "have everything built and running", started).await?;
    let outcome = Box::pin(show(&house, &samples, &mut phases)).await;
    let passed = match &outcome {
        Ok(report) => report.print(arguments.json),
        // A stack that is kept open is there to be looked at, whatever happened in it.
        Err(error) if arguments.keep => {
            tell(&format!("courier: {}", error.with_causes()));
            false
        }
        Err(_) => {
            house.stop().await;
            return outcome.map(|_| ExitCode::FAILURE);
        }
    };
    if arguments.keep {
        local::keep_open(house, &user_id, arguments.json).await?;
    } else {
        house.stop().await;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn show(house: &House, samples: &[samples::Sample], phases: &mut Phases) -> Result<Report, CourierError> {
    let user_id = demo_user()?;
    phase(phases, "register the algorithm", Box::pin(house.register_algorithm())).await?;
    let consent = phase(phases, "connect the user through the consent page", house.connect(&user_id)).await?;
    let api = house.api(&user_id)?;
    phase(phases, "send the orders through the queue", orders::send(house, &user_id, samples)).await?;
    let shown = phase(phases, "follow the orders", orders::follow(house, &api, samples)).await?;
    let checked = ledger::check(&house.broker, &user_id, samples, shown);
    let planted = secrets::planted(house, &consent, &api);
    let search = phase(phases, "search all logs for secrets", secrets::search(house, &planted)).await?;
    Ok(Report::new(checked, search, phases))
}

/// Does a part, and tells how long it took.
async fn phase<T>(
    phases: &mut Phases,
    name: &'static str,
    work: impl Future<Output = Result<T, CourierError>>,
) -> Result<T, CourierError> {
    let begun = Instant::now();
    let result = work.await?;
    let took = begun.elapsed();
    phases.push((name, took));
    tell(&format!("{:>7.2} s  {name}", took.as_secs_f64()));
    Ok(result)
}

fn demo_user() -> Result<UserId, CourierError> {
    let invalid = CourierError::machine("naming the demo's user");
    DEMO_USER.parse().map_err(|error: domain::InvalidId| invalid(error.into()))
}
