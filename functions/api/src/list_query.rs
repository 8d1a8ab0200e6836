//! Which orders `GET /orders` is asked for, read with every fault named.

use std::str::FromStr;

use domain::message::utc;
use domain::{FieldFault, OrderStatus};
use platform::{HttpRequest, Problem};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as NoSuchWord, StrDeserializer};
use store::{OrderFilter, PAGE_ROWS_MAX};

use crate::words::{TEXT, plain};

/// Orders on one page, unless the caller wants more or fewer.
const PAGE_ORDERS: u32 = 50;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListQuery {
    pub(crate) filter: OrderFilter,
    pub(crate) limit: u32,
}

/// Reads the query of `GET /orders`, but for whose orders and the cursor.
pub(crate) fn read_list(request: &HttpRequest) -> Result<ListQuery, Problem> {
    let mut faults = Vec::new();
    let mut query = Query { request, faults: &mut faults };
    let filter = OrderFilter {
        statuses: query.read("status", statuses).unwrap_or_default(),
        only_open: query.read("open", only_true).is_some(),
        algorithm_id: query.read("algorithm_id", FromStr::from_str),
        since: query.read("since", utc),
        until: query.read("until", utc),
    };
    let limit = query.read("limit", limit).unwrap_or(PAGE_ORDERS);
    if faults.is_empty() { Ok(ListQuery { filter, limit }) } else { Err(Problem::bad_fields(faults)) }
}

struct Query<'q> {
    request: &'q HttpRequest,
    faults: &'q mut Vec<FieldFault>,
}

impl Query<'_> {
    fn read<T, E: ToString>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let read = parse(self.request.query_parameter(name)?);
        read.map_err(|error| self.faults.push(fault(name, &error.to_string()))).ok()
    }
}

fn statuses(text: &str) -> Result<Vec<OrderStatus>, String> {
    let status = |word| {
        let word: StrDeserializer<'_, NoSuchWord> = IntoDeserializer::into_deserializer(word);
        OrderStatus::deserialize(word).map_err(|error| plain(&error.to_string(), TEXT))
    };
    text.split(',').map(status).collect()
}

fn only_true(text: &str) -> Result<(), &'static str> {
    if text == "true" { Ok(()) } else { Err("must be true, or be left out") }
}

fn limit(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=PAGE_ROWS_MAX).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {PAGE_ROWS_MAX}"))
}

fn fault(field: &str, message: &str) -> FieldFault {
    FieldFault { field: field.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use domain::OrderStatus;
    use platform::HttpRequest;
    use serde_json::{Value, json};
    use store::OrderFilter;

    use super::{ListQuery, read_list};

    fn request(query: &Value) -> HttpRequest {
        serde_json::from_value(json!({"routeKey": "GET /orders", "queryStringParameters": query})).unwrap()
    }

    #[test]
    fn without_a_query_everything_is_asked_for_fifty_at_a_time() {
        let all = ListQuery { filter: OrderFilter::default(), limit: 50 };
        assert_eq!(read_list(&request(&Value::Null)).unwrap(), all);
    }

    #[test]
    fn every_filter_is_taken() {
        let query = json!({"status": "working,filled", "open": "true", "algorithm_id": "a", "limit": "7", "cursor": "x",
            "since": "2026-11-24T00:00:00Z", "until": "2026-11-25T00:00:00Z", "user_id": "u-7"});
        let ListQuery { filter, limit } = read_list(&request(&query)).unwrap();
        assert_eq!(filter.statuses, [OrderStatus::Working, OrderStatus::Filled]);
        assert!(filter.only_open);
        assert_eq!(filter.algorithm_id.unwrap().as_str(), "a");
        assert_eq!(filter.since.unwrap().to_string(), "2026-11-24T00:00:00Z");
        assert_eq!(filter.until.unwrap().to_string(), "2026-11-25T00:00:00Z");
        assert_eq!(limit, 7);
    }

    #[test]
    fn every_bad_parameter_is_named() {
        let query = json!({"status": "open", "open": "yes", "algorithm_id": "a b", "limit": "0", "since": "yesterday",
            "until": "2026-11-25"});
        let problem = read_list(&request(&query)).unwrap_err();
        assert_eq!(problem.status, 400);
        let mut named: Vec<&str> = problem.errors.iter().map(|fault| fault.field.as_str()).collect();
        named.sort_unstable();
        assert_eq!(named, ["algorithm_id", "limit", "open", "since", "status", "until"]);
        let status = problem.errors.iter().find(|fault| fault.field == "status").unwrap();
        assert!(status.message.starts_with("must be one of received, held, "), "{}", status.message);
        assert!(status.message.ends_with(", needs_review, not open"), "{}", status.message);
    }

    #[test]
    fn a_page_has_at_most_a_hundred_orders() {
        assert_eq!(read_list(&request(&json!({"limit": "100"}))).unwrap().limit, 100);
        assert_eq!(read_list(&request(&json!({"limit": "101"}))).unwrap_err().errors[0].field, "limit");
    }
}
