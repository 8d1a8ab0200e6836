//! Which orders `GET /orders` is asked for, read with every fault named.

use std::str::FromStr;

use domain::message::utc;
use domain::{AlgorithmId, OrderStatus};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as NoSuchWord, StrDeserializer};
use utoipa::IntoParams;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::published;
use crate::query::{Asked, Reader};
use crate::words::{TEXT, plain};

/// Orders on one page, unless the caller wants more or fewer.
const PAGE_ORDERS: u32 = 50;

/// What is asked for.
#[derive(Debug, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListOrders {
    /// Only orders in one of these statuses
    #[param(value_type = Option<Vec<published::Status>>, nullable = false, explode = false, min_items = 1)]
    pub(crate) status: Vec<OrderStatus>,
    /// Only orders that are not final
    #[param(schema_with = only_true, required = false)]
    pub(crate) open: bool,
    /// Only orders of this algorithm; `self`: of the user's own hand
    #[param(value_type = Option<published::AlgorithmId>, nullable = false)]
    pub(crate) algorithm_id: Option<AlgorithmId>,
    /// Only orders recorded then or later
    #[param(value_type = Option<published::MessageTime>, nullable = false)]
    pub(crate) since: Option<Timestamp>,
    /// Only orders recorded before
    #[param(value_type = Option<published::MessageTime>, nullable = false)]
    pub(crate) until: Option<Timestamp>,
    /// Orders on the page at most
    #[param(value_type = Option<u32>, nullable = false, minimum = 1, maximum = 100, default = 50)]
    pub(crate) limit: u32,
    /// Of the page before; with the same filters
    #[param(nullable = false)]
    pub(crate) cursor: Option<String>,
}

impl Asked for ListOrders {
    fn read(said: &mut Reader<'_>) -> Self {
        Self {
            status: said.read("status", statuses).unwrap_or_default(),
            open: said.read("open", is_true).is_some(),
            algorithm_id: said.read("algorithm_id", FromStr::from_str),
            since: said.read("since", utc),
            until: said.read("until", utc),
            limit: said.limit().unwrap_or(PAGE_ORDERS),
            cursor: said.text("cursor"),
        }
    }
}

fn only_true() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["true"])).build()
}

fn statuses(text: &str) -> Result<Vec<OrderStatus>, String> {
    let status = |word| {
        let word: StrDeserializer<'_, NoSuchWord> = IntoDeserializer::into_deserializer(word);
        OrderStatus::deserialize(word).map_err(|error| plain(&error.to_string(), TEXT))
    };
    text.split(',').map(status).collect()
}

fn is_true(text: &str) -> Result<(), &'static str> {
    if text == "true" { Ok(()) } else { Err("must be true, or be left out") }
}

#[cfg(test)]
mod tests {
    use domain::OrderStatus;
    use platform::Problem;

    use super::ListOrders;
    use crate::query::{Said, read};

    fn asked(query: &str) -> Result<ListOrders, Problem> {
        read(&Said::of(&format!("/orders?{query}").parse().unwrap()))
    }

    #[test]
    fn without_a_query_everything_is_asked_for_fifty_at_a_time() {
        let all = asked("").unwrap();
        assert_eq!(all.limit, 50);
        assert!(all.status.is_empty() && !all.open && all.algorithm_id.is_none());
        assert!(all.since.is_none() && all.until.is_none() && all.cursor.is_none());
    }

    #[test]
    fn every_filter_is_taken() {
        let asked = asked(
            "status=working%2Cfilled&open=true&algorithm_id=a&limit=7&cursor=x&since=2026-11-24T00:00:00Z&until=2026-11-25T00:00:00Z&user_id=u-7",
        );
        let asked = asked.unwrap();
        assert_eq!(asked.status, [OrderStatus::Working, OrderStatus::Filled]);
        assert!(asked.open);
        assert_eq!(asked.algorithm_id.unwrap().as_str(), "a");
        assert_eq!(asked.since.unwrap().to_string(), "2026-11-24T00:00:00Z");
        assert_eq!(asked.until.unwrap().to_string(), "2026-11-25T00:00:00Z");
        assert_eq!((asked.limit, asked.cursor.as_deref()), (7, Some("x")));
    }

    #[test]
    fn every_bad_parameter_is_named() {
        let query = "status=open&open=yes&algorithm_id=a%20b&limit=0&since=yesterday&until=2026-11-25";
        let problem = asked(query).unwrap_err();
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
        assert_eq!(asked("limit=100").unwrap().limit, 100);
        assert_eq!(asked("limit=101").unwrap_err().errors[0].field, "limit");
    }
}
