//! The engine's event sources, for whoever wants to be the Lambda service itself: what reads which queue, as deployed, and
//! the means to turn all of it off.

use std::collections::BTreeMap;

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Stack, StackError, deploy::STACK_NAME};

const LAMBDA: &str = "lambda";
const SCHEDULER: &str = "scheduler";

/// A queue that starts a function, as the template says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSource {
    /// The function's folder (`order-submit`).
    pub function: String,
    /// The queue.
    pub queue_arn: String,
    /// Messages of one invocation at most.
    pub batch_size: u32,
    /// Invocations at the same time at most, where the template says it.
    pub concurrency_max: Option<u32>,
}

impl Stack {
    /// Turns every event source of the engine off, queues, streams and schedules alike, so that no function is started but by
    /// the HTTP API and by hand. Gives the queues that started a function until now.
    ///
    /// # Errors
    /// When the engine does not do it.
    pub async fn turn_event_sources_off(&self) -> Result<Vec<QueueSource>, StackError> {
        let schedules: Schedules =
            read("ListSchedules", self.ask(SCHEDULER, Method::GET, "schedules", &Value::Null).await?)?;
        for schedule in schedules.schedules {
            let path = format!("schedules/{}?groupName={}", schedule.name, schedule.group_name);
            self.ask(SCHEDULER, Method::DELETE, &path, &Value::Null).await?;
        }
        let mappings = "2015-03-31/event-source-mappings";
        let listed: Mappings =
            read("ListEventSourceMappings", self.ask(LAMBDA, Method::GET, mappings, &Value::Null).await?)?;
        for mapping in &listed.event_source_mappings {
            self.ask(LAMBDA, Method::PUT, &format!("{mappings}/{}", mapping.uuid), &json!({"Enabled": false})).await?;
        }
        let queues = listed.event_source_mappings.into_iter().filter(|mapping| mapping.source.contains(":sqs:"));
        Ok(queues.map(Mapping::into_source).collect())
    }

    /// What the template sets in the environment of the function `name`.
    ///
    /// # Errors
    /// When the engine does not know the function.
    pub async fn function_environment(&self, name: &str) -> Result<BTreeMap<String, String>, StackError> {
        let path = format!("2015-03-31/functions/{STACK_NAME}-{name}/configuration");
        let answer = self.ask(LAMBDA, Method::GET, &path, &Value::Null).await?;
        let configuration: Configuration = read("GetFunctionConfiguration", answer)?;
        Ok(configuration.environment.variables)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Schedules {
    schedules: Vec<Schedule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Schedule {
    name: String,
    group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mappings {
    event_source_mappings: Vec<Mapping>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mapping {
    #[serde(rename = "UUID")]
    uuid: String,
    #[serde(rename = "EventSourceArn")]
    source: String,
    function_arn: String,
    batch_size: u32,
    scaling_config: Option<ScalingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScalingConfig {
    /// A number, or what a template's parameter is: a text.
    maximum_concurrency: Option<Value>,
}

impl ScalingConfig {
    fn concurrency_max(&self) -> Option<u32> {
        let text = self.maximum_concurrency.as_ref()?.to_string();
        text.trim_matches('"').parse().ok()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    environment: Environment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: BTreeMap<String, String>,
}

impl Mapping {
    fn into_source(self) -> QueueSource {
        let name = self.function_arn.rsplit(':').next().unwrap_or_default();
        let prefix = format!("{STACK_NAME}-");
        QueueSource {
            function: name.strip_prefix(&prefix).unwrap_or(name).to_owned(),
            queue_arn: self.source,
            batch_size: self.batch_size,
            concurrency_max: self.scaling_config.and_then(|scaling| scaling.concurrency_max()),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(request: &str, answer: Value) -> Result<T, StackError> {
    serde_json::from_value(answer)
        .map_err(|error| StackError::Engine { request: request.to_owned(), answer: error.to_string() })
}
