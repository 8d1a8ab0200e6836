//! What can go wrong, and what to do about it.

use std::fmt;

use crate::ticket::LegRole;
use crate::views::{OrderStatus, OrderView, Reason, Refusal};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Whatever this crate reports.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A message was not sent, because it would be refused. Mend it.
    #[error(transparent)]
    InvalidMessage(#[from] InvalidMessage),
    /// The queue did not confirm a message. It may have arrived all the same: the same message again is safe.
    #[error("the queue did not confirm {what}. It may have arrived all the same; the same message again is safe")]
    NotEnqueued {
        /// Which message.
        what: String,
        /// What the SDK said.
        source: Source,
    },
    /// A message was not sent: there is nobody to sign it.
    #[error(
        "{what} was not sent: the SDK finds no AWS credentials. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for \
         the local stack give the line `source …` that `courier local` printed. Then the same message again"
    )]
    NoCredentials {
        /// Which message.
        what: String,
        /// What the SDK said.
        source: Source,
    },
    /// A queue gave no events. Ask again.
    #[error("the queue of events did not answer")]
    NoEvents(#[source] Source),
    /// The API gave no answer. Whether a command took effect is not known; asking again is safe.
    #[error("{what} got no answer. Asking again is safe")]
    Unreachable {
        /// The request.
        what: String,
        /// What the network said.
        source: Source,
    },
    /// The API refused (RFC 9457).
    #[error(transparent)]
    Problem(#[from] Problem),
    /// An answer or an event is not what the contract says. A newer client may understand it.
    #[error("{0}")]
    UnexpectedAnswer(String),
    /// The order ended otherwise than it was waited for.
    #[error(transparent)]
    OrderEnded(#[from] Box<OrderEnded>),
    /// A message of this client became no order. Mend what its reason says, and send it anew.
    #[error(transparent)]
    OrderRefused(#[from] Box<OrderRefused>),
    /// The id is another order's for ever. Take a new one.
    #[error(transparent)]
    IdAlreadyUsed(#[from] Box<IdAlreadyUsed>),
    /// A change is not in force and will not be; the order goes on as it was.
    #[error(transparent)]
    ChangeRefused(#[from] Box<ChangeRefused>),
    /// The order has no such exit: its legs are those that it has.
    #[error("the order {order_id:?} has no {}", .leg.as_str())]
    NoSuchLeg {
        /// The order's id.
        order_id: String,
        /// The exit that was named.
        leg: LegRole,
    },
    /// The time to wait ran out; nothing was changed by that.
    #[error(transparent)]
    WaitTimeout(#[from] Box<WaitTimeout>),
    /// An address, a queue or a token that is needed was not given.
    #[error("{0}")]
    NotSetUp(String),
}

/// One fault of a message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct FieldFault {
    /// The field, with its path; empty: the whole message.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FieldFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(format!("{} {}", self.field, self.message).trim_start())
    }
}

/// A message that would be refused, with every fault. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing was sent: {}", written(.faults, "; "))]
pub struct InvalidMessage {
    /// The faults.
    pub faults: Vec<FieldFault>,
}

impl InvalidMessage {
    pub(crate) fn one(field: &str, message: String) -> Self {
        Self { faults: vec![FieldFault { field: field.to_owned(), message }] }
    }
}

/// Each fault on a line of its own.
fn listed(faults: &[FieldFault]) -> String {
    faults.iter().fold(String::new(), |listed, fault| listed + "\n  " + &fault.to_string())
}

/// A refusal of the API (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} ({code}): {detail}{}", listed(.errors))]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A stable word for programs.
    pub code: String,
    /// What happened, what it means, and what to do next.
    pub detail: String,
    /// Each bad field.
    pub errors: Vec<FieldFault>,
}

/// An order that can no longer get where it was awaited.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the order {:?} is {}, not {}{}", .order.order_id, .order.status, words(.awaited), why(.order))]
pub struct OrderEnded {
    /// The order; its reason says why.
    pub order: OrderView,
    /// The statuses that were awaited.
    pub awaited: Vec<OrderStatus>,
}

/// A message that became no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a message about the order {order_id:?} was refused, and nothing was sent for it: {} ({})",
    .refusal.reason.message, .refusal.reason.code
)]
pub struct OrderRefused {
    /// The order that it named.
    pub order_id: String,
    /// Why.
    pub refusal: Refusal,
}

/// An id that is another order's: its fills are not those of the order that was placed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "another order is on record under the id {:?}, and is left as it is; nothing was sent for the one that was placed. Take a new id for it{}",
    .order.order_id, told(.refusal.as_ref().map(|refusal| &refusal.reason))
)]
pub struct IdAlreadyUsed {
    /// The order on record.
    pub order: OrderView,
    /// Why the other one was refused, where that was told already.
    pub refusal: Option<Refusal>,
}

