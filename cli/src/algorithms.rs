//! `courier algorithms`: the operator's registry of who may send orders for which algorithm.

use std::collections::BTreeSet;

use domain::{Algorithm, AlgorithmId, Clock, PrincipalId};
use jiff::Timestamp;
use platform::SystemClock;
use store::Rules;

use crate::arguments::{AddArguments, RemoveArguments, StackArguments};
use crate::error::CourierError;
use crate::output::{print, print_json, table};
use crate::resources::Resources;

pub(crate) async fn run_add(arguments: &AddArguments) -> Result<(), CourierError> {
    let rules = Resources::of_stack(&arguments.stack.stack).await.rules().await?;
    let principals = arguments.principals.iter().cloned().collect();
    let algorithm = add(&rules, arguments.id.clone(), principals, SystemClock.now()).await?;
    show(&[algorithm], arguments.stack.json);
    Ok(())
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
    }
    Ok(())
}

/// Registers an algorithm, or replaces its registration.
pub(crate) async fn add(
    rules: &Rules,
    algorithm_id: AlgorithmId,
    principals: BTreeSet<PrincipalId>,
    registered_at: Timestamp,
) -> Result<Algorithm, CourierError> {
    if algorithm_id.is_own_hand() {
        return Err(CourierError::OwnHand);
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
    [algorithm.algorithm_id.to_string(), principals.join("\n"), algorithm.registered_at.to_string()]
}
