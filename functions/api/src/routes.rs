//! The routes, and what all of them have in common.

use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::{BoxError, Router};
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use platform::Problem;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answers::{Code, Refused};
use crate::description::{self, Description};
use crate::{Api, compression, connections, console, contracts, grants, halts, limits, orders, refusals, strict};

/// The routes over one [`Api`], ready to answer. Clones are the same.
#[derive(Debug, Clone)]
pub struct Routes(Router);

impl Routes {
    /// Puts the routes together.
    #[must_use]
    pub fn of(api: Api) -> Self {
        let (router, described) = routes().split_for_parts();
        let description = Arc::new(Description::of(described));
        let router = router
            .fallback(no_route)
            .method_not_allowed_fallback(no_route)
            .layer(from_fn_with_state(Arc::clone(&description), strict::only_known))
            .layer(from_fn(compression::compressed))
            .layer(from_fn_with_state(Arc::clone(&description), told_refusals))
            .layer(axum::Extension(description));
        Self(router.with_state(Arc::new(api)))
    }

    /// Answers one request. Its caller is who [`platform::Caller::of`] finds in its extensions.
    pub async fn answer<B>(&self, request: http::Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let Ok(mut response) = self.0.clone().oneshot(request).await;
        // The gateway tells the length of what it sends.
        response.headers_mut().remove(CONTENT_LENGTH);
        response
    }
}

/// The routes that this function answers, as the template names them: `GET /orders/{order_id}`.
#[must_use]
pub fn route_keys() -> Vec<String> {
    description::keys(&described())
}

/// What the routes say of themselves.
pub(crate) fn described() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// Each handler, by the path and method that stand over it.
fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(description::frame())
        .routes(routes!(connections::list_connections))
        .routes(routes!(connections::put_connection, connections::disconnect))
        .routes(routes!(grants::list_grants))
        .routes(routes!(grants::put_grant, grants::delete_grant))
        .routes(routes!(limits::get_limits, limits::put_limits))
        .routes(routes!(halts::get_halt, halts::put_halt))
        .routes(routes!(orders::place_order, orders::list_orders))
        .routes(routes!(orders::get_order, orders::modify_order, orders::cancel_order))
        .routes(routes!(refusals::list_refusals))
        .routes(routes!(contracts::find_contracts))
        .routes(routes!(console::console))
        .routes(routes!(description::description))
}

async fn no_route() -> Refused {
    Problem::not_found("route").into()
}

/// Writes a line for each refusal. Where checks are compiled in, an answer that the route does not tell of is a fault of ours.
async fn told_refusals(
    axum::extract::State(description): axum::extract::State<Arc<Description>>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let (path, method) = (path.unwrap_or_default(), request.method().clone());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    if let Some(Code(code)) = response.extensions().get() {
        tracing::info!(
            route = format!("{method} {path}"),
            status,
            code,
            metric.forgeries_refused = trading::is_forgery(code).then_some(1),
            "a request was refused"
        );
    }
    debug_assert!(
        description
            .operation(&method, &path)
            .is_none_or(|told| told.responses.responses.contains_key(&status.to_string())),
        "{method} {path} answered {status}, of which its description does not tell"
    );
    response
}