/// A change that is not in force and will not be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "revision {revision} of the order {:?} was refused{}; {}",
    .order.order_id, told(.reason.as_ref()), another_change(.order)
)]
pub struct ChangeRefused {
    /// The order, which goes on as it was. Its [`OrderView::next_revision`] is the number of another change.
    pub order: OrderView,
    /// The number of the change.
    pub revision: u64,
    /// Why.
    pub reason: Option<Reason>,
}

fn another_change(order: &OrderView) -> String {
    if order.takes_no_change() {
        return format!("the order is {}, and takes no change", order.status.as_str());
    }
    format!("the next change is revision {}", order.next_revision())
}

/// An order that was awaited for as long as was said.
#[derive(Debug, thiserror::Error)]
#[error("{} yet: {}", wanted(.order_id, .awaited, .leg.as_ref()), seen(.order.as_ref(), .leg.as_ref()))]
pub struct WaitTimeout {
    /// The order's id.
    pub order_id: String,
    /// The order as it was last seen; `None`: it never was.
    pub order: Option<OrderView>,
    /// The statuses that were awaited.
    pub awaited: Vec<OrderStatus>,
    /// The exit whose end was awaited.
    pub leg: Option<LegRole>,
    /// Why the last look failed, where it did.
    #[source]
    pub last_failure: Option<Box<Error>>,
}

fn written(faults: &[FieldFault], between: &str) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

fn words(statuses: &[OrderStatus]) -> String {
    if statuses.is_empty() {
        return "changed".to_owned();
    }
    statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" or ")
}

fn why(order: &OrderView) -> String {
    told(order.reason.as_ref())
}

fn told(reason: Option<&Reason>) -> String {
    reason.map(|reason| format!(": {} ({})", reason.message, reason.code)).unwrap_or_default()
}

fn wanted(order_id: &str, statuses: &[OrderStatus], leg: Option<&LegRole>) -> String {
    match leg {
        Some(leg) => format!("the {} of the order {order_id:?} has not ended", leg.as_str()),
        // Where any end would do, the list of all ends says no more than that.
        None if OrderStatus::FINAL.iter().all(|end| statuses.contains(end))
            && statuses.iter().copied().all(OrderStatus::is_final) =>
        {
            format!("the order {order_id:?} has not ended")
        }
        None => format!("the order {order_id:?} is not {}", words(statuses)),
    }
}

fn seen(order: Option<&OrderView>, leg: Option<&LegRole>) -> String {
    let exit = order.zip(leg).and_then(|(order, leg)| order.leg(*leg));
    match order {
        Some(order) => match exit {
            Some(exit) => format!("it is {}{}", exit.status, told(exit.reason.as_ref())),
            None => format!("it is {}{}", order.status, why(order)),
        },
        None => "it was not seen. It may wait in the queue, or its message was refused \
                 (`Client::refusals`, and for the operator `courier refusals list`, tell why)"
            .to_owned(),
    }
}
