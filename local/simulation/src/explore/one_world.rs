//! One world: from its plan to what is left of it, and whether that is as it must be.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use domain::GrantStatus;
use tokio::task::LocalSet;

use super::coverage::Coverage;
use super::dice::Dice;
use super::evidence::Evidence;
use super::invariants::{Violation, broken, violation};
use super::lives::PEOPLE;
use super::log::Log;
use super::plan::Plan;
use super::settling::{Settled, settled};
use super::stage::Stage;
use crate::effects::{Director, Door};
use crate::world::World;

/// What came of one world.
#[derive(Debug)]
pub struct Outcome {
    /// The seed that replays it.
    pub seed: u64,
    /// How many lives it had.
    pub lives: u64,
    /// What must never be.
    pub violations: Vec<Violation>,
    /// A digest of every order and of the broker's book at the end: two lives of one seed have the same.
    pub digest: String,
    /// What happened, line by line, if it was asked for.
    pub trace: Vec<String>,
    pub(crate) coverage: Coverage,
    pub(crate) settled: Vec<Settled>,
    /// The effects, if they were asked for.
    pub(crate) effects: Vec<(Door, String)>,
}

/// What is kept of a world besides its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Nothing,
    Trace,
    Effects,
}

/// Lives the world of this seed.
pub(crate) fn explore_seed(seed: u64) -> Outcome {
    let plan = Plan::of(seed);
    let weather = Box::new(plan.weather.clone());
    live(plan, Some(weather), Keep::Nothing)
}

/// Lives the world of this seed again, with a trace.
#[must_use]
pub fn replay(seed: u64) -> Outcome {
    let plan = Plan::of(seed);
    let weather = Box::new(plan.weather.clone());
    live(plan, Some(weather), Keep::Trace)
}

/// Lives a plan through; a panic of anything in it is a violation, too.
pub(crate) fn live(plan: Plan, director: Option<Box<dyn Director>>, keep: Keep) -> Outcome {
    let (seed, lives) = (plan.seed, plan.lives.len() as u64);
    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| {
        in_its_own_time(async move { live_through(plan, director, keep).await.0 })
    }));
    ended.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome {
            seed,
            lives,
            violations: vec![violation("a world ended in a panic", message.unwrap_or_default())],
            digest: String::new(),
            trace: Vec::new(),
            coverage: Coverage::default(),
            settled: Vec::new(),
            effects: Vec::new(),
        }
    })
}

/// Runs on this thread, in time that passes only when nothing is left to do.
pub(crate) fn in_its_own_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, work)
}

/// What came of a world, and what it is judged by.
pub(crate) async fn live_through(plan: Plan, director: Option<Box<dyn Director>>, keep: Keep) -> (Outcome, Evidence) {
    let world = Rc::new(Box::pin(World::from_seed(plan.seed)).await);
    let chronicle = world.effects.chronicle.clone();
    if keep == Keep::Trace {
        chronicle.keep_trace();
    }
    let (log, _guard) = Log::catch(chronicle.clone());
    prepare(&world, &plan).await;
    if keep == Keep::Effects {
        world.effects.record();
    }
    world.effects.direct(director);
    let mut stage = Stage::new(Rc::clone(&world), plan);
    let quiet = stage.run().await;
    stage.tasks.shutdown().await;
    chronicle.note(|| format!("=== the end; quiet: {quiet}"));
    let evidence = Evidence::of(&stage, log.text()).await;
    let outcome = Outcome {
        seed: stage.plan.seed,
        lives: stage.plan.lives.len() as u64,
        violations: broken(&evidence),
        digest: evidence.digest(),
        coverage: Coverage::of(&evidence, chronicle.faults(), quiet),
        settled: settled(&evidence),
        effects: world.effects.recorded(),
        trace: chronicle.trace(),
    };
    (outcome, evidence)
}

/// Everybody is connected, and has granted the algorithm their accounts.
async fn prepare(world: &World, plan: &Plan) {
    world.set_index_lag(index_lag(plan.seed));
    world.broker().change_options(|options| {
        options.cancel_delay_ms = plan.cancel_delay_ms;
        options.live_orders_delay_ms = plan.live_orders_delay_ms;
        options.live_session_token_life_seconds = plan.token_life_seconds;
        options.renewal_ends_session = plan.renewal_ends_session;
        options.spelling = plan.manner.spelling;
        options.quotes = plan.manner.quotes;
        options.foreign_listings = plan.manner.foreign_listings;
        options.account_groups.clone_from(&plan.manner.account_groups);
        options.commission_delay_ms = plan.manner.commission_delay_ms;
        options.quantities_delay_ms = plan.manner.quantities_delay_ms;
        options.exits_answered_first = plan.manner.exits_answered_first;
        options.empty_is_no_snapshot = plan.manner.empty_is_no_snapshot;
    });
    for held in &plan.holdings {
        world.broker().hold(held.account, held.contract.conid, held.quantity());
    }
    for (index, person) in PEOPLE[..plan.people].iter().enumerate() {
        world.connect(person.user_id, person.username).await;
        world.grant(person.user_id, person.accounts, GrantStatus::Active, plan.grant_limits(index)).await;
        let own = plan.limits.iter().find(|set| set.person == index && !set.on_grant);
        if let Some(own) = own {
            let body = serde_json::json!({"body": own.limits});
            let answered = world.api_as(&serde_json::json!({"sub": person.user_id}), "PUT /limits", &body).await;
            assert_eq!(answered.status, 200, "{}", answered.text);
        }
    }
}

/// By how much the indexes of this world lag behind their table: mostly not to be noticed, at times for seconds.
fn index_lag(seed: u64) -> Duration {
    let milliseconds = Dice::new(!seed).weigh(&[(50, 0), (25, 80), (15, 500), (10, 2_000)]);
    Duration::from_millis(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::{explore_seed, replay};

    #[test]
    fn a_world_ends_the_same_way_whether_its_trace_is_kept_or_not() {
        let seed = 5_233_465_955_765_427_657;
        assert_eq!(explore_seed(seed).digest, replay(seed).digest);
    }
}
