//! `GET /oauth/callback`: the broker's redirect. Completes a connection, or records that its user cancelled.

use domain::{ConnectionId, Secret};
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use platform::{ConsumerSource, HttpRequest, HttpResponse};
use sessions::{Complete, CompleteError, Completed, Return};

/// The cookie that binds the browser to the attempt.
const COOKIE: &str = "courier_attempt";
/// The project's own page, from here: the callback's address must not stay in the browser's history, since it holds
/// the verifier.
const OWN_PAGE: &str = "../";

/// The function, with what it needs.
#[derive(Debug)]
pub struct OauthCallback {
    /// The consumer's secret.
    pub consumer: ConsumerSource,
    /// The use case.
    pub complete: Complete,
    /// The platform's page that the browser goes to; `None`: the project's own.
    pub return_url: Option<String>,
}

impl OauthCallback {
    /// Answers one request.
    pub async fn handle(&self, request: &HttpRequest) -> HttpResponse {
        let mut response = match self.complete(request).await {
            Ok(Completed::Connected(connection_id)) => {
                tracing::info!(%connection_id, "a user connected");
                self.onward("connected", Some(&connection_id))
            }
            Ok(Completed::Cancelled(connection_id)) => {
                tracing::info!(connection_id = connection_id.as_ref().map(ToString::to_string), "a user cancelled");
                self.onward("cancelled", connection_id.as_ref())
            }
            Err(failure) => failure,
        };
        // Used or not, the cookie has done its work.
        response.cookies.push(format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
        response
    }

    async fn complete(&self, request: &HttpRequest) -> Result<Completed, HttpResponse> {
        let secret = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(|text| Secret::new(text.to_owned()));
        let back = Return {
            request_token: secret(request.query_parameter("oauth_token")),
            verifier: secret(request.query_parameter("oauth_verifier")),
            cookie: secret(request.cookie(COOKIE)),
        };
        let loaded = self.consumer.current().await.map_err(|error| {
            tracing::error!(%error, source = std::error::Error::source(&error), "there is no consumer");
            failed(StatusCode::SERVICE_UNAVAILABLE, "This platform is not set up for connections yet.")
        })?;
        let encryption_key = loaded.encryption_key.as_ref().ok_or_else(|| {
            tracing::error!("the consumer was loaded without the encryption key");
            failed(StatusCode::SERVICE_UNAVAILABLE, "This platform is not set up for connections yet.")
        })?;
        let completed = self.complete.complete(&loaded.consumer, encryption_key, back).await;
        completed.map_err(|error| failure(&error))
    }

    /// Sends the browser to a clean address.
    fn onward(&self, outcome: &str, connection_id: Option<&ConnectionId>) -> HttpResponse {
        let page = self.return_url.as_deref().unwrap_or(OWN_PAGE);
        let separator = if page.contains('?') { '&' } else { '?' };
        let connection = connection_id
            .map(|id| format!("&connection_id={}", utf8_percent_encode(id.as_str(), NON_ALPHANUMERIC)))
            .unwrap_or_default();
        HttpResponse::see_other(&format!("{page}{separator}connection={outcome}{connection}"))
    }
}

fn failure(error: &CompleteError) -> HttpResponse {
    match error {
        CompleteError::NotAccepted(why) => {
            tracing::warn!(%error, "a return from the broker was not accepted");
            failed(StatusCode::BAD_REQUEST, why)
        }
        CompleteError::Broker(_) | CompleteError::Secret(_) => {
            tracing::error!(%error, "the broker gave no session");
            failed(StatusCode::BAD_GATEWAY, &error.to_string())
        }
        CompleteError::Store(_) | CompleteError::Seal(_) => {
            tracing::error!(%error, source = std::error::Error::source(error), "a return from the broker was not completed");
            failed(StatusCode::INTERNAL_SERVER_ERROR, "Something failed on our side. Connect again.")
        }
    }
}

/// A page without scripts, links or anything from elsewhere: its address still holds the verifier.
fn failed(status: StatusCode, why: &str) -> HttpResponse {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Not connected</title><body><main><h1>Not connected</h1><p>{}</p></main></body></html>",
        escaped(why)
    );
    let mut response = HttpResponse::page(status, html);
    response.headers.insert("referrer-policy", "no-referrer".to_owned());
    response.headers.insert("content-security-policy", "default-src 'none'".to_owned());
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
