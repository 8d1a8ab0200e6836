//! Where the stack's tables are: each from the environment, else from the stack's outputs (contract: Outputs).

use std::collections::BTreeMap;
use std::sync::Arc;

use access::Tokens;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_cloudformation::types::Stack;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use broker::{Api, BrokerAddress, HttpTransport, QuerySigning};
use domain::{AccountSharing, Secret};
use platform::environment::optional;
use platform::{SystemClock, SystemEntropy};
use store::{Connections, Database, DeadLetters, Lanes, Orders, Rules, Sealer, SealingSecret, TrackQueue};
use url::Url;

use crate::arguments::StackName;
use crate::error::CourierError;

/// The stack's name where the command names none (samconfig.toml).
const STACK: &str = "courier";

/// A deployed stack, as the operator's command sees it.
#[derive(Debug)]
pub(crate) struct Resources {
    sdk: SdkConfig,
    stack: String,
    /// Whether the command names it.
    is_named: bool,
}

impl Resources {
    /// The stack of this name, in the region and with the credentials of the environment.
    pub(crate) async fn of_stack(stack: &StackName) -> Self {
        let named = stack.named.clone();
        let is_named = named.is_some();
        Self { sdk: configuration().await, stack: named.unwrap_or_else(|| STACK.to_owned()), is_named }
    }

    /// What the environment says; never where the command names a stack, which may be another one.
    fn of_environment(&self, variable: &str) -> Result<Option<String>, CourierError> {
        let value = optional(variable);
        if value.is_some() && self.is_named {
            return Err(CourierError::StackBeside { stack: self.stack.clone(), variable: variable.to_owned() });
        }
        Ok(value)
    }

    /// The table of algorithms, grants, limits and halts.
    pub(crate) async fn rules(&self) -> Result<Rules, CourierError> {
        Ok(Rules::new(&database(&self.sdk), self.output("RulesTable").await?))
    }

    /// The table of orders and refusals.
    pub(crate) async fn orders(&self) -> Result<Orders, CourierError> {
        Ok(Orders::new(&database(&self.sdk), self.output("OrdersTable").await?))
    }

    /// The table of user locks.
    pub(crate) async fn lanes(&self) -> Result<Lanes, CourierError> {
        Ok(Lanes::new(&database(&self.sdk), self.output("LanesTable").await?))
    }

    /// The table of connections.
    pub(crate) async fn connections(&self) -> Result<Connections, CourierError> {
        Ok(Connections::new(&database(&self.sdk), self.output("ConnectionsTable").await?))
    }

    /// The queue by which users' orders are looked at.
    pub(crate) async fn track_queue(&self) -> Result<TrackQueue, CourierError> {
        Ok(TrackQueue::new(aws_sdk_sqs::Client::new(&self.sdk), self.output("TrackQueueUrl").await?))
    }

    /// The dead letters of the queue of orders.
    pub(crate) async fn dead_letters(&self) -> Result<DeadLetters, CourierError> {
        Ok(DeadLetters::new(aws_sdk_sqs::Client::new(&self.sdk), self.output("OrderDeadLetterQueueUrl").await?))
    }

    /// What seals and opens the users' tokens. The operator's own role must be allowed to read the sealing key.
    pub(crate) async fn tokens(&self) -> Result<Tokens, CourierError> {
        tokens_of(&self.sealing_secret().await?)
    }

    /// The secret that the sealing keys are derived from.
    pub(crate) async fn sealing_secret(&self) -> Result<SealingSecret, CourierError> {
        let arn = self.output("SealingKeySecretArn").await?;
        let client = aws_sdk_secretsmanager::Client::new(&self.sdk);
        let answer = client.get_secret_value().secret_id(&arn).send().await;
        let answer = answer.map_err(|error| CourierError::aws(format!("reading the sealing key {arn}"), error))?;
        let failed = CourierError::machine("reading the sealing key");
        SealingSecret::parse(Secret::new(answer.secret_string.unwrap_or_default()))
            .map_err(|error| failed(error.into()))
    }

    /// Replaces that secret.
    pub(crate) async fn put_sealing_secret(&self, secret: &SealingSecret) -> Result<(), CourierError> {
        let arn = self.output("SealingKeySecretArn").await?;
        let client = aws_sdk_secretsmanager::Client::new(&self.sdk);
        let put = client.put_secret_value().secret_id(&arn).secret_string(secret.text().expose());
        put.send().await.map_err(|error| CourierError::aws(format!("writing the sealing key {arn}"), error))?;
        Ok(())
    }

