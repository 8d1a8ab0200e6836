//! Rows without names: whether one of them is an order whose outcome is unknown.
//!
//! Sources do not agree that live orders carry our names: IBKR's OpenAPI 2.28 has none in them, its documents have. Trades
//! carry them.

use broker::{LiveOrder, OrderDetail, Session};
use domain::{BrokerOrderId, Order, OrderState, OrderStatus, Sight};
use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Versioned};

use crate::lane::Lane;
use crate::look::{Shown, shows};
use crate::track::LOOK_TIME;

/// Rows that one look asks about, the latest first.
const ASKED_MAX: usize = 3;
/// How far the broker's clock may be behind ours. Its times have whole seconds.
const CLOCKS_DIFFER_MAX: SignedDuration = SignedDuration::from_secs(5);
/// For so long after the last sending an order is taken to have been submitted then.
const SUBMITTED_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// What the rows without names tell of an order.
pub(crate) enum Nameless {
    /// One of them is it.
    Found(Sight),
    /// None is.
    NoneIsIt,
    /// One may be.
    InDoubt,
}

impl Lane<'_> {
    /// Whether a nameless row is this order, whose outcome is unknown. One that is its whole ticket, has no other order's number, and was
    /// submitted when the order was sent is it: no other order of the account and contract is sent meanwhile. Only the user's own
    /// hand could have placed its like in the same minute.
    pub(crate) async fn find_nameless(
        &mut self,
        session: &Session,
        order: &Order,
        shown: &Shown,
    ) -> Result<Nameless, StoreError> {
        let mut rows: Vec<LiveOrder> = shown.nameless_rows_like(order).cloned().collect();
        if rows.is_empty() {
            return Ok(Nameless::NoneIsIt);
        }
        let others = self.open_orders().await?;
        rows.retain(|row| !others.iter().any(|other| is_of_another(other, order, row.order_id)));
        rows.sort_by_key(|row| std::cmp::Reverse(row.order_id));
        let (mut found, mut in_doubt) = (Vec::new(), rows.len() > ASKED_MAX);
        for row in rows.into_iter().take(ASKED_MAX) {
            if !self.has_time(LOOK_TIME) {
                self.track_in(1);
                return Ok(Nameless::InDoubt);
            }
            let detail = self.order_by_number(session, order.account_id(), row.order_id).await.ok();
            match detail.as_ref().map_or(Is::Open, |detail| judged(order, &row, detail)) {
                Is::It => found.push(row),
                Is::Another => {}
                Is::Open => in_doubt = true,
            }
        }
        Ok(match (found.pop(), found.is_empty(), in_doubt) {
            (Some(row), true, _) => {
                tracing::warn!(key = %order.key, number = %row.order_id, "the broker's rows carry no names; one is an unknown order by its ticket and its time");
                Nameless::Found(Sight {
                    broker_order_ids: vec![row.order_id],
                    status: row.status,
                    filled_quantity: row.filled_quantity,
                    average_price: row.average_price,
                })
            }
            (None, _, false) => Nameless::NoneIsIt,
            _ => Nameless::InDoubt,
        })
    }
}

/// What one row is.
enum Is {
    It,
    Another,
    Open,
}

fn is_of_another(other: &Versioned<Order>, order: &Order, number: BrokerOrderId) -> bool {
    other.value.key != order.key && other.value.has_number(number)
}

fn judged(order: &Order, row: &LiveOrder, detail: &OrderDetail) -> Is {
    if let Some(name) = &detail.client_order_id {
        return if name == order.client_order_id.as_str() { Is::It } else { Is::Another };
    }
    let is_whole_ticket =
        order.request.as_ref().is_some_and(|request| shows(row, &request.ticket, std::iter::empty()) == Some(true));
    let is_in_time = detail.submitted_at.is_some_and(|at| was_sent_around(order, at));
    if is_whole_ticket && is_in_time { Is::It } else { Is::Open }
}

/// Whether the order was put on the wire around this time.
fn was_sent_around(order: &Order, submitted_at: Timestamp) -> bool {
    let OrderState::Unknown { intent, .. } = order.state() else { return false };
    let is_sending = |status| status == OrderStatus::Sending;
    let first = order.history.iter().find(|entry| is_sending(entry.status) && entry.leg.is_none());
    let first_sent_at = first.map_or(intent.at, |entry| entry.at);
    submitted_at >= first_sent_at - CLOCKS_DIFFER_MAX && submitted_at <= intent.at + SUBMITTED_WITHIN
}
