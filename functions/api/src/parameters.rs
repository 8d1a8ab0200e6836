//! What an address may say. A parameter that is misspelt must not widen what is asked for: a cancel of one exit would end the
//! whole order.

use domain::FieldFault;
use platform::{HttpRequest, Problem};
use serde_json::Value;

/// Names the user where an algorithm asks.
const USER: &str = "user_id";

/// Refuses what the route does not read: parameters that it does not know, and the body of a DELETE.
pub(crate) fn only_known(request: &HttpRequest) -> Result<(), Problem> {
    let Some(known) = known(&request.route_key) else { return Ok(()) };
    let names = request.query_string_parameters.iter().flat_map(|parameters| parameters.keys());
    let unknown = names.filter(|name| *name != USER && !known.contains(&name.as_str()));
    let mut faults: Vec<FieldFault> = unknown.map(|name| fault(name, "is not a parameter of this route")).collect();
    if request.route_key.starts_with("DELETE ") {
        faults.extend(said_in_the_body(request));
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::bad_fields(faults)) }
}

/// What a route's address may hold; `None`: it is a page, and others may add to its address.
fn known(route: &str) -> Option<&'static [&'static str]> {
    match route {
        "GET /" | "GET /openapi.json" => None,
        "GET /orders" => Some(&["cursor", "limit", "status", "open", "algorithm_id", "since", "until"]),
        "GET /refusals" => Some(&["cursor", "limit", "order_id"]),
        "GET /contracts" => Some(&["symbol"]),
        "PUT /orders/{order_id}" | "DELETE /orders/{order_id}" => Some(&["leg"]),
        _ => Some(&[]),
    }
}

/// The fields of a body that nobody reads.
fn said_in_the_body(request: &HttpRequest) -> Vec<FieldFault> {
    let text = request.text().ok();
    if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Vec::new();
    }
    let message = "is not read from the body of a DELETE: say it in the address, such as ?leg=stop_loss";
    match text.and_then(|text| serde_json::from_str(&text).ok()) {
        Some(Value::Null) => Vec::new(),
        Some(Value::Object(fields)) => fields.keys().map(|name| fault(name, message)).collect(),
        _ => vec![fault("", "a DELETE has no body: what it is about stands in the address")],
    }
}

fn fault(field: &str, message: &str) -> FieldFault {
    FieldFault { field: field.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use platform::HttpRequest;
    use serde_json::json;

    use super::{known, only_known};

    fn faults(route: &str, query: &serde_json::Value, body: Option<&str>) -> Vec<String> {
        let event = json!({"routeKey": route, "queryStringParameters": query, "body": body});
        let request: HttpRequest = serde_json::from_value(event).unwrap();
        let refused = only_known(&request).err();
        refused.into_iter().flat_map(|problem| problem.errors).map(|fault| fault.field).collect()
    }

    #[test]
    fn a_parameter_that_the_route_does_not_read_is_refused_by_its_name() {
        for (route, query, expected) in [
            ("DELETE /orders/{order_id}", json!({"legs": "stop_loss"}), &["legs"][..]),
            ("PUT /orders/{order_id}", json!({"Leg": "stop_loss", "foo": "1"}), &["Leg", "foo"]),
            ("POST /orders", json!({"dry_run": "true"}), &["dry_run"]),
            ("GET /orders", json!({"stauts": "filled", "status": "filled"}), &["stauts"]),
            ("GET /refusals", json!({"since": "yesterday"}), &["since"]),
            ("PUT /limits", json!({"x": "1"}), &["x"]),
            ("DELETE /orders/{order_id}", json!({"leg": "stop_loss", "user_id": "u-7"}), &[]),
            ("GET /", json!({"code": "x", "state": "y"}), &[]),
            ("GET /halt", serde_json::Value::Null, &[]),
        ] {
            let mut found = faults(route, &query, None);
            found.sort_unstable();
            assert_eq!(found, expected, "{route} {query}");
        }
    }

    #[test]
    fn what_a_delete_says_in_its_body_is_refused() {
        let route = "DELETE /orders/{order_id}";
        for (body, expected) in [
            ("{\"leg\": \"stop_loss\"}", vec!["leg"]),
            ("[1]", vec![""]),
            ("{}", vec![]),
            ("null", vec![]),
            (" ", vec![]),
        ] {
            assert_eq!(faults(route, &json!({}), Some(body)), expected, "{body}");
        }
    }

    #[test]
    fn every_route_of_data_has_its_parameters() {
        for route in crate::ROUTES.iter().filter(|route| !["GET /", "GET /openapi.json"].contains(route)) {
            assert!(known(route).is_some(), "{route}");
        }
    }
}
