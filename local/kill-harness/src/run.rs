//! A run: the house is built, the load begins, processes are killed, all comes to rest, and is judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::{Clock, OrderStatus};
use jiff::Timestamp;
use paper_broker::MachineClock;
use stack::Listener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::drain::{Unrest, drain};
use crate::error::HarnessError;
use crate::fate::Fates;
use crate::function::Function;
use crate::house::House;
use crate::load::{Load, LoadControl, Sent};
use crate::market;
use crate::output::tell;
use crate::pool::Pool;
use crate::process::Launch;
use crate::record::Record;
use crate::report::{Kills, Report, Violation};
use crate::service::{QueueReader, run_schedule};
use crate::tally::{Counts, Tally};
use crate::trail::Trail;
use crate::verdict::{Broken, Rule, broken};
use crate::wire::Ends;

/// Users that are connected at the same time.
const CONNECTING_MAX: usize = 4;
/// The load goes on for so long before the first kill, so that there is something to kill.
const WARM_UP: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOKS_PER_WORD: u32 = 20;

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The project's folder.
    pub root: PathBuf,
    /// How many processes are killed.
    pub kills: u32,
    /// What every choice comes from.
    pub seed: u64,
    /// Users at once.
    pub users: u32,
    /// Whether the template is deployed with `MarketOrdersAgain`.
    pub market_orders_again: bool,
    /// How long the run waits at most until all is quiet.
    pub drain_at_most: Duration,
    /// Who is told of the stack's progress.
    pub listener: Listener,
}

/// Everything that works in the background.
struct Service {
    tasks: JoinSet<()>,
    fates: Arc<Fates>,
    tally: Arc<Tally>,
    trail: Arc<Trail>,
}

/// Runs once.
///
/// # Errors
/// When the house cannot be built, or stops answering. What is wrong with an order is in the report.
pub async fn run(settings: &Settings) -> Result<Report, HarnessError> {
    let since = MachineClock.now();
    // Boxed: with all its steps it is too large for the stack of a thread.
    let house = House::start(&settings.root, settings.market_orders_again, settings.users, &settings.listener);
    let house = Arc::new(Box::pin(house).await?);
    let mut service = Box::pin(serve(&house, settings)).await?;
    connect_all(&house).await?;
    tell(&format!("{} users are connected; the load begins", house.users.len()));
    let begun = Instant::now();
    let sent = load_and_kill(&house, &mut service, settings).await?;
    let load_seconds = begun.elapsed().as_secs();
    let begun = Instant::now();
    let unrest = drain(&house, settings.drain_at_most).await?;
    let drain_seconds = begun.elapsed().as_secs();
    let record = Record::read(&house, since).await?;
    service.tasks.shutdown().await;
    the_engine_ran_nothing(&house).await?;
    let counts = service.tally.so_far();
    let mut report = report(settings, &sent, &record, &counts, unrest);
    (report.load_seconds, report.drain_seconds) = (load_seconds, drain_seconds);
    report.violations = violations(broken(&sent, &record), &record, &service.trail);
    report.violations.extend(counts.ended.iter().map(|how| ended_by_itself(how)));
    report.doubled = count(report.violations.iter().filter(|violation| violation.rule == Rule::OneTicket).count());
    let is_lost = |rule| matches!(rule, Rule::MessageOnRecord | Rule::TicketHasOrder);
    report.lost = count(report.violations.iter().filter(|violation| is_lost(violation.rule)).count());
    report.passed = report.violations.is_empty();
    Ok(report)
}

/// Becomes the Lambda service in the engine's place.
async fn serve(house: &Arc<House>, settings: &Settings) -> Result<Service, HarnessError> {
    let sources = house.stack.turn_event_sources_off().await?;
    let ends = Ends::new(&house.broker, house.stack.endpoint_url());
    let trail = Arc::clone(&ends.trail);
    let fates = Arc::new(Fates::new(settings.seed, settings.users));
    let tally = Arc::new(Tally::default());
    let logs = logs_folder(&settings.root)?;
    let mut pools = BTreeMap::new();
    for function in Function::ALL {
        let launch = Launch {
            function,
            binary: target_folder(&settings.root).join(stack::profile()).join(function.name()),
            environment: house.environment_of(function.name()).await?,
            log: logs.join(format!("{}.log", function.name())),
            ends: ends.clone(),
        };
        pools.insert(function, Arc::new(Pool::new(launch, Arc::clone(&fates), Arc::clone(&tally))));
    }
    tell(&format!("the functions' logs are in {}", logs.display()));
    let mut tasks = JoinSet::new();
    let client = house.sqs();
    for (number, source) in (0_u64..).zip(sources) {
        let pool = Function::named(&source.function).and_then(|function| pools.get(&function));
        let Some(pool) = pool else { continue };
        let reader = QueueReader::of(Arc::clone(pool), &client, source).await?;
        tasks.spawn(reader.run(settings.seed ^ number));
    }
    for function in [Function::OrderTrack, Function::SessionRefresh] {
        if let Some(pool) = pools.get(&function) {
            tasks.spawn(run_schedule(Arc::clone(pool)));
        }
    }
    Ok(Service { tasks, fates, tally, trail })
}

