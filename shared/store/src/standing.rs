//! A rule as it was read, and the check that it is still the one: in a transaction, or in the write of what follows it.

use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use aws_sdk_dynamodb::types::builders::ConditionCheckBuilder;

use crate::database::{WRITE_ID, text};
use crate::rules::RULE;

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
    pub(crate) fn check(&self, mut check: ConditionCheckBuilder, also: &str) -> ConditionCheckBuilder {
        let Condition { stands, names, write_id } = self.condition();
        for (name, attribute) in names {
            check = check.expression_attribute_names(*name, *attribute);
        }
        if let Some(write_id) = write_id {
            check = check.expression_attribute_values(":write", text(write_id));
        }
        check.condition_expression(if also.is_empty() { stands.to_owned() } else { format!("{also} AND {stands}") })
    }

    /// The put of what follows the rule, over the rule that was read and over nothing else.
    pub(crate) fn put_over(&self, mut put: PutItemFluentBuilder) -> PutItemFluentBuilder {
        let Condition { stands, names, write_id } = self.condition();
        for (name, attribute) in names {
            put = put.expression_attribute_names(*name, *attribute);
        }
        if let Some(write_id) = write_id {
            put = put.expression_attribute_values(":write", text(write_id));
        }
        put.condition_expression(stands)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    fn condition(&self) -> Condition<'_> {
        let (stands, names): (_, &[_]) = match (&self.rule, &self.write_id) {
            (None, _) => ("attribute_not_exists(#rule)", &[("#rule", RULE)]),
            (Some(_), Some(_)) => ("#write = :write", &[("#write", WRITE_ID)]),
            (Some(_), None) => {
                ("attribute_exists(#rule) AND attribute_not_exists(#write)", &[("#rule", RULE), ("#write", WRITE_ID)])
            }
        };
        Condition { stands, names, write_id: self.write_id.as_deref().filter(|_| self.rule.is_some()) }
    }
}

/// That a rule still stands, as DynamoDB reads it.
struct Condition<'s> {
    stands: &'static str,
    names: &'static [(&'static str, &'static str)],
    /// The value of `:write`, where the condition has it.
    write_id: Option<&'s str>,
}
