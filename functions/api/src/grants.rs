//! A user's word on which algorithm may trade which accounts, and how much.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use domain::{AccountId, AlgorithmId, ConnectionStatus, GrantStatus, Limits, UserId};
use platform::Problem;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::answers::{Forbidden, NotFound, Refused, TooLarge, answer};
use crate::body::Json;
use crate::callers::User;
use crate::limits::read_limits;
use crate::path::{Path, Place};
use crate::published::{self, named};
use crate::{Api, bad_field, store_failed};

/// Accounts of one grant: far more than one user has.
const ACCOUNTS_MAX: usize = 100;

answer! {
    /// The grants
    Listed: OK, Grants
}
answer! {
    /// The grant
    Granted: OK, Grant
}
answer! {
    /// Taken back, or there was none
    TakenBack: NO_CONTENT
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grants {
    grants: Vec<Grant>,
}

/// A user's word that an algorithm may trade named accounts within limits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    #[schema(value_type = String)]
    user_id: UserId,
    #[schema(value_type = String)]
    algorithm_id: AlgorithmId,
    #[schema(value_type = BTreeSet<String>)]
    account_ids: BTreeSet<AccountId>,
    limits: Limits,
    status: GrantStatus,
    /// Whether the operator registered the algorithm. If not, nothing of it is sent.
    registered: bool,
    /// Of the accounts those that no connection of the user reaches now. Left out: all are reached.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Option<BTreeSet<String>>, nullable = false)]
    not_connected: BTreeSet<AccountId>,
}

/// A grant as its user gives it. What is left out stays as it is: what is not said lifts neither a limit nor a halt.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutGrant {
    #[schema(value_type = Vec<published::AccountId>, min_items = 1, max_items = 100)]
    account_ids: BTreeSet<AccountId>,
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<Limits>, nullable = false)]
    limits: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "said")]
    #[schema(nullable = false)]
    status: Option<GrantStatus>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct GrantPlace {
    /// Not `self`: the user's own hand needs no grant
    #[param(value_type = AnotherAlgorithm)]
    algorithm_id: AlgorithmId,
}

impl Place for GrantPlace {
    const WHAT: &'static str = "algorithm";

    fn check(&self) -> Result<(), Problem> {
        if self.algorithm_id.is_own_hand() {
            return Err(bad_field("algorithm_id", "`self` names the user, whose own orders need no grant"));
        }
        Ok(())
    }
}

/// An algorithm that is not the user's own hand. Its shape `description` adds: `utoipa` has no `not`.
pub(crate) struct AnotherAlgorithm;
named!(AnotherAlgorithm = "AnotherAlgorithm");

/// The user's grants
#[utoipa::path(get, path = "/grants", tag = "rules")]
pub(crate) async fn list_grants(
    State(api): State<Arc<Api>>,
    User(user_id): User,
) -> Result<Listed, Refused<(Forbidden,)>> {
    let grants = api.intake.rules.grants(&user_id).await.map_err(|error| store_failed(&error))?;
    let connected = api.connected_accounts(&user_id).await?;
    let mut shown = Vec::with_capacity(grants.len());
    for grant in grants {
        shown.push(api.shown(grant, &connected).await?);
    }
    Ok(Listed::of(&Grants { grants: shown }))
}

/// Allow an algorithm to trade accounts within limits
#[utoipa::path(put, path = "/grants/{algorithm_id}", tag = "rules", params(GrantPlace))]
pub(crate) async fn put_grant(
    State(api): State<Arc<Api>>,
    User(user_id): User,
    Path(GrantPlace { algorithm_id }): Path<GrantPlace>,
    Json(body): Json<PutGrant>,
) -> Result<Granted, Refused<(Forbidden, NotFound, TooLarge)>> {
    if body.account_ids.is_empty() || body.account_ids.len() > ACCOUNTS_MAX {
        return Err(bad_field("account_ids", &format!("must list 1 to {ACCOUNTS_MAX} accounts")).into());
    }
    let before = api.intake.rules.grant(&user_id, &algorithm_id).await.map_err(|error| store_failed(&error))?;
    let (limits, status) = before.map_or_else(Default::default, |grant| (grant.limits, Some(grant.status)));
    let limits = body.limits.map_or(Ok(limits), |limits| read_limits("limits.", &limits))?;
    let status = body.status.or(status).unwrap_or(GrantStatus::Active);
    let grant = domain::Grant { user_id, algorithm_id, account_ids: body.account_ids, limits, status };
    api.intake.rules.put_grant(&grant).await.map_err(|error| store_failed(&error))?;
    tracing::info!(user_id = %grant.user_id, algorithm_id = %grant.algorithm_id, status = ?grant.status, "a grant was given");
    let connected = api.connected_accounts(&grant.user_id).await?;
    Ok(Granted::of(&api.shown(grant, &connected).await?))
}

/// Take a grant back
#[utoipa::path(delete, path = "/grants/{algorithm_id}", tag = "rules", params(GrantPlace))]
pub(crate) async fn delete_grant(
    State(api): State<Arc<Api>>,
    User(user_id): User,
    Path(GrantPlace { algorithm_id }): Path<GrantPlace>,
) -> Result<TakenBack, Refused<(Forbidden, NotFound)>> {
    if matches!(api.intake.rules.grant(&user_id, &algorithm_id).await, Ok(None)) {
        return Err(no_such_grant(&algorithm_id).into());
    }
    api.intake.rules.delete_grant(&user_id, &algorithm_id).await.map_err(|error| store_failed(&error))?;
    tracing::info!(%user_id, %algorithm_id, "a grant was taken back");
    Ok(TakenBack)
}

fn no_such_grant(algorithm_id: &AlgorithmId) -> Problem {
    let detail = format!(
        "There is no grant for {algorithm_id}, so none was taken back. GET /grants lists those that there are."
    );
    Problem::new(http::StatusCode::NOT_FOUND, "not_found", detail)
}

impl Api {
    /// The accounts that the user's connections reach.
    async fn connected_accounts(&self, user_id: &UserId) -> Result<BTreeSet<AccountId>, Problem> {
        let connections = self.connections.list(user_id).await.map_err(|error| store_failed(&error))?;
        let connected = connections.into_iter().map(|connection| connection.value);
        let connected = connected.filter(|connection| connection.status == ConnectionStatus::Connected);
        Ok(connected.flat_map(|connection| connection.accounts).collect())
    }

    async fn shown(&self, grant: domain::Grant, connected: &BTreeSet<AccountId>) -> Result<Grant, Problem> {
        let registered =
            self.intake.rules.algorithm(&grant.algorithm_id).await.map_err(|error| store_failed(&error))?;
        let domain::Grant { user_id, algorithm_id, account_ids, limits, status } = grant;
        let not_connected = account_ids.difference(connected).cloned().collect();
        Ok(Grant {
            user_id,
            algorithm_id,
            account_ids,
            limits,
            status,
            registered: registered.is_some(),
            not_connected,
        })
    }
}

/// What is said is said: `null` is no way of leaving it out.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
