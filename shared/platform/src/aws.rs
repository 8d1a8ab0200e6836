//! The AWS clients: one configuration and one connection pool for all of them.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::aws_http::http_client;
use crate::environment::optional;
use crate::parts::CannotStart;

/// How long one try of a call to AWS may take. DynamoDB answers in milliseconds; a slow try is better repeated.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call to AWS may take with all its tries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The configuration of a function: region, credentials and `AWS_ENDPOINT_URL` from the environment that Lambda sets. No
/// file is looked for, and no other source asked: a function has none.
pub(crate) fn configuration() -> Result<SdkConfig, CannotStart> {
    let region = optional("AWS_REGION").or_else(|| optional("AWS_DEFAULT_REGION")).map(Region::new);
    let mut configuration = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(http_client().map_err(|error| CannotStart::Transport(error.to_string()))?)
        .timeout_config(timeouts());
    configuration.set_endpoint_url(optional("AWS_ENDPOINT_URL"));
    Ok(configuration.build())
}

/// How long a call to AWS may take.
#[must_use]
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT).build()
}
