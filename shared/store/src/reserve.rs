//! The counting of an order, as a part of its intent's transaction.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::{Beyond, Limits, Order, Reserved, Whose};
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::database::{Attributes, number, text};
use crate::error::StoreError;
use crate::transaction::built;
use crate::usage::{Claim, Cost, DAILY_NOTIONAL, DAILY_ORDERS, DAY, OPEN_ORDERS, Usage, keys_of};

/// What an order adds to its rows of usage, and under which conditions.
pub(crate) struct Reservation<'c> {
    day: Date,
    cost: Cost,
    /// The value that the order counts in all.
    notional: Decimal,
    /// What it holds already, from an earlier intent.
    before: Option<Reserved>,
    reducing: bool,
    counters: Vec<Counter<'c>>,
}

struct Counter<'c> {
    whose: Whose,
    key: Attributes,
    limits: Option<&'c Limits>,
    /// Whether the row counts an earlier day yet, or nothing. Taken from what was read; the row tells where that is over.
    begins_day: bool,
}

impl<'c> Reservation<'c> {
    /// Of an order that holds something already, only what it counts more than that.
    pub(crate) fn new(order: &Order, claim: &'c Claim) -> Result<Self, Beyond> {
        let held = order.reserved.as_ref().map_or(Decimal::ZERO, |reserved| reserved.notional);
        let cost = Cost {
            orders: u64::from(order.reserved.is_none()),
            notional: claim.notional.checked_sub(held).unwrap_or_default().max(Decimal::ZERO),
        };
        let limits_of = |whose| match whose {
            Whose::User => claim.own.rule.as_ref(),
            Whose::Grant => claim.grant.as_ref().and_then(|grant| grant.rule.as_ref()).map(|grant| &grant.limits),
        };
        let keys = keys_of(order);
        let begun = keys.iter().filter_map(|(whose, _)| claim.used.of(*whose).day).max();
        let day = begun.map_or(claim.day, |begun| begun.max(claim.day));
        let counter = |(whose, key)| {
            let begins_day = claim.used.of(whose).day != Some(day);
            Counter { whose, key, limits: limits_of(whose), begins_day }
        };
        let counters: Vec<_> = keys.into_iter().map(counter).collect();
        let notional = claim.notional.max(held);
        let (before, reducing) = (order.reserved.clone(), claim.reducing);
        let reservation = Self { day, cost, notional, before, reducing, counters };
        let beyond = |counter: &Counter<'_>| reservation.beyond(counter, claim.used.of(counter.whose));
        let first = reservation.counters.iter().find_map(beyond);
        first.map_or(Ok(reservation), Err)
    }

    /// What the order holds once the transaction stands.
    pub(crate) fn reserved(&self) -> Reserved {
        let day = self.before.as_ref().map_or(self.day, |before| before.day);
        Reserved { day, notional: self.notional, reducing: self.reducing }
    }

    /// One part for each row of usage; none if there is nothing to add.
    pub(crate) fn parts(&self, table: &str) -> Result<Vec<TransactWriteItem>, StoreError> {
        if self.adds_nothing() {
            return Ok(Vec::new());
        }
        self.counters.iter().map(|counter| self.part(table, counter)).collect()
    }

    /// Takes in the rows whose conditions did not hold, in the order of the parts: the limit that they tell of; `None`:
    /// it may be tried again.
    pub(crate) fn learn(&mut self, table: &str, rows: &[Option<Attributes>]) -> Result<Option<Beyond>, StoreError> {
        for (index, row) in rows.iter().enumerate() {
            let Some(row) = row else { continue };
            let usage = Usage::read(table, row)?;
            // A worker whose clock is ahead has begun the next day already: this order counts in it.
            self.day = usage.day.map_or(self.day, |day| day.max(self.day));
            let Some(counter) = self.counters.get_mut(index) else { continue };
            counter.begins_day = usage.day != Some(self.day);
            if let Some(beyond) = self.beyond(&self.counters[index], &usage) {
                return Ok(Some(beyond));
            }
        }
        Ok(None)
    }

    fn adds_nothing(&self) -> bool {
        self.cost.orders == 0 && self.cost.notional.is_zero()
    }

    fn beyond(&self, counter: &Counter<'_>, usage: &Usage) -> Option<Beyond> {
        let limits = counter.limits.filter(|_| !self.adds_nothing())?;
        usage.beyond(self.day, &self.cost, counter.whose, limits)
    }

    fn part(&self, table: &str, counter: &Counter<'_>) -> Result<TransactWriteItem, StoreError> {
        let (change, mut conditions) = if counter.begins_day {
            (
                format!(
                    "SET {DAY} = :day, {DAILY_ORDERS} = :orders, {DAILY_NOTIONAL} = :notional, \
                     {OPEN_ORDERS} = if_not_exists({OPEN_ORDERS}, :zero) + :orders"
                ),
                vec![format!("(attribute_not_exists({DAY}) OR {DAY} < :day)")],
            )
        } else {
            (
                format!(
                    "SET {DAILY_ORDERS} = {DAILY_ORDERS} + :orders, {DAILY_NOTIONAL} = {DAILY_NOTIONAL} + :notional, \
                     {OPEN_ORDERS} = {OPEN_ORDERS} + :orders"
                ),
                vec![format!("{DAY} = :day")],
            )
        };
        let mut update = Update::builder()
            .table_name(table)
            .set_key(Some(counter.key.clone()))
            .update_expression(change)
            .expression_attribute_values(":day", text(self.day.to_string()))
            .expression_attribute_values(":orders", number(self.cost.orders))
            .expression_attribute_values(":notional", decimal(self.cost.notional));
        if counter.begins_day {
            update = update.expression_attribute_values(":zero", number(0));
        }
        for (name, value, room) in self.rooms(counter) {
            let none_yet = if counter.begins_day { format!("attribute_not_exists({name}) OR ") } else { String::new() };
            conditions.push(format!("({none_yet}{name} <= {value})"));
            update = update.expression_attribute_values(value, decimal(room));
        }
        let update = update
            .condition_expression(conditions.join(" AND "))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(TransactWriteItem::builder().update(built(table, update.build())?).build())
    }

    /// How much may be used already for this order to fit, for each limit that the row's figures decide.
    fn rooms(&self, counter: &Counter<'_>) -> Vec<(&'static str, &'static str, Decimal)> {
        let Some(limits) = counter.limits else { return Vec::new() };
        // A change adds to the value of an order that is counted already.
        let counts = |most: Option<u32>| most.filter(|_| self.cost.orders > 0);
        let room = |most: u32| Decimal::from(most).saturating_sub(Decimal::from(self.cost.orders));
        let open = counts(limits.max_open_orders).map(|most| (OPEN_ORDERS, ":open_room", room(most)));
        // A day that this order begins has no figures yet; what it costs alone was looked at before.
        let daily = [
            counts(limits.max_daily_orders).map(|most| (DAILY_ORDERS, ":orders_room", room(most))),
            limits
                .max_daily_notional
                .map(|most| (DAILY_NOTIONAL, ":notional_room", most.get().saturating_sub(self.cost.notional))),
        ];
        open.into_iter().chain(daily.into_iter().flatten().filter(|_| !counter.begins_day)).collect()
    }
}

/// A decimal as DynamoDB's number: exact to 38 digits.
pub(crate) fn decimal(value: Decimal) -> AttributeValue {
    AttributeValue::N(value.normalize().to_string())
}
