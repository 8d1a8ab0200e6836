//! What outsiders see of an order and of a connection (contract: What an order shows, The HTTP API).

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;

use crate::change::Change;
use crate::condition::Condition;
use crate::connection::{Connection, ConnectionStatus, Environment, SessionState};
use crate::ids::{AccountId, AlgorithmId, BrokerOrderId, ClientOrderId, ConnectionId, OrderId, UserId};
use crate::late::LateFact;
use crate::leg::{Leg, LegRole};
use crate::order::{HistoryEntry, Order};
use crate::reason::Reason;
use crate::reason_code::ReasonCode;
use crate::session_care::Choices;
use crate::status::OrderStatus;
use crate::ticket::{Contract, Size, Ticket};

/// An order as the API and the events show it.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct OrderView<'o> {
    pub order_id: &'o OrderId,
    pub user_id: &'o UserId,
    pub algorithm_id: &'o AlgorithmId,
    pub account_id: Option<&'o AccountId>,
    pub status: OrderStatus,
    /// Whether its end is asked for, and it has not ended.
    pub cancel_asked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<&'o str>,
    pub quantity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash_quantity: Option<String>,
    pub filled_quantity: String,
    pub average_price: Option<String>,
    pub broker_order_ids: &'o [BrokerOrderId],
    pub client_order_id: &'o ClientOrderId,
    pub legs: Vec<LegView<'o>>,
    pub revision: u64,
    pub next_revision: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeView<'o>>,
    #[serde(skip_serializing_if = "<[LateFact]>::is_empty")]
    pub late_facts: &'o [LateFact],
    pub reason: Option<Cow<'o, Reason>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'o Reason>,
    pub good_until: Timestamp,
    pub ticket: Option<&'o Ticket>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub history: &'o [HistoryEntry],
}

/// An exit of a bracket as outsiders see it.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct LegView<'o> {
    pub role: LegRole,
    pub broker_order_id: Option<BrokerOrderId>,
    pub status: OrderStatus,
    pub quantity: Option<String>,
    pub filled_quantity: String,
    pub average_price: Option<String>,
    /// The executions that are kept of it.
    pub executions: [(); 0],
    /// Its whole ticket in force.
    pub ticket: &'o Ticket,
    /// Whether its end is asked for, of it alone or with its order.
    pub cancel_asked: bool,
    pub reason: Option<Cow<'o, Reason>>,
}

impl Leg {
    fn view(&self, order: &Order) -> LegView<'_> {
        LegView {
            role: self.role,
            broker_order_id: self.broker_order_id,
            status: self.status(),
            quantity: matches!(self.ticket.size, Size::Quantity(_)).then(|| self.quantity().to_string()),
            filled_quantity: self.filled_quantity.to_string(),
            average_price: self.average_price.map(|price| price.to_string()),
            executions: [],
            ticket: &self.ticket,
            cancel_asked: !self.has_ended() && (self.cancel.is_some() || order.cancel_asked_at.is_some()),
            reason: self.reason().map(Cow::Borrowed).or_else(|| self.why_cancelled(order).map(Cow::Owned)),
        }
    }

    /// Whether its end is on record since this time. Where that is not told, it is.
    fn ended_after(&self, order: &Order, time: Option<Timestamp>) -> bool {
        let end = |entry: &&HistoryEntry| {
            entry.leg.as_ref().is_some_and(|leg| leg.role == self.role && leg.status == OrderStatus::Cancelled)
        };
        let ended_at = order.history.iter().rfind(end).map(|entry| entry.at);
        time.is_some_and(|time| ended_at.is_none_or(|at| at >= time))
    }

    /// Who ended an exit that the broker calls cancelled, by what is known of its order.
    fn why_cancelled(&self, order: &Order) -> Option<Reason> {
        let is_filled = |leg: &&Leg| leg.role != self.role && leg.status() == OrderStatus::Filled;
        let entry_ended = order.status().is_final() && order.filled_quantity.is_zero();
        let (code, why) = if self.cancel.is_some() || self.ended_after(order, order.cancel_asked_at) {
            (ReasonCode::Asked, "Its end was asked for, and the broker cancelled it.")
        } else if order.legs.iter().find(is_filled).is_some() {
            (ReasonCode::OtherExitFilled, "The other exit is filled, so the broker cancelled this one.")
        } else if entry_ended {
            (ReasonCode::EntryEnded, "Its entry ended unfilled, and the exit with it.")
        } else {
            (
                ReasonCode::ByBroker,
                "The broker cancelled it, and nobody asked for that here: a person did at the broker, or the exchange did. An exit for the day may have ended with its day.",
            )
        };
        (self.status() == OrderStatus::Cancelled).then(|| Reason::new(code, why))
    }
}

