//! Who calls, and for whom.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use domain::{AlgorithmId, Order, OrderId, OrderKey, UserId};
use http::request::Parts;
use platform::{Caller, Problem};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answers::Refused;
use crate::path::{Path, Place};
use crate::query::Said;
use crate::{Api, bad_field, published, store_failed};

/// The user who calls; an algorithm is refused.
#[derive(Debug)]
pub(crate) struct User(pub(crate) UserId);

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(Caller::of(&parts.extensions)?.user()?))
    }
}

/// A user or an algorithm.
#[derive(Debug)]
pub(crate) struct Anyone(pub(crate) Caller);

impl<S: Sync> FromRequestParts<S> for Anyone {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(Caller::of(&parts.extensions)?))
    }
}

/// For whom an algorithm asks.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "what it is read into is `NamedUser`, which knows the caller")]
pub(crate) struct ForUser {
    /// Whose orders, where an algorithm asks: it acts for the users who granted it
    #[param(value_type = Option<published::UserId>, nullable = false)]
    user_id: Option<UserId>,
}

/// The user whom the caller speaks of, and the algorithm that speaks.
#[derive(Debug)]
struct NamedUser {
    user_id: UserId,
    algorithm_id: Option<AlgorithmId>,
}

impl NamedUser {
    fn of(parts: &Parts) -> Result<Self, Problem> {
        let algorithm_id = match Caller::of(&parts.extensions)? {
            Caller::User(user_id) => return Ok(Self { user_id, algorithm_id: None }),
            Caller::Algorithm(algorithm_id) => algorithm_id,
        };
        let user_id = Said::of(&parts.uri).get("user_id").and_then(|text| text.parse().ok()).ok_or_else(|| {
            bad_field("user_id", "must name the user, as a parameter of the address (?user_id=): an algorithm acts for the users who granted it")
        })?;
        Ok(Self { user_id, algorithm_id: Some(algorithm_id) })
    }
}

/// For whom the caller may read: a user for themselves, an algorithm for a user who granted it.
#[derive(Debug)]
pub(crate) struct Whose {
    pub(crate) user_id: UserId,
    pub(crate) algorithm_id: Option<AlgorithmId>,
}

impl FromRequestParts<Arc<Api>> for Whose {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refused> {
        let NamedUser { user_id, algorithm_id } = NamedUser::of(parts)?;
        if let Some(algorithm_id) = &algorithm_id {
            let grant = api.intake.rules.grant(&user_id, algorithm_id).await.map_err(|error| store_failed(&error))?;
            grant.ok_or_else(|| never_granted(algorithm_id))?;
        }
        Ok(Self { user_id, algorithm_id })
    }
}

fn never_granted(algorithm_id: &AlgorithmId) -> Problem {
    let detail = format!(
        "There is no such user, or one who never granted the algorithm {algorithm_id} anything. The user does: PUT /grants/{algorithm_id}."
    );
    Problem::new(http::StatusCode::NOT_FOUND, "not_found", detail)
}

/// The order in the address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OrderPlace {
    #[param(value_type = published::OrderId)]
    order_id: OrderId,
}

impl Place for OrderPlace {
    const WHAT: &'static str = "order";
}

/// The order in the address, which the caller may see and end: a user each of theirs, an algorithm each of its own, whatever
/// became of its grant.
#[derive(Debug)]
pub(crate) struct VisibleOrder(pub(crate) Order);

fn no_such_order() -> Problem {
    Problem::new(
        http::StatusCode::NOT_FOUND,
        "not_found",
        "There is no such order of yours. A message that was refused made none: GET /refusals lists those.",
    )
}

impl FromRequestParts<Arc<Api>> for VisibleOrder {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refused> {
        let NamedUser { user_id, algorithm_id } = NamedUser::of(parts)?;
        let Path(OrderPlace { order_id }) = Path::from_request_parts(parts, api).await?;
        let order =
            api.intake.orders.get(&OrderKey { user_id, order_id }).await.map_err(|error| store_failed(&error))?;
        let order = order.map(|order| order.value).ok_or_else(no_such_order)?;
        match algorithm_id {
            Some(algorithm_id) if order.algorithm_id != algorithm_id => Err(no_such_order().into()),
            _ => Ok(Self(order)),
        }
    }
}
