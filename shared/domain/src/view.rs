//! What outsiders see of an order (contract: What an order shows).

use jiff::Timestamp;
use serde::Serialize;

use crate::ids::{AccountId, AlgorithmId, BrokerOrderId, ClientOrderId, OrderId, UserId};
use crate::order::{HistoryEntry, Order};
use crate::state::{OrderStatus, Reason};
use crate::ticket::{Size, Ticket};

/// An order as the API and the events show it.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct OrderView<'o> {
    pub order_id: &'o OrderId,
    pub user_id: &'o UserId,
    pub algorithm_id: &'o AlgorithmId,
    pub account_id: Option<&'o AccountId>,
    pub status: OrderStatus,
    pub quantity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash_quantity: Option<String>,
    pub filled_quantity: String,
    pub average_price: Option<String>,
    pub broker_order_ids: &'o [BrokerOrderId],
    pub client_order_id: &'o ClientOrderId,
    pub reason: Option<&'o Reason>,
    pub good_until: Timestamp,
    pub ticket: Option<&'o Ticket>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub history: &'o [HistoryEntry],
}

impl Order {
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
            quantity: self.quantity().map(|quantity| quantity.to_string()),
            cash_quantity: match size {
                Some(Size::CashQuantity(cash)) => Some(cash.to_string()),
                _ => None,
            },
            filled_quantity: self.filled_quantity.to_string(),
            average_price: self.average_price.map(|price| price.to_string()),
            broker_order_ids: &self.broker_order_ids,
            client_order_id: &self.client_order_id,
            reason: self.state().reason(),
            good_until: self.good_until,
            ticket: self.request.as_ref().map(|request| &request.ticket),
            created_at: self.created_at,
            updated_at: self.updated_at,
            history: &self.history,
        }
    }
}
