//! `courier refusals`: messages that became no order.

use domain::{Clock, Refusal};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use platform::SystemClock;
use serde_json::json;
use store::{Orders, PAGE_ROWS_MAX};

use crate::arguments::{RefusalsArguments, RefusalsOnly};
use crate::error::CourierError;
use crate::output::{moment, print, print_json, table, tell};
use crate::resources::Resources;

/// Refusals that one call shows.
const SHOWN_MAX: usize = 1_000;

pub(crate) async fn run_list(arguments: &RefusalsArguments) -> Result<(), CourierError> {
    let orders = Resources::of_stack(&arguments.stack.stack).await.orders().await?;
    let day = arguments.day.unwrap_or_else(|| TimeZone::UTC.to_datetime(SystemClock.now()).date());
    let (refusals, more) = of_day(&orders, day, &arguments.only).await?;
    if arguments.stack.json {
        print_json(&json!({"day": day, "refusals": refusals, "more": more}));
    } else if refusals.is_empty() {
        print(&none_of(day, &arguments.only));
    } else {
        let header = ["at", "message", "sender", "user", "algorithm", "command", "order", "reason"];
        print(&table(header, refusals.iter().map(row).collect()));
    }
    if more {
        tell(&format!(
            "There are more than these {}. --user, --order and --algorithm narrow them down.",
            refusals.len()
        ));
    }
    Ok(())
}

fn none_of(day: Date, only: &RefusalsOnly) -> String {
    let all = only.user.is_none() && only.order.is_none() && only.algorithm.is_none();
    let what = if all { "Nothing" } else { "Nothing of what you ask for" };
    format!("{what} was refused on {day} (UTC).")
}

impl RefusalsOnly {
    fn takes(&self, refusal: &Refusal) -> bool {
        let fits =
            |wanted: &Option<String>, named: Option<&str>| wanted.as_deref().is_none_or(|wanted| Some(wanted) == named);
        fits(&self.user, Some(refusal.in_the_name_of()))
            && fits(&self.order, refusal.order_id.as_deref())
            && fits(&self.algorithm, refusal.algorithm_id.as_deref())
    }
}

/// The refusals of a day that are asked for, oldest first, and whether there are more than are shown. The day is read to
/// its end, or until so many are found: a part without any says nothing of the rest.
async fn of_day(orders: &Orders, day: Date, only: &RefusalsOnly) -> Result<(Vec<Refusal>, bool), CourierError> {
    let mut refusals = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = orders.refusals(day, cursor.as_deref(), PAGE_ROWS_MAX).await?;
        refusals.extend(page.items.into_iter().filter(|refusal| only.takes(refusal)));
        cursor = page.next_cursor;
        if cursor.is_none() || refusals.len() > SHOWN_MAX {
            break;
        }
    }
    let more = refusals.len() > SHOWN_MAX;
    refusals.truncate(SHOWN_MAX);
    refusals.sort_by_key(|refusal| refusal.at);
    Ok((refusals, more))
}

fn row(refusal: &Refusal) -> [String; 8] {
    [
        moment(refusal.at),
        refusal.message_id.clone(),
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
    use crate::testing::World;

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
        let expected =
            ["2026-11-25T06:55:05Z", "m-1", "AROAEXAMPLE:bot", "u-7", "mean-reversion-7", "place", "mr7-1", "No."];
        assert_eq!(row(&refusal("m-1", "u-7", "mr7-1")), expected);
    }

    fn refusal(message: &str, user: &str, order: &str) -> Refusal {
        serde_json::from_value(json!({"message_id": message, "sender_id": "AROAEXAMPLE:bot",
            "group_id": "u-8", "user_id": user, "algorithm_id": "mean-reversion-7", "order_id": order,
            "reason": {"code": "other_group", "message": "No."}, "excerpt": "{\"command\": \"place\"",
            "at": "2026-11-25T06:55:05.924488269Z"}))
        .unwrap()
    }

    #[tokio::test]
    async fn only_those_that_are_asked_for_are_listed_and_the_day_is_read_to_its_end_for_them() {
        let world = World::new().await;
        let orders = &world.store.orders;
        for number in 0..150 {
            let user = if number == 149 { "u-rare" } else { "u-7" };
            let refusal = refusal(&format!("m-{number:03}"), user, &format!("o-{}", number % 3));
            orders.record_refusal(&refusal).await.unwrap();
        }
        let day: Date = "2026-11-25".parse().unwrap();
        let named = |name: &str| Some(name.to_owned());
        let cases = [
            (RefusalsOnly::default(), 150),
            (RefusalsOnly { user: named("u-rare"), ..RefusalsOnly::default() }, 1),
            (RefusalsOnly { order: named("o-0"), ..RefusalsOnly::default() }, 50),
            (RefusalsOnly { order: named("o-2"), user: named("u-7"), ..RefusalsOnly::default() }, 49),
            (RefusalsOnly { algorithm: named("mean-reversion-7"), ..RefusalsOnly::default() }, 150),
            (RefusalsOnly { algorithm: named("another"), ..RefusalsOnly::default() }, 0),
        ];
        for (only, count) in cases {
            let (listed, more) = of_day(orders, day, &only).await.unwrap();
            assert_eq!((listed.len(), more), (count, false), "{only:?}");
        }
        let rare = RefusalsOnly { user: named("u-8"), ..RefusalsOnly::default() };
        assert_eq!(none_of(day, &rare), "Nothing of what you ask for was refused on 2026-11-25 (UTC).");
    }
}