/// The latest change of an order as outsiders see it.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeView<'o> {
    /// Its number.
    pub revision: u64,
    /// The exit that it changes; absent: the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<LegRole>,
    /// `asked`, `sending`, `unknown`, `applied` or `refused`.
    pub status: &'static str,
    /// The whole ticket that it makes; of an exit the exit's own.
    pub ticket: &'o Ticket,
    /// Why, where there is something to say.
    pub reason: Option<&'o Reason>,
    /// When it was asked for.
    pub asked_at: Timestamp,
}

impl<'o> From<&'o Change> for ChangeView<'o> {
    fn from(change: &'o Change) -> Self {
        Self {
            revision: change.revision,
            leg: change.leg,
            status: change.stage.as_str(),
            ticket: &change.ticket,
            reason: change.stage.reason(),
            asked_at: change.asked_at,
        }
    }
}

impl Order {
    /// The symbol by which its sender named the contract; `None` where that was a number.
    fn symbol(&self) -> Option<&str> {
        match &self.request.as_ref()?.ticket.contract {
            Contract::Symbol(words) => Some(&words.symbol),
            Contract::Conid { .. } => None,
        }
    }

    /// The order as outsiders see it.
    #[must_use]
    pub fn view(&self) -> OrderView<'_> {
        let size = self.request.as_ref().map(|request| request.ticket.size);
        OrderView {
            order_id: &self.key.order_id,
            user_id: &self.key.user_id,
            algorithm_id: &self.algorithm_id,
            account_id: self.request.as_ref().map(|request| &request.account_id),
            status: self.status(),
            cancel_asked: self.cancel_asked_at.is_some() && !self.status().is_final(),
            symbol: self.symbol(),
            quantity: self.quantity().map(|quantity| quantity.to_string()),
            cash_quantity: match size {
                Some(Size::CashQuantity(cash)) => Some(cash.to_string()),
                _ => None,
            },
            filled_quantity: self.filled_quantity.to_string(),
            average_price: self.average_price.map(|price| price.to_string()),
            broker_order_ids: &self.broker_order_ids,
            client_order_id: &self.client_order_id,
            legs: self.legs.iter().map(|leg| leg.view(self)).collect(),
            revision: self.revision(),
            next_revision: self.next_revision(),
            change: self.change().map(ChangeView::from),
            late_facts: &self.late_facts,
            reason: self.state().reason_told(),
            warning: self.warning_shown(),
            good_until: self.good_until,
            ticket: self.request.as_ref().map(|request| &request.ticket),
            created_at: self.created_at,
            updated_at: self.updated_at,
            history: &self.history,
        }
    }
}

/// A connection as the API and the events show it.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct ConnectionView<'c> {
    pub connection_id: &'c ConnectionId,
    pub user_id: &'c UserId,
    pub status: ConnectionStatus,
    pub environment: Option<Environment>,
    pub accounts: &'c [AccountId],
    pub session: SessionView<'c>,
    pub last_error: Option<&'c Reason>,
    pub choices: Choices,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The session of a connection as outsiders see it.
#[derive(Debug, Clone, Serialize)]
pub struct SessionView<'c> {
    /// Where the brokerage session stands.
    #[serde(flatten)]
    pub state: &'c SessionState,
    /// When the live session token ends; `None` while there is none.
    pub live_session_token_expires_at: Option<Timestamp>,
    /// How the connection is, in a user's words.
    pub condition: Condition,
    /// What the user can do about it.
    pub remedy: &'static str,
    /// When the broker last did what was asked of it.
    pub last_success_at: Option<Timestamp>,
}

impl Connection {
    /// The connection as outsiders see it: nothing sealed is in it.
    #[must_use]
    pub fn view(&self) -> ConnectionView<'_> {
        let live_session_token = self.tokens.as_ref().and_then(|tokens| tokens.live_session_token.as_ref());
        ConnectionView {
            connection_id: &self.connection_id,
            user_id: &self.user_id,
            status: self.status,
            environment: self.environment,
            accounts: &self.accounts,
            session: SessionView {
                state: &self.session,
                live_session_token_expires_at: live_session_token.map(|token| token.expires_at),
                condition: self.condition(),
                remedy: self.condition().remedy(),
                last_success_at: self.last_success_at,
            },
            last_error: self.last_error.as_ref(),
            choices: self.choices,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
