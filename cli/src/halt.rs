//! `courier halt` and `courier resume`: the operator's kill switches.

mod cancelling;
mod names;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use domain::{AlgorithmId, Clock, Halt, HaltMode, UserId};
use platform::SystemClock;
use serde::Serialize;
use store::{HaltOn, HaltScope, Rules, TrackAsk};
use trading::Intake;

use crate::arguments::{HaltArguments, HaltScopeArguments, ResumeArguments, ResumeScopeArguments, StackArguments};
use crate::error::CourierError;
use crate::output::{print, print_json, table, tell};
use crate::resources::Resources;
use cancelling::Cancelling;

/// A halt, and what it stops.
#[derive(Debug, Serialize)]
pub(crate) struct ShownHalt {
    scope: String,
    #[serde(flatten)]
    halt: Halt,
    /// Whether it is in force for some users only: its writing was cut off.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    in_force_for_some_only: bool,
    /// What became of the open orders, where their end was asked for.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    cancelling: Option<Cancelling>,
}

impl ShownHalt {
    fn new(scope: &HaltScope, halt: Halt) -> Self {
        Self { scope: scope.to_string(), halt, in_force_for_some_only: false, cancelling: None }
    }
}

impl From<HaltOn> for ShownHalt {
    fn from(HaltOn { scope, halt, whole }: HaltOn) -> Self {
        Self { in_force_for_some_only: !whole, ..Self::new(&scope, halt) }
    }
}

