//! Orders that look like one that was sent a moment ago: where a limit says so, an intent is refused while the row of its
//! likeness names another order. The row is written in the intent's own transaction, so of many orders at once exactly one
//! passes, no crash leaves one half told, and an order is never the duplicate of itself.
//!
//! The rows are beside the lanes, in partitions that no lane can have: their names begin with `sent` and a space.

use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::{Beyond, DUPLICATE_WINDOW_SECONDS_MAX, Limits, Order, Whose};
use jiff::{SignedDuration, Timestamp};

use crate::database::{Attributes, number, text, text_of};
use crate::error::StoreError;
use crate::lanes::{LANE, LaneLease};
use crate::times::sortable;
use crate::transaction::built;
use crate::usage::Claim;

/// The row of all of a user's orders, beside those of single algorithms. No algorithm has this name.
const ANY: &str = "*";
const ORDER: &str = "order_id";
const SENT_AT: &str = "sent_at";
/// How long a row is kept: no window is longer.
const KEPT_FOR: SignedDuration = SignedDuration::from_secs(DUPLICATE_WINDOW_SECONDS_MAX as i64);

/// What an order looks like, and when it is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// The digest ([`domain::Ticket::likeness`]).
    pub likeness: String,
    /// When.
    pub at: Timestamp,
}

/// A limit that refuses what looks like an order before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) whose: Whose,
    pub(crate) seconds: u32,
}

/// A part for each limit that says so. An order that was sent once is not asked again: it is on record as sent.
pub(crate) fn parts(
    order: &Order,
    lease: &LaneLease,
    claim: &Claim,
) -> Result<Vec<(TransactWriteItem, Window)>, StoreError> {
    if order.reserved.is_some() {
        return Ok(Vec::new());
    }
    let of = |whose, limits: Option<&Limits>| {
        limits.and_then(|limits| limits.duplicate_window_seconds).map(|seconds| Window { whose, seconds })
    };
    let granted = claim.grant.as_ref().and_then(|grant| grant.rule.as_ref()).map(|grant| &grant.limits);
    let windows = [of(Whose::User, claim.own.rule.as_ref()), of(Whose::Grant, granted)];
    windows.into_iter().flatten().map(|window| Ok((part(order, lease, &claim.alike, window)?, window))).collect()
}

/// The refusal of an order whose row names another one.
pub(crate) fn beyond(row: &Attributes, window: Window) -> Beyond {
    let word = |name| text_of(row, name).unwrap_or("?");
    let why = format!(
        "it looks like the order {} of {}: same account, contract, side, type, quantity and prices within {} seconds",
        word(ORDER),
        word(SENT_AT),
        window.seconds
    );
    Beyond { whose: window.whose, limit: "duplicate_window_seconds", why }
}

fn part(order: &Order, lease: &LaneLease, alike: &Alike, window: Window) -> Result<TransactWriteItem, StoreError> {
    let (key, table) = (&order.key, lease.table());
    let item = match window.whose {
        Whose::User => ANY,
        Whose::Grant => order.algorithm_id.as_str(),
    };
    let since = alike.at - SignedDuration::from_secs(i64::from(window.seconds));
    let row = Attributes::from([
        (LANE.to_owned(), text(format!("sent {} {item} {}", key.user_id, alike.likeness))),
        (ORDER.to_owned(), text(key.order_id.as_str())),
        (SENT_AT.to_owned(), text(sortable(alike.at))),
        ("expires_at_epoch_seconds".to_owned(), number((alike.at + KEPT_FOR).as_second())),
    ]);
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(row))
        .condition_expression("attribute_not_exists(order_id) OR order_id = :order OR sent_at <= :since")
        .expression_attribute_values(":order", text(key.order_id.as_str()))
        .expression_attribute_values(":since", text(sortable(since)))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build();
    Ok(TransactWriteItem::builder().put(built(table, put)?).build())
}
