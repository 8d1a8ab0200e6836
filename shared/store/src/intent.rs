//! The intent: what is written, and checked with it, before a byte of an order leaves.

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::{AlgorithmId, Beyond, GivesBack, Grant, Order};

use crate::alike::{self, Window};
use crate::database::{Attributes, WRITE_ID, number, text, text_of};
use crate::documents::{DocumentTable, VERSION};
use crate::error::StoreError;
use crate::lanes::LaneLease;
use crate::reserve::Reservation;
use crate::rules::{HaltScope, Rules};
use crate::standing::Standing;
use crate::transaction::{Committed, built, commit};
use crate::usage::Claim;
use crate::versioned::Versioned;

/// Tries with what the rows of usage told (that a day begins, that a clock is ahead). Each learns what it did not know.
const ROUNDS_MAX: u32 = 6;

/// The word for a rule that lets only orders pass that reduce a position, as it stands in the rows.
const REDUCING: &str = "reducing";

/// What must hold, beside the order's version and the lane, for an intent to be written.
#[derive(Debug, Clone, Copy)]
pub enum IntentGuards<'r> {
    /// No halt is on (global, the user's, the algorithm's), and the algorithm has an active grant for the order's
    /// account; the user's own hand needs no grant. For what brings risk that was weighed before: a yes.
    HaltsAndGrant(&'r Rules),
    /// As [`IntentGuards::HaltsAndGrant`]; and the limits are the ones that were read, and leave room for the order,
    /// which is reserved with it. An order that holds its room already takes no more. For a ticket, and a change of it.
    WithinLimits(&'r Rules, &'r Claim),
    /// Nothing more. For what brings none: a no to the broker's question, a cancel.
    LaneOnly,
}

/// Why an intent was not written. Nothing was, and nothing may be sent.
#[derive(Debug, thiserror::Error)]
pub enum IntentRefused {
    /// Somebody else wrote the order since it was read. Read it again and decide anew.
    #[error("the order was written by somebody else meanwhile; read it again and decide anew")]
    Conflict,
    /// The outcome that was to be written with it cannot be: somebody else wrote its order since. Write it alone, and try
    /// again without it.
    #[error("the outcome of the order before was not written with it; write it alone, and try again")]
    OutcomeConflict,
    /// The lane is another holder's now, or was given back. Stop, and leave the order to the present holder.
    #[error("the lane is not ours any more; stop, its present holder takes the order further")]
    LaneLost,
    /// A halt is on. An order that has not been sent is denied: one that waited for the halt's end would trade late.
    #[error("a halt is on: {0}; nothing new is sent until it is lifted")]
    Halted(HaltScope),
    /// A halt or a grant lets only orders pass that reduce a position, and this one is not known to. It names which.
    #[error("only orders that reduce a position pass for {0}")]
    OnlyReducing(String),
    /// The algorithm has no active grant for the order's account.
    #[error("algorithm {0} has no active grant of this user for the order's account")]
    NoGrant(AlgorithmId),
    /// A limit leaves no room for the order.
    #[error("the order is beyond {0}")]
    BeyondLimits(Beyond),
    /// The limits or the grant were changed since they were read. Read them again and decide anew.
    #[error("the limits were changed meanwhile; read them again and decide anew")]
    LimitsChanged,
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
    refusal: Refusal,
}

