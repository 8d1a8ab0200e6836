//! The API's description (OpenAPI 3.1), put together from the types of the routes, and from the schemas that the repository
//! publishes. So what an order is stands in one place only.

use std::sync::{Arc, OnceLock};

use axum::Extension;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, RefOr};
use utoipa::{IntoResponses, OpenApi as _};

use crate::answers::{GatewayMessage, Told, all_kinds, of_every_page, told};
use crate::{connections, contracts, elsewhere, grants, halts, orders, refusals};

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

/// What all routes have in common, and the shapes of their answers.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Courier",
        description = "Orders to Interactive Brokers, each user's in their own account. Amounts are decimal strings, times RFC 3339 in UTC. A caller is a user (the JWT's `sub`), or an algorithm (its claim `algorithm_id`).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    security(("jwt" = [])),
    tags(
        (name = "orders"),
        (name = "connections", description = "A user's word to the broker"),
        (name = "rules", description = "Who may trade, and how much"),
        (name = "pages")
    ),
    components(schemas(
        GatewayMessage,
        connections::Connections<'static>,
        contracts::Contracts<'static>,
        domain::Limits,
        elsewhere::BegunConnection,
        grants::Grants,
        halts::HaltInForce,
        orders::Orders<'static>,
        platform::Problem,
        refusals::Refusals<'static>,
    ))
)]
struct Frame;

/// The description of no route yet.
pub(crate) fn frame() -> OpenApi {
    let mut frame = Frame::openapi();
    let components = frame.components.get_or_insert_with(Components::new);
    components.responses.extend(all_kinds());
    let jwt = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("jwt", SecurityScheme::Http(jwt));
    frame
}

/// The routes of a description, each as the template names it: `GET /orders/{order_id}`.
pub(crate) fn keys(described: &OpenApi) -> Vec<String> {
    let methods = ["GET", "PUT", "POST", "DELETE"];
    let of_path = |(path, item)| {
        let there = methods.iter().filter(move |method| operation_of(item, method).is_some());
        there.map(move |method| format!("{method} {path}"))
    };
    described.paths.paths.iter().flat_map(of_path).collect()
}

/// The description of routes, looked at by each request.
pub(crate) struct Description {
    routes: OpenApi,
    text: OnceLock<String>,
}

impl Description {
    pub(crate) fn of(routes: OpenApi) -> Self {
        Self { routes, text: OnceLock::new() }
    }

    /// The operation of a route.
    pub(crate) fn operation(&self, method: &Method, path: &str) -> Option<&Operation> {
        operation_of(self.routes.paths.paths.get(path)?, method.as_str())
    }

    /// The parameters that the query of a route may have; `None`: there is no such route, or it is an open page.
    pub(crate) fn parameters_of(&self, method: &Method, path: &str) -> Option<Vec<&str>> {
        let operation = self.operation(method, path).filter(|operation| operation.security.is_none())?;
        let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        });
        let of_query = parameters.filter(|parameter| matches!(parameter.parameter_in, ParameterIn::Query));
        Some(of_query.map(|parameter| parameter.name.as_str()).collect())
    }

    /// The whole description, with the routes that other functions answer.
    fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let mut whole = self.routes.clone();
            whole.merge(elsewhere::routes());
            with_published(json!(whole)).to_string()
        })
    }
}

fn operation_of<'i>(item: &'i PathItem, method: &str) -> Option<&'i Operation> {
    match method {
        "GET" => item.get.as_ref(),
        "PUT" => item.put.as_ref(),
        "POST" => item.post.as_ref(),
        "DELETE" => item.delete.as_ref(),
        _ => None,
    }
}

/// This description
#[utoipa::path(get, path = "/openapi.json", tag = "pages", security())]
pub(crate) async fn description(Extension(description): Extension<Arc<Description>>) -> Described {
    let text = description.text().to_owned();
    Described(platform::answer::text(StatusCode::OK, "application/json", text))
}

/// This description.
#[derive(Debug)]
pub(crate) struct Described(platform::gateway::Response);

impl IntoResponse for Described {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl IntoResponses for Described {
    fn responses() -> Told {
        let object = utoipa::openapi::ObjectBuilder::new().build();
        let content = utoipa::openapi::ContentBuilder::new().schema(Some(object)).build();
        let told = told(StatusCode::OK, "This description", Some(("application/json", content)));
        told.into_iter().chain(of_every_page()).collect()
    }
}

/// Puts the published schemas into a description, and what no type says.
fn with_published(mut description: Value) -> Value {
    let schemas = &mut description["components"]["schemas"];
    for (file, schema) in PUBLISHED {
        for (name, definition) in definitions(parsed(schema)) {
            schemas[format!("{file}.{name}")] = pointing_at(file, definition);
        }
    }
    schemas["PlaceOrder"] = body_of(&schemas["order-message.place"], "place", &SAID_OF_A_NEW_ORDER);
    schemas["PlaceOrder"]["examples"] = json!([{
        "order_id": "mr7-20261124-0001", "account_id": "DU0000001", "contract": {"conid": 265_598}, "side": "buy",
        "quantity": "10", "type": "limit", "limit_price": "187.50", "time_in_force": "day",
    }]);
    schemas["ModifyOrder"] = body_of(&schemas["order-message.modify"], "modify", &SAID_OF_A_CHANGE);
    schemas["ModifyOrder"]["examples"] = json!([{"revision": 2, "limit_price": "188.00"}]);
    let algorithm = json!({"$ref": "#/components/schemas/order-message.algorithm_id"});
    schemas["AnotherAlgorithm"] = json!({"allOf": [algorithm, {"not": {"enum": [domain::AlgorithmId::OWN_HAND]}}]});
    schemas["PutHalt"]["anyOf"] = json!([
        {"properties": {"halted": {"const": true}}},
        {"properties": {"cancel_working": {"const": false}, "mode": {"const": "all"}}},
    ]);
    schemas["FieldFault"]["additionalProperties"] = json!(false);
    for (path, method, status, header) in
        [("/connections", "post", "201", "Set-Cookie"), ("/oauth/callback", "get", "303", "Location")]
    {
        description["paths"][path][method]["responses"][status]["headers"][header]["required"] = json!(true);
    }
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

    use super::Description;

    /// Routes that another function answers, and that this one describes.
    const OF_OTHERS: [&str; 2] = ["POST /connections", "GET /oauth/callback"];

    fn description() -> Value {
        serde_json::from_str(Description::of(crate::routes::described()).text()).unwrap()
    }

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
    fn the_routes_of_others_are_described_too() {
        let described: BTreeSet<String> = description()["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let routes = crate::route_keys().into_iter().chain(OF_OTHERS.map(str::to_owned)).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn every_placeholder_of_a_path_is_described() {
        for (path, methods) in description()["paths"].as_object().unwrap() {
            let placeholder = path.split_once('{').map(|(_, rest)| rest.trim_end_matches('}'));
            for (method, operation) in methods.as_object().unwrap() {
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                let of_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
                let described: Vec<&str> = of_path.map(|parameter| parameter["name"].as_str().unwrap()).collect();
                assert_eq!(described, placeholder.into_iter().collect::<Vec<_>>(), "{method} {path}");
                let is_required = |parameter: &&Value| parameter["in"] != "path" || parameter["required"] == true;
                assert!(parameters.iter().all(|parameter| is_required(&parameter)), "{method} {path}");
            }
        }
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
