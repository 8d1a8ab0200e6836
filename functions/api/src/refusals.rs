//! `GET /refusals`: the messages of a caller that became no order.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::State;
use domain::{OrderId, RefusalView, UserId};
use platform::Caller;
use serde::Serialize;
use store::{Page, RefusalFilter, RefusalsOf};
use utoipa::{IntoParams, ToSchema};

use crate::answers::{Forbidden, Refused, answer};
use crate::callers::Anyone;
use crate::query::{Asked, Query, Reader};
use crate::{Api, published, store_failed};

/// Refusals on one page, unless the caller wants more or fewer.
const PAGE_REFUSALS: u32 = 50;

answer! {
    /// A page of refusals. It may hold fewer than asked for: the list ends where there is no cursor.
    Listed: OK, Refusals<'_> as Refusals<'static>
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusals<'r> {
    #[schema(value_type = Vec<published::Refusal>)]
    refusals: Vec<RefusalView<'r>>,
    /// For the next page; left out at the end
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cursor: Option<String>,
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListRefusals {
    /// Only messages that named this order
    #[param(value_type = Option<published::OrderId>, nullable = false)]
    order_id: Option<OrderId>,
    /// Refusals on the page at most
    #[param(value_type = Option<u32>, nullable = false, minimum = 1, maximum = 100, default = 50)]
    limit: u32,
    /// Of the page before; with the same filters
    #[param(nullable = false)]
    cursor: Option<String>,
    /// For an algorithm: only messages in this user's name. A user's own token says whose they are
    #[param(value_type = Option<published::UserId>, nullable = false)]
    user_id: Option<UserId>,
}

impl Asked for ListRefusals {
    fn read(said: &mut Reader<'_>) -> Self {
        Self {
            user_id: said.read("user_id", FromStr::from_str),
            order_id: said.read("order_id", FromStr::from_str),
            limit: said.limit().unwrap_or(PAGE_REFUSALS),
            cursor: said.text("cursor"),
        }
    }
}

/// Messages that became no order, the newest first: those in the user's name, or those that this algorithm sent
#[utoipa::path(get, path = "/refusals", tag = "orders", params(ListRefusals))]
pub(crate) async fn list_refusals(
    State(api): State<Arc<Api>>,
    Anyone(caller): Anyone,
    Query(asked): Query<ListRefusals>,
) -> Result<Listed, Refused<(Forbidden,)>> {
    let ListRefusals { order_id, limit, cursor, user_id } = asked;
    let (cursor, orders) = (cursor.as_deref(), &api.intake.orders);
    let page = match caller {
        Caller::User(caller) => {
            // Whose they are, the token says.
            let filter = RefusalFilter { user_id: None, order_id };
            orders.refusals_of(RefusalsOf::User(&caller), &filter, cursor, limit).await
        }
        Caller::Algorithm(algorithm_id) => {
            let registered = api.intake.rules.algorithm(&algorithm_id).await;
            match registered.map_err(|error| store_failed(&error))? {
                Some(algorithm) => {
                    let filter = RefusalFilter { user_id, order_id };
                    orders.refusals_of(RefusalsOf::Algorithm(&algorithm), &filter, cursor, limit).await
                }
                // Nobody is its sender.
                None => Ok(Page { items: Vec::new(), next_cursor: None }),
            }
        }
    };
    let page = page.map_err(|error| store_failed(&error))?;
    let refusals = page.items.iter().map(domain::Refusal::view).collect();
    Ok(Listed::of(&Refusals { refusals, cursor: page.next_cursor }))
}

#[cfg(test)]
mod tests {
    use platform::Problem;

    use super::ListRefusals;
    use crate::query::{Said, read};

    fn asked(query: &str) -> Result<ListRefusals, Problem> {
        read(&Said::of(&format!("/refusals?{query}").parse().unwrap()))
    }

    #[test]
    fn a_query_may_name_a_user_an_order_and_a_limit() {
        let read = asked("user_id=u-7&order_id=o-1&limit=7&cursor=x").unwrap();
        assert_eq!(read.user_id.unwrap().as_str(), "u-7");
        assert_eq!(read.order_id.unwrap().as_str(), "o-1");
        assert_eq!((read.limit, read.cursor.as_deref()), (7, Some("x")));
        assert_eq!(asked("").unwrap().limit, 50);
    }

    #[test]
    fn every_bad_parameter_is_named() {
        let problem = asked("user_id=a%20b&order_id=a.b&limit=101").unwrap_err();
        let mut named: Vec<&str> = problem.errors.iter().map(|fault| fault.field.as_str()).collect();
        named.sort_unstable();
        assert_eq!(named, ["limit", "order_id", "user_id"]);
        assert_eq!(asked("limit=many").unwrap_err().errors[0].field, "limit");
    }
}
