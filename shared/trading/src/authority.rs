//! Who may ask for what (contract: Who is who). Identity comes from what cannot be forged: the JWT at the API, the
//! `SenderId` that SQS sets on a message.

use domain::{AccountId, AlgorithmId, PrincipalId, Reason, UserId};
use store::{Rules, StoreError};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// Somebody who put a message on the queue.
    Principal(PrincipalId),
    /// A user, at the API.
    User(UserId),
    /// An algorithm, at the API.
    Algorithm(AlgorithmId),
}

/// The codes of refusals in which somebody claimed to be, or to speak for, who they are not.
const FORGERIES: [&str; 11] = [
    "account_not_granted",
    "algorithm_unknown",
    "no_grant",
    "no_sender",
    "not_its_order",
    "other_algorithm",
    "other_group",
    "other_user",
    "own_hand_on_the_queue",
    "sender_not_registered",
    "users_only",
];

/// Whether a refusal with this code is one of a forged user, group, account or algorithm. Each is logged with the
/// field `forged`, which a metric counts (infra/template.yaml).
#[must_use]
pub fn is_forgery(code: &str) -> bool {
    FORGERIES.contains(&code)
}

/// Whether the sender may speak for this algorithm at all.
pub(crate) async fn speaks_for(
    rules: &Rules,
    sender: &Sender,
    user_id: &UserId,
    algorithm_id: &AlgorithmId,
) -> Result<Result<(), Reason>, StoreError> {
    Ok(match sender {
        Sender::User(caller) if caller == user_id => Ok(()),
        Sender::User(_) => Err(Reason::new("other_user", "The order names another user than the one who signed in.")),
        Sender::Algorithm(caller) if caller == algorithm_id => Ok(()),
        Sender::Algorithm(_) => {
            Err(Reason::new("other_algorithm", "The order names another algorithm than the one that signed in."))
        }
        Sender::Principal(_) if algorithm_id.is_own_hand() => Err(Reason::new(
            "own_hand_on_the_queue",
            "A message on the queue cannot be a user's own hand (algorithm_id `self`): users place their own orders by POST /orders.",
        )),
        Sender::Principal(principal) => {
            let algorithm = rules.algorithm(algorithm_id).await?;
            match algorithm {
                None => Err(Reason::new(
                    "algorithm_unknown",
                    format!(
                        "The algorithm {algorithm_id} is not registered. The operator registers it with `courier algorithms add`."
                    ),
                )),
                Some(algorithm) if algorithm.principals.contains(principal) => Ok(()),
                Some(_) => Err(Reason::new(
                    "sender_not_registered",
                    format!(
                        "The sender {principal} is not registered for the algorithm {algorithm_id}. The operator adds it with `courier algorithms add`."
                    ),
                )),
            }
        }
    })
}

/// Whether the user granted this algorithm the account. The intent's transaction checks it again.
pub(crate) async fn granted(
    rules: &Rules,
    user_id: &UserId,
    algorithm_id: &AlgorithmId,
    account_id: Option<&AccountId>,
) -> Result<Result<(), Reason>, StoreError> {
    if algorithm_id.is_own_hand() {
        return Ok(Ok(()));
    }
    let Some(grant) = rules.grant(user_id, algorithm_id).await? else {
        return Ok(Err(Reason::new(
            "no_grant",
            format!(
                "The user has not granted anything to the algorithm {algorithm_id}. The user does so by PUT /grants/{algorithm_id}."
            ),
        )));
    };
    let reached = account_id.is_none_or(|account_id| grant.account_ids.contains(account_id));
    Ok(if reached {
        Ok(())
    } else {
        Err(Reason::new(
            "account_not_granted",
            format!("The user's grant to the algorithm {algorithm_id} does not list this account."),
        ))
    })
}
