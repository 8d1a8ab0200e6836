//! `courier refusals`: messages that became no order.

use domain::{Clock, Refusal};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use platform::SystemClock;
use serde_json::json;
use store::{Orders, PAGE_ROWS_MAX};

use crate::arguments::RefusalsArguments;
use crate::error::CourierError;
use crate::output::{print, print_json, table, tell};
use crate::resources::Resources;

/// Refusals that one call shows.
const SHOWN_MAX: usize = 1_000;

pub(crate) async fn run_list(arguments: &RefusalsArguments) -> Result<(), CourierError> {
    let orders = Resources::of_stack(&arguments.stack.stack).await.orders().await?;
    let day = arguments.day.unwrap_or_else(|| TimeZone::UTC.to_datetime(SystemClock.now()).date());
    let (refusals, more) = of_day(&orders, day).await?;
    if arguments.stack.json {
        print_json(&json!({"day": day, "refusals": refusals, "more": more}));
    } else if refusals.is_empty() {
        print(&format!("Nothing was refused on {day} (UTC)."));
    } else {
        let header = ["at", "sender", "group", "order", "reason"];
        print(&table(header, refusals.iter().map(row).collect()));
    }
    if more {
        tell(&format!("There are more than these {}.", refusals.len()));
    }
    Ok(())
}

/// The refusals of a day, oldest first, and whether there are more than are shown.
async fn of_day(orders: &Orders, day: Date) -> Result<(Vec<Refusal>, bool), CourierError> {
    let mut refusals = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = orders.refusals(day, cursor.as_deref(), PAGE_ROWS_MAX).await?;
        refusals.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() || refusals.len() >= SHOWN_MAX {
            break;
        }
    }
    let more = cursor.is_some() || refusals.len() > SHOWN_MAX;
    refusals.truncate(SHOWN_MAX);
    refusals.sort_by_key(|refusal| refusal.at);
    Ok((refusals, more))
}

fn row(refusal: &Refusal) -> [String; 5] {
    [
        refusal.at.to_string(),
        refusal.sender_id.clone(),
        refusal.group_id.clone(),
        refusal.order_id.clone().unwrap_or_default(),
        refusal.reason.message.clone(),
    ]
}
