//! Whether the name that is to be halted or resumed is anybody's: a name that was mistyped must not look like a halt that holds.

use domain::{AlgorithmId, Halt, UserId};
use store::{Connections, HaltScope, Orders, Rules, StoreError};

use crate::error::CourierError;
use crate::output::tell;
use crate::resources::Resources;

/// Whether the name is somebody's. A table that does not answer keeps no halt from being set or lifted.
pub(super) async fn is_known(resources: &Resources, rules: &Rules, scope: &HaltScope) -> bool {
    look_up(resources, rules, scope).await.unwrap_or_else(|error| {
        tell(&format!("Whether {scope} is known here could not be read ({error}). The command goes on all the same."));
        true
    })
}

async fn look_up(resources: &Resources, rules: &Rules, scope: &HaltScope) -> Result<bool, CourierError> {
    Ok(match scope {
        HaltScope::Global => true,
        HaltScope::User(user_id) => {
            is_user(rules, &resources.connections().await?, &resources.orders().await?, user_id).await?
        }
        HaltScope::Algorithm(algorithm_id) => is_algorithm(rules, algorithm_id).await?,
    })
}

/// Whether this user has a connection, an order, a grant, limits, or a word on record about a halt.
pub(super) async fn is_user(
    rules: &Rules,
    connections: &Connections,
    orders: &Orders,
    user_id: &UserId,
) -> Result<bool, StoreError> {
    let halt = rules.halt(&HaltScope::User(user_id.clone())).await?;
    Ok(halt != Halt::default()
        || !rules.grants(user_id).await?.is_empty()
        || rules.limits(user_id).await?.is_some()
        || !connections.list(user_id).await?.is_empty()
        || !orders.list(user_id, None, 1).await?.items.is_empty())
}

/// Whether this algorithm is registered, was granted anything, or has a word on record about a halt.
pub(super) async fn is_algorithm(rules: &Rules, algorithm_id: &AlgorithmId) -> Result<bool, StoreError> {
    let halt = rules.halt(&HaltScope::Algorithm(algorithm_id.clone())).await?;
    Ok(algorithm_id.is_own_hand()
        || halt != Halt::default()
        || rules.algorithm(algorithm_id).await?.is_some()
        || rules.is_granted(algorithm_id).await?)
}

#[cfg(test)]
mod tests {
    use domain::{Grant, GrantStatus, Limits};

    use super::*;
    use crate::testing::{World, at, order};

    #[tokio::test]
    async fn a_user_is_known_by_an_order_a_grant_limits_or_a_halt() {
        let World { store, .. } = World::new().await;
        let is_user = async |id: &str| {
            is_user(&store.rules, &store.connections, &store.orders, &id.parse().unwrap()).await.unwrap()
        };
        assert!(!is_user("u-1").await);
        store.orders.insert(&order("u-1", "a")).await.unwrap();
        store.rules.put_limits(&"u-2".parse().unwrap(), &Limits::default()).await.unwrap();
        store.rules.put_halt(&HaltScope::User("u-3".parse().unwrap()), &halted()).await.unwrap();
        store.rules.put_grant(&grant("u-4", "mr")).await.unwrap();
        for id in ["u-1", "u-2", "u-3", "u-4"] {
            assert!(is_user(id).await, "{id}");
        }
        assert!(!is_user("nobody-at-all").await);
    }

    #[tokio::test]
    async fn an_algorithm_is_known_by_its_registration_or_a_grant() {
        let World { store, .. } = World::new().await;
        let is_algorithm = async |id: &str| is_algorithm(&store.rules, &id.parse().unwrap()).await.unwrap();
        assert!(!is_algorithm("mr").await && !is_algorithm("other").await);
        store.rules.put_grant(&grant("u-4", "mr")).await.unwrap();
        let principals = ["AROAEXAMPLE".parse().unwrap()].into();
        crate::algorithms::add(&store.rules, "other".parse().unwrap(), principals, at(0)).await.unwrap();
        assert!(is_algorithm("mr").await && is_algorithm("other").await && is_algorithm("self").await);
    }

    fn halted() -> Halt {
        Halt { halted: true, since: Some(at(1)), ..Halt::default() }
    }

    fn grant(user: &str, algorithm: &str) -> Grant {
        serde_json::from_value(serde_json::json!({"user_id": user, "algorithm_id": algorithm, "account_ids": ["DU1"],
            "status": GrantStatus::Active}))
        .unwrap()
    }
}
