//! Where the stack's tables are: each from the environment, else from the stack's outputs (contract: Outputs).

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::SdkConfig;
use platform::SystemEntropy;
use platform::environment::optional;
use store::{Database, Orders, Rules};

use crate::error::CourierError;

/// A deployed stack, as the operator's command sees it.
#[derive(Debug)]
pub(crate) struct Resources {
    sdk: SdkConfig,
    stack: String,
}

impl Resources {
    /// The stack of this name, in the region and with the credentials of the environment.
    pub(crate) async fn of_stack(stack: &str) -> Self {
        Self { sdk: platform::aws::configuration().await, stack: stack.to_owned() }
    }

    /// The table of algorithms, grants, limits and halts.
    pub(crate) async fn rules(&self) -> Result<Rules, CourierError> {
        Ok(Rules::new(&database(&self.sdk), self.output("RulesTable").await?))
    }

    /// The table of orders and refusals.
    pub(crate) async fn orders(&self) -> Result<Orders, CourierError> {
        Ok(Orders::new(&database(&self.sdk), self.output("OrdersTable").await?))
    }

    async fn output(&self, name: &'static str) -> Result<String, CourierError> {
        let variable = variable_of(name);
        if let Some(value) = optional(&variable) {
            return Ok(value);
        }
        let missing = CourierError::NoOutput { stack: self.stack.clone(), output: name, variable };
        self.outputs().await?.remove(name).ok_or(missing)
    }

    async fn outputs(&self) -> Result<BTreeMap<String, String>, CourierError> {
        let client = aws_sdk_cloudformation::Client::new(&self.sdk);
        let answer =
            client.describe_stacks().stack_name(&self.stack).send().await.map_err(|error| {
                CourierError::aws(format!("reading the outputs of the stack {:?}", self.stack), error)
            })?;
        let outputs = answer.stacks.unwrap_or_default().into_iter().flat_map(|stack| stack.outputs.unwrap_or_default());
        Ok(outputs.filter_map(|output| Some((output.output_key?, output.output_value?))).collect())
    }
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
