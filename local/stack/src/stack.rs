//! A running local stack.

use std::{collections::BTreeMap, path::PathBuf};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::config::{Credentials, SharedCredentialsProvider};
use axum::{
    body::Body,
    http::{Method, Request, header::AUTHORIZATION},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    Listener, StackError, Step,
    deploy::{self, Deployment},
    engine::{ACCOUNT_ID, Engine, REGION},
    environment, front,
    http::{self, LocalClient, demand},
    issuer::{AUDIENCE, Issuer},
    packages,
    sign_in::SignIn,
};

/// What a local stack is made of.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// The workspace: `infra/template.yaml`, `functions/`, `local/stack/` and the target folder are found from here.
    pub workspace_root: PathBuf,
    /// The folder with the functions' binaries, each named like its folder in `functions/`. They must be there already:
    /// [`crate::build_functions`] makes them.
    pub binaries: PathBuf,
    /// The template's parameters (`BrokerApiUrl` …). `JwtIssuer` and `JwtAudience` are the stack's own unless given.
    pub parameters: BTreeMap<String, String>,
    /// The user whom the issuer's sign-in page proposes.
    pub user_id: String,
    /// The port of the HTTP API on 127.0.0.1; none: a free one.
    pub api_port: Option<u16>,
    /// Who is told of the progress.
    pub listener: Listener,
}

impl StackOptions {
    /// Release binaries, the template's own parameters, nobody told.
    #[must_use]
    pub fn new(workspace_root: impl Into<PathBuf>) -> Self {
        let workspace_root = workspace_root.into();
        Self {
            binaries: packages::target_folder(&workspace_root).join(packages::profile()),
            workspace_root,
            parameters: BTreeMap::new(),
            user_id: "demo-user".to_owned(),
            api_port: None,
            listener: Listener::silent(),
        }
    }
}

/// The template, deployed on this machine. It lives as long as this value, or until [`Stack::stop`].
#[derive(Debug)]
pub struct Stack {
    engine: Engine,
    client: LocalClient,
    issuer: Issuer,
    outputs: BTreeMap<String, String>,
    api_url: String,
    _issuer_pages: front::Serving,
    _api_door: front::Serving,
}

impl Stack {
    /// Starts the engine and deploys the template with the functions' binaries.
    ///
    /// # Errors
    /// A binary that is not built, a Python environment that cannot be made, a template that does not deploy: each
    /// error says what to do.
    pub async fn start(options: StackOptions) -> Result<Self, StackError> {
        let local_stack = packages::local_stack_folder(&options.workspace_root)?;
        let crate_folder = packages::crate_folder(&options.workspace_root);
        let listener = &options.listener;
        let (issuer_listener, issuer_url) = listen(None).await?;
        let issuer = Issuer::open(&local_stack, issuer_url)?;
        let (api_listener, api_url) = listen(options.api_port).await?;
        let sign_in = SignIn::new(issuer.clone(), &options.user_id, &api_url);
        let issuer_pages = front::serve(issuer_listener, issuer.pages().merge(sign_in.pages()));
        let client = http::client();
        let functions = packages::function_names(&options.workspace_root)?;
        let parameters = parameters(&options, &issuer);

        let environment = environment::prepare(&crate_folder, &local_stack);
        let interpreter = listener.step(Step::Environment, environment).await?;
        let deployment = Deployment {
            workspace_root: &options.workspace_root,
            crate_folder: &crate_folder,
            interpreter: &interpreter,
            functions: &functions,
            parameters: &parameters,
        };
        let start = async {
            let start = Engine::start(&interpreter, &crate_folder, &local_stack, &client);
            let engine = listener.step(Step::Engine, start).await?;
            let url = engine.url();
            let upload = deploy::upload_code(&client, &url, &options.binaries, &functions);
            listener.step(Step::Packages, upload).await?;
            Ok::<_, StackError>(engine)
        };
        let (engine, template) = tokio::try_join!(start, listener.step(Step::Translation, deployment.translate()))?;

        let cloud_formation = aws_sdk_cloudformation::Client::new(&sdk_config(&engine.url()));
        let url = engine.url();
        let create = deployment.create(template, &cloud_formation, &client, &url, engine.log());
        let mut outputs = listener.step(Step::Deployment, create).await?;
        let api_id = api_id(&outputs)?;
        outputs.insert("ApiUrl".to_owned(), api_url.clone());
        let door = front::forwarding(client.clone(), &api_id, engine.port());
        let api_door = front::serve(api_listener, door);
        Ok(Self { engine, client, issuer, outputs, api_url, _issuer_pages: issuer_pages, _api_door: api_door })
    }

    /// The stack's outputs, by name (contract, "Outputs"). `ApiUrl` is the address on this machine.
    #[must_use]
    pub fn outputs(&self) -> &BTreeMap<String, String> {
        &self.outputs
    }

    /// The base of the HTTP API, without a slash at its end.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// `AWS_ENDPOINT_URL` for every AWS client.
    #[must_use]
    pub fn endpoint_url(&self) -> String {
        self.engine.url()
    }