pub(crate) async fn run(scope: &HaltScopeArguments) -> Result<ExitCode, CourierError> {
    let (scope, arguments) = match scope.clone() {
        HaltScopeArguments::All(arguments) => (HaltScope::Global, arguments),
        HaltScopeArguments::User { user, arguments } => (HaltScope::User(user), arguments),
        HaltScopeArguments::Algorithm { algorithm, arguments } => (HaltScope::Algorithm(algorithm), arguments),
        HaltScopeArguments::List { stack } => return run_list(&stack).await,
        HaltScopeArguments::Show { user, stack } => return run_show(user, &stack).await,
    };
    let HaltArguments { reason, reducing, cancel_working, yes, stack } = arguments;
    let resources = Resources::of_stack(&stack.stack).await;
    let rules = resources.rules().await?;
    if !yes {
        names::known(&resources, &rules, &scope).await?;
    }
    let mode = if reducing { HaltMode::Reducing } else { HaltMode::All };
    let halt = Halt { halted: true, mode, reason, since: Some(SystemClock.now()) };
    let mut halted = set(&rules, &scope, halt).await?;
    if cancel_working {
        let intake = Intake { orders: resources.orders().await?, rules, clock: Arc::new(SystemClock) };
        let cancelling = cancelling::cancel_open(&intake, &scope).await;
        look_at(&resources, &cancelling.users).await;
        halted.cancelling = Some(cancelling);
    }
    let complete = halted.cancelling.as_ref().is_none_or(Cancelling::is_complete);
    if let Some(cancelling) = halted.cancelling.as_ref().filter(|_| !stack.json) {
        print(&cancelling.text());
    }
    show(&[halted], stack.json);
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Has the orders of these users looked at. What is not asked for costs a minute: the tracker finds each order by its row.
async fn look_at(resources: &Resources, users: &BTreeSet<UserId>) {
    if let Err(error) = ask_for_looks(resources, users).await {
        tell(&format!("The orders were not looked at at once ({error}). They are within a minute."));
    }
}

async fn ask_for_looks(resources: &Resources, users: &BTreeSet<UserId>) -> Result<(), CourierError> {
    if users.is_empty() {
        return Ok(());
    }
    let queue = resources.track_queue().await?;
    for user_id in users {
        queue.ask(&TrackAsk::first(user_id.clone()), 0).await?;
    }
    Ok(())
}

/// Lifts a halt. What was refused meanwhile stays refused.
pub(crate) async fn run_resume(scope: &ResumeScopeArguments) -> Result<(), CourierError> {
    let (scope, ResumeArguments { reason, stack }) = match scope.clone() {
        ResumeScopeArguments::All(arguments) => (HaltScope::Global, arguments),
        ResumeScopeArguments::User { user, arguments } => (HaltScope::User(user), arguments),
        ResumeScopeArguments::Algorithm { algorithm, arguments } => (HaltScope::Algorithm(algorithm), arguments),
    };
    let rules = Resources::of_stack(&stack.stack).await.rules().await?;
    if !rules.halt(&scope).await?.halted {
        tell(&format!("There was no halt over {scope}. `courier halt list` shows those that are on."));
    }
    let halt = Halt { halted: false, mode: HaltMode::All, reason, since: Some(SystemClock.now()) };
    show(&[set(&rules, &scope, halt).await?], stack.json);
    Ok(())
}

async fn run_list(stack: &StackArguments) -> Result<ExitCode, CourierError> {
    let rules = Resources::of_stack(&stack.stack).await.rules().await?;
    let halts: Vec<ShownHalt> = rules.halts_on().await?.into_iter().map(ShownHalt::from).collect();
    if halts.is_empty() && !stack.json {
        print("Nothing is halted.");
    } else {
        show(&halts, stack.json);
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_show(user: Option<UserId>, stack: &StackArguments) -> Result<ExitCode, CourierError> {
    let rules = Resources::of_stack(&stack.stack).await.rules().await?;
    show(&all(&rules, user).await?, stack.json);
    Ok(ExitCode::SUCCESS)
}

/// Sets a halt, on or off.
pub(crate) async fn set(rules: &Rules, scope: &HaltScope, halt: Halt) -> Result<ShownHalt, CourierError> {
    rules.put_halt(scope, &halt).await?;
    Ok(ShownHalt::new(scope, halt))
}

/// The halts over everything, over each registered algorithm, and over a user, on or off.
pub(crate) async fn all(rules: &Rules, user: Option<UserId>) -> Result<Vec<ShownHalt>, CourierError> {
    let of_algorithm = |id: AlgorithmId| HaltScope::Algorithm(id);
    let algorithms = rules.algorithms().await?.into_iter().map(|algorithm| of_algorithm(algorithm.algorithm_id));
    let scopes = [HaltScope::Global].into_iter().chain(algorithms).chain(user.map(HaltScope::User));
    let mut halts = Vec::new();
    for scope in scopes {
        halts.push(ShownHalt::new(&scope, rules.halt(&scope).await?));
    }
    Ok(halts)
}

fn show(halts: &[ShownHalt], json: bool) {
    if json {
        print_json(&halts);
        return;
    }
    let row = |shown: &ShownHalt| {
        let halt = &shown.halt;
        let state = match (shown.in_force_for_some_only, halt.halted, halt.mode) {
            (true, ..) => "HALTED FOR SOME USERS ONLY: set it once more",
            (_, false, _) => "not halted",
            (_, true, HaltMode::All) => "HALTED",
            (_, true, HaltMode::Reducing) => "HALTED but for what reduces",
        };
        let since = halt.since.map(|since| since.to_string()).unwrap_or_default();
        [shown.scope.clone(), state.to_owned(), since, halt.reason.clone().unwrap_or_default()]
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
        let user: UserId = "u-7".parse().unwrap();
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
                let listed = store.rules.halts_on().await.unwrap();
                assert_eq!(listed.iter().map(|on| &on.scope).collect::<Vec<_>>(), [scope; 1][..usize::from(halted)]);
            }
        }
    }

    #[test]
    fn a_halt_s_json_says_since_when_why_and_how() {
        let halt = Halt { halted: true, mode: HaltMode::Reducing, reason: Some("x".to_owned()), since: Some(at(1)) };
        let on = HaltOn { scope: HaltScope::User("u-7".parse().unwrap()), halt, whole: true };
        let json = serde_json::to_value(ShownHalt::from(on)).unwrap();
        let expected =
            serde_json::json!({"scope": "user u-7", "halted": true, "mode": "reducing", "reason": "x", "since": at(1)});
        assert_eq!(json, expected);
    }
}
