//! `GET /refusals`: the messages of a caller that became no order.

use std::str::FromStr;

use domain::{FieldFault, RefusalView};
use http::StatusCode;
use platform::{Caller, HttpRequest, HttpResponse, Problem};
use serde::Serialize;
use store::{PAGE_ROWS_MAX, Page, RefusalFilter, RefusalsOf};

use crate::{Answer, Api, store_failed};

/// Refusals on one page, unless the caller wants more or fewer.
const PAGE_REFUSALS: u32 = 50;

#[derive(Serialize)]
struct Refusals<'r> {
    refusals: Vec<RefusalView<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl Api {
    /// A user sees what was sent in their name, an algorithm what its own senders sent.
    pub(crate) async fn list_refusals(&self, request: &HttpRequest) -> Answer {
        let caller = request.caller()?;
        let (filter, limit) = read_query(request)?;
        let (cursor, orders) = (request.query_parameter("cursor"), &self.intake.orders);
        let page = match caller {
            Caller::User(user_id) => {
                // Whose they are, the token says.
                let filter = RefusalFilter { user_id: None, ..filter };
                orders.refusals_of(RefusalsOf::User(&user_id), &filter, cursor, limit).await
            }
            Caller::Algorithm(algorithm_id) => {
                let registered = self.intake.rules.algorithm(&algorithm_id).await;
                match registered.map_err(|error| store_failed(&error))? {
                    Some(algorithm) => {
                        orders.refusals_of(RefusalsOf::Algorithm(&algorithm), &filter, cursor, limit).await
                    }
                    // Nobody is its sender.
                    None => Ok(Page { items: Vec::new(), next_cursor: None }),
                }
            }
        };
        let page = page.map_err(|error| store_failed(&error))?;
        let refusals = page.items.iter().map(domain::Refusal::view).collect();
        Ok(HttpResponse::json(StatusCode::OK, &Refusals { refusals, cursor: page.next_cursor }))
    }
}

fn read_query(request: &HttpRequest) -> Result<(RefusalFilter, u32), Problem> {
    let mut faults = Vec::new();
    let filter = RefusalFilter {
        user_id: read(request, "user_id", &mut faults),
        order_id: read(request, "order_id", &mut faults),
    };
    let limit = read(request, "limit", &mut faults).unwrap_or(PAGE_REFUSALS);
    if !(1..=PAGE_ROWS_MAX).contains(&limit) {
        faults.push(fault("limit", &format!("must be a whole number from 1 to {PAGE_ROWS_MAX}")));
    }
    if faults.is_empty() { Ok((filter, limit)) } else { Err(Problem::bad_fields(faults)) }
}

fn read<T: FromStr<Err: ToString>>(request: &HttpRequest, name: &str, faults: &mut Vec<FieldFault>) -> Option<T> {
    let parsed = request.query_parameter(name)?.parse::<T>();
    parsed.map_err(|error| faults.push(fault(name, &error.to_string()))).ok()
}

fn fault(field: &str, message: &str) -> FieldFault {
    FieldFault { field: field.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use platform::HttpRequest;
    use serde_json::{Value, json};

    use super::read_query;

    fn request(query: &Value) -> HttpRequest {
        serde_json::from_value(json!({"routeKey": "GET /refusals", "queryStringParameters": query})).unwrap()
    }

    #[test]
    fn a_query_may_name_a_user_an_order_and_a_limit() {
        let query = json!({"user_id": "u-7", "order_id": "o-1", "limit": "7", "cursor": "x"});
        let (filter, limit) = read_query(&request(&query)).unwrap();
        assert_eq!(filter.user_id.unwrap().as_str(), "u-7");
        assert_eq!(filter.order_id.unwrap().as_str(), "o-1");
        assert_eq!(limit, 7);
        assert_eq!(read_query(&request(&Value::Null)).unwrap().1, 50);
    }

    #[test]
    fn every_bad_parameter_is_named() {
        let query = json!({"user_id": "a b", "order_id": "a.b", "limit": "101"});
        let problem = read_query(&request(&query)).unwrap_err();
        let mut named: Vec<&str> = problem.errors.iter().map(|fault| fault.field.as_str()).collect();
        named.sort_unstable();
        assert_eq!(named, ["limit", "order_id", "user_id"]);
        assert_eq!(read_query(&request(&json!({"limit": "many"}))).unwrap_err().errors[0].field, "limit");
    }
}