    /// What an AWS client in another process needs in its environment, to meet this stack and no other.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        let aws = [
            ("AWS_ENDPOINT_URL", self.endpoint_url()),
            ("AWS_ACCESS_KEY_ID", ACCOUNT_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ];
        aws.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// For AWS clients in this process.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        sdk_config(&self.endpoint_url())
    }

    /// A token that the HTTP API accepts for twelve hours: of the user `user_id`, or, with `algorithm_id`, of that
    /// algorithm.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn user_token(&self, user_id: &str, algorithm_id: Option<&str>, now: Timestamp) -> Result<String, StackError> {
        self.issuer.token(user_id, algorithm_id, now)
    }

    /// Invokes the function `name` (`session-refresh`) with `event`, and gives its answer. Saves waiting for a schedule.
    ///
    /// # Errors
    /// When the engine does not know the function, or does not answer.
    pub async fn invoke(&self, name: &str, event: &Value) -> Result<Value, StackError> {
        let path = format!("2015-03-31/functions/{}-{name}/invocations", deploy::STACK_NAME);
        self.ask("lambda", Method::POST, &path, event).await
    }

    /// Everything that the function `name` has logged, oldest first.
    ///
    /// # Errors
    /// When the engine does not know the function, or does not answer.
    pub async fn logs(&self, name: &str) -> Result<Vec<String>, StackError> {
        let group = format!("/aws/lambda/{}-{name}", deploy::STACK_NAME);
        let mut lines = Vec::new();
        let mut next_token = None;
        loop {
            let mut query = json!({"logGroupName": group});
            if let Some(token) = next_token {
                query["nextToken"] = Value::String(token);
            }
            let page = self.log_page(&query).await?;
            lines.extend(page.events.into_iter().map(|event| event.message));
            next_token = page.next_token;
            if next_token.is_none() {
                return Ok(lines);
            }
        }
    }

    /// The engine's own log. It is gone with the stack.
    #[must_use]
    pub fn engine_log(&self) -> PathBuf {
        self.engine.log()
    }

    /// Ends everything, and waits until it has ended. Dropping the stack, or the end of this process in whatever way,
    /// ends everything too, without the wait.
    pub async fn stop(mut self) {
        self.engine.stop().await;
    }

    /// Asks the engine for what no client here has; the JSON of its 2xx answer, null where it is none.
    pub(crate) async fn ask(
        &self,
        service: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, StackError> {
        let uri = format!("{}/{path}", self.endpoint_url());
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        // The engine tells some services apart by the scope of a signature alone, and does not check the signature.
        let scope = format!("AWS4-HMAC-SHA256 Credential={ACCOUNT_ID}/20261125/{REGION}/{service}/aws4_request");
        let request = Request::builder().method(method).uri(uri).header(AUTHORIZATION, scope).body(body);
        let answer = demand(&self.client, request.map_err(|error| unasked(path, &error))?).await?;
        Ok(serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }

    async fn log_page(&self, query: &Value) -> Result<LogPage, StackError> {
        let request = Request::post(self.endpoint_url())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "Logs_20140328.FilterLogEvents")
            .body(Body::from(query.to_string()));
        let answer = demand(&self.client, request.map_err(|error| unasked("FilterLogEvents", &error))?).await?;
        serde_json::from_slice(&answer).map_err(|error| unasked("FilterLogEvents", &error))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogPage {
    events: Vec<LogEvent>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct LogEvent {
    message: String,
}

async fn listen(port: Option<u16>) -> Result<(TcpListener, String), StackError> {
    let address = format!("127.0.0.1:{}", port.unwrap_or(0));
    let failed = |source| StackError::Port { port: port.unwrap_or(0), source };
    let listener = TcpListener::bind(&address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, format!("http://{bound}")))
}

fn parameters(options: &StackOptions, issuer: &Issuer) -> BTreeMap<String, String> {
    let mut parameters = options.parameters.clone();
    parameters.entry("JwtIssuer".to_owned()).or_insert_with(|| issuer.url().to_owned());
    parameters.entry("JwtAudience".to_owned()).or_insert_with(|| AUDIENCE.to_owned());
    parameters.entry("ConsoleClientId".to_owned()).or_insert_with(|| AUDIENCE.to_owned());
    // A broker on this machine knows no daily reset.
    parameters.entry("BrokerRegion".to_owned()).or_insert_with(|| "none".to_owned());
    parameters
}

/// The first label of the host that the template gives as `ApiUrl`.
fn api_id(outputs: &BTreeMap<String, String>) -> Result<String, StackError> {
    let url = outputs.get("ApiUrl").map(String::as_str).unwrap_or_default();
    let id = url.strip_prefix("https://").and_then(|rest| rest.split_once('.')).map(|(id, _)| id.to_owned());
    id.ok_or_else(|| StackError::Engine { request: "the output ApiUrl".to_owned(), answer: url.to_owned() })
}

fn sdk_config(endpoint_url: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCOUNT_ID, "local", None, None, "local stack");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint_url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

fn unasked(request: &str, error: &dyn std::error::Error) -> StackError {
    StackError::Engine { request: request.to_owned(), answer: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = listen(Some(port)).await.unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} of 127.0.0.1")) && error.contains("--port"), "{error}");
        assert!(listen(None).await.is_ok());
    }
}
