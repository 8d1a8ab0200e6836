//! `courier orders`: what is on record, and the decisions that only a person can make.

mod review;
mod show;
mod statuses;
mod words;

use domain::{Order, OrderKey, OrderStatus, UserId};
use serde_json::json;
use store::{OrderFilter, Orders, PAGE_ROWS_MAX, Page, StoreError, Versioned};

use crate::arguments::{OrderArguments, OrdersListArguments};
use crate::error::CourierError;
use crate::output::{brief, moment, print, print_json, table, tell};
use crate::resources::Resources;

pub(crate) use review::run as run_review;

/// Which orders are listed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// Those that are not final, of everybody, shard after shard and in each the longest due first.
    Open,
    /// Those of these statuses, of everybody.
    Status(&'a [OrderStatus]),
    /// A user's, the newest first; of some statuses, or, where none is named, all.
    OfUser(&'a UserId, &'a [OrderStatus]),
}

/// Orders, and where the list goes on.
#[derive(Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) orders: Vec<Order>,
    pub(crate) cursor: Option<String>,
}

pub(crate) async fn run_list(arguments: &OrdersListArguments) -> Result<(), CourierError> {
    let orders = Resources::of_stack(&arguments.stack.stack).await.orders().await?;
    let wanted = match (&arguments.user, arguments.status.as_slice()) {
        (Some(user), statuses) => Wanted::OfUser(user, statuses),
        (None, []) => Wanted::Open,
        (None, statuses) => {
            tell("Reading the whole table of orders …");
            Wanted::Status(statuses)
        }
    };
    let limit = if arguments.all { usize::MAX } else { arguments.limit as usize };
    let listed = list(&orders, wanted, arguments.cursor.clone(), limit).await?;
    if arguments.stack.json {
        let views: Vec<_> = listed.orders.iter().map(Order::view).collect();
        print_json(&json!({"orders": views, "more": listed.cursor.is_some(), "cursor": listed.cursor}));
    } else if listed.orders.is_empty() {
        print(&none_of(wanted));
    } else {
        let header =
            ["user", "order", "algorithm", "account", "what", "type", "status", "filled", "updated at", "reason"];
        print(&table(header, listed.orders.iter().map(row).collect()));
    }
    if let Some(cursor) = listed.cursor {
        let shown = listed.orders.len();
        tell(&format!("There are more than these {shown}. Go on with --cursor {cursor}, or see all with --all."));
    }
    Ok(())
}

pub(crate) async fn run_show(arguments: &OrderArguments) -> Result<(), CourierError> {
    let orders = Resources::of_stack(&arguments.stack.stack).await.orders().await?;
    let order = get(&orders, &arguments.user, &arguments.order).await?;
    if arguments.stack.json {
        print_json(&order.view());
    } else {
        print(&show::text(&order));
    }
    Ok(())
}

pub(crate) async fn get(orders: &Orders, user: &UserId, order: &domain::OrderId) -> Result<Order, CourierError> {
    let key = OrderKey { user_id: user.clone(), order_id: order.clone() };
    let found = orders.get(&key).await?;
    found.map(|order| order.value).ok_or(CourierError::NoOrder(key))
}

/// Orders from where a list before ended, at most `limit`.
pub(crate) async fn list(
    orders: &Orders,
    wanted: Wanted<'_>,
    mut cursor: Option<String>,
    limit: usize,
) -> Result<Listed, CourierError> {
    let mut listed = Vec::new();
    loop {
        let left = u32::try_from(limit - listed.len()).unwrap_or(u32::MAX).min(PAGE_ROWS_MAX);
        let page = page(orders, wanted, cursor.as_deref(), left).await?;
        listed.extend(page.items.into_iter().map(|order| order.value));
        cursor = page.next_cursor;
        if cursor.is_none() || listed.len() >= limit {
            break;
        }
    }
    match wanted {
        Wanted::Open => listed.sort_by_key(|order| order.next_check_at),
        Wanted::Status(_) => listed.sort_by_key(|order| std::cmp::Reverse(order.updated_at)),
        Wanted::OfUser(..) => {}
    }
    Ok(Listed { orders: listed, cursor })
}

