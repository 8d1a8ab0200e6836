//! What must hold for an intent, as parts of its transaction; and what it means when one does not.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::{Grant, KillSwitch, Order};

use super::{GrantLack, HaltInForce, IntentGuards, IntentRefused};
use crate::alike::{self, Window};
use crate::database::{Attributes, number, text, text_of};
use crate::error::StoreError;
use crate::lanes::LaneLease;
use crate::rules::{HaltScope, RULE, Rules, UNREGISTERED};
use crate::standing::Standing;
use crate::transaction::built;

/// The word for a rule that lets only orders pass that reduce a position, as it stands in the rows.
const REDUCING: &str = "reducing";

/// A part of the transaction, and what its failure means.
pub(super) struct Guard {
    pub(super) part: TransactWriteItem,
    pub(super) refusal: Refusal,
}

/// What the failure of a part means.
pub(super) enum Refusal {
    Conflict,
    LaneLost,
    Halted(HaltScope),
    /// That the grant is not in force for the account, or was changed: its row tells.
    Grant {
        /// Whether one that lets only reducing orders pass would have done.
        reducing: bool,
    },
    LimitsChanged,
    /// That it looks like another order: the row names it.
    Alike(Window),
}

/// All that is looked at, and the rows of what the order looks like.
pub(super) fn checks(order: &Order, lease: &LaneLease, guards: IntentGuards<'_>) -> Result<Vec<Guard>, StoreError> {
    let mut checks = vec![Guard { part: lane_check(lease)?, refusal: Refusal::LaneLost }];
    let (rules, claim) = match guards {
        IntentGuards::LaneOnly => return Ok(checks),
        IntentGuards::HaltsAndGrant(rules) => (rules, None),
        IntentGuards::WithinLimits(rules, claim) => (rules, Some(claim)),
    };
    // What answers a question of the broker reduces as its ticket did.
    let reducing = claim.map_or(order.reserved.as_ref().is_some_and(|held| held.reducing), |claim| claim.reducing);
    checks.extend(halt_checks(rules, order, reducing)?);
    checks.extend(grant_check(rules, order, claim.and_then(|claim| claim.grant.as_ref()), reducing)?);
    if let Some(claim) = claim {
        let check =
            ConditionCheck::builder().table_name(rules.table()).set_key(Some(Rules::limits_key(&order.key.user_id)));
        let check = claim.own.check(check, "").build();
        let part = TransactWriteItem::builder().condition_check(built(rules.table(), check)?).build();
        checks.push(Guard { part, refusal: Refusal::LimitsChanged });
        let alike = alike::parts(order, lease, claim)?.into_iter();
        checks.extend(alike.map(|(part, window)| Guard { part, refusal: Refusal::Alike(window) }));
    }
    Ok(checks)
}

fn lane_check(lease: &LaneLease) -> Result<TransactWriteItem, StoreError> {
    let check = ConditionCheck::builder()
        .table_name(lease.table())
        .key("lane", text(lease.lane()))
        // Without `leased_until` the lane was given back under this same epoch.
        .condition_expression("epoch = :epoch AND attribute_exists(leased_until)")
        .expression_attribute_values(":epoch", number(lease.epoch()))
        .build();
    Ok(TransactWriteItem::builder().condition_check(built(lease.table(), check)?).build())
}

fn halt_checks(rules: &Rules, order: &Order, reducing: bool) -> Result<Vec<Guard>, StoreError> {
    let user_id = &order.key.user_id;
    let mut scopes = vec![HaltScope::Global, HaltScope::User(user_id.clone())];
    if !order.algorithm_id.is_own_hand() {
        scopes.push(HaltScope::Algorithm(order.algorithm_id.clone()));
    }
    let guard = |scope: HaltScope| {
        let mut check = ConditionCheck::builder()
            .table_name(rules.table())
            .set_key(Some(Rules::key(&scope.name(), &scope.checked_item(user_id))))
            .expression_attribute_names("#rule", "rule")
            .expression_attribute_values(":off", AttributeValue::Bool(false))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut passes = "attribute_not_exists(#rule.halted) OR #rule.halted = :off".to_owned();
        if reducing {
            passes.push_str(" OR #rule.#mode = :reducing");
            check = check
                .expression_attribute_names("#mode", "mode")
                .expression_attribute_values(":reducing", text(REDUCING));
        }
        if matches!(scope, HaltScope::Algorithm(_)) {
            passes = format!("({passes}) AND attribute_not_exists({UNREGISTERED})");
        }
        check = check.condition_expression(passes);
        let part = TransactWriteItem::builder().condition_check(built(rules.table(), check.build())?).build();
        Ok(Guard { part, refusal: Refusal::Halted(scope) })
    };
    scopes.into_iter().map(guard).collect()
}

