//! The drain: nothing is killed and nothing is sent any more, and everything comes to its end.

use std::time::Duration;

use domain::{Order, OrderStatus};
use paper_broker::LedgerEntry;
use tokio::time::Instant;

use crate::error::HarnessError;
use crate::house::House;
use crate::output::tell;
use crate::record::open_orders;

const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Words about it every so many looks.
const LOOKS_PER_WORD: u32 = 10;

/// What was not at rest when the drain ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unrest {
    /// Sent, and the outcome not read.
    pub(crate) unknown: u32,
    /// Not sent.
    pub(crate) waiting: u32,
    /// The broker is further than the record.
    pub(crate) behind: u32,
    /// Messages in the queue of orders.
    pub(crate) messages: u32,
}

impl Unrest {
    fn is_quiet(self) -> bool {
        self.unknown + self.waiting + self.behind + self.messages == 0
    }
}

/// Waits until all is quiet, at most so long.
pub(crate) async fn drain(house: &House, at_most: Duration) -> Result<Unrest, HarnessError> {
    let deadline = Instant::now() + at_most;
    for look in 0_u32.. {
        let unrest = unrest(house).await?;
        if unrest.is_quiet() || Instant::now() > deadline {
            return Ok(unrest);
        }
        if look.is_multiple_of(LOOKS_PER_WORD) {
            tell(&format!(
                "still open: {} messages, {} orders not sent, {} unknown, {} behind the broker",
                unrest.messages, unrest.waiting, unrest.unknown, unrest.behind
            ));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(Unrest::default())
}

async fn unrest(house: &House) -> Result<Unrest, HarnessError> {
    let mut unrest = Unrest { messages: messages(house).await?, ..Unrest::default() };
    let (table, ledger) = (house.orders(), house.broker.ledger());
    for user in &house.users {
        for order in open_orders(&table, user).await? {
            match order.status() {
                OrderStatus::Received | OrderStatus::Held => unrest.waiting += 1,
                OrderStatus::Sending | OrderStatus::Unknown => unrest.unknown += 1,
                _ if !is_up_to_date(&order, &ledger) => unrest.behind += 1,
                _ => {}
            }
        }
    }
    Ok(unrest)
}

/// Whether the record says what the broker would, and nothing that was asked for is left to do. Of a filled bracket the exits may
/// go on working.
fn is_up_to_date(order: &Order, ledger: &[LedgerEntry]) -> bool {
    let is_its = |entry: &&LedgerEntry| entry.client_order_id.as_deref() == Some(order.client_order_id.as_str());
    let Some(entry) = ledger.iter().filter(|entry| entry.parent_order_id.is_none()).find(is_its) else { return false };
    let change_open = order.change().is_some_and(|change| change.stage.is_open());
    let cancel_open = order.cancel_asked_at.is_some();
    let works = |exit: &&LedgerEntry| exit.parent_order_id == Some(entry.order_id) && !exit.status.is_final();
    let exits_open = order.legs().iter().filter(|leg| !leg.has_ended()).count();
    !change_open
        && !cancel_open
        && entry.status.is_final() == order.status().is_final()
        && entry.filled_quantity == order.filled_quantity
        && exits_open == ledger.iter().filter(works).count()
}

async fn messages(house: &House) -> Result<u32, HarnessError> {
    use aws_sdk_sqs::types::QueueAttributeName::{
        ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesNotVisible as Hidden,
    };
    let request = house.sqs().get_queue_attributes().queue_url(house.output("OrderQueueUrl"));
    let answer = request.attribute_names(Visible).attribute_names(Hidden).send().await;
    let answer = answer.map_err(|error| HarnessError::unexpected("GetQueueAttributes", error))?;
    let attributes = answer.attributes().into_iter().flatten();
    Ok(attributes.filter_map(|(_, count)| count.parse::<u32>().ok()).sum())
}