    /// The broker.
    pub(crate) async fn api(&self) -> Result<Api, CourierError> {
        let value = self.broker_api_url().await?;
        let invalid = |error: url::ParseError| CourierError::Setting {
            name: "BrokerApiUrl",
            value: value.clone(),
            problem: error.to_string(),
        };
        let api = Url::parse(&value).map_err(invalid)?;
        let address = BrokerAddress { authorize: api.clone(), api, query_signing: QuerySigning::default() };
        let failed = CourierError::machine("making the client of the broker");
        let transport = HttpTransport::new().map_err(|error| failed(error.into()))?;
        Ok(Api::new(address, Arc::new(transport), Arc::new(SystemClock), Arc::new(SystemEntropy)))
    }

    /// The base of every call to the broker: `COURIER_BROKER_API_URL`, else the stack's parameter.
    pub(crate) async fn broker_api_url(&self) -> Result<String, CourierError> {
        const PARAMETER: &str = "BrokerApiUrl";
        let (stack, variable) = (self.stack.clone(), variable_of(PARAMETER));
        let missing = CourierError::NoOutput { stack, output: PARAMETER, variable };
        self.parameter(PARAMETER).await?.ok_or(missing)
    }

    /// Whether usernames of several users may reach one account: `COURIER_SHARED_ACCOUNTS`, else the stack's parameter.
    pub(crate) async fn account_sharing(&self) -> Result<AccountSharing, CourierError> {
        let shared = self.parameter("SharedAccounts").await?;
        Ok(if shared.as_deref() == Some("yes") { AccountSharing::Allowed } else { AccountSharing::Refused })
    }

    /// One of the stack's parameters; `None` for a stack that was deployed before there was such a one.
    async fn parameter(&self, name: &str) -> Result<Option<String>, CourierError> {
        if let Some(value) = self.of_environment(&variable_of(name))? {
            return Ok(Some(value));
        }
        let parameters = self.description().await?.parameters.unwrap_or_default();
        let named = parameters.into_iter().find(|parameter| parameter.parameter_key() == Some(name));
        Ok(named.and_then(|parameter| parameter.parameter_value))
    }

    /// The client of Secrets Manager.
    pub(crate) fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.sdk)
    }

    /// One of the stack's outputs.
    pub(crate) async fn output(&self, name: &'static str) -> Result<String, CourierError> {
        let variable = variable_of(name);
        if let Some(value) = self.of_environment(&variable)? {
            return Ok(value);
        }
        let missing = CourierError::NoOutput { stack: self.stack.clone(), output: name, variable };
        self.outputs().await?.remove(name).ok_or(missing)
    }

    async fn outputs(&self) -> Result<BTreeMap<String, String>, CourierError> {
        let outputs = self.description().await?.outputs.unwrap_or_default().into_iter();
        Ok(outputs.filter_map(|output| Some((output.output_key?, output.output_value?))).collect())
    }

    async fn description(&self) -> Result<Stack, CourierError> {
        let client = aws_sdk_cloudformation::Client::new(&self.sdk);
        let doing = || format!("reading the outputs of the stack {:?}", self.stack);
        let answer = client.describe_stacks().stack_name(&self.stack).send().await;
        let stacks = answer.map_err(|error| CourierError::aws(doing(), error))?.stacks.unwrap_or_default();
        stacks.into_iter().next().ok_or_else(|| CourierError::NoStack(self.stack.clone()))
    }
}

/// What seals and opens with the keys of this secret.
pub(crate) fn tokens_of(secret: &SealingSecret) -> Result<Tokens, CourierError> {
    let failed = CourierError::machine("deriving the sealing key");
    let sealer = Sealer::new(&secret.keys).map_err(|error| failed(error.into()))?;
    Ok(Tokens::new(Arc::new(sealer), Arc::new(SystemEntropy)))
}

/// The tables' client.
pub(crate) fn database(sdk: &SdkConfig) -> Database {
    Database::new(aws_sdk_dynamodb::Client::new(sdk), Arc::new(SystemEntropy))
}

/// `OrdersTable` is `COURIER_ORDERS_TABLE`.
pub(crate) fn variable_of(output: &str) -> String {
    let mut variable = "COURIER".to_owned();
    for letter in output.chars() {
        if letter.is_ascii_uppercase() {
            variable.push('_');
        }
        variable.push(letter.to_ascii_uppercase());
    }
    variable
}

/// The operator's own: from the environment, the profiles and the other sources that AWS's tools read.
async fn configuration() -> SdkConfig {
    let http_client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let defaults = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client);
    defaults.timeout_config(platform::aws_timeouts()).load().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_a_variable_in_upper_snake_case() {
        for (output, variable) in [
            ("OrdersTable", "COURIER_ORDERS_TABLE"),
            ("ApiUrl", "COURIER_API_URL"),
            ("OrderDeadLetterQueueUrl", "COURIER_ORDER_DEAD_LETTER_QUEUE_URL"),
        ] {
            assert_eq!(variable_of(output), variable);
        }
    }
}
