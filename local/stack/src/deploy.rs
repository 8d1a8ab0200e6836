//! Deploys infra/template.yaml to the engine: translate, upload, create, wait.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_sdk_cloudformation::{
    Client,
    types::{Capability, Parameter, ResourceStatus, Stack, StackStatus},
};
use axum::{body::Body, http::Request};
use serde_json::json;
use tokio::{process::Command, time::sleep};

use crate::{
    StackError,
    http::{LocalClient, demand},
    packages, program,
};

/// The stack's name on the engine; names of functions, schedules and log groups begin with it.
pub(crate) const STACK_NAME: &str = "courier";
/// The engine's bucket for code and template.
const BUCKET: &str = "courier-deployment";
const DEPLOY_POLL: Duration = Duration::from_millis(50);
/// At 50 ms each: two minutes.
const DEPLOY_POLLS_MAX: usize = 2_400;

/// Where a template goes to, and whence.
#[derive(Debug)]
pub(crate) struct Deployment<'a> {
    pub(crate) workspace_root: &'a Path,
    pub(crate) crate_folder: &'a Path,
    pub(crate) interpreter: &'a Path,
    pub(crate) functions: &'a [String],
    pub(crate) parameters: &'a BTreeMap<String, String>,
}

impl Deployment<'_> {
    /// The template as plain CloudFormation, in JSON.
    pub(crate) async fn translate(&self) -> Result<Vec<u8>, StackError> {
        let code: BTreeMap<_, _> =
            self.functions.iter().map(|name| (name, format!("s3://{BUCKET}/{name}.zip"))).collect();
        let template = self.workspace_root.join("infra").join("template.yaml");
        let request = json!({"template": template, "parameters": self.parameters, "code": code});
        let mut command = Command::new(self.interpreter);
        command.arg(self.crate_folder.join("translate.py"));
        program::run_with("translating infra/template.yaml", command, request.to_string().as_bytes()).await
    }

    /// Creates the stack from `template`, waits for it, and gives its outputs.
    pub(crate) async fn create(
        &self,
        template: Vec<u8>,
        client: &Client,
        local: &LocalClient,
        engine_url: &str,
        log: PathBuf,
    ) -> Result<BTreeMap<String, String>, StackError> {
        put(local, engine_url, "template.json", template).await?;
        let request = client
            .create_stack()
            .stack_name(STACK_NAME)
            .template_url(format!("{engine_url}/{BUCKET}/template.json"))
            .capabilities(Capability::CapabilityIam)
            .set_parameters(Some(self.parameters.iter().map(|(name, value)| parameter(name, value)).collect()));
        request.send().await.map_err(|error| asked("CreateStack", error))?;
        let stack = settled(client).await?;
        if stack.stack_status() == Some(&StackStatus::CreateComplete) {
            return Ok(outputs(&stack));
        }
        Err(StackError::Deployment { reasons: reasons(client).await?, log })
    }
}

/// Zips the functions' binaries and puts them where the template says.
pub(crate) async fn upload_code(
    local: &LocalClient,
    engine_url: &str,
    binaries: &Path,
    functions: &[String],
) -> Result<(), StackError> {
    let bucket = Request::put(format!("{engine_url}/{BUCKET}")).body(Body::empty());
    demand(local, bucket.map_err(|error| asked("CreateBucket", error))?).await?;
    for name in functions {
        put(local, engine_url, &format!("{name}.zip"), packages::package(&binaries.join(name))?).await?;
    }
    Ok(())
}

async fn put(local: &LocalClient, engine_url: &str, key: &str, bytes: Vec<u8>) -> Result<(), StackError> {
    let request = Request::put(format!("{engine_url}/{BUCKET}/{key}")).body(Body::from(bytes));
    demand(local, request.map_err(|error| asked("PutObject", error))?).await.map(drop)
}

async fn settled(client: &Client) -> Result<Stack, StackError> {
    for _ in 0..DEPLOY_POLLS_MAX {
        let answer = client.describe_stacks().stack_name(STACK_NAME).send().await;
        let stack = answer.map_err(|error| asked("DescribeStacks", error))?.stacks.and_then(|mut stacks| stacks.pop());
        if let Some(stack) = stack
            && !stack.stack_status().is_some_and(|status| status.as_str().ends_with("IN_PROGRESS"))
        {
            return Ok(stack);
        }
        sleep(DEPLOY_POLL).await;
    }
    Err(StackError::Engine { request: "CreateStack".to_owned(), answer: "still in progress".to_owned() })
}

async fn reasons(client: &Client) -> Result<String, StackError> {
    let answer = client.describe_stack_events().stack_name(STACK_NAME).send().await;
    let events = answer.map_err(|error| asked("DescribeStackEvents", error))?.stack_events.unwrap_or_default();
    let failed = events.iter().filter(|event| event.resource_status() == Some(&ResourceStatus::CreateFailed));
    let reasons: Vec<String> = failed
        .map(|event| {
            let name = event.logical_resource_id().unwrap_or_default();
            format!("{name}: {}", event.resource_status_reason().unwrap_or("no reason given"))
        })
        .collect();
    Ok(reasons.join("; "))
}

fn outputs(stack: &Stack) -> BTreeMap<String, String> {
    let named = stack.outputs().iter().filter_map(|output| Some((output.output_key()?, output.output_value()?)));
    named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn parameter(name: &str, value: &str) -> Parameter {
    Parameter::builder().parameter_key(name).parameter_value(value).build()
}

fn asked(request: &str, error: impl std::error::Error) -> StackError {
    let mut answer = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        answer = format!("{answer}: {error}");
        cause = error.source();
    }
    StackError::Engine { request: request.to_owned(), answer }
}
