//! `courier halt` and `courier resume`: the operator's kill switches.

mod cancelling;
mod names;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use domain::{AlgorithmId, Clock, ConnectionStatus, Halt, HaltMode, KillSwitch, SetBy, UserId};
use platform::SystemClock;
use serde::Serialize;
use store::{HaltOn, HaltScope, Rules, TrackAsk};
use trading::Intake;

use crate::arguments::{HaltArguments, HaltScopeArguments, ResumeArguments, ResumeScopeArguments, StackArguments};
use crate::error::CourierError;
use crate::output::{moment, print, print_json, table, tell};
use crate::resources::Resources;
use cancelling::Cancelling;

/// A halt, and what it stops.
#[derive(Debug, Serialize)]
pub(crate) struct ShownHalt {
    scope: String,
    #[serde(flatten)]
    halt: Halt,
    /// Whose words it is: the user's own, the operator's, or both.
    set_by: Vec<SetBy>,
    /// The other word that is on, where it is not the one in force.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    beside: Vec<WordBeside>,
    /// Whether it is in force for some users only: its writing was cut off.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    in_force_for_some_only: bool,
    /// What became of the open orders, where their cancel was asked for.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    cancelling: Option<Cancelling>,
}

/// A halt that is on, beside a stricter one.
#[derive(Debug, Serialize)]
pub(crate) struct WordBeside {
    set_by: SetBy,
    #[serde(flatten)]
    halt: Halt,
}

impl WordBeside {
    fn of((set_by, halt): (SetBy, Halt)) -> Self {
        Self { set_by, halt }
    }
}

impl ShownHalt {
    fn new(scope: &HaltScope, switch: KillSwitch) -> Self {
        let set_by = scope.set_by(&switch);
        let beside = switch.beside().into_iter().map(WordBeside::of).collect();
        let (scope, halt) = (scope.to_string(), switch.halt);
        Self { scope, halt, set_by, beside, in_force_for_some_only: false, cancelling: None }
    }
}