/// What the failure of a part means.
enum Refusal {
    Conflict,
    OutcomeConflict,
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

pub(crate) async fn save_intent(
    table: &DocumentTable,
    order: &mut Versioned<Order>,
    outcome: Option<&mut Versioned<Order>>,
    lease: &LaneLease,
    guards: IntentGuards<'_>,
) -> Result<(), IntentRefused> {
    // What is given back takes a transaction of its own.
    if outcome.as_ref().is_some_and(|outcome| outcome.value.status().gives_back() != GivesBack::Nothing) {
        return Err(IntentRefused::OutcomeConflict);
    }
    if lease.user_id() != &order.value.key.user_id {
        return Err(IntentRefused::LaneLost);
    }
    let write_id = table.database.write_id();
    let mut reservation = match guards {
        IntentGuards::WithinLimits(_, claim) => {
            Some(Reservation::new(&order.value, claim).map_err(IntentRefused::BeyondLimits)?)
        }
        _ => None,
    };
    for _ in 0..ROUNDS_MAX {
        let mut intended = order.value.clone();
        if let Some(reservation) = &reservation {
            intended.reserved = Some(reservation.reserved());
        }
        let first = Guard { part: put(table, &intended, order.version(), &write_id)?, refusal: Refusal::Conflict };
        let mut parts = vec![first];
        if let Some(outcome) = &outcome {
            let part = put(table, &outcome.value, outcome.version(), &write_id)?;
            parts.push(Guard { part, refusal: Refusal::OutcomeConflict });
        }
        parts.extend(checks(&order.value, lease, guards)?);
        let (mut items, refusals): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|guard| (guard.part, guard.refusal)).unzip();
        if let Some(reservation) = &reservation {
            items.extend(reservation.parts(&table.name)?);
        }
        match commit(&table.database, &table.name, "record an intent", &items).await? {
            Committed::Contended => break,
            Committed::Failed(rows) => {
                let (guarded, usage) = rows.split_at(refusals.len().min(rows.len()));
                if !is_own(guarded, &write_id) {
                    refuse(guarded, refusals, &order.value)?;
                    let Some(reservation) = &mut reservation else { break };
                    reservation.learn(&table.name, usage)?.map_err(IntentRefused::BeyondLimits)?;
                    continue;
                }
            }
            Committed::Done => {}
        }
        order.value = intended;
        order.written();
        if let Some(outcome) = outcome {
            outcome.written();
        }
        return Ok(());
    }
    Err(IntentRefused::Contention)
}

/// An order's row with our own write's id is an earlier try whose answer was lost: it passed all guards then.
fn is_own(rows: &[Option<Attributes>], write_id: &str) -> bool {
    rows.first().and_then(Option::as_ref).is_some_and(|row| text_of(row, WRITE_ID) == Some(write_id))
}

/// Which guard failed first, if one did.
fn refuse(rows: &[Option<Attributes>], refusals: Vec<Refusal>, order: &Order) -> Result<(), IntentRefused> {
    let failed = rows.iter().zip(refusals).find_map(|(row, refusal)| row.as_ref().map(|row| (row, refusal)));
    match failed {
        None => Ok(()),
        Some((_, Refusal::Conflict)) => Err(IntentRefused::Conflict),
        Some((_, Refusal::OutcomeConflict)) => Err(IntentRefused::OutcomeConflict),
        Some((_, Refusal::LaneLost)) => Err(IntentRefused::LaneLost),
        Some((row, Refusal::Halted(scope))) if is_reducing(row, "mode") => {
            Err(IntentRefused::OnlyReducing(scope.to_string()))
        }
        Some((_, Refusal::Halted(scope))) => Err(IntentRefused::Halted(scope)),
        Some((_, Refusal::LimitsChanged)) => Err(IntentRefused::LimitsChanged),
        Some((row, Refusal::Alike(window))) => Err(IntentRefused::BeyondLimits(alike::beyond(row, window))),
        Some((row, Refusal::Grant { reducing })) if grants(row, order) => {
            if is_reducing(row, "status") && !reducing {
                return Err(IntentRefused::OnlyReducing(format!("the grant to {}", order.algorithm_id)));
            }
            Err(IntentRefused::LimitsChanged)
        }
        Some((_, Refusal::Grant { .. })) => Err(IntentRefused::NoGrant(order.algorithm_id.clone())),
    }
}

/// The order's row, written only over the version that was read.
pub(crate) fn put(
    table: &DocumentTable,
    order: &Order,
    version: u64,
    write_id: &str,
) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(&table.name)
        .set_item(Some(table.row(order, version.saturating_add(1), write_id)?))
        .condition_expression("#version = :version")
        .expression_attribute_names("#version", VERSION)
        .expression_attribute_values(":version", number(version))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build();
    Ok(TransactWriteItem::builder().put(built(&table.name, put)?).build())
}

/// All that is looked at, and the rows of what the order looks like.
fn checks(order: &Order, lease: &LaneLease, guards: IntentGuards<'_>) -> Result<Vec<Guard>, StoreError> {
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
        let off = "attribute_not_exists(#rule.halted) OR #rule.halted = :off";
        check = if reducing {
            check
                .condition_expression(format!("{off} OR #rule.#mode = :reducing"))
                .expression_attribute_names("#mode", "mode")
                .expression_attribute_values(":reducing", text(REDUCING))
        } else {
            check.condition_expression(off)
        };
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

fn account_of(order: &Order) -> &str {
    order.request.as_ref().map_or("", |request| request.account_id.as_str())
}