/// An order of which nothing could be read names no account, so no grant lists it.
fn grant_check(
    rules: &Rules,
    order: &Order,
    read: Option<&Standing<Grant>>,
    reducing: bool,
) -> Result<Option<Guard>, StoreError> {
    if order.algorithm_id.is_own_hand() {
        return Ok(None);
    }
    let active = if reducing { "#rule.#status IN (:active, :reducing)" } else { "#rule.#status = :active" };
    let in_force = format!("{active} AND contains(#rule.account_ids, :account)");
    let check = ConditionCheck::builder()
        .table_name(rules.table())
        .set_key(Some(Rules::grant_key(&order.key.user_id, &order.algorithm_id)))
        .expression_attribute_names("#rule", "rule")
        .expression_attribute_names("#status", "status")
        .set_expression_attribute_values(reducing.then(|| Attributes::from([(":reducing".to_owned(), text(REDUCING))])))
        .expression_attribute_values(":active", text("active"))
        .expression_attribute_values(":account", text(account_of(order)))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let check = match read {
        Some(read) => read.check(check, &in_force),
        None => check.condition_expression(in_force),
    };
    let part = TransactWriteItem::builder().condition_check(built(rules.table(), check.build())?).build();
    Ok(Some(Guard { part, refusal: Refusal::Grant { reducing } }))
}

/// Whether this row's rule lets only orders pass that reduce a position.
fn is_reducing(row: &Attributes, field: &str) -> bool {
    row.get("rule").and_then(|rule| rule.as_m().ok()).and_then(|rule| text_of(rule, field)) == Some(REDUCING)
}

/// Whether the grant in this row is in force for the order's account, if only for some orders.
fn grants(row: &Attributes, order: &Order) -> bool {
    let Some(rule) = row.get("rule").and_then(|rule| rule.as_m().ok()) else { return false };
    let accounts = rule.get("account_ids").and_then(|accounts| accounts.as_l().ok());
    text_of(rule, "status").is_some_and(|status| ["active", REDUCING].contains(&status))
        && accounts.is_some_and(|accounts| accounts.contains(&text(account_of(order))))
}

/// What the row of a halt says of it. What cannot be read of it is left out: it is in force all the same.
fn in_force(row: &Attributes, scope: HaltScope) -> HaltInForce {
    let rule = row.get(RULE).cloned();
    let switch = rule.and_then(|rule| serde_dynamo::from_attribute_value::<_, KillSwitch>(rule).ok());
    let switch = switch.unwrap_or_default();
    HaltInForce { set_by: scope.set_by(&switch), reason: switch.halt.reason, scope }
}

/// What the grant in this row, if there is one, lacks for the order.
fn grant_lack(row: &Attributes, order: &Order) -> GrantLack {
    match row.get(RULE).and_then(|rule| rule.as_m().ok()) {
        None => GrantLack::Gone,
        Some(rule) if text_of(rule, "status") == Some("halted") => GrantLack::Halted,
        Some(_) => GrantLack::Account(order.account_id().cloned()),
    }
}

fn account_of(order: &Order) -> &str {
    order.request.as_ref().map_or("", |request| request.account_id.as_str())
}

fn with_its_reason(halt: &HaltInForce) -> String {
    let HaltInForce { scope, reason, .. } = halt;
    reason.as_ref().map_or_else(|| scope.to_string(), |reason| format!("{scope} (the reason given: \"{reason}\")"))
}

/// Which guard failed first, if one did.
pub(super) fn refuse(rows: &[Option<Attributes>], refusals: Vec<Refusal>, order: &Order) -> Result<(), IntentRefused> {
    let failed = rows.iter().zip(refusals).find_map(|(row, refusal)| row.as_ref().map(|row| (row, refusal)));
    match failed {
        None => Ok(()),
        Some((_, Refusal::Conflict)) => Err(IntentRefused::Conflict),
        Some((_, Refusal::LaneLost)) => Err(IntentRefused::LaneLost),
        Some((row, Refusal::Halted(HaltScope::Algorithm(id)))) if row.contains_key(UNREGISTERED) => {
            Err(IntentRefused::NotRegistered(id))
        }
        Some((row, Refusal::Halted(scope))) if is_reducing(row, "mode") => {
            Err(IntentRefused::OnlyReducing(with_its_reason(&in_force(row, scope))))
        }
        Some((row, Refusal::Halted(scope))) => Err(IntentRefused::Halted(in_force(row, scope))),
        Some((_, Refusal::LimitsChanged)) => Err(IntentRefused::LimitsChanged),
        Some((row, Refusal::Alike(window))) => Err(IntentRefused::BeyondLimits(alike::beyond(row, window))),
        Some((row, Refusal::Grant { reducing })) if grants(row, order) => {
            if is_reducing(row, "status") && !reducing {
                return Err(IntentRefused::OnlyReducing(format!("the grant to {}", order.algorithm_id)));
            }
            Err(IntentRefused::LimitsChanged)
        }
        Some((row, Refusal::Grant { .. })) => {
            Err(IntentRefused::NoGrant(order.algorithm_id.clone(), grant_lack(row, order)))
        }
    }
}
