//! What other functions of the HTTP API answer, for the description: `oauth-start` and `oauth-callback`.

use serde::Serialize;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, OpenApi as _, ToSchema};

use crate::answers::{
    BadFields, BrokerRefused, Conflict, Failed, Forbidden, GatewayMessage, TooManyRequests, Unauthorized, Unavailable,
};
use crate::published;

/// Their routes.
pub(crate) fn routes() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(paths(begin_connection, come_back))]
    struct Elsewhere;

    Elsewhere::openapi()
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BegunConnection {
    connection_id: String,
    /// Where the user's browser goes next
    #[schema(format = "uri")]
    authorize_url: String,
    #[schema(value_type = published::Time)]
    expires_at: jiff::Timestamp,
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "`oauth-callback` reads it")]
struct ComeBack {
    /// Left out where the user cancelled
    #[param(nullable = false)]
    oauth_token: Option<String>,
    #[param(nullable = false)]
    oauth_verifier: Option<String>,
}

/// Begin a connection: the answer says where the user consents
#[utoipa::path(
    post,
    path = "/connections",
    tag = "connections",
    responses(
        (
            status = 201,
            description = "Begun. The cookie binds this browser to this attempt.",
            body = BegunConnection,
            headers(("Set-Cookie" = String, description = "`__Host-courier_attempt` (without TLS, on one machine: `courier_attempt`), for as long as the attempt lives"))
        ),
        BadFields, Unauthorized, Forbidden, Conflict, TooManyRequests, Failed, BrokerRefused, Unavailable,
    )
)]
#[expect(dead_code, reason = "`oauth-start` answers it")]
fn begin_connection() {}

/// Where the broker sends the browser back to
#[utoipa::path(
    get,
    path = "/oauth/callback",
    tag = "connections",
    security(),
    params(ComeBack),
    responses(
        (
            status = 303,
            description = "To the platform's page, or to this project's own; the query says `connection=connected` or `cancelled`",
            headers(("Location" = String))
        ),
        (status = 400, description = "Not a return from a connection that stands: a page for people", body = String, content_type = "text/html"),
        (status = 410, description = "The consent came too late at the broker, or was withdrawn: a page with a button to begin again", body = String, content_type = "text/html"),
        (status = 500, description = "Something failed on our side: a page for people", content((String = "text/html"), (GatewayMessage = "application/json"))),
        (status = 502, description = "The broker gave no session: a page for people", body = String, content_type = "text/html"),
        (status = 503, description = "Not set up for connections yet: a page for people", content((String = "text/html"), (GatewayMessage = "application/json"))),
        TooManyRequests,
    )
)]
#[expect(dead_code, reason = "`oauth-callback` answers it")]
fn come_back() {}