async fn connect_all(house: &Arc<House>) -> Result<(), HarnessError> {
    let mut connecting = JoinSet::new();
    let failed = |error: tokio::task::JoinError| HarnessError::machine("connecting the users")(error.into());
    for user in house.users.clone() {
        while connecting.len() >= CONNECTING_MAX {
            if let Some(done) = connecting.join_next().await {
                done.map_err(failed)??;
            }
        }
        let house = Arc::clone(house);
        connecting.spawn(async move { house.connect(&user).await });
    }
    while let Some(done) = connecting.join_next().await {
        done.map_err(failed)??;
    }
    Ok(())
}

/// The load, with the kills in it; gives what was sent.
async fn load_and_kill(house: &House, service: &mut Service, settings: &Settings) -> Result<Vec<Sent>, HarnessError> {
    let control = LoadControl::default();
    let load = Load::new(house.sqs(), house.output("OrderQueueUrl"), &house.users, settings.seed);
    let load = tokio::spawn(load.run(control.clone()));
    let market = tokio::spawn(market::run(house.broker.clone(), house.users.clone(), settings.seed));
    tokio::time::sleep(WARM_UP).await;
    service.fates.begin(settings.kills);
    let mut looks = 0_u32;
    while service.fates.count() < settings.kills && !load.is_finished() {
        if looks.is_multiple_of(LOOKS_PER_WORD) {
            tell(&format!("{} of {} killed, {} messages sent", service.fates.count(), settings.kills, control.sent()));
        }
        looks += 1;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    market.abort();
    control.stop();
    market::calm_down(&house.broker);
    tell("all killed; what is open comes to its end");
    load.await.map_err(|error| HarnessError::machine("sending messages")(error.into()))?
}

/// The engine's own logs of the functions must be empty: else it worked beside the harness.
async fn the_engine_ran_nothing(house: &House) -> Result<(), HarnessError> {
    for function in Function::ALL {
        if !house.stack.logs(function.name()).await?.is_empty() {
            return Err(HarnessError::EngineRan(function.name()));
        }
    }
    Ok(())
}

fn report(settings: &Settings, sent: &[Sent], record: &Record, counts: &Counts, unrest: Unrest) -> Report {
    let mut statuses: BTreeMap<&'static str, u32> = BTreeMap::new();
    for order in record.orders.values() {
        *statuses.entry(order.status().as_str()).or_default() += 1;
    }
    let kills_by = counts.kills.iter().map(|((function, doing), count)| Kills {
        function: *function,
        doing: *doing,
        count: *count,
    });
    Report {
        passed: false,
        seed: settings.seed,
        users: settings.users,
        kills: counts.kills.values().sum(),
        kills_by: kills_by.collect(),
        invocations: counts.invocations.clone(),
        processes: counts.processes,
        messages: count(sent.len()),
        orders: count(record.orders.len()),
        needs_review: statuses.get(OrderStatus::NeedsReview.as_str()).copied().unwrap_or_default(),
        statuses,
        refusals: count(record.refused.len()),
        tickets: count(record.tickets.len()),
        sent_again: count(record.orders.values().filter(|order| order.sends > 1).count()),
        doubled: 0,
        lost: 0,
        unknown_left: unrest.unknown,
        waiting_left: unrest.waiting,
        behind_left: unrest.behind,
        out_of_time: counts.out_of_time.clone(),
        failed: counts.failed.clone(),
        load_seconds: 0,
        drain_seconds: 0,
        violations: Vec::new(),
    }
}

fn violations(broken: Vec<Broken>, record: &Record, trail: &Trail) -> Vec<Violation> {
    let violation = |broken: Broken| {
        let order = broken.key.as_ref().and_then(|key| record.orders.get(key));
        let numbers: Vec<String> =
            order.into_iter().flat_map(|order| order.broker_order_ids.iter().map(|id| id.get().to_string())).collect();
        let calls = order.map(|order| trail.of_order(order.client_order_id.as_str(), &numbers));
        Violation {
            rule: broken.rule,
            order: broken.key.map(|key| key.to_string()),
            problem: broken.problem,
            row: order.and_then(|order| serde_json::to_value(order).ok()).unwrap_or_default(),
            calls: calls.unwrap_or_default(),
        }
    };
    broken.into_iter().map(violation).collect()
}

fn ended_by_itself(how: &str) -> Violation {
    let problem = format!("a function ended by itself: {how}");
    Violation { rule: Rule::FunctionsLive, order: None, problem, row: serde_json::Value::Null, calls: Vec::new() }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn target_folder(root: &Path) -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    root.join(chosen.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

/// A folder of its own for each run.
fn logs_folder(root: &Path) -> Result<PathBuf, HarnessError> {
    let began: Timestamp = MachineClock.now();
    let folder = target_folder(root).join("kill-harness").join(began.strftime("%Y%m%dT%H%M%SZ").to_string());
    std::fs::create_dir_all(&folder)
        .map_err(|error| HarnessError::machine("making a folder for logs")(error.into()))?;
    Ok(folder)
}
