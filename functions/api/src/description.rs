//! The API's description (OpenAPI 3.1): `openapi.json`, and the schemas that the repository publishes put into it. So what
//! an order is stands in one place only.

use std::sync::LazyLock;

use http::StatusCode;
use platform::HttpResponse;
use serde_json::{Map, Value, json};

const ROUTES_AND_ANSWERS: &str = include_str!("openapi.json");

/// The schemas of `schemas/`: each definition is `{file}.{definition}` here.
const PUBLISHED: [(&str, &str); 4] = [
    ("order-message", include_str!("../../../schemas/order-message.schema.json")),
    ("order-event", include_str!("../../../schemas/order-event.schema.json")),
    ("refusal-event", include_str!("../../../schemas/refusal-event.schema.json")),
    ("connection-event", include_str!("../../../schemas/connection-event.schema.json")),
];

/// What the body of `POST /orders` may leave out: the JWT and the route say it.
const SAID_OF_A_NEW_ORDER: [&str; 4] = ["schema", "command", "user_id", "algorithm_id"];
/// What the body of `PUT /orders/{order_id}` may leave out besides.
const SAID_OF_A_CHANGE: [&str; 5] = ["schema", "command", "user_id", "algorithm_id", "order_id"];

static DESCRIPTION: LazyLock<String> = LazyLock::new(|| description().to_string());

/// The API's description.
pub(crate) fn openapi() -> HttpResponse {
    let mut response = HttpResponse::empty(StatusCode::OK);
    response.headers.insert("content-type", "application/json".to_owned());
    response.body = Some(DESCRIPTION.clone());
    response
}

fn description() -> Value {
    let mut description = parsed(ROUTES_AND_ANSWERS);
    for (file, schema) in PUBLISHED {
        for (name, definition) in definitions(parsed(schema)) {
            let definition = pointing_at(file, definition);
            description["components"]["schemas"][format!("{file}.{name}")] = definition;
        }
    }
    let schemas = &mut description["components"]["schemas"];
    schemas["PlaceOrder"] = body_of(&schemas["order-message.place"], "place", &SAID_OF_A_NEW_ORDER);
    schemas["ModifyOrder"] = body_of(&schemas["order-message.modify"], "modify", &SAID_OF_A_CHANGE);
    description
}

/// A file of this repository: a test reads each.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn definitions(mut schema: Value) -> Map<String, Value> {
    match schema["$defs"].take() {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    }
}

/// A schema whose references lead to where the definitions of `file` stand in the description.
fn pointing_at(file: &str, schema: Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let field = |(name, value): (String, Value)| match value {
                Value::String(target) if name == "$ref" => {
                    (name, Value::from(target.replace("#/$defs/", &format!("#/components/schemas/{file}."))))
                }
                value => (name, pointing_at(file, value)),
            };
            Value::Object(fields.into_iter().map(field).collect())
        }
        Value::Array(items) => items.into_iter().map(|item| pointing_at(file, item)).collect(),
        other => other,
    }
}

/// A message as the body of a request, in which what is `said` elsewhere may be left out.
fn body_of(message: &Value, command: &str, said: &[&str]) -> Value {
    let mut body = message.clone();
    if let Some(required) = body["required"].as_array_mut() {
        required.retain(|field| !field.as_str().is_some_and(|field| said.contains(&field)));
    }
    body["properties"]["schema"] = json!({"const": domain::message::SCHEMA});
    body["properties"]["command"] = json!({"const": command});
    body
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::description;
    use crate::ROUTES;

    /// Routes that another function answers, and that this one describes.
    const OF_OTHERS: [&str; 2] = ["POST /connections", "GET /oauth/callback"];

    fn references(value: &Value) -> Vec<String> {
        match value {
            Value::Object(fields) => {
                let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
                own.into_iter().chain(fields.values().flat_map(references)).collect()
            }
            Value::Array(items) => items.iter().flat_map(references).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_route_is_described_and_every_described_route_exists() {
        let described: BTreeSet<String> = description()["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let routes: BTreeSet<String> = ROUTES.iter().chain(&OF_OTHERS).map(|route| (*route).to_owned()).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn only_the_open_routes_need_no_token() {
        let description = description();
        let open: Vec<&str> = description["paths"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, methods)| methods["get"]["security"].as_array().is_some_and(Vec::is_empty))
            .map(|(path, _)| path.as_str())
            .collect();
        assert_eq!(open, ["/", "/oauth/callback", "/openapi.json"]);
        assert_eq!(description["security"][0]["jwt"], serde_json::json!([]));
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        let description = description();
        let references = references(&description);
        assert!(references.len() > 100, "{}", references.len());
        for reference in references {
            assert!(description.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn a_body_may_leave_out_what_the_jwt_and_the_route_say() {
        let schemas = &description()["components"]["schemas"];
        let required = |name: &str| schemas[name]["required"].as_array().unwrap().clone();
        assert_eq!(required("PlaceOrder"), ["order_id", "account_id", "contract", "side", "type", "time_in_force"]);
        assert_eq!(required("ModifyOrder"), ["revision"]);
        assert_eq!(schemas["PlaceOrder"]["properties"]["command"]["const"], "place");
    }

    #[test]
    fn every_route_tells_of_too_many_requests_and_every_closed_one_of_a_missing_token() {
        let description = description();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let told = |status: &str| operation["responses"].get(status).is_some();
                assert!(told("429"), "{method} {path}");
                assert_eq!(told("401"), operation.get("security").is_none(), "{method} {path}");
            }
        }
    }
}
