//! Late facts: what the broker shows of an order after its end, against what is on record. It changes nothing by itself; a
//! person is told.

use broker::LiveOrder;
use domain::{BrokerStatus, ClientOrderId, Fact, OrderStatus, Sight};
use jiff::SignedDuration;
use store::{Ended, StoreError};

use crate::lane::Lane;
use crate::look::{Looked, Shown, row_named};

/// How long looks go on, though nothing else is open, for an order that was proved never to have arrived.
const WATCHED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Pause between those looks, in seconds.
const WATCH_PAUSE_SECONDS: u32 = 300;
/// A cancel of what works late is looked for after this, in seconds.
const CANCEL_SEEN_SECONDS: u32 = 5;
/// Tries to write a late fact when others write the order as well.
const CONFLICTS_MAX: u32 = 5;

impl Lane<'_> {
    /// Whether an order ended lately in a way that one more look could belie.
    pub(crate) fn watches_for_late_facts(&self) -> bool {
        let now = self.now();
        self.book.ended.iter().any(|ended| ended.status == OrderStatus::NotPlaced && ended.at + WATCHED_FOR > now)
    }

    /// Looks, though nothing is open.
    pub(crate) async fn look_for_late_facts(&mut self) -> Result<(), StoreError> {
        self.track_in(WATCH_PAUSE_SECONDS);
        let watched = self.book.ended.iter().find(|ended| ended.status == OrderStatus::NotPlaced);
        let Some(order_id) = watched.map(|ended| ended.order_id.clone()) else { return Ok(()) };
        let order = self.desk.intake.orders.get(&self.key(order_id)).await?;
        let Some(account_id) = order.and_then(|order| order.value.account_id().cloned()) else { return Ok(()) };
        let Ok(session) = self.session_for(&account_id).await? else { return Ok(()) };
        match self.look(&session, &account_id, &[]).await? {
            Looked::Shown(shown) => self.note_late_facts(&shown).await,
            Looked::NotYet | Looked::Failed => Ok(()),
        }
    }

    /// Writes down what this look shows of orders that ended otherwise.
    pub(crate) async fn note_late_facts(&mut self, shown: &Shown) -> Result<(), StoreError> {
        for ended in self.book.ended.clone() {
            let name = ClientOrderId::of(&self.key(ended.order_id.clone()));
            if let Some(row) = row_named(&name, &shown.live).filter(|row| belies(row, &ended)) {
                self.note_late(&ended, row).await?;
                self.cancel_late(&ended).await?;
            }
        }
        Ok(())
    }

    /// An order that came to work after its end, and whose end somebody had asked for, is cancelled.
    async fn cancel_late(&mut self, ended: &Ended) -> Result<(), StoreError> {
        let key = self.key(ended.order_id.clone());
        let Some(mut order) = self.desk.intake.orders.get(&key).await? else { return Ok(()) };
        if order.value.works_late() && order.value.cancel_is_due(self.now()) {
            Box::pin(self.cancel_at_broker(&mut order, None)).await?;
            self.track_in(CANCEL_SEEN_SECONDS);
        }
        Ok(())
    }

    async fn note_late(&mut self, ended: &Ended, row: &LiveOrder) -> Result<(), StoreError> {
        let sight = Sight {
            broker_order_ids: vec![row.order_id],
            status: row.status.clone(),
            filled_quantity: row.filled_quantity,
            average_price: row.average_price,
        };
        let key = self.key(ended.order_id.clone());
        for _ in 0..CONFLICTS_MAX {
            let Some(mut order) = self.desk.intake.orders.get(&key).await? else { return Ok(()) };
            if !order.value.status().is_final() {
                // It came back, and is watched.
                return Ok(());
            }
            let was_told = !order.value.note_late(&sight, self.now());
            // Taken to be refused, or never to have arrived: it is open, and is watched, told and cancelled as any other.
            let reopened = order.value.apply(Fact::Seen(sight.clone()), self.now()).is_ok();
            if was_told && !reopened {
                return Ok(());
            }
            match self.desk.intake.orders.save(&mut order).await {
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    tracing::error!(%key, alarm = "late_fact", metric.orders_for_a_person = 1, ended = ended.status.as_str(), status = ?row.status, filled_quantity = ?row.filled_quantity, "the broker shows an order otherwise than it ended");
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Whether the row says otherwise than how the order ended.
fn belies(row: &LiveOrder, ended: &Ended) -> bool {
    let filled = row.filled_quantity.unwrap_or_default();
    match ended.status {
        OrderStatus::Filled => filled > ended.filled_quantity,
        OrderStatus::Cancelled | OrderStatus::Rejected => {
            filled > ended.filled_quantity
                || !matches!(
                    row.status,
                    BrokerStatus::Cancelled
                        | BrokerStatus::Inactive
                        | BrokerStatus::Rejected
                        | BrokerStatus::Expired
                        | BrokerStatus::PendingCancel
                        | BrokerStatus::PreCancelled
                )
        }
        _ => true,
    }
}
