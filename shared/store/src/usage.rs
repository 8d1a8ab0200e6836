//! Usage: what a user's orders use of the limits, in all and for each algorithm.
//!
//! The rows share the table of orders, so that a restore brings orders and counts back as they were together. They stand
//! in partitions that no user can have: their names hold a space, and a user id cannot. An algorithm id cannot be `*`.

use domain::{AlgorithmId, Beyond, Grant, Limits, Order, UserId, Whose};
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::alike::Alike;
use crate::database::{Attributes, number_of, text, text_of};
use crate::error::StoreError;
use crate::orders::Orders;
use crate::standing::Standing;

/// The row of all of a user's orders, beside those of single algorithms.
const TOTAL: &str = "*";

pub(crate) const DAY: &str = "utc_day";
pub(crate) const DAILY_ORDERS: &str = "daily_orders";
pub(crate) const DAILY_NOTIONAL: &str = "daily_notional";
pub(crate) const OPEN_ORDERS: &str = "open_orders";

/// What an order claims of the limits that bear on it, and those limits as they were read.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The day (UTC) whose orders and value it counts among.
    pub day: Date,
    /// Its value, in the contract's currency; zero where no limit needs it and the ticket does not tell.
    pub notional: Decimal,
    /// The user's own limits.
    pub own: Standing<Limits>,
    /// The grant; `None` for the user's own hand.
    pub grant: Option<Standing<Grant>>,
    /// What was used when the limits were read ([`Bearings`](crate::Bearings)). What is used when the intent is written decides.
    pub used: Usages,
    /// Whether the order is known to reduce a position: then it passes a halt that lets only those pass.
    pub reducing: bool,
    /// What it looks like, where a limit refuses what looks like an order before it.
    pub alike: Alike,
}

/// What is used of the limits that bear on one order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usages {
    /// Of the user's own limits.
    pub own: Usage,
    /// Of the grant's; of the user's own hand nothing.
    pub grant: Usage,
}

/// What is used of the limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The day (UTC) of the daily figures; `None` before the first order.
    pub day: Option<Date>,
    /// Orders of that day that were sent, or may have been.
    pub daily_orders: u64,
    /// Their value.
    pub daily_notional: Decimal,
    /// Orders of any day that the broker has or may have.
    pub open_orders: u64,
}

/// What one order adds to the usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) orders: u64,
    pub(crate) notional: Decimal,
}

impl Orders {
    /// What is used of a user's own limits; of a grant's, where an algorithm is named.
    pub async fn usage(&self, user_id: &UserId, algorithm_id: Option<&AlgorithmId>) -> Result<Usage, StoreError> {
        let answer = self
            .table
            .database
            .client()
            .get_item()
            .table_name(&self.table.name)
            .set_key(Some(usage_key(user_id, algorithm_id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of_call(&self.table.name, "read what is used of limits", error))?;
        Usage::read(&self.table.name, &answer.item.unwrap_or_default())
    }
}

impl Usages {
    pub(crate) fn of(&self, whose: Whose) -> &Usage {
        match whose {
            Whose::User => &self.own,
            Whose::Grant => &self.grant,
        }
    }
}

impl Usage {
    /// The usage of a row; of an empty one: none.
    pub(crate) fn read(table: &str, row: &Attributes) -> Result<Self, StoreError> {
        let Some(day) = text_of(row, DAY) else { return Ok(Self::default()) };
        let corrupt = |why: &str| {
            let key = ["user_id", "order_id"].map(|name| text_of(row, name).unwrap_or("?")).join("/");
            StoreError::corrupt(table, key, why.to_owned())
        };
        let whole =
            |name: &str| number_of(row, name).ok_or_else(|| corrupt("a count of its orders is no whole number"));
        Ok(Self {
            day: Some(day.parse().map_err(|_| corrupt("its day is no day"))?),
            daily_orders: whole(DAILY_ORDERS)?,
            daily_notional: decimal_of(row, DAILY_NOTIONAL).ok_or_else(|| corrupt("its value is no number"))?,
            open_orders: whole(OPEN_ORDERS)?,
        })
    }

    /// The limit that one more order of this cost would go beyond on this day, if any.
    pub(crate) fn beyond(&self, day: Date, cost: &Cost, whose: Whose, limits: &Limits) -> Option<Beyond> {
        let today = self.day == Some(day);
        let (orders, notional) = if today { (self.daily_orders, self.daily_notional) } else { (0, Decimal::ZERO) };
        let beyond = |limit, why| Some(Beyond { whose, limit, why });
        // A change adds to the value of an order that is counted already.
        let counts = |used: u64, most: u32| cost.orders > 0 && used.saturating_add(cost.orders) > u64::from(most);
        if let Some(most) = limits.max_open_orders.filter(|most| counts(self.open_orders, *most)) {
            return beyond(
                "max_open_orders",
                format!("{} orders are open, and at most {most} may be", self.open_orders),
            );
        }
        if let Some(most) = limits.max_daily_orders.filter(|most| counts(orders, *most)) {
            return beyond(
                "max_daily_orders",
                format!("{orders} orders were sent on {day} (UTC), and at most {most} may be"),
            );
        }
        let most = limits.max_daily_notional.map(domain::Amount::get)?;
        // A sum that is too long to be told is beyond any limit.
        if notional.checked_add(cost.notional).is_some_and(|sum| sum <= most) {
            return None;
        }
        beyond(
            "max_daily_notional",
            format!("{} on top of the {notional} of {day} (UTC) is more than {most}", cost.notional.normalize()),
        )
    }
}

/// The keys of the rows that count an order: its user's, and its algorithm's if it is not the user's own hand.
pub(crate) fn keys_of(order: &Order) -> Vec<(Whose, Attributes)> {
    let user_id = &order.key.user_id;
    let own = (Whose::User, usage_key(user_id, None));
    if order.algorithm_id.is_own_hand() {
        vec![own]
    } else {
        vec![own, (Whose::Grant, usage_key(user_id, Some(&order.algorithm_id)))]
    }
}

pub(crate) fn usage_key(user_id: &UserId, algorithm_id: Option<&AlgorithmId>) -> Attributes {
    let item = algorithm_id.map_or(TOTAL, AlgorithmId::as_str);
    Attributes::from([("user_id".to_owned(), text(format!("usage {user_id}"))), ("order_id".to_owned(), text(item))])
}

fn decimal_of(row: &Attributes, name: &str) -> Option<Decimal> {
    let text = row.get(name)?.as_n().ok()?;
    text.parse().ok().or_else(|| Decimal::from_scientific(text).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_figure_of_a_row_panics_and_what_has_no_sum_is_beyond_the_limit(
            used in any::<u64>(),
            parts in (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0_u32..=28),
            largest in any::<bool>(),
        ) {
            let (low, middle, high, negative, scale) = parts;
            let any = Decimal::from_parts(low, middle, high, negative, scale);
            let notional = if largest { Decimal::MAX } else { any };
            let day: Date = "2026-11-24".parse().unwrap();
            let usage = Usage { day: Some(day), daily_orders: used, daily_notional: notional, open_orders: used };
            let limits: Limits = serde_json::from_str(
                r#"{"max_open_orders":5,"max_daily_orders":5,"max_daily_notional":"999999999999.99999999"}"#,
            )
            .unwrap();
            let cost = Cost { orders: 1, notional: notional.abs() };
            let beyond = usage.beyond(day, &cost, Whose::User, &limits);
            prop_assert!(beyond.is_some() || (used < 5 && notional < Decimal::from(1_000_000_000_000_i64)));
        }
    }
}
