//! `courier halt` and `courier resume`: the operator's kill switches.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::{Clock, Halt, HaltMode, Order, OrderKey, UserId};
use platform::SystemClock;
use serde::Serialize;
use store::{HaltScope, Rules, TrackAsk};
use trading::Intake;

use crate::arguments::{HaltArguments, HaltScopeArguments, StackArguments};
use crate::error::CourierError;
use crate::output::{print, print_json, table, tell};
use crate::resources::Resources;

/// A halt, and what it stops.
#[derive(Debug, Serialize)]
pub(crate) struct ShownHalt {
    scope: String,
    #[serde(flatten)]
    halt: Halt,
}

pub(crate) async fn run(scope: &HaltScopeArguments, halted: bool) -> Result<(), CourierError> {
    let (scope, HaltArguments { reason, reducing, cancel_working, stack }) = match scope.clone() {
        HaltScopeArguments::All(arguments) => (HaltScope::Global, arguments),
        HaltScopeArguments::User { user, arguments } => (HaltScope::User(user), arguments),
        HaltScopeArguments::Algorithm { algorithm, arguments } => (HaltScope::Algorithm(algorithm), arguments),
        HaltScopeArguments::Show { user, stack } => return run_show(user, &stack).await,
    };
    if (reducing || cancel_working) && !halted {
        return Err(CourierError::OnlyWithAHalt);
    }
    let resources = Resources::of_stack(&stack.stack).await;
    let rules = resources.rules().await?;
    let mode = if reducing { HaltMode::Reducing } else { HaltMode::All };
    let halt = Halt { halted, mode, reason, since: Some(SystemClock.now()) };
    let halt = set(&rules, &scope, halt).await?;
    if cancel_working {
        let intake = Intake { orders: resources.orders().await?, rules, clock: Arc::new(SystemClock) };
        let cancelling = cancel_open(&intake, &scope).await?;
        look_at(&resources, &cancelling).await;
        tell(&format!("The end of {} orders was asked for.", cancelling.len()));
    }
    show(&[halt], stack.json);
    Ok(())
}

async fn run_show(user: Option<domain::UserId>, stack: &StackArguments) -> Result<(), CourierError> {
    let rules = Resources::of_stack(&stack.stack).await.rules().await?;
    show(&all(&rules, user).await?, stack.json);
    Ok(())
}

/// Sets a halt, on or off.
pub(crate) async fn set(rules: &Rules, scope: &HaltScope, halt: Halt) -> Result<ShownHalt, CourierError> {
    rules.put_halt(scope, &halt).await?;
    Ok(ShownHalt { scope: scope.to_string(), halt })
}

/// Asks for the end of every open order of the halt's scope; those that have not reached it.
pub(crate) async fn cancel_open(intake: &Intake, scope: &HaltScope) -> Result<Vec<OrderKey>, CourierError> {
    if let HaltScope::User(user_id) = scope {
        return Ok(intake.cancel_open(user_id, None).await?);
    }
    let listed = crate::orders::open(&intake.orders).await?;
    if listed.more {
        tell("There are more open orders than one call finds: halt once more with --cancel-working.");
    }
    let of_scope = |order: &Order| match scope {
        HaltScope::Algorithm(algorithm_id) => order.algorithm_id == *algorithm_id,
        HaltScope::Global | HaltScope::User(_) => true,
    };
    let mut cancelling = Vec::new();
    for order in listed.orders.into_iter().filter(of_scope) {
        let asked = intake.ask_cancel(&order.key).await?;
        cancelling.extend(asked.filter(|order| !order.value.is_over()).map(|_| order.key));
    }
    Ok(cancelling)
}

/// Has the orders of these users looked at. What is not asked for costs a minute: the tracker finds each order by its row.
async fn look_at(resources: &Resources, cancelling: &[OrderKey]) {
    let users: BTreeSet<&UserId> = cancelling.iter().map(|key| &key.user_id).collect();
    if let Err(error) = ask_for_looks(resources, &users).await {
        tell(&format!("The orders were not looked at at once ({error}). They are within a minute."));
    }
}

async fn ask_for_looks(resources: &Resources, users: &BTreeSet<&UserId>) -> Result<(), CourierError> {
    if users.is_empty() {
        return Ok(());
    }
    let queue = resources.track_queue().await?;
    for user_id in users {
        queue.ask(&TrackAsk::first((*user_id).clone()), 0).await?;
    }
    Ok(())
}

/// The halts over everything, over each algorithm, and over a user.
pub(crate) async fn all(rules: &Rules, user: Option<domain::UserId>) -> Result<Vec<ShownHalt>, CourierError> {
    let algorithms =
        rules.algorithms().await?.into_iter().map(|algorithm| HaltScope::Algorithm(algorithm.algorithm_id));
    let scopes = [HaltScope::Global].into_iter().chain(algorithms).chain(user.map(HaltScope::User));
    let mut halts = Vec::new();
    for scope in scopes {
        halts.push(ShownHalt { scope: scope.to_string(), halt: rules.halt(&scope).await? });
    }
    Ok(halts)
}

fn show(halts: &[ShownHalt], json: bool) {
    if json {
        print_json(&halts);
        return;
    }
    let row = |ShownHalt { scope, halt }: &ShownHalt| {
        let state = match (halt.halted, halt.mode) {
            (false, _) => "not halted",
            (true, HaltMode::All) => "HALTED",
            (true, HaltMode::Reducing) => "HALTED but for what reduces",
        };
        let since = halt.since.map(|since| since.to_string()).unwrap_or_default();
        [scope.clone(), state.to_owned(), since, halt.reason.clone().unwrap_or_default()]
    };
    print(&table(["what", "state", "since", "reason"], halts.iter().map(row).collect()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, at};

    #[tokio::test]
    async fn each_halt_is_set_shown_and_lifted() {
        let World { store, .. } = World::new().await;
        let user: domain::UserId = "u-7".parse().unwrap();
        crate::algorithms::add(
            &store.rules,
            "mean-reversion-7".parse().unwrap(),
            ["AROAEXAMPLE".parse().unwrap()].into(),
            at(0),
        )
        .await
        .unwrap();
        let scopes = [
            HaltScope::Global,
            HaltScope::User(user.clone()),
            HaltScope::Algorithm("mean-reversion-7".parse().unwrap()),
        ];
        for scope in &scopes {
            for halted in [true, false] {
                let reason = Some("a drill".to_owned());
                let halt = Halt { halted, mode: HaltMode::Reducing, reason, since: Some(at(1)) };
                set(&store.rules, scope, halt).await.unwrap();
                let shown = all(&store.rules, Some(user.clone())).await.unwrap();
                assert_eq!(shown.len(), scopes.len());
                for halt in shown {
                    assert_eq!(halt.halt.halted, halted && halt.scope == scope.to_string(), "{halt:?}");
                }
            }
        }
    }
}
