//! Fills that the broker takes back: it corrects an execution so that it is smaller, or nothing (a bust).

use domain::{LegRole, Order, ReasonCode};
use rust_decimal::Decimal;
use store::{StoreError, Versioned};

use crate::lane::Lane;
use crate::leg_rows::leg_fills_shown;
use crate::look::{Fills, Shown, fills_of};

impl Lane<'_> {
    /// Tells, once, of an order that less is filled than was told. An older list shows less as well, so a correction must say it.
    pub(crate) async fn tell_of_fills_taken_back(
        &mut self,
        order: &mut Versioned<Order>,
        shown: &Shown,
    ) -> Result<(), StoreError> {
        if order.value.has_warned(&ReasonCode::FillTakenBack) {
            return Ok(());
        }
        let Some((leg, told, stands)) = taken_back(&order.value, shown) else { return Ok(()) };
        tracing::error!(key = %order.value.key, ?leg, %told, %stands, alarm = "fill_taken_back", metric.orders_for_a_person = 1, "the broker took back a fill");
        self.record_change(order, |order, now| order.fill_taken_back(leg, told, stands, now)).await
    }
}

/// Of what less stands than was told: the order or one of its exits, what was told, and what stands.
fn taken_back(order: &Order, shown: &Shown) -> Option<(Option<LegRole>, Decimal, Decimal)> {
    let trades = &shown.trades.as_ref().filter(|trades| trades.complete)?.rows;
    let less = |fills: Option<Fills>, told: Decimal| {
        fills.filter(|fills| fills.is_taken_back && fills.quantity < told).map(|fills| fills.quantity)
    };
    let of_a_leg = || {
        order.legs().iter().find_map(|leg| {
            let stands = less(leg_fills_shown(order, leg, shown), leg.filled_quantity)?;
            Some((Some(leg.role), leg.filled_quantity, stands))
        })
    };
    let of_the_entry = less(fills_of(order, trades), order.filled_quantity);
    of_the_entry.map(|stands| (None, order.filled_quantity, stands)).or_else(of_a_leg)
}
