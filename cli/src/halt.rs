//! `courier halt` and `courier resume`: the operator's kill switches.

use domain::{Clock, Halt};
use jiff::Timestamp;
use platform::SystemClock;
use serde::Serialize;
use store::{HaltScope, Rules};

use crate::arguments::{HaltArguments, HaltScopeArguments, StackArguments};
use crate::error::CourierError;
use crate::output::{print, print_json, table};
use crate::resources::Resources;

/// A halt, and what it stops.
#[derive(Debug, Serialize)]
pub(crate) struct ShownHalt {
    scope: String,
    #[serde(flatten)]
    halt: Halt,
}

pub(crate) async fn run(scope: &HaltScopeArguments, halted: bool) -> Result<(), CourierError> {
    let (scope, HaltArguments { reason, stack }) = match scope.clone() {
        HaltScopeArguments::All(arguments) => (HaltScope::Global, arguments),
        HaltScopeArguments::User { user, arguments } => (HaltScope::User(user), arguments),
        HaltScopeArguments::Algorithm { algorithm, arguments } => (HaltScope::Algorithm(algorithm), arguments),
        HaltScopeArguments::Show { user, stack } => return run_show(user, &stack).await,
    };
    let rules = Resources::of_stack(&stack.stack).await.rules().await?;
    let halt = set(&rules, &scope, halted, reason, SystemClock.now()).await?;
    show(&[halt], stack.json);
    Ok(())
}

async fn run_show(user: Option<domain::UserId>, stack: &StackArguments) -> Result<(), CourierError> {
    let rules = Resources::of_stack(&stack.stack).await.rules().await?;
    show(&all(&rules, user).await?, stack.json);
    Ok(())
}

/// Sets a halt on or off.
pub(crate) async fn set(
    rules: &Rules,
    scope: &HaltScope,
    halted: bool,
    reason: Option<String>,
    now: Timestamp,
) -> Result<ShownHalt, CourierError> {
    let halt = Halt { halted, reason, since: Some(now) };
    rules.put_halt(scope, &halt).await?;
    Ok(ShownHalt { scope: scope.to_string(), halt })
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
        let state = if halt.halted { "HALTED" } else { "not halted" };
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
                set(&store.rules, scope, halted, Some("a drill".to_owned()), at(1)).await.unwrap();
                let shown = all(&store.rules, Some(user.clone())).await.unwrap();
                assert_eq!(shown.len(), scopes.len());
                for halt in shown {
                    assert_eq!(halt.halt.halted, halted && halt.scope == scope.to_string(), "{halt:?}");
                }
            }
        }
    }
}
