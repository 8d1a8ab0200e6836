//! When an invocation must have ended.

use jiff::Timestamp;
use lambda_runtime::Context;

/// The deadline that Lambda gave this invocation.
#[must_use]
pub fn deadline(context: &Context) -> Timestamp {
    let milliseconds = i64::try_from(context.deadline).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
}
