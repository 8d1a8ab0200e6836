//! `courier orders`: what is on record, and the decisions that only a person can make.

mod review;
mod show;
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
    /// Those of this status, of everybody.
    Status(OrderStatus),
    /// A user's, the newest first; of one status, or all.
    OfUser(&'a UserId, Option<OrderStatus>),
}

/// Orders, and where the list goes on.
#[derive(Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) orders: Vec<Order>,
    pub(crate) cursor: Option<String>,
}

pub(crate) async fn run_list(arguments: &OrdersListArguments) -> Result<(), CourierError> {
    let orders = Resources::of_stack(&arguments.stack.stack).await.orders().await?;
    let wanted = match (&arguments.user, arguments.status) {
        (Some(user), status) => Wanted::OfUser(user, status),
        (None, Some(status)) => {
            tell("Reading the whole table of orders …");
            Wanted::Status(status)
        }
        (None, None) => Wanted::Open,
    };
    let limit = if arguments.all { usize::MAX } else { arguments.limit as usize };
    let listed = list(&orders, wanted, arguments.cursor.clone(), limit).await?;
    if arguments.stack.json {
        let views: Vec<_> = listed.orders.iter().map(Order::view).collect();
        print_json(&json!({"orders": views, "more": listed.cursor.is_some(), "cursor": listed.cursor}));
    } else if listed.orders.is_empty() {
        print(&none_of(wanted));
    } else {
        let header = ["user", "order", "algorithm", "account", "what", "status", "filled", "updated at", "reason"];
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
        Wanted::Status(status) => orders.status_page(status, cursor, limit).await,
        Wanted::OfUser(user, status) => {
            let filter = OrderFilter { statuses: status.into_iter().collect(), ..OrderFilter::default() };
            orders.newest(user, &filter, cursor, limit).await
        }
    }
}

/// What is said where there is nothing to list.
fn none_of(wanted: Wanted<'_>) -> String {
    match wanted {
        Wanted::Open => "No order is open; --user shows a user's ended ones.".to_owned(),
        Wanted::Status(status) => format!("No order is {}.", status.as_str()),
        Wanted::OfUser(user, None) => format!("The user {user} has no order."),
        Wanted::OfUser(user, Some(status)) => format!("The user {user} has no order that is {}.", status.as_str()),
    }
}

fn row(order: &Order) -> [String; 9] {
    let view = order.view();
    let asked = view.quantity.or(view.cash_quantity.map(|cash| format!("cash {cash}"))).unwrap_or_default();
    [
        view.user_id.to_string(),
        view.order_id.to_string(),
        view.algorithm_id.to_string(),
        view.account_id.map(ToString::to_string).unwrap_or_default(),
        words::what(order),
        [view.status.as_str().to_owned(), brief(&words::change(order))].join("\n").trim_end().to_owned(),
        format!("{} of {asked}", view.filled_quantity),
        moment(view.updated_at),
        view.reason.map(|reason| brief(&reason.message)).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, at, needs_review, order};

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
        assert_eq!(listed(Wanted::OfUser(&user, None)).await, ["c", "d"]);
        assert_eq!(listed(Wanted::OfUser(&user, Some(OrderStatus::NeedsReview))).await, ["d"]);
        assert_eq!(listed(Wanted::Status(OrderStatus::NeedsReview)).await, ["d"]);
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
        let listed = list(&store.orders, Wanted::OfUser(&user, None), None, 10).await.unwrap();
        let ids: Vec<&str> = listed.orders.iter().map(|order| order.key.order_id.as_str()).collect();
        assert_eq!(ids, ["a", "c", "b"]);
    }

    #[test]
    fn an_empty_list_says_what_is_not_there() {
        let user = "u-1".parse().unwrap();
        assert!(none_of(Wanted::Open).contains("--user"));
        assert_eq!(none_of(Wanted::OfUser(&user, None)), "The user u-1 has no order.");
        assert_eq!(none_of(Wanted::Status(OrderStatus::NeedsReview)), "No order is needs_review.");
    }

    #[tokio::test]
    async fn a_list_that_ends_says_where_it_goes_on() {
        let World { store, .. } = World::new().await;
        for number in 0..230 {
            let user = if number < 120 { "u-1".to_owned() } else { format!("u-{number}") };
            store.orders.insert(&order(&user, &format!("o-{number:03}"))).await.unwrap();
        }
        let user = "u-1".parse().unwrap();
        for (wanted, all) in
            [(Wanted::Open, 230), (Wanted::Status(OrderStatus::Received), 230), (Wanted::OfUser(&user, None), 120)]
        {
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
