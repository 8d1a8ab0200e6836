//! Pacing limits and the penalty box (section 7 of the facts). Off unless switched on.

use std::collections::{BTreeMap, VecDeque};

use http::Method;
use jiff::{SignedDuration, Timestamp};

/// Requests of one username per second, over all endpoints.
const GLOBAL_PER_SECOND: usize = 10;
/// How long the box stays shut, for every user behind the address.
const PENALTY_MINUTES: i64 = 10;

/// Recent calls by username and endpoint.
#[derive(Default)]
pub(crate) struct Pacing {
    recent: BTreeMap<(String, &'static str), VecDeque<Timestamp>>,
    boxed_until: Option<Timestamp>,
}

impl Pacing {
    /// Whether the box is shut at `now`.
    pub(crate) fn is_boxed(&self, now: Timestamp) -> bool {
        self.boxed_until.is_some_and(|until| now < until)
    }

    /// Counts a call; false if it exceeds a limit, which shuts the box.
    pub(crate) fn admit(&mut self, username: &str, method: &Method, segments: &[&str], now: Timestamp) -> bool {
        let mut admitted = self.count(username, "all", GLOBAL_PER_SECOND, 1, now);
        if let Some((endpoint, seconds)) = endpoint_limit(method, segments) {
            admitted &= self.count(username, endpoint, 1, seconds, now);
        }
        if !admitted {
            self.boxed_until = Some(now + SignedDuration::from_mins(PENALTY_MINUTES));
        }
        admitted
    }

    fn count(&mut self, username: &str, endpoint: &'static str, limit: usize, seconds: i64, now: Timestamp) -> bool {
        let recent = self.recent.entry((username.to_owned(), endpoint)).or_default();
        let oldest = now - SignedDuration::from_secs(seconds);
        while recent.front().is_some_and(|at| *at <= oldest) {
            recent.pop_front();
        }
        let admitted = recent.len() < limit;
        if admitted {
            recent.push_back(now);
        }
        admitted
    }
}

/// Endpoints with a limit of one call per so many seconds.
fn endpoint_limit(method: &Method, segments: &[&str]) -> Option<(&'static str, i64)> {
    match (method, segments) {
        (&Method::GET, ["iserver", "account", "orders"]) => Some(("orders", 5)),
        (&Method::GET, ["iserver", "account", "trades"]) => Some(("trades", 5)),
        (&Method::GET, ["portfolio", "accounts"]) => Some(("portfolio/accounts", 5)),
        (_, ["tickle"]) => Some(("tickle", 1)),
        (_, ["sso", "validate"]) => Some(("sso/validate", 60)),
        _ => None,
    }
}
