//! The door between an AWS SDK and a service in this process, for services that speak JSON.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// How a service answers.
pub(crate) enum Reply {
    /// With this.
    Answer(Value),
    /// With the service's code for an error.
    Refusal(&'static str),
    /// Not at all.
    Lost,
}

/// Answers an operation by its name.
type Service = Arc<dyn Fn(&str, &Value) -> Reply + Send + Sync>;

struct Door(Service);

impl fmt::Debug for Door {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Door")
    }
}

/// An HTTP client whose every call is answered by `service`.
pub(crate) fn http_client(service: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> SharedHttpClient {
    let door = SharedHttpConnector::new(Door(Arc::new(service)));
    http_client_fn(move |_, _| door.clone())
}

impl HttpConnector for Door {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            // A real call lets others run; so does this one, before and after.
            tokio::task::yield_now().await;
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default();
            let body = request.body().bytes().unwrap_or_default();
            let body = serde_json::from_slice(body).map_err(|error| ConnectorError::user(error.into()))?;
            let reply = service(operation, &body);
            tokio::task::yield_now().await;
            let (status, answer) = match reply {
                Reply::Answer(answer) => (200, answer),
                Reply::Refusal(code) => (400, json!({"__type": code, "message": "refused by the simulation"})),
                Reply::Lost => return Err(ConnectorError::timeout("the answer was lost on purpose".into())),
            };
            let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
            Ok(HttpResponse::new(status, SdkBody::from(answer.to_string())))
        })
    }
}
