//! `courier refusals`: messages that became no order.

use domain::{Clock, Refusal};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use platform::SystemClock;
use serde_json::json;
use store::{Orders, PAGE_ROWS_MAX};

use crate::arguments::RefusalsArguments;
use crate::error::CourierError;
use crate::output::{moment, print, print_json, table, tell};
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
        let header = ["at", "sender", "user", "algorithm", "command", "order", "reason"];
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

fn row(refusal: &Refusal) -> [String; 7] {
    [
        moment(refusal.at),
        refusal.sender_id.clone(),
        refusal.user_id.clone().unwrap_or_default(),
        refusal.algorithm_id.clone().unwrap_or_default(),
        command(&refusal.excerpt).unwrap_or_default().to_owned(),
        refusal.order_id.clone().unwrap_or_default(),
        refusal.reason.message.clone(),
    ]
}

/// What the message asked for, where its first characters tell it. They may end within the JSON.
fn command(excerpt: &str) -> Option<&'static str> {
    let (_, behind) = excerpt.split_once("\"command\"")?;
    let word = behind.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?.split('"').next()?;
    ["place", "modify", "cancel"].into_iter().find(|command| *command == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_told_where_the_excerpt_holds_it() {
        for (excerpt, told) in [
            (r#"{"schema": "courier.order/1", "command": "place", "user_id": "u-"#, Some("place")),
            (r#"{"command" : "modify"}"#, Some("modify")),
            (r#"{"command":"cancel"}"#, Some("cancel")),
            (r#"{"command": "sell"}"#, None),
            (r#"{"command": 1}"#, None),
            (r#"{"user_id": "u-7", "comm"#, None),
            ("", None),
        ] {
            assert_eq!(command(excerpt), told, "{excerpt}");
        }
    }

    #[test]
    fn a_row_tells_who_asked_for_what_in_whose_name() {
        let refusal: Refusal = serde_json::from_value(json!({"message_id": "m-1", "sender_id": "AROAEXAMPLE:bot",
            "group_id": "u-8", "user_id": "u-7", "algorithm_id": "mean-reversion-7", "order_id": "mr7-1",
            "reason": {"code": "other_group", "message": "No."}, "excerpt": "{\"command\": \"place\"",
            "at": "2026-11-25T06:55:05.924488269Z"}))
        .unwrap();
        let expected = ["2026-11-25T06:55:05Z", "AROAEXAMPLE:bot", "u-7", "mean-reversion-7", "place", "mr7-1", "No."];
        assert_eq!(row(&refusal), expected);
    }
}
