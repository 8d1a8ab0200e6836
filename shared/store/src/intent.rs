//! The intent: what is written, and checked with it, before a byte of an order leaves.

use aws_sdk_dynamodb::types::{ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::{AlgorithmId, Order};

use crate::database::{Attributes, WRITE_ID, number, text, text_of};
use crate::documents::{DocumentTable, VERSION};
use crate::error::StoreError;
use crate::lanes::LaneLease;
use crate::rules::{HaltScope, Rules};
use crate::transaction::{Committed, built, commit};
use crate::versioned::Versioned;

/// What must hold, beside the order's version and the lane, for an intent to be written.
#[derive(Debug, Clone, Copy)]
pub enum IntentGuards<'r> {
    /// No halt is on (global, the user's, the algorithm's), and the algorithm has an active grant for the order's
    /// account; the user's own hand needs no grant. For whatever may bring more risk: a ticket, a yes.
    HaltsAndGrant(&'r Rules),
    /// Nothing more. For what brings none: a no to the broker's question, a cancel.
    LaneOnly,
}

/// Why an intent was not written. Nothing was, and nothing may be sent.
#[derive(Debug, thiserror::Error)]
pub enum IntentRefused {
    /// Somebody else wrote the order since it was read. Read it again and decide anew.
    #[error("the order was written by somebody else meanwhile; read it again and decide anew")]
    Conflict,
    /// The lane is another holder's now, or was given back. Stop, and leave the order to the present holder.
    #[error("the lane is not ours any more; stop, its present holder takes the order further")]
    LaneLost,
    /// A halt is on. The order waits, and expires.
    #[error("a halt is on: {0}; the order waits until it is lifted")]
    Halted(HaltScope),
    /// The algorithm has no active grant for the order's account.
    #[error("algorithm {0} has no active grant of this user for the order's account")]
    NoGrant(AlgorithmId),
    /// The rows were busy in other transactions, each time that it was tried. Try again after a pause.
    #[error("the rows of the order's checks were busy in other transactions; try again after a pause")]
    Contention,
    /// The table did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A part of the transaction, and what its failure means.
struct Guard {
    part: TransactWriteItem,
    refusal: IntentRefused,
}

pub(crate) async fn save_intent(
    table: &DocumentTable,
    order: &mut Versioned<Order>,
    lease: &LaneLease,
    guards: IntentGuards<'_>,
) -> Result<(), IntentRefused> {
    if lease.user_id() != &order.value.key.user_id {
        return Err(IntentRefused::LaneLost);
    }
    let write_id = table.database.write_id();
    let mut parts = vec![Guard { part: put(table, order, &write_id)?, refusal: IntentRefused::Conflict }];
    parts.push(Guard { part: lane_check(lease)?, refusal: IntentRefused::LaneLost });
    if let IntentGuards::HaltsAndGrant(rules) = guards {
        parts.extend(halt_checks(rules, &order.value)?);
        parts.extend(grant_check(rules, &order.value)?);
    }
    let (items, refusals): (Vec<_>, Vec<_>) = parts.into_iter().map(|guard| (guard.part, guard.refusal)).unzip();
    match commit(&table.database, &table.name, "record an intent", &items).await? {
        Committed::Contended => return Err(IntentRefused::Contention),
        Committed::Failed(rows) => refuse(&rows, refusals, &write_id)?,
        Committed::Done => {}
    }
    order.written();
    Ok(())
}

/// Which guard failed first. An order's row with our own write's id is an earlier try whose answer was lost: it
/// passed all guards then.
fn refuse(rows: &[Option<Attributes>], refusals: Vec<IntentRefused>, write_id: &str) -> Result<(), IntentRefused> {
    let own = rows.first().and_then(Option::as_ref).is_some_and(|row| text_of(row, WRITE_ID) == Some(write_id));
    if own {
        return Ok(());
    }
    let failed = rows.iter().zip(refusals).find_map(|(row, refusal)| row.is_some().then_some(refusal));
    Err(failed.unwrap_or(IntentRefused::Contention))
}

fn put(table: &DocumentTable, order: &Versioned<Order>, write_id: &str) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(&table.name)
        .set_item(Some(table.row(&order.value, order.next_version(), write_id)?))
        .condition_expression("#version = :version")
        .expression_attribute_names("#version", VERSION)
        .expression_attribute_values(":version", number(order.version()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build();
    Ok(TransactWriteItem::builder().put(built(&table.name, put)?).build())
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

fn halt_checks(rules: &Rules, order: &Order) -> Result<Vec<Guard>, StoreError> {
    let user_id = &order.key.user_id;
    let mut scopes = vec![HaltScope::Global, HaltScope::User(user_id.clone())];
    if !order.algorithm_id.is_own_hand() {
        scopes.push(HaltScope::Algorithm(order.algorithm_id.clone()));
    }
    let guard = |scope: HaltScope| {
        let check = ConditionCheck::builder()
            .table_name(rules.table())
            .set_key(Some(Rules::key(&scope.name(), &scope.checked_item(user_id))))
            .condition_expression("attribute_not_exists(#rule.halted) OR #rule.halted = :off")
            .expression_attribute_names("#rule", "rule")
            .expression_attribute_values(":off", aws_sdk_dynamodb::types::AttributeValue::Bool(false))
            .build();
        let part = TransactWriteItem::builder().condition_check(built(rules.table(), check)?).build();
        Ok(Guard { part, refusal: IntentRefused::Halted(scope) })
    };
    scopes.into_iter().map(guard).collect()
}

/// An order of which nothing could be read names no account, so no grant lists it.
fn grant_check(rules: &Rules, order: &Order) -> Result<Option<Guard>, StoreError> {
    if order.algorithm_id.is_own_hand() {
        return Ok(None);
    }
    let account_id = order.request.as_ref().map_or("", |request| request.account_id.as_str());
    let check = ConditionCheck::builder()
        .table_name(rules.table())
        .set_key(Some(Rules::grant_key(&order.key.user_id, &order.algorithm_id)))
        .condition_expression("#rule.#status = :active AND contains(#rule.account_ids, :account)")
        .expression_attribute_names("#rule", "rule")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":active", text("active"))
        .expression_attribute_values(":account", text(account_id))
        .build();
    let part = TransactWriteItem::builder().condition_check(built(rules.table(), check)?).build();
    Ok(Some(Guard { part, refusal: IntentRefused::NoGrant(order.algorithm_id.clone()) }))
}
