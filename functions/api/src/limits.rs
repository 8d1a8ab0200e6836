//! The user's own limits, and limits as a body holds them, read with every fault named.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use domain::{DUPLICATE_WINDOW_SECONDS_MAX, FieldFault, Limits};
use platform::Problem;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::answers::{Forbidden, Refused, TooLarge, answer};
use crate::body::{Json, read_fields};
use crate::callers::User;
use crate::words::DECIMAL;
use crate::{Api, store_failed};

/// Contracts that one list allows: far more than an algorithm trades, and small enough for a row.
const ALLOWED_CONIDS_MAX: usize = 1_000;

answer! {
    /// The limits
    InForce: OK, Limits
}

/// Limits as a body holds them, before each is looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct PutLimits(Map<String, Value>);

impl PartialSchema for PutLimits {
    fn schema() -> RefOr<Schema> {
        Limits::schema()
    }
}

impl ToSchema for PutLimits {
    fn name() -> Cow<'static, str> {
        Limits::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Limits::schemas(schemas);
    }
}

/// The user's own limits
#[utoipa::path(get, path = "/limits", tag = "rules")]
pub(crate) async fn get_limits(
    State(api): State<Arc<Api>>,
    User(user_id): User,
) -> Result<InForce, Refused<(Forbidden,)>> {
    let limits = api.intake.rules.limits(&user_id).await.map_err(|error| store_failed(&error))?;
    Ok(InForce::of(&limits.unwrap_or_default()))
}

/// Set the user's own limits: on every order of any algorithm, from the next one on
#[utoipa::path(put, path = "/limits", tag = "rules")]
pub(crate) async fn put_limits(
    State(api): State<Arc<Api>>,
    User(user_id): User,
    Json(PutLimits(said)): Json<PutLimits>,
) -> Result<InForce, Refused<(Forbidden, TooLarge)>> {
    let limits = read_limits("", &said)?;
    api.intake.rules.put_limits(&user_id, &limits).await.map_err(|error| store_failed(&error))?;
    Ok(InForce::of(&limits))
}

/// Takes limits in. `path` is where they stand in the body: empty, or with a point behind it.
pub(crate) fn read_limits(path: &str, fields: &Map<String, Value>) -> Result<Limits, Problem> {
    let faults: Vec<FieldFault> = fields.iter().filter_map(|(name, value)| fault_of(path, name, value)).collect();
    if !faults.is_empty() {
        return Err(Problem::bad_fields(faults));
    }
    read_fields(Value::Object(fields.clone()), DECIMAL).map_err(|fault| Problem::bad_fields(vec![fault]))
}

/// What is wrong with one limit by itself.
fn fault_of(path: &str, name: &str, value: &Value) -> Option<FieldFault> {
    // A program that lost its figure must not lift the limit.
    if value.is_null() {
        let message = "must not be null: leave out what is not to be limited".to_owned();
        return Some(FieldFault { field: format!("{path}{name}"), message });
    }
    let alone = Map::from_iter([(name.to_owned(), value.clone())]);
    let message = match read_fields::<Limits>(Value::Object(alone), DECIMAL) {
        Ok(limits) => {
            if limits
                .duplicate_window_seconds
                .is_some_and(|seconds| !(1..=DUPLICATE_WINDOW_SECONDS_MAX).contains(&seconds))
            {
                let message = format!("must be from 1 to {DUPLICATE_WINDOW_SECONDS_MAX}");
                return Some(FieldFault { field: format!("{path}{name}"), message });
            }
            let contracts = limits.allowed_conids.map_or(0, |conids| conids.len());
            (contracts > ALLOWED_CONIDS_MAX).then(|| format!("must list at most {ALLOWED_CONIDS_MAX} contracts"))?
        }
        Err(FieldFault { field, message }) => {
            // One of a list is named by its number too.
            let field = if field.starts_with(name) { field } else { name.to_owned() };
            return Some(FieldFault { field: format!("{path}{field}"), message });
        }
    };
    Some(FieldFault { field: format!("{path}{name}"), message })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::read_limits;

    fn faults(body: &Value) -> Vec<String> {
        let problem = read_limits("limits.", body.as_object().unwrap()).unwrap_err();
        problem.errors.into_iter().map(|fault| format!("{} {}", fault.field, fault.message)).collect()
    }

    #[test]
    fn every_bad_limit_is_named_with_what_is_wrong() {
        let body = json!({"max_order_notional": "-1", "max_daily_orders": -1, "max_weekly_orders": 1, "max_open_orders": 3,
            "max_order_quantity": 10, "price_collar_percent": null, "allowed_conids": (1..=1_001).collect::<Vec<_>>(),
            "duplicate_window_seconds": "3"});
        let faults = faults(&body);
        assert_eq!(faults.len(), 7, "{faults:?}");
        for (name, what) in [
            ("limits.max_order_notional", "positive decimal string"),
            ("limits.max_daily_orders", "must be a whole number from 0 to 4294967295, not -1"),
            ("limits.max_weekly_orders", "is not a field of this object; its fields are max_order_quantity, "),
            ("limits.max_order_quantity", "must be a decimal in a text, as \"5\", not a number"),
            ("limits.duplicate_window_seconds", "must be a whole number, not a text"),
            ("limits.price_collar_percent", "null"),
            ("limits.allowed_conids", "at most 1000"),
        ] {
            assert!(faults.iter().any(|fault| fault.starts_with(name) && fault.contains(what)), "{name}: {faults:?}");
        }
    }

    #[test]
    fn a_bad_contract_of_the_list_is_named_by_its_number() {
        let faults = faults(&json!({"allowed_conids": [265_598, "AAPL"]}));
        assert_eq!(faults, ["limits.allowed_conids[1] must be a whole number, not a text"]);
    }

    #[test]
    fn all_limits_together_are_taken_and_none_is_none() {
        let body = json!({"max_order_quantity": "1", "max_order_notional": "2", "max_daily_notional": "3.5",
            "max_daily_orders": 4, "max_open_orders": 0, "allowed_conids": [265_598], "price_collar_percent": "2.5"});
        assert_eq!(json!(read_limits("", body.as_object().unwrap()).unwrap()), body);
        assert_eq!(json!(read_limits("", json!({}).as_object().unwrap()).unwrap()), json!({}));
    }
}
