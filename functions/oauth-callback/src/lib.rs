//! `GET /oauth/callback`: the broker's redirect. Completes a connection, or records that its user cancelled.

use domain::{ConnectionId, Secret};
use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, SET_COOKIE};
use lambda_http::RequestExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use platform::gateway::{Request, Response};
use platform::{ConsumerSource, answer, browser};
use sessions::{Complete, CompleteError, Completed, Return};

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
    pub async fn handle(&self, request: &Request) -> Response {
        let mut response = match self.complete(request).await {
            Ok(Completed::Connected(connection_id)) => {
                tracing::info!(%connection_id, "a user connected");
                self.onward("connected", Some(&connection_id))
            }
            Ok(Completed::Cancelled(connection_id)) => {
                tracing::info!(connection_id = connection_id.as_ref().map(ToString::to_string), "a user cancelled");
                self.onward("cancelled", connection_id.as_ref())
            }
            Err(failure) => self.failed(&failure),
        };
        // A bare navigation, which any page can cause, leaves the attempt to its browser; else the cookie has done its work.
        if said(request, "oauth_token").is_some() {
            let secure = if browser::is_to_this_machine(request.headers()) { "" } else { "; Secure" };
            let name = browser::attempt_cookie(request.headers());
            let cookie = format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}");
            answer::add_header(&mut response, SET_COOKIE, &cookie);
        }
        response
    }

    async fn complete(&self, request: &Request) -> Result<Completed, Failure> {
        let headers = request.headers();
        let cookie = browser::cookie(headers, browser::attempt_cookie(headers));
        let back = Return {
            request_token: said(request, "oauth_token").map(Secret::new),
            verifier: said(request, "oauth_verifier").map(Secret::new),
            cookie: cookie.filter(|text| !text.is_empty()).map(|text| Secret::new(text.to_owned())),
        };
        let loaded = self.consumer.current().await.map_err(|error| {
            tracing::error!(%error, source = std::error::Error::source(&error), metric.consumer_refusals = 1, "there is no consumer");
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "This platform is not set up for connections yet.")
        })?;
        let encryption_key = loaded.encryption_key.as_ref().ok_or_else(|| {
            tracing::error!("the consumer was loaded without the encryption key");
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "This platform is not set up for connections yet.")
        })?;
        let completed = self.complete.complete(&loaded.consumer, encryption_key, back).await;
        completed.map_err(|error| failure(&error))
    }

    /// The page that the browser goes on to.
    fn next_page(&self) -> &str {
        self.return_url.as_deref().unwrap_or(OWN_PAGE)
    }

    /// Sends the browser to a clean address.
    fn onward(&self, outcome: &str, connection_id: Option<&ConnectionId>) -> Response {
        let page = self.next_page();
        let separator = if page.contains('?') { '&' } else { '?' };
        let connection = connection_id
            .map(|id| format!("&connection_id={}", utf8_percent_encode(id.as_str(), NON_ALPHANUMERIC)))
            .unwrap_or_default();
        answer::see_other(&format!("{page}{separator}connection={outcome}{connection}"))
    }

    /// A page without scripts or anything from elsewhere: its address still holds the verifier. The way back tells nobody
    /// that address (`no-referrer`).
    fn failed(&self, failure: &Failure) -> Response {
        let page = escaped(self.next_page());
        // A link with the look of a button, which needs neither style nor script.
        let again = if failure.begin_again {
            format!("<p><a role=\"button\" href=\"{page}\" rel=\"noreferrer\">Begin again</a></p>")
        } else {
            String::new()
        };
        let html = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>Not connected</title><body><main><h1>Not connected</h1><p>{}</p>\
             {again}<p><a href=\"{page}\" rel=\"noreferrer\">Go back</a></p></main></body></html>",
            escaped(&failure.why),
        );
        let mut response = answer::page(failure.status, html);
        answer::add_header(&mut response, REFERRER_POLICY, "no-referrer");
        answer::add_header(&mut response, CONTENT_SECURITY_POLICY, "default-src 'none'");
        response
    }
}

/// A parameter of the query that says something. One that came twice is none of the broker's, and its texts stand together.
fn said(request: &Request, name: &str) -> Option<String> {
    let texts = request.query_string_parameters_ref()?.all(name)?;
    Some(texts.join(",")).filter(|text| !text.is_empty())
}

/// Why there is no connection, for the browser's user.
#[derive(Debug)]
struct Failure {
    status: StatusCode,
    why: String,
    /// Whether the same user can begin again at once, and it will work.
    begin_again: bool,
}

impl Failure {
    fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into(), begin_again: false }
    }

    /// The user's to mend: nobody failed, and beginning again helps.
    fn of_the_user(status: StatusCode, why: impl Into<String>) -> Self {
        Self { begin_again: true, ..Self::new(status, why) }
    }
}

fn failure(error: &CompleteError) -> Failure {
    match error {
        CompleteError::NotAccepted(why) => {
            tracing::warn!(%error, "a return from the broker was not accepted");
            Failure::of_the_user(StatusCode::BAD_REQUEST, *why)
        }
        CompleteError::Boxed(_) => Failure::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        CompleteError::UsernameTaken => Failure::new(StatusCode::CONFLICT, error.to_string()),
        // A request token lives for minutes, and a consent can be withdrawn at once.
        CompleteError::Broker(_) if error.is_for_the_user() => {
            tracing::warn!(%error, "a consent came too late, or was withdrawn");
            Failure::of_the_user(
                StatusCode::GONE,
                "Your consent came too late at the broker, or was used or withdrawn before. Nothing was connected. Begin again: it takes a minute.",
            )
        }
        CompleteError::Broker(_) | CompleteError::Secret(_) => {
            tracing::error!(%error, "the broker gave no session");
            Failure::new(StatusCode::BAD_GATEWAY, error.to_string())
        }
        CompleteError::Store(_) | CompleteError::Seal(_) => {
            tracing::error!(%error, source = std::error::Error::source(error), "a return from the broker was not completed");
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "Something failed on our side. Connect again.")
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