impl From<HaltOn> for ShownHalt {
    fn from(HaltOn { scope, halt, set_by, beside, whole }: HaltOn) -> Self {
        let beside = beside.into_iter().map(WordBeside::of).collect();
        Self { scope: scope.to_string(), halt, set_by, beside, in_force_for_some_only: !whole, cancelling: None }
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
    if !yes && !names::is_known(&resources, &rules, &scope).await {
        return Err(CourierError::NobodyToHalt(scope.to_string()));
    }
    let mode = if reducing { HaltMode::Reducing } else { HaltMode::All };
    let before = rules.kill_switch(&scope).await?;
    let halt = Halt { halted: true, mode, reason, since: Some(SystemClock.now()), cancel_working };
    let mut halted = set(&rules, &scope, halt.over(Some(&before.halt))).await?;
    if let Some(told) = told_of_loosening(&scope, &before, &halted) {
        tell(&told);
    }
    if cancel_working {
        let intake = Intake { orders: resources.orders().await?, rules, clock: Arc::new(SystemClock) };
        let mut cancelling = cancelling::cancel_open(&intake, &scope).await;
        look_at(&resources, &cancelling.users()).await;
        for user_id in cancelling.users() {
            match is_connected(&resources, &user_id).await {
                Ok(true) => {}
                Ok(false) => cancelling.note_unconnected(&user_id),
                Err(error) => tell(&format!("Whether {user_id} is connected was not read: {error}.")),
            }
        }
        halted.cancelling = Some(cancelling);
    }
    let complete = halted.cancelling.as_ref().is_none_or(Cancelling::is_complete);
    if let Some(cancelling) = halted.cancelling.as_ref().filter(|_| !stack.json) {
        print(&cancelling.text());
    }
    show(&[halted], stack.json);
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the broker can be asked for this user, now or once a session is opened.
async fn is_connected(resources: &Resources, user_id: &UserId) -> Result<bool, CourierError> {
    let connections = resources.connections().await?.list(user_id).await?;
    Ok(connections.iter().any(|connection| connection.value.status == ConnectionStatus::Connected))
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

/// Lifts a halt of the operator's. What was refused meanwhile stays refused.
pub(crate) async fn run_resume(scope: &ResumeScopeArguments) -> Result<(), CourierError> {
    let (scope, ResumeArguments { reason, stack }) = match scope.clone() {
        ResumeScopeArguments::All(arguments) => (HaltScope::Global, arguments),
        ResumeScopeArguments::User { user, arguments } => (HaltScope::User(user), arguments),
        ResumeScopeArguments::Algorithm { algorithm, arguments } => (HaltScope::Algorithm(algorithm), arguments),
    };
    let resources = Resources::of_stack(&stack.stack).await;
    let rules = resources.rules().await?;
    let before = rules.kill_switch(&scope).await?;
    // What is on is lifted whatever else can be read.
    if !before.halt.halted && !names::is_known(&resources, &rules, &scope).await {
        return Err(CourierError::NobodyToResume(scope.to_string()));
    }
    let halt = Halt { reason, since: Some(SystemClock.now()), ..Halt::default() };
    let shown = set(&rules, &scope, halt).await?;
    if let Some(told) = told_of_lifting(&scope, &before, &shown) {
        tell(&told);
    }
    let all_trading = rules.kill_switch(&HaltScope::Global).await?.halt;
    if all_trading.halted && scope != HaltScope::Global {
        tell(&format!("All trading is {} still: `courier resume all` lifts that.", state_of(&all_trading)));
    }
    show(&[shown], stack.json);
    Ok(())
}

/// What whoever sets a halt must know: that it lets more pass than the one before it.
fn told_of_loosening(scope: &HaltScope, before: &KillSwitch, shown: &ShownHalt) -> Option<String> {
    let is_looser = before.halt.halted && before.halt.mode.is_all() && !shown.halt.mode.is_all();
    is_looser.then(|| {
        format!(
            "The halt over {scope} let nothing pass until now; orders that reduce a position pass from now on. To stop those as well, halt it \
             without --reducing."
        )
    })
}

/// What whoever lifts a halt must know: that there was none, or that trading stays stopped.
fn told_of_lifting(scope: &HaltScope, before: &KillSwitch, shown: &ShownHalt) -> Option<String> {
    if !before.halt.halted {
        return Some(format!("There was no halt over {scope}. `courier halt list` shows those that are on."));
    }
    let yours = if scope.set_by(before) == [SetBy::User] {
        "There was no halt of the operator's"
    } else {
        "The operator's halt is lifted"
    };
    shown.halt.halted.then(|| format!(
        "{yours} over {scope}. The user's OWN halt still stands: nobody but the user lifts it, in the console or by PUT /halt."
    ))
}

async fn run_list(stack: &StackArguments) -> Result<ExitCode, CourierError> {
    let rules = Resources::of_stack(&stack.stack).await.rules().await?;
    let halts: Vec<ShownHalt> = rules.halts_on().await?.into_iter().map(ShownHalt::from).collect();
    if halts.is_empty() && !stack.json {
        print("Nothing is halted. (Grants that their users halted are not listed here: those are the users' own.)");
    } else {
        show(&halts, stack.json);
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_show(user: Option<UserId>, stack: &StackArguments) -> Result<ExitCode, CourierError> {
    let resources = Resources::of_stack(&stack.stack).await;
    let rules = resources.rules().await?;
    if let Some(user) = user.clone().map(HaltScope::User)
        && !names::is_known(&resources, &rules, &user).await
    {
        tell(&format!("Nobody here is known as {user}: a name that was mistyped is not halted by it."));
    }
    show(&all(&rules, user).await?, stack.json);
    Ok(ExitCode::SUCCESS)
}

/// Says the operator's word on a halt, on or off; what is in force then.
pub(crate) async fn set(rules: &Rules, scope: &HaltScope, halt: Halt) -> Result<ShownHalt, CourierError> {
    let switch = if let HaltScope::User(user_id) = scope {
        rules.say_halt(user_id, SetBy::Operator, &halt).await?
    } else {
        rules.put_halt(scope, &halt).await?;
        KillSwitch { halt, ..KillSwitch::default() }
    };
    Ok(ShownHalt::new(scope, switch))
}

/// The halts over everything, over each registered algorithm, and over a user, on or off.
pub(crate) async fn all(rules: &Rules, user: Option<UserId>) -> Result<Vec<ShownHalt>, CourierError> {
    let of_algorithm = |id: AlgorithmId| HaltScope::Algorithm(id);
    let algorithms = rules.algorithms().await?.into_iter().map(|algorithm| of_algorithm(algorithm.algorithm_id));
    let scopes = [HaltScope::Global].into_iter().chain(algorithms).chain(user.map(HaltScope::User));
    let mut halts = Vec::new();
    for scope in scopes {
        halts.push(ShownHalt::new(&scope, rules.kill_switch(&scope).await?));
    }
    Ok(halts)
}

fn show(halts: &[ShownHalt], json: bool) {
    if json {
        print_json(&halts);
        return;
    }
    let rows = |shown: &ShownHalt| {
        let state = if shown.in_force_for_some_only {
            "HALTED FOR SOME USERS ONLY: set it once more"
        } else {
            state_of(&shown.halt)
        };
        let in_force = row_of(&shown.scope, state, set_by(shown), &shown.halt);
        let beside = shown.beside.iter().map(|word| {
            let state = format!("beside it: {}", state_of(&word.halt));
            row_of(&shown.scope, &state, word.set_by.as_str().to_owned(), &word.halt)
        });
        std::iter::once(in_force).chain(beside).collect::<Vec<_>>()
    };
    print(&table(["what", "state", "set by", "since", "reason"], halts.iter().flat_map(rows).collect()));
}

fn state_of(halt: &Halt) -> &'static str {
    match (halt.halted, halt.mode) {
        (false, _) => "not halted",
        (true, HaltMode::All) => "HALTED",
        (true, HaltMode::Reducing) => "REDUCING ONLY",
    }
}

fn row_of(scope: &str, state: &str, set_by: String, halt: &Halt) -> [String; 5] {
    let since = halt.since.map(moment).unwrap_or_default();
    [scope.to_owned(), state.to_owned(), set_by, since, halt.reason.clone().unwrap_or_default()]
}

fn set_by(shown: &ShownHalt) -> String {
    if shown.halt.halted && shown.set_by.is_empty() {
        return "not known (an earlier release)".to_owned();
    }
    let names: Vec<&str> = shown.set_by.iter().map(|by| by.as_str()).collect();
    names.join(", ")
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
                let halt = Halt { halted, mode: HaltMode::Reducing, reason, since: Some(at(1)), ..Halt::default() };
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
        let reason = Some("x".to_owned());
        let halt = Halt { halted: true, mode: HaltMode::Reducing, reason, since: Some(at(1)), ..Halt::default() };
        let set_by = vec![SetBy::User];
        let beside = vec![(SetBy::Operator, Halt { halted: true, since: Some(at(2)), ..Halt::default() })];
        let on = HaltOn { scope: HaltScope::User("u-7".parse().unwrap()), halt, set_by, beside, whole: true };
        let json = serde_json::to_value(ShownHalt::from(on)).unwrap();
        let expected = serde_json::json!({"scope": "user u-7", "halted": true, "mode": "reducing", "reason": "x",
            "since": at(1), "set_by": ["user"],
            "beside": [{"set_by": "operator", "halted": true, "since": at(2)}]});
        assert_eq!(json, expected);
    }

    #[tokio::test]
    async fn whoever_resumes_a_user_hears_that_the_users_own_halt_stands() {
        let World { store, .. } = World::new().await;
        let user: UserId = "u-7".parse().unwrap();
        let scope = HaltScope::User(user.clone());
        let word = |halted| Halt { halted, since: Some(at(1)), ..Halt::default() };
        let resume = async || {
            let before = store.rules.kill_switch(&scope).await.unwrap();
            let shown = set(&store.rules, &scope, word(false)).await.unwrap();
            (told_of_lifting(&scope, &before, &shown).unwrap_or_default(), shown)
        };
        assert!(resume().await.0.contains("There was no halt"));
        store.rules.say_halt(&user, SetBy::User, &word(true)).await.unwrap();
        assert!(resume().await.0.starts_with("There was no halt of the operator's"));
        let halted = set(&store.rules, &scope, word(true)).await.unwrap();
        assert_eq!((set_by(&halted).as_str(), halted.halt.halted), ("user, operator", true));
        let (told, shown) = resume().await;
        assert!(told.starts_with("The operator's halt is lifted") && told.contains("OWN halt still stands"), "{told}");
        assert_eq!((set_by(&shown).as_str(), shown.halt.halted), ("user", true));
        set(&store.rules, &scope, word(true)).await.unwrap();
        store.rules.say_halt(&user, SetBy::User, &word(false)).await.unwrap();
        let (told, shown) = resume().await;
        assert_eq!((told.as_str(), shown.halt.halted), ("", false));
    }
}