async fn page(
    orders: &Orders,
    wanted: Wanted<'_>,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Versioned<Order>>, StoreError> {
    match wanted {
        Wanted::Open => orders.open_page(None, cursor, limit).await,
        Wanted::Status(statuses) => statuses::page(orders, statuses, cursor, limit).await,
        Wanted::OfUser(user, statuses) => {
            let filter = OrderFilter { statuses: statuses.to_vec(), ..OrderFilter::default() };
            orders.newest(user, &filter, cursor, limit).await
        }
    }
}

/// What is said where there is nothing to list.
fn none_of(wanted: Wanted<'_>) -> String {
    match wanted {
        Wanted::Open => "No order is open; --user shows a user's ended ones.".to_owned(),
        Wanted::Status(statuses) => format!("No order is {}.", either(statuses)),
        Wanted::OfUser(user, []) => format!("The user {user} has no order."),
        Wanted::OfUser(user, statuses) => format!("The user {user} has no order that is {}.", either(statuses)),
    }
}

fn either(statuses: &[OrderStatus]) -> String {
    statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" or ")
}

fn row(order: &Order) -> [String; 10] {
    let view = order.view();
    let asked = view.quantity.or(view.cash_quantity.map(|cash| format!("cash {cash}"))).unwrap_or_default();
    [
        view.user_id.to_string(),
        view.order_id.to_string(),
        view.algorithm_id.to_string(),
        view.account_id.map(ToString::to_string).unwrap_or_default(),
        words::what(order),
        view.ticket.map(words::kind).unwrap_or_default(),
        standing(order),
        format!("{} of {asked}", view.filled_quantity),
        moment(view.updated_at),
        why(order),
    ]
}

/// The status, and what else a person must see of where it stands.
fn standing(order: &Order) -> String {
    let mut lines = vec![order.status().as_str().to_owned()];
    lines.extend(order.view().cancel_asked.then(|| words::CANCEL_ASKED.to_owned()));
    lines.extend([words::open_exits(order), brief(&words::change(order))].into_iter().filter(|line| !line.is_empty()));
    lines.join("\n")
}

