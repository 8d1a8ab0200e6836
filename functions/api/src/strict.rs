//! What an address may say. A parameter that is misspelt must not widen what is asked for: a cancel of one exit would end the
//! whole order.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::FieldFault;
use http::{Method, StatusCode};
use platform::{Caller, Problem};
use serde_json::Value;

use crate::answers::Refused;
use crate::description::Description;
use crate::query::Said;
use crate::{body, fault};

/// Names the user where an algorithm asks. Every route bears it.
const USER: &str = "user_id";

/// Refuses what the route does not read: parameters that its description does not name, and the body of a DELETE.
pub(crate) async fn only_known(State(description): State<Arc<Description>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let known = path.and_then(|path| description.parameters_of(request.method(), path.as_str()));
    // Nothing is there, or it is a page, and others may add to its address.
    let Some(known) = known else { return next.run(request).await };
    let said = Said::of(request.uri());
    if let Some(refused) = speaks_of_another(&request, &said) {
        return refused.into_response();
    }
    let unknown = said.names().filter(|name| *name != USER && !known.contains(name));
    let mut faults: Vec<FieldFault> = unknown.map(|name| fault(name, "is not a parameter of this route")).collect();
    let mut request = request;
    if request.method() == Method::DELETE {
        let (parts, body) = request.into_parts();
        faults.extend(said_in_the_body(body).await);
        request = Request::from_parts(parts, Body::empty());
    }
    if faults.is_empty() {
        next.run(request).await
    } else {
        Refused::<()>::from(Problem::bad_fields(faults)).into_response()
    }
}

/// A user speaks for themselves only: another one named in the address must not be passed over.
fn speaks_of_another(request: &Request, said: &Said) -> Option<Refused> {
    let Ok(Caller::User(user_id)) = Caller::of(request.extensions()) else { return None };
    said.get(USER).filter(|named| *named != user_id.as_str())?;
    let message =
        "The address names another user (?user_id=) than the one who signed in. Leave it out: it is for algorithms.";
    Some(Problem::new(StatusCode::FORBIDDEN, "other_user", message).into())
}

/// The fields of a body that nobody reads.
async fn said_in_the_body(body: Body) -> Vec<FieldFault> {
    let text = body::text(Request::new(body)).await.ok();
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::any;
    use serde_json::json;
    use tower::ServiceExt;

    use super::*;

    /// The fields that a request is refused for; the route's handler refuses nothing.
    async fn faults(method: &str, route: &str, address: &str, body: &str) -> Vec<String> {
        let description = Arc::new(Description::of(crate::routes::described()));
        let router = Router::new().route(route, any(|| async {})).layer(from_fn_with_state(description, only_known));
        let request = Request::builder().method(method).uri(address).body(Body::from(body.to_owned())).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        let text = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let problem: Value = serde_json::from_slice(&text).unwrap_or_default();
        let faults = problem["errors"].as_array().cloned().unwrap_or_default();
        faults.iter().map(|fault| fault["field"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn a_parameter_that_the_route_does_not_read_is_refused_by_its_name() {
        for (method, route, address, expected) in [
            ("DELETE", "/orders/{order_id}", "/orders/o-1?legs=stop_loss", &["legs"][..]),
            ("PUT", "/orders/{order_id}", "/orders/o-1?Leg=stop_loss&foo=1", &["Leg", "foo"]),
            ("POST", "/orders", "/orders?dry_run=true", &["dry_run"]),
            ("GET", "/orders", "/orders?stauts=filled&status=filled", &["stauts"]),
            ("GET", "/refusals", "/refusals?since=yesterday", &["since"]),
            ("PUT", "/limits", "/limits?x=1", &["x"]),
            ("DELETE", "/orders/{order_id}", "/orders/o-1?leg=stop_loss&user_id=u-7", &[]),
            ("GET", "/", "/?code=x&state=y", &[]),
            ("GET", "/halt", "/halt", &[]),
        ] {
            assert_eq!(faults(method, route, address, "").await, expected, "{method} {address}");
        }
    }

    #[tokio::test]
    async fn what_a_delete_says_in_its_body_is_refused() {
        for (body, expected) in [
            (json!({"leg": "stop_loss"}).to_string(), vec!["leg"]),
            ("[1]".to_owned(), vec![""]),
            ("{}".to_owned(), vec![]),
            ("null".to_owned(), vec![]),
            (" ".to_owned(), vec![]),
        ] {
            assert_eq!(faults("DELETE", "/orders/{order_id}", "/orders/o-1", &body).await, expected, "{body}");
        }
    }
}
