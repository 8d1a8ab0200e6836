//! A rule as it was read, and the check in a transaction that it is still the one.

use aws_sdk_dynamodb::types::builders::ConditionCheckBuilder;

use crate::database::{WRITE_ID, text};

/// A rule as it was read. What is decided by it counts only if it still stands when that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing<R> {
    /// The rule; `None` where none is set.
    pub rule: Option<R>,
    /// The write that made it what it is; rows of earlier versions have none.
    write_id: Option<String>,
}

impl<R> Standing<R> {
    pub(crate) fn new(rule: Option<R>, write_id: Option<String>) -> Self {
        Self { rule, write_id }
    }

    /// The check of the rule's row: that it still stands, and whatever else `also` says.
    pub(crate) fn check(&self, check: ConditionCheckBuilder, also: &str) -> ConditionCheckBuilder {
        let and = |own: &str| if also.is_empty() { own.to_owned() } else { format!("{also} AND {own}") };
        match (&self.rule, &self.write_id) {
            (None, _) => check
                .condition_expression(and("attribute_not_exists(#rule)"))
                .expression_attribute_names("#rule", crate::rules::RULE),
            (Some(_), Some(write_id)) => check
                .condition_expression(and("#write = :write"))
                .expression_attribute_names("#write", WRITE_ID)
                .expression_attribute_values(":write", text(write_id)),
            (Some(_), None) => check
                .condition_expression(and("attribute_exists(#rule) AND attribute_not_exists(#write)"))
                .expression_attribute_names("#rule", crate::rules::RULE)
                .expression_attribute_names("#write", WRITE_ID),
        }
    }
}
