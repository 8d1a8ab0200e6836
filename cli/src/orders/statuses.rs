//! The orders of several statuses, of everybody.

use domain::{Order, OrderStatus};
use store::{Orders, Page, StoreError, Versioned};

/// One status after the other: the store lists one. The cursor names the status that it goes on with, `filled:CURSOR`.
pub(super) async fn page(
    orders: &Orders,
    statuses: &[OrderStatus],
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Versioned<Order>>, StoreError> {
    let (position, within) = match cursor {
        None => (0, None),
        Some(cursor) => place_of(cursor, statuses).ok_or(StoreError::CursorRefused)?,
    };
    let Some(status) = statuses.get(position) else { return Ok(Page { items: Vec::new(), next_cursor: None }) };
    let page = orders.status_page(*status, within, limit).await?;
    let next_cursor = match page.next_cursor {
        Some(within) => Some(format!("{}:{within}", status.as_str())),
        None => next_status(orders, &statuses[position + 1..], page.items.len() >= limit as usize).await?,
    };
    Ok(Page { items: page.items, next_cursor })
}

/// The cursor of the next status. Behind a full page it is told only where there is an order of it: more is not promised in vain.
async fn next_status(orders: &Orders, rest: &[OrderStatus], is_full: bool) -> Result<Option<String>, StoreError> {
    for status in rest {
        if !is_full || !orders.status_page(*status, None, 1).await?.items.is_empty() {
            return Ok(Some(format!("{}:", status.as_str())));
        }
    }
    Ok(None)
}

/// Which of the statuses a cursor goes on with, and where in it.
fn place_of<'c>(cursor: &'c str, statuses: &[OrderStatus]) -> Option<(usize, Option<&'c str>)> {
    let (name, within) = cursor.split_once(':')?;
    let position = statuses.iter().position(|status| status.as_str() == name)?;
    Some((position, Some(within).filter(|within| !within.is_empty())))
}
