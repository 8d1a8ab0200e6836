//! `courier orders`: what is on record, and the decisions that only a person can make.

mod review;
mod show;

use domain::{Order, OrderKey, OrderStatus, UserId};
use jiff::Timestamp;
use serde_json::json;
use store::{DUE_SHARDS, Orders, PAGE_ROWS_MAX};

use crate::arguments::{OrderArguments, OrdersListArguments};
use crate::error::CourierError;
use crate::output::{print, print_json, table, tell};
use crate::resources::Resources;

pub(crate) use review::run as run_review;

/// Orders that one call shows.
const SHOWN_MAX: usize = 1_000;

/// Orders, and whether there are more.
#[derive(Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) orders: Vec<Order>,
    pub(crate) more: bool,
}

pub(crate) async fn run_list(arguments: &OrdersListArguments) -> Result<(), CourierError> {
    let orders = Resources::of_stack(&arguments.stack.stack).await.orders().await?;
    let listed = match (&arguments.user, arguments.status) {
        (Some(user), status) => of_user(&orders, user, status).await?,
        (None, Some(status)) => {
            tell("Reading the whole table of orders …");
            with_status(&orders, status).await?
        }
        (None, None) => open(&orders).await?,
    };
    if arguments.stack.json {
        let views: Vec<_> = listed.orders.iter().map(Order::view).collect();
        print_json(&json!({"orders": views, "more": listed.more}));
    } else if listed.orders.is_empty() {
        print("There is no such order.");
    } else {
        let header = ["user", "order", "algorithm", "account", "status", "filled", "updated at", "reason"];
        print(&table(header, listed.orders.iter().map(row).collect()));
    }
    if listed.more {
        tell(&format!("There are more than these {}.", listed.orders.len()));
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

/// A user's orders, ids from the last to the first.
pub(crate) async fn of_user(
    orders: &Orders,
    user: &UserId,
    status: Option<OrderStatus>,
) -> Result<Listed, CourierError> {
    let mut listed = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = orders.list(user, cursor.as_deref(), PAGE_ROWS_MAX).await?;
        let fitting = page.items.into_iter().map(|order| order.value);
        listed.extend(fitting.filter(|order| status.is_none_or(|status| order.status() == status)));
        cursor = page.next_cursor;
        if cursor.is_none() || listed.len() > SHOWN_MAX {
            break;
        }
    }
    let more = listed.len() > SHOWN_MAX;
    listed.truncate(SHOWN_MAX);
    Ok(Listed { orders: listed, more })
}

/// Orders of this status, of everybody, the latest change first.
pub(crate) async fn with_status(orders: &Orders, status: OrderStatus) -> Result<Listed, CourierError> {
    let found = orders.with_status(status, SHOWN_MAX).await?;
    let mut listed: Vec<Order> = found.items.into_iter().map(|order| order.value).collect();
    listed.sort_by_key(|order| std::cmp::Reverse(order.updated_at));
    Ok(Listed { orders: listed, more: found.more })
}

/// Orders that are not final, of everybody, those first that are due first. Each shard gives one page.
pub(crate) async fn open(orders: &Orders) -> Result<Listed, CourierError> {
    let mut listed = Vec::new();
    let mut more = false;
    for shard in 0..DUE_SHARDS {
        let page = orders.due(shard, Timestamp::MAX, PAGE_ROWS_MAX, None).await?;
        more |= page.next.is_some();
        for key in page.keys {
            listed.extend(orders.get(&key).await?.map(|order| order.value));
        }
    }
    listed.retain(|order| order.next_check_at.is_some());
    listed.sort_by_key(|order| order.next_check_at);
    Ok(Listed { orders: listed, more })
}

fn row(order: &Order) -> [String; 8] {
    let view = order.view();
    let asked = view.quantity.or(view.cash_quantity.map(|cash| format!("cash {cash}"))).unwrap_or_default();
    [
        view.user_id.to_string(),
        view.order_id.to_string(),
        view.algorithm_id.to_string(),
        view.account_id.map(ToString::to_string).unwrap_or_default(),
        view.status.as_str().to_owned(),
        format!("{} of {asked}", view.filled_quantity),
        view.updated_at.to_string(),
        view.reason.map(|reason| reason.message.clone()).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, needs_review, order};

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
        assert_eq!(ids(&open(&store.orders).await.unwrap()), ["a", "b", "c"]);
        assert_eq!(ids(&of_user(&store.orders, &user, None).await.unwrap()), ["c", "d"]);
        assert_eq!(ids(&of_user(&store.orders, &user, Some(OrderStatus::NeedsReview)).await.unwrap()), ["d"]);
        assert_eq!(ids(&with_status(&store.orders, OrderStatus::NeedsReview).await.unwrap()), ["d"]);
        assert!(matches!(get(&store.orders, &user, &"x".parse().unwrap()).await, Err(CourierError::NoOrder(_))));
    }
}
