//! `courier algorithms`: the operator's registry of who may send orders for which algorithm.

use std::collections::BTreeSet;

use domain::{Algorithm, AlgorithmId, Clock, PrincipalId};
use jiff::Timestamp;
use platform::SystemClock;
use store::Rules;

use crate::arguments::{AddArguments, RemoveArguments, StackArguments};
use crate::error::CourierError;
use crate::output::{moment, print, print_json, table, tell};
use crate::resources::Resources;

const KEPT: &str = "It was registered before, and its principals were kept. Name others with --principal to replace them. To leave it none, \
     `courier algorithms remove` it first.";

pub(crate) async fn run_add(arguments: &AddArguments) -> Result<(), CourierError> {
    let rules = Resources::of_stack(&arguments.stack.stack).await.rules().await?;
    let principals: BTreeSet<PrincipalId> = arguments.principals.iter().cloned().collect();
    let named = !principals.is_empty();
    let before = rules.algorithm(&arguments.id).await?.map(|before| before.principals).unwrap_or_default();
    let algorithm = add(&rules, arguments.id.clone(), principals, SystemClock.now()).await?;
    show(std::slice::from_ref(&algorithm), arguments.stack.json);
    if let Some(told) = told_of_adding(&algorithm, named) {
        tell(&told);
    }
    if let Some(told) = told_of_replacing(&before, &algorithm) {
        tell(&told);
    }
    Ok(())
}

/// Whose messages are refused from now on.
fn told_of_replacing(before: &BTreeSet<PrincipalId>, algorithm: &Algorithm) -> Option<String> {
    let gone: Vec<String> = before.difference(&algorithm.principals).map(ToString::to_string).collect();
    (!gone.is_empty()).then(|| {
        format!(
            "It was registered before: {} may send for it no more. Name each one that may with a --principal of its own.",
            gone.join(", ")
        )
    })
}

/// What whoever names no principal must know.
fn told_of_adding(algorithm: &Algorithm, named: bool) -> Option<String> {
    let id = &algorithm.algorithm_id;
    match (named, algorithm.principals.is_empty()) {
        (true, _) => None,
        (false, false) => Some(KEPT.to_owned()),
        (false, true) => Some(format!(
            "{id} has no principal: it may send by HTTP only, and nothing on the order queue. To let it send there, add one: \
             `courier algorithms add {id} --principal PRINCIPAL`."
        )),
    }
}

pub(crate) async fn run_list(arguments: &StackArguments) -> Result<(), CourierError> {
    let algorithms = Resources::of_stack(&arguments.stack).await.rules().await?.algorithms().await?;
    show(&algorithms, arguments.json);
    Ok(())
}

pub(crate) async fn run_remove(arguments: &RemoveArguments) -> Result<(), CourierError> {
    let rules = Resources::of_stack(&arguments.stack.stack).await.rules().await?;
    let algorithm =
        rules.algorithm(&arguments.id).await?.ok_or_else(|| CourierError::NoAlgorithm(arguments.id.clone()))?;
    rules.remove_algorithm(&arguments.id).await?;
    if arguments.stack.json {
        print_json(&algorithm);
    } else {
        print(&format!("{} may send nothing more.", arguments.id));
        tell(
            "Its orders at the broker work on, and it cancels over the queue no more: their users cancel them, or a halt with --cancel-working before. To register it again, name its principals.",
        );
    }
    Ok(())
}

/// Registers an algorithm, or replaces who may send for it. Without principals those that it has stay: nobody means to take
/// them away by not naming them.
pub(crate) async fn add(
    rules: &Rules,
    algorithm_id: AlgorithmId,
    mut principals: BTreeSet<PrincipalId>,
    registered_at: Timestamp,
) -> Result<Algorithm, CourierError> {
    if algorithm_id.is_own_hand() {
        return Err(CourierError::OwnHand);
    }
    if principals.is_empty()
        && let Some(before) = rules.algorithm(&algorithm_id).await?
    {
        principals = before.principals;
    }
    let algorithm = Algorithm { algorithm_id, principals, registered_at };
    rules.put_algorithm(&algorithm).await?;
    Ok(algorithm)
}

fn show(algorithms: &[Algorithm], json: bool) {
    if json {
        print_json(&algorithms);
    } else if algorithms.is_empty() {
        print("There is no algorithm yet. Register one with `courier algorithms add ID --principal PRINCIPAL`.");
    } else {
        print(&table(["algorithm", "principals", "registered at"], algorithms.iter().map(row).collect()));
    }
}

fn row(algorithm: &Algorithm) -> [String; 3] {
    let principals: Vec<&str> = algorithm.principals.iter().map(PrincipalId::as_str).collect();
    [algorithm.algorithm_id.to_string(), principals.join("\n"), moment(algorithm.registered_at)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, at};

    #[tokio::test]
    async fn principals_that_are_not_named_stay_and_those_that_are_take_their_place() {
        let World { store, .. } = World::new().await;
        let ids = |ids: &[&str]| ids.iter().map(|id| id.parse().unwrap()).collect::<BTreeSet<PrincipalId>>();
        let added = async |named: &[&str], second| {
            add(&store.rules, "mr-7".parse().unwrap(), ids(named), at(second)).await.unwrap().principals
        };
        assert_eq!(added(&[], 1).await, ids(&[]), "it sends by the HTTP API alone");
        assert_eq!(added(&["AROAEXAMPLEROLEID0001", "AROAEXAMPLEROLEID0002"], 2).await.len(), 2);
        assert_eq!(added(&[], 3).await.len(), 2, "they were not named, and so not taken away");
        assert_eq!(added(&["AROAEXAMPLEROLEID0002"], 4).await, ids(&["AROAEXAMPLEROLEID0002"]));
        let kept = store.rules.algorithm(&"mr-7".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(kept.principals, ids(&["AROAEXAMPLEROLEID0002"]));
    }

    #[test]
    fn whoever_names_no_principal_hears_what_the_algorithm_may_do() {
        let with = |principals: &[&str]| Algorithm {
            algorithm_id: "mr-7".parse().unwrap(),
            principals: principals.iter().map(|id| id.parse().unwrap()).collect(),
            registered_at: at(0),
        };
        let told = told_of_adding(&with(&[]), false).unwrap();
        assert!(told.contains("by HTTP only") && told.contains("add mr-7 --principal"), "{told}");
        assert_eq!(told_of_adding(&with(&["AROAEXAMPLE"]), false).as_deref(), Some(KEPT));
        assert_eq!(told_of_adding(&with(&["AROAEXAMPLE"]), true), None);
    }
}
