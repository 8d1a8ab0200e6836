//! The intent: what is written, and checked with it, before a byte of an order leaves.

mod guards;

use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::{AccountId, AlgorithmId, Beyond, Order, SetBy};

use crate::database::{Attributes, WRITE_ID, number, text_of};
use crate::documents::{DocumentTable, VERSION};
use crate::error::StoreError;
use crate::intent::guards::{Guard, Refusal, checks, refuse};
use crate::lanes::LaneLease;
use crate::reserve::Reservation;
use crate::rules::{HaltScope, Rules};
use crate::transaction::{Committed, built, commit};
use crate::usage::Claim;
use crate::versioned::Versioned;

/// Tries with what the rows of usage told (that a day begins, that a clock is ahead). Each learns what it did not know.
const ROUNDS_MAX: u32 = 6;

/// What must hold, beside the order's version and the lane, for an intent to be written.
#[derive(Debug, Clone, Copy)]
pub enum IntentGuards<'r> {
    /// No halt is on (global, the user's, the algorithm's), and the algorithm is still registered and has an active grant for
    /// the order's account; the user's own hand needs neither. For what brings risk that was weighed before: a yes.
    HaltsAndGrant(&'r Rules),
    /// As [`IntentGuards::HaltsAndGrant`]; and the limits are the ones that were read, and leave room for the order,
    /// which is reserved with it. An order that holds its room already takes no more. For a ticket, and a change of it.
    WithinLimits(&'r Rules, &'r Claim),
    /// Nothing more. For what brings none: a no to the broker's question, a cancel.
    LaneOnly,
}

/// A halt that stopped an intent, as its row says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaltInForce {
    /// What it stops.
    pub scope: HaltScope,
    /// Whose words make it; empty for one that an earlier release wrote.
    pub set_by: Vec<SetBy>,
    /// Why, in the words of whoever set it.
    pub reason: Option<String>,
}

/// What an algorithm's grant lacks for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantLack {
    /// There is none: the user took it back, or never gave it.
    Gone,
    /// The user halted it.
    Halted,
    /// It does not list the order's account; `None`: the order names none.
    Account(Option<AccountId>),
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
    /// A halt is on. An order that has not been sent is denied: one that waited for the halt's end would trade late.
    #[error("a halt is on: {}; nothing new is sent until it is lifted", .0.scope)]
    Halted(HaltInForce),
    /// A halt or a grant lets only orders pass that reduce a position, and this one is not known to. It names which.
    #[error("only orders that reduce a position pass for {0}")]
    OnlyReducing(String),
    /// The algorithm is registered no more.
    #[error("algorithm {0} is not registered any more")]
    NotRegistered(AlgorithmId),
    /// The algorithm has no active grant for the order's account.
    #[error("algorithm {0} has no active grant of this user for the order's account")]
    NoGrant(AlgorithmId, GrantLack),
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
                    match reservation.learn(&table.name, usage)? {
                        Some(beyond) => return Err(IntentRefused::BeyondLimits(beyond)),
                        None => continue,
                    }
                }
            }
            Committed::Done => {}
        }
        order.value = intended;
        order.written();
        return Ok(());
    }
    Err(IntentRefused::Contention)
}

/// An order's row with our own write's id is an earlier try whose answer was lost: it passed all guards then.
fn is_own(rows: &[Option<Attributes>], write_id: &str) -> bool {
    rows.first().and_then(Option::as_ref).is_some_and(|row| text_of(row, WRITE_ID) == Some(write_id))
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
