//! A look at everything that is on record in a world, and calls of the API that can be struck.

use std::time::Duration;

use domain::{Clock, Grant, GrantStatus, Limits, Order, Refusal};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::crash::Invocation;
use crate::http::{Answered, request};
use crate::world::{ALGORITHM, World};

/// Time that a call of the API has (API Gateway).
const API_TIME: Duration = Duration::from_secs(29);
/// Rows of one page.
const PAGE_ROWS: u32 = 100;

impl World {
    /// Every order of a user, the last id first.
    pub async fn all_orders(&self, user_id: &str) -> Vec<Order> {
        let (user_id, mut orders, mut cursor) = (user_id.parse().unwrap(), Vec::new(), None::<String>);
        loop {
            let page = self.store().orders.list(&user_id, cursor.as_deref(), PAGE_ROWS).await.unwrap();
            orders.extend(page.items.into_iter().map(|order| order.value));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return orders;
            }
        }
    }

    /// Every refusal of today, the oldest first.
    pub async fn all_refusals(&self) -> Vec<Refusal> {
        let today = TimeZone::UTC.to_datetime(self.clock.now()).date();
        let (mut refusals, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = self.store().orders.refusals(today, cursor.as_deref(), PAGE_ROWS).await.unwrap();
            refusals.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                refusals.sort_by(|one, other| (one.at, &one.message_id).cmp(&(other.at, &other.message_id)));
                return refusals;
            }
        }
    }

    /// A user's grant to the algorithm.
    pub(crate) async fn grant(&self, user_id: &str, accounts: &[&str], status: GrantStatus, limits: Limits) {
        let grant = Grant {
            user_id: user_id.parse().unwrap(),
            algorithm_id: ALGORITHM.parse().unwrap(),
            account_ids: accounts.iter().map(|account| account.parse().unwrap()).collect(),
            limits,
            status,
        };
        self.store().rules.put_grant(&grant).await.unwrap();
    }

    /// As [`World::api_as`], as an invocation that can be struck; `None`: it crashed, or took too long.
    pub(crate) async fn call_api(&self, claims: &Value, route: &str, details: &Value) -> Option<Answered> {
        let request = request(route, claims, details);
        let invocation = Invocation::new(format!("Api {route}"));
        let handler = Box::pin(async { Answered::of(self.functions.api.invoked().await.answer(request).await).await });
        invocation.run(handler, API_TIME).await
    }
}