/// Why it is where it is, and its warning.
fn why(order: &Order) -> String {
    let view = order.view();
    let reason = view.reason.map(|reason| brief(&reason.message));
    let warning = view.warning.map(|warning| format!("WARNING: {}", brief(&warning.message)));
    reason.into_iter().chain(warning).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, at, filled_bracket, needs_review, order};

    #[tokio::test]
    async fn orders_are_listed_by_user_by_status_and_by_being_open() {
        let World { store, .. } = World::new().await;
        for (user, id) in [("u-1", "a"), ("u-1", "b"), ("u-2", "c")] {
            store.orders.insert(&order(user, id)).await.unwrap();
        }
        store.orders.insert(&needs_review("u-2", "d")).await.unwrap();
        let ids = |listed: &Listed| {
            let mut ids: Vec<String> = listed.orders.iter().map(|order| order.key.order_id.to_string()).collect();
            ids.sort();
            ids
        };
        let user = "u-2".parse().unwrap();
        let listed = async |wanted| ids(&list(&store.orders, wanted, None, 10).await.unwrap());
        // One that a person decides on is open: the broker may have it.
        assert_eq!(listed(Wanted::Open).await, ["a", "b", "c", "d"]);
        assert_eq!(listed(Wanted::OfUser(&user, &[])).await, ["c", "d"]);
        assert_eq!(listed(Wanted::OfUser(&user, &[OrderStatus::NeedsReview])).await, ["d"]);
        assert_eq!(listed(Wanted::Status(&[OrderStatus::NeedsReview])).await, ["d"]);
        let both = [OrderStatus::NeedsReview, OrderStatus::Received];
        assert_eq!(listed(Wanted::Status(&both)).await, ["a", "b", "c", "d"]);
        assert_eq!(listed(Wanted::OfUser(&user, &both)).await, ["c", "d"]);
        assert!(matches!(get(&store.orders, &user, &"x".parse().unwrap()).await, Err(CourierError::NoOrder(_))));
    }

    #[tokio::test]
    async fn a_users_orders_are_listed_newest_first_whatever_their_ids() {
        let World { store, .. } = World::new().await;
        for (id, seconds) in [("b", 1), ("a", 3), ("c", 2)] {
            let mut order = order("u-1", id);
            order.created_at = at(seconds);
            store.orders.insert(&order).await.unwrap();
        }
        let user = "u-1".parse().unwrap();
        let listed = list(&store.orders, Wanted::OfUser(&user, &[]), None, 10).await.unwrap();
        let ids: Vec<&str> = listed.orders.iter().map(|order| order.key.order_id.as_str()).collect();
        assert_eq!(ids, ["a", "c", "b"]);
    }

    #[test]
    fn an_empty_list_says_what_is_not_there() {
        let user = "u-1".parse().unwrap();
        assert!(none_of(Wanted::Open).contains("--user"));
        assert_eq!(none_of(Wanted::OfUser(&user, &[])), "The user u-1 has no order.");
        assert_eq!(none_of(Wanted::Status(&[OrderStatus::NeedsReview])), "No order is needs_review.");
        let both = [OrderStatus::Working, OrderStatus::Held];
        assert_eq!(none_of(Wanted::OfUser(&user, &both)), "The user u-1 has no order that is working or held.");
    }

    #[test]
    fn a_row_tells_the_price_the_warning_and_why_a_filled_bracket_is_open() {
        let [_, _, _, _, what, kind, status, _, _, reason] = row(&order("u-7", "mr7-1"));
        assert_eq!([what, kind, status, reason], ["buy 10 conid 265598", "limit 187.5", "received", ""]);
        let mut bracket = filled_bracket("u-7", "mr7-1");
        bracket.warn(
            domain::Reason::new(domain::ReasonCode::NotSettled, "Its stop is gone."),
            jiff::Timestamp::UNIX_EPOCH,
        );
        let [.., status, _, _, reason] = row(&bracket);
        assert_eq!(status, "filled\nexits open: take_profit working, stop_loss working");
        assert_eq!(reason, "WARNING: Its stop is gone.");
    }

    /// A cursor of another question would leave out what it does not know.
    #[tokio::test]
    async fn a_cursor_of_other_statuses_is_refused() {
        let World { store, .. } = World::new().await;
        for cursor in ["filled:", "filled", "x"] {
            let wanted = Wanted::Status(&[OrderStatus::Received]);
            let listed = list(&store.orders, wanted, Some(cursor.to_owned()), 10).await;
            assert!(matches!(listed, Err(CourierError::Store(StoreError::CursorRefused))), "{cursor}: {listed:?}");
        }
    }

    #[tokio::test]
    async fn a_list_that_ends_says_where_it_goes_on() {
        let World { store, .. } = World::new().await;
        for number in 0..230 {
            let user = if number < 120 { "u-1".to_owned() } else { format!("u-{number}") };
            let id = format!("o-{number:03}");
            let order = if number % 4 == 0 { needs_review(&user, &id) } else { order(&user, &id) };
            store.orders.insert(&order).await.unwrap();
        }
        let both = [OrderStatus::NeedsReview, OrderStatus::Received];
        let more_than = async |statuses: &[OrderStatus]| {
            list(&store.orders, Wanted::Status(statuses), None, 58).await.unwrap().cursor.is_some()
        };
        assert!(more_than(&both).await, "58 of 230 are the first status");
        assert!(!more_than(&[OrderStatus::NeedsReview, OrderStatus::Filled]).await, "no more is promised in vain");
        let user = "u-1".parse().unwrap();
        for (wanted, all) in [(Wanted::Open, 230), (Wanted::Status(&both), 230), (Wanted::OfUser(&user, &[]), 120)] {
            let (mut seen, mut cursor) = (std::collections::BTreeSet::new(), None);
            for _ in 0..9 {
                let part = list(&store.orders, wanted, cursor, 50).await.unwrap();
                assert!(part.orders.len() <= 50);
                seen.extend(part.orders.into_iter().map(|order| order.key));
                cursor = part.cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!((seen.len(), cursor), (all, None), "{wanted:?}");
            let whole = list(&store.orders, wanted, None, usize::MAX).await.unwrap();
            assert_eq!((whole.orders.len(), whole.cursor), (all, None), "{wanted:?}");
        }
    }
}
