//! The door of the HTTP API: events of API Gateway (payload format 2.0) as requests, and answers as it takes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::tower::ServiceExt;
use lambda_http::{Adapter, IntoResponse, RequestExt, Service};
use lambda_runtime::{Error, LambdaEvent};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

pub use lambda_http::{Body, Request};

/// An answer to the HTTP API.
pub type Response = http::Response<Body>;

/// What stands in a part of an address as it is (RFC 3986, 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// An address that no route has, for an event that names none.
const NO_ROUTE: &str = "/no-route";

/// Answers every event of the gateway by `service`, until Lambda ends the process. An error of the service is the gateway's 500.
pub async fn serve<S, R>(service: S) -> Result<(), Error>
where
    S: Service<Request, Response = R, Error = Error>,
    S::Future: Send,
    R: IntoResponse,
{
    let service = Adapter::from(service.map_request(by_its_route));
    lambda_runtime::run(
        service.map_request(|event: LambdaEvent<Event>| LambdaEvent::new(event.payload.0, event.context)),
    )
    .await
}

/// The request that an event holds, as `serve` hands it to its service. The error says what in the event is no such request.
pub fn request(event: Value) -> Result<Request, serde_json::Error> {
    let Event(event) = serde_json::from_value(event)?;
    Ok(by_its_route(event.into()))
}

/// An event in the form in which `lambda_http` takes it.
struct Event(LambdaRequest);

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Value::deserialize(deserializer)?;
        untyped_claims(&mut event);
        let mut event: ApiGatewayV2httpRequest = serde_json::from_value(event).map_err(D::Error::custom)?;
        let body = event.body.as_deref().filter(|_| event.is_base64_encoded);
        if body.is_some_and(|body| STANDARD.decode(body).is_err()) {
            return Err(D::Error::custom("the body is said to be base64, and is not"));
        }
        event.request_context.route_key = event.route_key.take().or(event.request_context.route_key);
        // The address is put together from the route. As it was sent it may be no URI, which `lambda_http` does not survive.
        event.raw_path = None;
        event.raw_query_string = None;
        Ok(Self(LambdaRequest::ApiGatewayV2(event)))
    }
}

/// Moves the claims of the JWT to where values of any JSON kind may stand. AWS makes them texts, other hosts leave numbers as
/// they are, and `lambda_http` takes texts alone.
fn untyped_claims(event: &mut Value) {
    let claims = event.pointer_mut("/requestContext/authorizer/jwt/claims").map(Value::take);
    if let Some(context) = event.get_mut("requestContext").and_then(Value::as_object_mut) {
        context.insert("authorizer".to_owned(), json!({"lambda": claims}));
    }
}

/// Gives a request the address of the route that the gateway matched, with the gateway's own reading of path and query. What a
/// caller wrote never leads to another route than the one that was let through.
fn by_its_route(mut request: Request) -> Request {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return request };
    let route = context.route_key.as_deref().unwrap_or_default();
    let pattern = route.split_once(' ').map_or(NO_ROUTE, |(_, pattern)| pattern);
    let path = filled(pattern, &request);
    // It is one, and fits: API Gateway lets 10 kB of an address and its headers through, and 64 kB may stand here.
    let uri = format!("{path}{}", query(&request)).parse();
    *request.uri_mut() = uri.unwrap_or_else(|_| Uri::from_static(NO_ROUTE));
    request
}

/// A route's pattern with what its placeholders matched.
fn filled(pattern: &str, request: &Request) -> String {
    let parameters = request.path_parameters();
    let mut path = pattern.to_owned();
    for (name, value) in parameters.iter() {
        path = path.replace(&format!("{{{name}}}"), &utf8_percent_encode(value, UNRESERVED).to_string());
    }
    path
}

/// The query: each parameter once. Values of one name have a comma between them, as API Gateway gives them.
fn query(request: &Request) -> String {
    let parameters = request.query_string_parameters();
    let mut names: Vec<&str> = parameters.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let parameter = |name: &str| {
        let values = parameters.all(name).unwrap_or_default().join(",");
        format!("{}={}", utf8_percent_encode(name, UNRESERVED), utf8_percent_encode(&values, UNRESERVED))
    };
    let parameters: Vec<String> = names.into_iter().map(parameter).collect();
    if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(route: &str, details: &Value) -> Value {
        let method = route.split(' ').next();
        let mut event = json!({"version": "2.0", "routeKey": route, "requestContext": {"routeKey": route, "http": {"method": method}}});
        for (name, value) in details.as_object().unwrap() {
            event[name] = value.clone();
        }
        event
    }

    #[test]
    fn a_request_goes_where_its_route_says_whatever_its_path_holds() {
        for (order_id, path) in [
            ("o-1", "/orders/o-1"),
            ("..", "/orders/.."),
            ("../halt", "/orders/..%2Fhalt"),
            ("a?leg=x#y", "/orders/a%3Fleg%3Dx%23y"),
            ("%61", "/orders/%2561"),
        ] {
            let details = json!({"rawPath": "/else/where", "pathParameters": {"order_id": order_id}});
            let request = request(event("GET /orders/{order_id}", &details)).unwrap();
            assert_eq!((request.uri().path(), request.uri().query()), (path, None), "{order_id}");
        }
        assert_eq!(request(event("$default", &json!({"rawPath": "/"}))).unwrap().uri(), NO_ROUTE);
    }

    #[test]
    fn a_query_is_as_the_gateway_read_it() {
        let query = json!({"status": "working,filled", "a b": "c&d=\u{e9}"});
        let request =
            request(event("GET /orders", &json!({"rawQueryString": "<", "queryStringParameters": query}))).unwrap();
        assert_eq!(request.uri().query(), Some("a%20b=c%26d%3D%C3%A9&status=working%2Cfilled"));
        let none = super::request(event("GET /orders", &json!({"queryStringParameters": null}))).unwrap();
        assert_eq!(none.uri().query(), None);
    }

    #[test]
    fn a_body_in_base64_is_read_and_what_is_none_is_refused() {
        let encoded =
            request(event("POST /orders", &json!({"body": "eyJhIjoxfQ==", "isBase64Encoded": true}))).unwrap();
        assert_eq!(&encoded.body()[..], b"{\"a\":1}");
        assert!(request(event("POST /orders", &json!({"body": "!", "isBase64Encoded": true}))).is_err());
    }

    #[test]
    fn every_sample_event_of_the_api_is_read() {
        for (sample, uri) in [
            (include_str!("../../../events/oauth-start.json"), "/connections"),
            (include_str!("../../../events/api.json"), "/orders/demo-limit"),
            (
                include_str!("../../../events/oauth-callback.json"),
                "/oauth/callback?oauth_token=25ebcc75204da80b73f4&oauth_verifier=61c107d4cf34ac6d9f2b",
            ),
        ] {
            let request = request(serde_json::from_str(sample).unwrap()).unwrap();
            assert_eq!(request.uri(), uri);
        }
    }
}
