//! Numbers on the wire: the broker reads numbers and texts alike, and writes both.

use rust_decimal::Decimal;
use serde_json::{Value, json};

/// A JSON number, digit by digit the decimal's.
pub(crate) fn number(decimal: Decimal) -> Value {
    serde_json::from_str(&decimal.normalize().to_string()).unwrap_or_default()
}

/// A number, or its text.
pub(crate) fn number_or_text(decimal: Decimal, as_text: bool) -> Value {
    if as_text { json!(decimal.normalize().to_string()) } else { number(decimal) }
}

/// Reads a number or a text of one.
pub(crate) fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => {
            number.to_string().parse().ok().or_else(|| Decimal::from_scientific(&number.to_string()).ok())
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
